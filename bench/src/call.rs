//! The bytes that go out, and what must come back.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use penstock_http1::{Framing, HeadLimits, ResponseHead, Verb};

const LIMITS: HeadLimits = HeadLimits { bytes: 32 << 10, fields: 100, target: 8 << 10 };

/// A modern `tools/call`, with the headers that the official TypeScript client sends.
pub(crate) fn tools_call(address: SocketAddr, path: &str) -> Vec<u8> {
    let body = r#"{"jsonrpc":"2.0","id":48151,"method":"tools/call","params":{"name":"search_issues","arguments":{"repository":"acme/payments","query":"timeout while capturing a refund","state":"open","labels":["bug","customer"],"limit":20},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}}}}"#;
    let head = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n\
                Mcp-Name: search_issues\r\n";
    post(address, path, head, body)
}

/// A modern subscription under this id.
pub(crate) fn listen(address: SocketAddr, path: &str, id: usize) -> Vec<u8> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let head = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
    post(address, path, head, &body)
}

/// A legacy GET stream of this session.
pub(crate) fn get(address: SocketAddr, path: &str, session: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\
         MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: {session}\r\nUser-Agent: node\r\n\r\n"
    )
    .into_bytes()
}

fn post(address: SocketAddr, path: &str, head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json, text/event-stream\r\n\
         Accept-Language: *\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: node\r\n\
         Content-Type: application/json\r\n{head}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The head at the start of `bytes`, if it is whole, and its length. Only a 200 is a success.
pub(crate) fn success(head: &mut ResponseHead, bytes: &[u8], verb: Verb) -> Result<Option<usize>> {
    let Some(length) = head.parse(bytes, &LIMITS, verb).context("an answer is not HTTP")? else {
        return Ok(None);
    };
    if head.status != 200 {
        bail!("an answer is no success: {}", String::from_utf8_lossy(bytes));
    }
    Ok(Some(length))
}

/// Length of the whole answer at the start of `bytes`, once it is there. It is an error unless
/// it is a success with exactly this body on a connection that stays open.
pub(crate) fn checked(head: &mut ResponseHead, bytes: &[u8], body: &[u8]) -> Result<Option<usize>> {
    let Some(length) = success(head, bytes, Verb::Post)? else { return Ok(None) };
    let expected = u64::try_from(body.len())?;
    ensure!(
        head.keep_alive && head.framing == Framing::Length(expected),
        "an answer has another framing: {}",
        String::from_utf8_lossy(bytes.get(..length).unwrap_or_default())
    );
    let whole = length + body.len();
    let Some(got) = bytes.get(length..whole) else { return Ok(None) };
    ensure!(got == body, "an answer's body is not what the server said");
    Ok(Some(whole))
}

/// The body that the server itself gives to a request.
pub(crate) fn body_of(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request)?;
    let (mut bytes, mut head) = (Vec::new(), ResponseHead::new());
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = stream.read(&mut piece).context("the mock does not answer")?;
        ensure!(read > 0, "the mock closed the connection");
        bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
        head.reset();
        let Some(length) = success(&mut head, &bytes, Verb::Post)? else { continue };
        let Framing::Length(body) = head.framing else { bail!("the mock's answer has no length") };
        let whole = length + usize::try_from(body)?;
        if let Some(body) = bytes.get(length..whole) {
            return Ok(body.to_vec());
        }
    }
}
