//! What goes in: the same bytes everywhere, at the same alignment.

/// A modern `tools/call`, as `penstock-bench` sends it.
pub const CALL: &str = r#"{"jsonrpc":"2.0","id":48151,"method":"tools/call","params":{"name":"search_issues","arguments":{"repository":"acme/payments","query":"timeout while capturing a refund","state":"open","labels":["bug","customer"],"limit":20},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}}}}"#;

/// The head that the official TypeScript client sends with it on Node, to a server that wants a token.
pub const REQUEST: &str = "POST /mcp/github HTTP/1.1\r\n\
    host: 127.0.0.1:8808\r\n\
    connection: keep-alive\r\n\
    accept: application/json, text/event-stream\r\n\
    content-type: application/json\r\n\
    mcp-protocol-version: 2026-07-28\r\n\
    mcp-method: tools/call\r\n\
    mcp-name: search_issues\r\n\
    authorization: Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRw\
    czovL2lkcC5leGFtcGxlIiwic3ViIjoiYWdlbnQtNyIsImF1ZCI6Imh0dHBzOi8vZ3cifQ.c2lnbmF0dXJlLXNpZ25h\r\n\
    accept-language: *\r\n\
    sec-fetch-mode: cors\r\n\
    user-agent: node\r\n\
    accept-encoding: gzip, deflate\r\n\
    content-length: 425\r\n\r\n";

/// The head of an answer in JSON by a server on Node.
pub const ANSWER: &str = "HTTP/1.1 200 OK\r\n\
    content-type: application/json\r\n\
    Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    Keep-Alive: timeout=5\r\n\
    Content-Length: 4096\r\n\r\n";

/// The head of an answer that is an event stream, by the same.
pub const STREAM: &str = "HTTP/1.1 200 OK\r\n\
    content-type: text/event-stream\r\n\
    cache-control: no-cache, no-transform\r\n\
    x-accel-buffering: no\r\n\
    Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    Keep-Alive: timeout=5\r\n\
    Transfer-Encoding: chunked\r\n\r\n";

/// What a package manager asks a forward listener for.
pub const CONNECT: &str = "CONNECT files.pythonhosted.org:443 HTTP/1.1\r\n\
    Host: files.pythonhosted.org:443\r\n\
    User-Agent: pip/26.1\r\n\
    Proxy-Connection: Keep-Alive\r\n\r\n";

/// An answer of 4 KiB in which nothing is to be found: source code, an issue, lines of a log.
pub const RESULT: &str = include_str!("result.json");

/// What arguments look like: one kind of content, repeated until a body has its size.
pub const CONTENTS: [(&str, &str); 5] = [
    // A file to write, without what needs an escape.
    ("text", "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor. "),
    // Source code: a line feed or a quote every few words.
    (
        "code",
        "    if name == \\\"main\\\" {\\n        return Err(Error::new(\\\"no\\\"));\\n    }\\n",
    ),
    // Text outside ASCII.
    ("unicode", "Грузите апельсины бочками, 世界中の人々へ、 Zażółć gęślą jaźń. "),
    // Structure: short keys, numbers, nesting.
    (
        "records",
        r#"{"id":48151623,"name":"Ada","tags":["a","bc"],"ratio":0.25,"ok":true,"at":{"x":-1,"y":2e3}},"#,
    ),
    // The same as people print it.
    (
        "indented",
        "{\n      \"id\": 48151623,\n      \"name\": \"Ada\",\n      \"tags\": [\n        \"a\"\n      ]\n    },",
    ),
];

/// A modern `tools/call` of about `size` bytes, its arguments filled with `content`.
pub fn call(content: &str, size: usize) -> Vec<u8> {
    let head = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"arguments":{"#;
    let structured = content.starts_with('{');
    let mut body = head.to_owned();
    body += if structured { "\"rows\":[" } else { "\"content\":\"" };
    while body.len() + content.len() < size {
        body += content;
    }
    if structured && body.ends_with(',') {
        body.pop();
    }
    body += if structured { "]}}}" } else { "\"}}}" };
    body.into_bytes()
}

/// A body of `size` bytes in chunks of `chunk`.
pub fn chunked(size: usize, chunk: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for data in vec![b'x'; size].chunks(chunk) {
        body.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

/// Messages of `event` bytes each, as many as `size` has room for.
pub fn events(size: usize, event: usize) -> Vec<u8> {
    let around = "event: message\ndata: \n\n".len();
    let message = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":""}}"#;
    let filling = "x".repeat(event.saturating_sub(around + message.len()));
    let (before, after) = message.split_at(message.len() - "\"}}".len());
    format!("event: message\ndata: {before}{filling}{after}\n\n").repeat(size / event).into_bytes()
}

/// The same bytes where a cache line begins, kept for good. How a search through them begins and
/// ends, and so what it costs, would otherwise hang on where linker and allocator have put them.
pub(crate) fn aligned(bytes: impl AsRef<[u8]>) -> &'static [u8] {
    const LINE: usize = 64;
    let bytes = bytes.as_ref();
    let mut room = vec![0; bytes.len() + LINE];
    let start = room.as_ptr().align_offset(LINE);
    room.splice(start..start + bytes.len(), bytes.iter().copied());
    room.leak().get(start..start + bytes.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_the_sizes_that_they_are_called_by() {
        assert!(REQUEST.ends_with(&format!("content-length: {}\r\n\r\n", CALL.len())));
        assert_eq!(events(64 << 10, 256).len(), 64 << 10);
        for (_, content) in CONTENTS {
            let length = call(content, 4 << 10).len();
            assert!((3900..4200).contains(&length), "{length}");
        }
    }

    #[test]
    fn an_input_begins_a_cache_line() {
        let input = aligned("abc");
        assert_eq!((input, input.as_ptr().align_offset(64)), (&b"abc"[..], 0));
    }
}
