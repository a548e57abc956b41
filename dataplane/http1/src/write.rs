//! Heads out. Fields that pass are copied as they came, in order and case.

use std::borrow::Cow;

use crate::fields::Field;
use crate::message::{Framing, Version, reason};
use crate::names::{Kind, is_control};
use crate::request::RequestHead;
use crate::response::ResponseHead;

/// What a forwarded request has of its own.
#[derive(Clone, Copy, Debug)]
pub struct RequestOut<'a> {
    /// The request target.
    pub target: &'a [u8],
    /// The value of Host.
    pub host: &'a [u8],
    /// How the body is sent.
    pub framing: Framing,
    /// Further fields that are not forwarded, without regard to case.
    pub drop: &'a [&'a str],
    /// Fields added at the end.
    pub extra: &'a [(&'a str, &'a [u8])],
    /// Whether the connection is to be kept.
    pub keep_alive: bool,
}

/// Appends the head of `head` forwarded, always as HTTP/1.1.
///
/// Host takes the place of the original one, or the first if there was none. Expect is not
/// forwarded: who waits for a 100 is answered by the proxy. Bytes that would break the head are
/// made harmless: percent-encoded in the target, spaces in values.
pub fn write_request(out: &mut Vec<u8>, buf: &[u8], head: &RequestHead, to: &RequestOut<'_>) {
    out.reserve(room(&head.fields, to.target.len() + to.host.len(), to.extra));
    out.extend_from_slice(head.method.of(buf));
    out.push(b' ');
    out.extend_from_slice(&safe_target(to.target));
    out.extend_from_slice(b" HTTP/1.1\r\n");

    let host = |out: &mut Vec<u8>| write_field(out, "Host", to.host);
    if head.host.is_none() {
        host(out);
    }
    copy_fields(out, buf, &head.fields, to.drop, &[Kind::Host, Kind::Expect], |out, kind| {
        if kind == Kind::Host {
            host(out);
        }
    });

    write_framing(out, to.framing);
    if !to.keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    write_extra(out, to.extra);
}

/// What a forwarded response has of its own.
#[derive(Clone, Copy, Debug)]
pub struct ResponseOut<'a> {
    /// How the body is sent. To an HTTP/1.0 peer never [`Framing::Chunked`]: decode the body
    /// and let it end with the connection. [`Framing::UntilClose`] always says so in Connection.
    pub framing: Framing,
    /// Further fields that are not forwarded, without regard to case.
    pub drop: &'a [&'a str],
    /// Fields added at the end.
    pub extra: &'a [(&'a str, &'a [u8])],
    /// Whether the connection is to be kept.
    pub keep_alive: bool,
    /// The version of the agent, which HTTP/1.0 must be told that its connection is kept.
    pub peer: Version,
    /// Content-Length of a response without a body (HEAD, 304), passed as it was; 1xx and 204
    /// never get one.
    pub content_length: Option<u64>,
}

/// Appends the head of `head` forwarded, always as HTTP/1.1.
pub fn write_response(out: &mut Vec<u8>, buf: &[u8], head: &ResponseHead, to: &ResponseOut<'_>) {
    out.reserve(room(&head.fields, head.reason.len(), to.extra));
    write_status_line(out, head.status, head.reason.of(buf));
    copy_fields(out, buf, &head.fields, to.drop, &[], |_, _| {});

    write_framing(out, to.framing);
    // Where no body can be announced, a length would be taken for one (RFC 9110 8.6).
    let may_have_length = head.status >= 200 && head.status != 204;
    if let (Framing::None, Some(length)) = (to.framing, to.content_length)
        && may_have_length
    {
        write_framing(out, Framing::Length(length));
    }
    if !to.keep_alive || to.framing == Framing::UntilClose {
        // Interim heads say nothing of the connection: the final one does.
        if head.status >= 200 {
            out.extend_from_slice(b"Connection: close\r\n");
        }
    } else if to.peer == Version::Http10 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    write_extra(out, to.extra);
}

/// Appends a response of our own: status line, Content-Type (unless empty), Content-Length, `extra`,
/// `Connection: close` unless kept, and the body.
///
/// Statuses that have no body (1xx, 204, 304) get neither of the first two nor `body`.
pub fn write_simple(
    out: &mut Vec<u8>,
    status: u16,
    content_type: &str,
    extra: &[(&str, &[u8])],
    body: &[u8],
    keep_alive: bool,
) {
    write_phrased(out, status, reason(status), content_type, extra, body, keep_alive);
}

/// The same with a reason phrase of its own. Whatever of that is no visible ASCII becomes a space.
pub fn write_phrased(
    out: &mut Vec<u8>,
    status: u16,
    phrase: &str,
    content_type: &str,
    extra: &[(&str, &[u8])],
    body: &[u8],
    keep_alive: bool,
) {
    let has_body = status >= 200 && status != 204 && status != 304;
    let visible = |byte: u8| if byte.is_ascii_graphic() { byte } else { b' ' };
    let phrase: Vec<u8> = phrase.bytes().map(visible).collect();
    write_status_line(out, status, &phrase);
    if has_body {
        if !content_type.is_empty() {
            write_field(out, "Content-Type", content_type.as_bytes());
        }
        write_framing(out, Framing::Length(body.len() as u64));
    }
    if !keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    write_extra(out, extra);
    if has_body {
        out.extend_from_slice(body);
    }
}

/// Room for the fields and what stands around them, so that a head is one allocation at most.
fn room(fields: &[Field], start_line: usize, extra: &[(&str, &[u8])]) -> usize {
    const FIXED: usize = 160;
    let copied = match (fields.first(), fields.last()) {
        (Some(first), Some(last)) => last.end.saturating_sub(first.name.start) as usize,
        _ => 0,
    };
    let added: usize = extra.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    FIXED + start_line + copied + added
}

/// Copies what passes, neighbours together. Where `special` is a field's kind, `instead` writes
/// what stands in its place.
#[inline]
fn copy_fields(
    out: &mut Vec<u8>,
    buf: &[u8],
    fields: &[Field],
    drop: &[&str],
    special: &[Kind],
    instead: impl Fn(&mut Vec<u8>, Kind),
) {
    let copy = |out: &mut Vec<u8>, from: u32, to: u32| {
        out.extend_from_slice(buf.get(from as usize..to as usize).unwrap_or_default());
    };
    // The run of fields that pass and have not been copied yet.
    let (mut from, mut to) = (0, 0);
    for field in fields {
        if field.hop || is_dropped(buf, field, drop) {
            continue;
        }
        if special.contains(&field.kind) {
            copy(out, from, to);
            (from, to) = (field.end, field.end);
            instead(out, field.kind);
            continue;
        }
        if field.name.start != to {
            copy(out, from, to);
            from = field.name.start;
        }
        to = field.end;
    }
    copy(out, from, to);
}

#[inline]
fn is_dropped(buf: &[u8], field: &Field, drop: &[&str]) -> bool {
    let length = field.name.len();
    drop.iter().any(|name| {
        name.len() == length && name.as_bytes().eq_ignore_ascii_case(field.name.of(buf))
    })
}

fn write_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    write_decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

fn write_framing(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            write_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn write_extra(out: &mut Vec<u8>, extra: &[(&str, &[u8])]) {
    for (name, value) in extra {
        write_field(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
}

/// Names are the program's own; a value may hold what somebody sent, and must stay one value.
fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    if value.iter().any(|byte| is_control(*byte)) {
        out.extend(value.iter().map(|byte| if is_control(*byte) { b' ' } else { *byte }));
    } else {
        out.extend_from_slice(value);
    }
    out.extend_from_slice(b"\r\n");
}

/// A target from configuration may hold anything; on the wire it stays one word.
fn safe_target(target: &[u8]) -> Cow<'_, [u8]> {
    if target.iter().all(u8::is_ascii_graphic) {
        return Cow::Borrowed(target);
    }
    let mut safe = Vec::with_capacity(target.len() + 16);
    for byte in target {
        if byte.is_ascii_graphic() {
            safe.push(*byte);
        } else {
            safe.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    Cow::Owned(safe)
}

/// In decimal, without `fmt`, which costs more than the rest of a framing line.
fn write_decimal(out: &mut Vec<u8>, mut number: u64) {
    const DIGITS_MAX: usize = 20;
    let mut digits = [b'0'; DIGITS_MAX];
    let mut start = DIGITS_MAX;
    for (at, slot) in digits.iter_mut().enumerate().rev() {
        // The remainder is below ten.
        *slot = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        start = at;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeadLimits, Verb};

    fn request(head: &[u8], to: &RequestOut<'_>) -> String {
        let mut parsed = RequestHead::new();
        parsed.parse(head, &HeadLimits::default()).unwrap().unwrap();
        let mut out = Vec::new();
        write_request(&mut out, head, &parsed, to);
        String::from_utf8(out).unwrap()
    }

    fn response(head: &[u8], verb: Verb, to: &ResponseOut<'_>) -> String {
        let mut parsed = ResponseHead::new();
        parsed.parse(head, &HeadLimits::default(), verb).unwrap().unwrap();
        let mut out = Vec::new();
        write_response(&mut out, head, &parsed, to);
        String::from_utf8(out).unwrap()
    }

    const REQUEST: RequestOut<'_> = RequestOut {
        target: b"/up",
        host: b"up:1",
        framing: Framing::None,
        drop: &[],
        extra: &[],
        keep_alive: true,
    };
    const RESPONSE: ResponseOut<'_> = ResponseOut {
        framing: Framing::Length(2),
        drop: &[],
        extra: &[],
        keep_alive: true,
        peer: Version::Http11,
        content_length: None,
    };

    #[test]
    fn what_is_put_into_a_head_is_written_with_what_stays_of_it() {
        let mut buffer = b"HTTP/1.1 201 Created\r\nContent-Type: a\r\nX-B: 2\r\n\r\nbody".to_vec();
        let mut head = ResponseHead::new();
        head.parse(&buffer, &HeadLimits::default(), Verb::Post).unwrap().unwrap();
        head.fields.remove(0);
        head.set_status(&mut buffer, 404);
        head.add(&mut buffer, "Content-Type", "b/c");
        assert_eq!(head.value(&buffer, "content-type"), Some(&b"b/c"[..]));
        let mut out = Vec::new();
        write_response(&mut out, &buffer, &head, &RESPONSE);
        let expected =
            "HTTP/1.1 404 Not Found\r\nX-B: 2\r\nContent-Type: b/c\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn fields_pass_in_order_and_case_and_those_of_the_hop_do_not() {
        let head = b"POST /a HTTP/1.1\r\nX-a:  1 \r\nCONNECTION: x-B, close\r\nhost: a\r\n\
            x-b: 2\r\nx-C: 3\r\nTE: trailers\r\nX-D: 4\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\
            Authorization: secret\r\nX-E: 5\r\nTrailer: x\r\nUpgrade: h2c\r\nProxy-X: y\r\n\r\n";
        let to = RequestOut {
            framing: Framing::Length(5),
            drop: &["authorization"],
            extra: &[("Via", b"1.1 us")],
            keep_alive: false,
            ..REQUEST
        };
        assert_eq!(
            request(head, &to),
            "POST /up HTTP/1.1\r\nX-a:  1 \r\nHost: up:1\r\nx-C: 3\r\nX-D: 4\r\nX-E: 5\r\n\
             Content-Length: 5\r\nConnection: close\r\nVia: 1.1 us\r\n\r\n"
        );
    }

    #[test]
    fn host_comes_first_where_there_was_none() {
        assert_eq!(
            request(b"GET / HTTP/1.0\r\nA: b\r\n\r\n", &REQUEST),
            "GET /up HTTP/1.1\r\nHost: up:1\r\nA: b\r\n\r\n"
        );
    }

    #[test]
    fn nothing_given_can_break_the_head() {
        let to = RequestOut {
            target: b"/a b\r\n",
            host: b"a\r\nX: y",
            extra: &[("X", b"1\r\nY: 2")],
            ..REQUEST
        };
        assert_eq!(
            request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &to),
            "GET /a%20b%0D%0A HTTP/1.1\r\nHost: a  X: y\r\nX: 1  Y: 2\r\n\r\n"
        );
    }

    #[test]
    fn a_response_is_framed_anew_and_keeps_its_reason() {
        let head =
            b"HTTP/1.0 200 Fine\r\nConnection: keep-alive\r\nA: b\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(
            response(head, Verb::Get, &RESPONSE),
            "HTTP/1.1 200 Fine\r\nA: b\r\nContent-Length: 2\r\n\r\n"
        );
        let old = ResponseOut { peer: Version::Http10, ..RESPONSE };
        assert_eq!(
            response(head, Verb::Get, &old),
            "HTTP/1.1 200 Fine\r\nA: b\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n"
        );
        let until_close = ResponseOut { framing: Framing::UntilClose, ..RESPONSE };
        assert_eq!(
            response(b"HTTP/1.1 200\r\n\r\n", Verb::Get, &until_close),
            "HTTP/1.1 200 \r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn the_length_of_a_body_not_sent_is_passed() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
        let to = ResponseOut { framing: Framing::None, content_length: Some(99), ..RESPONSE };
        assert_eq!(
            response(head, Verb::Head, &to),
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
        );
    }

    #[test]
    fn a_length_where_no_body_can_be_is_not_passed() {
        let to = ResponseOut { framing: Framing::None, content_length: Some(5), ..RESPONSE };
        for status in ["103 Early Hints", "204 No Content"] {
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n");
            let expected = format!("HTTP/1.1 {status}\r\n\r\n");
            assert_eq!(response(head.as_bytes(), Verb::Post, &to), expected);
        }
    }

    #[test]
    fn a_response_of_our_own_is_complete() {
        let mut out = Vec::new();
        write_simple(&mut out, 413, "text/plain", &[("A", b"b")], b"no", false);
        assert_eq!(
            out,
            b"HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\
              Connection: close\r\nA: b\r\n\r\nno"
        );
        out.clear();
        write_simple(&mut out, 204, "text/plain", &[], b"no", true);
        assert_eq!(out, b"HTTP/1.1 204 No Content\r\n\r\n");
    }

    #[test]
    fn a_phrase_of_our_own_stays_on_its_line() {
        let mut out = Vec::new();
        write_phrased(&mut out, 403, "no: \"a\"\r\nB: c\u{e9}", "", &[], b"", true);
        assert_eq!(out, b"HTTP/1.1 403 no: \"a\"  B: c  \r\nContent-Length: 0\r\n\r\n");
    }

    #[test]
    fn decimals_are_exact() {
        for number in [0, 7, 10, 65_535, u64::MAX] {
            let mut out = Vec::new();
            write_decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
