//! What the head of an answer says of its body: whether it can be looked into, and as what.

use penstock_http1::{Field, ResponseHead};

use super::Stop;

const STREAM: &[u8] = b"text/event-stream";
/// `206 Partial Content`.
const PARTIAL: u16 = 206;

/// Fields of an answer that would lie of a body that is written anew.
const OF_THE_BODY: [&str; 8] = [
    "content-digest",
    "content-md5",
    "content-range",
    "digest",
    "etag",
    "repr-digest",
    "signature",
    "signature-input",
];

/// Whether an answer is one of events.
pub(crate) fn is_stream(head: &ResponseHead, buffer: &[u8]) -> bool {
    head.value(buffer, "content-type")
        .and_then(|value| value.get(..STREAM.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(STREAM))
}

/// Whether an answer's body is said to be JSON; why it cannot be looked into, where a reader would see another
/// text than its bytes.
pub(crate) fn readable(head: &ResponseHead, buffer: &[u8]) -> Result<bool, Stop> {
    if head.status == PARTIAL {
        return Err(Stop::because(
            "it is a part of a body (206) although all of it was asked for, so that it cannot be looked into whole",
        ));
    }
    for coding in head.values(buffer, "content-encoding") {
        if !coding.trim_ascii().eq_ignore_ascii_case(b"identity") {
            return Err(Stop::because(
                "it has a Content-Encoding although none was asked for, so that it cannot be looked into",
            ));
        }
    }
    let mut types = head.values(buffer, "content-type");
    let Some(kind) = types.next() else { return Ok(false) };
    if types.next().is_some() {
        return Err(Stop::because("it has more than one Content-Type"));
    }
    let kind = kind.to_ascii_lowercase();
    // Some clients look for it anywhere in the value.
    if memchr::memmem::find(&kind, STREAM).is_some_and(|at| at > 0) {
        return Err(Stop::because("its Content-Type names text/event-stream beside another type"));
    }
    if !kind.split(|byte| *byte == b';').skip(1).all(names_a_superset_of_ascii) {
        return Err(Stop::because("it is in a character set that is not looked into; UTF-8 is"));
    }
    let media = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    Ok(media == b"application/json" || media.ends_with(b"+json"))
}

/// Whether a parameter leaves ASCII ASCII. Strict rather than clever, as in `penstock_mcp::plain_form`.
fn names_a_superset_of_ascii(parameter: &[u8]) -> bool {
    const KNOWN: [&[u8]; 5] = [b"utf-8", b"us-ascii", b"iso-8859-1", b"windows-1252", b"utf8"];
    if memchr::memmem::find(parameter, b"charset").is_none() {
        return true;
    }
    let value = parameter.trim_ascii().strip_prefix(b"charset=").unwrap_or_default();
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    KNOWN.contains(&unquoted.unwrap_or(value))
}

/// Leaves out what would no longer be true of a body that is written anew.
pub(crate) fn forget_the_body(fields: &mut [Field], buffer: &[u8]) {
    for field in fields {
        let name = field.name.of(buffer);
        field.hop |= OF_THE_BODY.iter().any(|gone| name.eq_ignore_ascii_case(gone.as_bytes()));
    }
}

/// Leaves out fields by their name.
pub(crate) fn leave_out(fields: &mut [Field], buffer: &[u8], names: &[&str]) {
    for field in fields {
        let name = field.name.of(buffer);
        field.hop |= names.iter().any(|gone| name.eq_ignore_ascii_case(gone.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use penstock_http1::{HeadLimits, Verb};

    use super::*;

    fn read(fields: &str) -> (ResponseHead, Vec<u8>) {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\n{{}}").into_bytes();
        let mut head = ResponseHead::new();
        head.parse(&text, &HeadLimits::default(), Verb::Post)
            .expect("a head")
            .expect("a whole one");
        (head, text)
    }

    #[test]
    fn a_body_is_json_where_it_says_so() {
        for (fields, json) in [
            ("", false),
            ("Content-Type: application/json\r\n", true),
            ("Content-Type: Application/JSON; charset=UTF-8\r\n", true),
            ("Content-Type: application/problem+json\r\nContent-Encoding: identity\r\n", true),
            ("Content-Type: text/html;charset=iso-8859-1\r\n", false),
            ("Content-Type: text/event-stream\r\n", false),
        ] {
            let (head, text) = read(fields);
            assert_eq!(readable(&head, &text).expect(fields), json, "{fields}");
        }
    }

    #[test]
    fn what_a_reader_would_decode_first_is_not_readable() {
        for fields in [
            "Content-Encoding: gzip\r\n",
            "Content-Encoding: identity\r\nContent-Encoding: br\r\n",
            "Content-Encoding:\r\n",
            "Content-Type: application/json; charset=utf-16\r\n",
            "Content-Type: application/json; charset = utf-7\r\n",
            "Content-Type: application/json; charset=utf-8; charset=utf-7\r\n",
            "Content-Type: application/json\r\nContent-Type: text/event-stream\r\n",
            "Content-Type: application/x; a=text/event-stream\r\n",
        ] {
            let (head, text) = read(fields);
            assert!(readable(&head, &text).is_err(), "{fields}");
        }
    }

    #[test]
    fn what_tells_of_a_body_goes_with_it() {
        let (mut head, text) = read("ETag: \"a\"\r\nX-Kept: 1\r\nContent-MD5: b\r\nDigest: c\r\n");
        forget_the_body(&mut head.fields, &text);
        let kept: Vec<_> = head
            .fields
            .iter()
            .filter(|field| !field.hop)
            .map(|field| field.name.of(&text))
            .collect();
        assert_eq!(kept, [b"X-Kept"]);
    }
}
