//! The fuzz entry points on generated input that is mostly well-formed, so that the deep
//! paths are reached; the harness adds the rest.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{EventScanner, HeadLimits, RequestHead, fuzz};

const STARTS: &[&str] = &[
    "POST /mcp/a?b=c HTTP/1.1\r\n",
    "GET http://a/b HTTP/1.1\r\n",
    "GET http://a HTTP/1.0\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "CONNECT a:443 HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "GET / HTTP/2.0\r\n",
    "\r\nDELETE / HTTP/1.1\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204\r\n",
    "HTTP/1.0 304 \u{e9}\r\n",
    "HTTP/1.1 100 Continue\r\n",
];

const FIELDS: &[&str] = &[
    "Host: a\r\n",
    "host:\ta \r\n",
    "Content-Length: 5\r\n",
    "content-length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, X-A\r\n",
    "Connection: ,,X-B\r\n",
    "Connection: Host\r\n",
    "X-A: 1\r\n",
    "x-b:\r\n",
    "X-C:   \r\n",
    "Expect: 100-continue\r\n",
    "Trailer: X-D\r\n",
    "TE: trailers\r\n",
    "Mcp-Session-Id: s\r\n",
    "Content_Length: 1\r\n",
    "Proxy-Authorization: x\r\n",
    "Bad : x\r\n",
    "Fold: x\r\n y\r\n",
    "Bare: x\ny\r\n",
];

const CHUNKS: &[&str] = &[
    "5\r\nhello\r\n",
    "0003\r\nabc\r\n",
    "a;x=y\r\n0123456789\r\n",
    "1;a\r\n\n\r\n",
    "F\r\n\r\n0\r\n\r\nGET / x\r\n\r\n",
    "+1\r\na\r\n",
    "2\r\nabc\r\n",
    "0\r\n",
    "000;x\r\n",
    "X-Sum: 1\r\n",
    "Content-Length: 1\r\n",
    "X-Long: 0123456789abcdef\r\n",
    "\r\n",
];

const EVENTS: &[&str] = &[
    "data: {\"jsonrpc\":\"2.0\"}",
    "data:",
    "data",
    "event: message",
    "id: 1",
    ": ping",
    "\u{feff}",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\r\r",
    "\r\n\r\n",
];

fn joined(parts: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(select(parts), 0..most).prop_map(|parts| parts.concat().into_bytes())
}

/// Some bytes replaced by those that matter to a parser.
fn mutated(input: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = select(&b"\r\n\t :;,_0\x0b\0\x7f\xff"[..]);
    (input, vec((any::<prop::sample::Index>(), bytes), 0..3)).prop_map(|(mut input, changes)| {
        for (at, byte) in changes {
            if !input.is_empty() {
                let at = at.index(input.len());
                input[at] = byte;
            }
        }
        input
    })
}

fn head() -> impl Strategy<Value = Vec<u8>> {
    (select(STARTS), joined(FIELDS, 7)).prop_map(|(start, fields)| {
        let mut head = start.as_bytes().to_vec();
        if start.contains("HTTP/1.1\r\n") {
            head.extend_from_slice(b"Host: a\r\n");
        }
        head.extend(fields);
        head.extend_from_slice(b"\r\nrest");
        head
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn request_heads_are_the_same_at_every_split(data in mutated(head())) {
        fuzz::request(&data);
    }

    #[test]
    fn response_heads_are_the_same_at_every_split(data in mutated(head())) {
        fuzz::response(&data);
    }

    #[test]
    fn arbitrary_bytes_break_nothing(data in vec(any::<u8>(), 0..200)) {
        fuzz::request(&data);
        fuzz::response(&data);
        fuzz::chunked(&data);
        fuzz::sse(&data);
    }

    #[test]
    fn chunked_bodies_are_the_same_at_every_split(data in mutated(joined(CHUNKS, 8))) {
        fuzz::chunked(&data);
    }

    #[test]
    fn events_are_the_same_at_every_split(data in mutated(joined(EVENTS, 16))) {
        fuzz::sse(&data);
    }

    #[test]
    fn every_single_split_of_a_head_is_harmless(data in head(), at in any::<prop::sample::Index>()) {
        let limits = HeadLimits::default();
        let mut whole = RequestHead::new();
        let expected = whole.parse(&data, &limits);
        let mut split = RequestHead::new();
        let first = split.parse(&data[..at.index(data.len())], &limits);
        let result = if first == Ok(None) { split.parse(&data, &limits) } else { first };
        prop_assert_eq!(result, expected);
        if expected.is_ok() {
            prop_assert_eq!(split, whole);
        }
    }

    #[test]
    fn a_stream_passes_unchanged_event_by_event(data in joined(EVENTS, 30), size in 1_usize..9) {
        let mut scanner = EventScanner::new(u64::MAX);
        let mut passed = Vec::new();
        for chunk in data.chunks(size) {
            let mut from = 0;
            scanner.feed(chunk, |end| {
                passed.extend_from_slice(&chunk[from..end]);
                from = end;
            }).unwrap();
            passed.extend_from_slice(&chunk[from..]);
        }
        prop_assert_eq!(passed, data);
    }
}

#[test]
fn a_head_is_reusable() {
    let limits = HeadLimits::default();
    let mut head = RequestHead::new();
    let first = b"GET http://a/x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nA: b\r\n\r\n";
    assert_eq!(head.parse(first, &limits), Ok(Some(first.len())));
    head.reset();
    let second = b"GET / HTTP/1.1\r\nHost: b\r\n\r\n";
    assert_eq!(head.parse(second, &limits), Ok(Some(second.len())));
    let mut fresh = RequestHead::new();
    assert_eq!(fresh.parse(second, &limits), Ok(Some(second.len())));
    assert_eq!(head, fresh);
}
