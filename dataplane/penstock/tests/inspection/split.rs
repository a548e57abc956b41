//! What is looked for, cut in two at every byte: across chunks, segments and lines of an event.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::answers::unchunked;
use crate::common::{Client, call, chunk, ok, read_request, upstream};
use crate::{KEY, REDACTED, guarded, says_nothing_of_it};

/// Long enough for what was written to arrive by itself.
const PAUSE: Duration = Duration::from_millis(3);

/// An upstream that answers each request with the next of these, each in pieces that arrive apart.
fn in_pieces(answers: Vec<Vec<Vec<u8>>>) -> SocketAddr {
    let (answers, next) = (Arc::new(answers), Arc::new(AtomicUsize::new(0)));
    upstream(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let Some(pieces) = answers.get(next.fetch_add(1, Ordering::SeqCst)) else { return };
            for piece in pieces {
                let _ = stream.write_all(piece);
                std::thread::sleep(PAUSE);
            }
        }
    })
}

fn cut(text: &[u8], at: usize) -> Vec<Vec<u8>> {
    vec![text[..at].to_vec(), text[at..].to_vec()]
}

fn message(text: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":"{text}"}}}}"#)
}

#[test]
fn a_body_with_a_length_arrives_in_two_segments() {
    let whole = ok(&message(KEY));
    let answers: Vec<_> = (1..whole.len()).map(|at| cut(&whole, at)).collect();
    let count = answers.len();
    let penstock = guarded(in_pieces(answers), "");
    let mut client = penstock.connect();
    for at in 1..=count {
        assert_eq!(client.ask(&call(1)), (200, message(REDACTED)), "cut at {at}");
    }
    says_nothing_of_it(&penstock);
}

const JSON: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_body_comes_in_two_chunks_and_its_framing_in_two_segments() {
    let body = message(KEY);
    let chunked = |at: usize| {
        let (first, second) = body.split_at(at);
        [JSON, &chunk(first), &chunk(second), b"0\r\n\r\n"].concat()
    };
    let middle = chunked(body.find(KEY).expect("it is there") + 7);
    let mut answers: Vec<_> = (1..body.len()).map(|at| vec![chunked(at)]).collect();
    answers.extend((JSON.len()..middle.len()).map(|at| cut(&middle, at)));
    let count = answers.len();
    let penstock = guarded(in_pieces(answers), "");
    let mut client = penstock.connect();
    for at in 1..=count {
        assert_eq!(client.ask(&call(1)), (200, message(REDACTED)), "answer {at}");
    }
    says_nothing_of_it(&penstock);
}

/// The data of the next answer, which is one in chunks.
fn events(client: &mut Client) -> String {
    client.send(&call(1));
    let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
    assert!(head.contains("text/event-stream") && head.contains("chunked"), "{head}");
    unchunked(&String::from_utf8(client.until(b"\r\n0\r\n\r\n")).expect("text"))
}

#[test]
fn an_event_comes_in_two_chunks_and_in_two_segments() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = |text: &str| {
            ["id: 7", &format!("data: {}", message(text)), "", ": a note", "data: {}", "", ""]
                .join(end)
        };
        let body = stream(KEY);
        let chunked = |at: usize| {
            let (first, second) = body.split_at(at);
            [EVENTS, &chunk(first), &chunk(second), b"0\r\n\r\n"].concat()
        };
        let middle = chunked(body.find(KEY).expect("it is there") + 7);
        let mut answers: Vec<_> = (1..body.len()).map(|at| vec![chunked(at)]).collect();
        answers.extend((EVENTS.len()..middle.len()).map(|at| cut(&middle, at)));
        let count = answers.len();
        let penstock = guarded(in_pieces(answers), "");
        let mut client = penstock.connect();
        for at in 1..=count {
            assert_eq!(events(&mut client), stream(REDACTED), "answer {at} with {end:?}");
        }
        says_nothing_of_it(&penstock);
    }
}

#[test]
fn an_event_s_message_is_cut_into_two_lines_at_every_byte() {
    for end in ["\n", "\r", "\r\n"] {
        let body = message(KEY);
        let answers = (0..=body.len()).map(|at| {
            let (first, second) = body.split_at(at);
            let event = [&format!("data:{first}"), &format!("data: {second}"), "", ""].join(end);
            vec![[EVENTS, &chunk(&event), b"0\r\n\r\n"].concat()]
        });
        let answers: Vec<_> = answers.collect();
        let penstock = guarded(in_pieces(answers), "");
        let mut client = penstock.connect();
        let within = body.find(KEY).expect("it is there");
        for at in 0..=body.len() {
            let got = events(&mut client);
            assert!(!got.contains("ACME-0") && !got.contains("CDEF\""), "cut at {at}: {got}");
            if (within + 1..within + KEY.len()).contains(&at) {
                // To a reader that joins lines as it must it is none; to one that does not it is.
                assert!(got.contains(r#""id":1,"error":{"code":-31018"#), "cut at {at}: {got}");
            } else {
                // Between two values the lines are JSON; elsewhere they are none, and may be blocked as well.
                let blocked = got.contains(r#""id":1,"error":{"code":-31018"#);
                assert!(got.contains(REDACTED) || blocked, "cut at {at}: {got}");
                let between = at == 0 || at == body.len() || body.as_bytes()[at - 1] == b':';
                assert!(!between || got.contains(REDACTED), "cut at {at}: {got}");
            }
        }
        says_nothing_of_it(&penstock);
    }
}

#[test]
fn a_request_arrives_in_two_segments() {
    let (upstream, told) = crate::telling(ok("{}"));
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    let body = crate::call_with(1, &format!(r#"{{"a":"{KEY}"}}"#));
    let whole = crate::common::post(&body);
    for at in (1..whole.len()).step_by(3) {
        client.send(&whole[..at]);
        std::thread::sleep(PAUSE);
        assert_eq!(client.ask(&whole[at..]), (200, "{}".into()), "cut at {at}");
        let (_, seen) = told.recv_timeout(crate::common::PATIENCE).expect("it was forwarded");
        assert_eq!(seen, body.replace(KEY, REDACTED), "cut at {at}");
    }
}
