//! What no rule touches arrives as it was sent, in both directions.

mod common;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use common::{Penstock, find, ok, post_with, read_request};
use proptest::prelude::*;

const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() }
}

/// What the upstream is to answer next, and what it was sent last.
#[derive(Default)]
struct Script {
    answer: Vec<u8>,
    cuts: Vec<usize>,
    body: Vec<u8>,
    head: Vec<u8>,
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) {
    while let Some((head, body)) = read_request(&mut stream) {
        let (answer, cuts) = {
            let mut script = script.lock().expect("the script");
            script.head = head;
            script.body = body;
            (script.answer.clone(), script.cuts.clone())
        };
        let mut from = 0;
        for cut in cuts.into_iter().chain([answer.len()]) {
            let cut = cut.clamp(from, answer.len());
            if stream.write_all(&answer[from..cut]).is_err() {
                return;
            }
            from = cut;
            std::thread::yield_now();
        }
    }
}

fn chunked<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// `bytes` in pieces that end at `cuts`, wherever those fall.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(bytes.len());
    let mut from = 0;
    ends.into_iter().map(|end| &bytes[std::mem::replace(&mut from, end)..end]).collect()
}

#[test]
fn answers_arrive_as_they_were_sent_events_chunks_and_fields() {
    let script = Arc::new(Mutex::new(Script::default()));
    let shared = Arc::clone(&script);
    let penstock = Penstock::start(common::upstream(move |stream| serve(stream, &shared)), "");
    let piece = prop::collection::vec(any::<u8>(), 1..3000);
    let strategy = (
        prop::collection::vec(piece, 0..6),
        prop::collection::vec(0_usize..12_000, 0..5),
        any::<bool>(),
        "[A-Za-z][A-Za-z0-9-]{0,20}",
    );
    proptest!(cases(), |((pieces, mut cuts, stream, field) in strategy)| {
        cuts.sort_unstable();
        let whole = || pieces.iter().map(Vec::as_slice);
        let framed = if stream { chunked(whole()) } else { pieces.concat() };
        let kind = if stream { "text/event-stream" } else { "application/json" };
        let framing = if stream {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", framed.len())
        };
        let mut answer =
            format!("HTTP/1.1 200 Fine\r\nContent-Type: {kind}\r\nX-{field}: {field}\r\n{framing}\r\n\r\n")
                .into_bytes();
        answer.extend_from_slice(&framed);
        *script.lock().expect("the script") = Script { answer, cuts, ..Script::default() };

        let mut client = penstock.connect();
        client.send(&post_with("Connection: close\r\n", BODY));
        let got = client.rest();
        let end = find(&got, b"\r\n\r\n").expect("a head") + 4;
        prop_assert!(got[end..] == framed[..]);
        let head = String::from_utf8_lossy(&got[..end]).into_owned();
        let line = format!("\r\nX-{field}: {field}\r\n");
        prop_assert!(head.contains(&line), "{}", head);
    });
}

#[test]
fn requests_arrive_as_they_were_sent_bodies_chunks_and_fields() {
    let script = Arc::new(Mutex::new(Script { answer: ok("{}"), ..Script::default() }));
    let shared = Arc::clone(&script);
    let penstock = Penstock::start(common::upstream(move |stream| serve(stream, &shared)), "");
    let cuts = || prop::collection::vec(any::<usize>(), 0..5);
    let strategy = ("[ -~]{0,2000}", any::<bool>(), cuts(), cuts(), "[A-Za-z][A-Za-z0-9-]{0,20}");
    proptest!(cases(), |((argument, in_chunks, chunks, writes, field) in strategy)| {
        let argument = argument.replace('\\', "\\\\").replace('"', "\\\"");
        let body = format!(
            "{{\"jsonrpc\": \"2.0\",\n\t\"id\": 1, \"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{{\"a\" : \"{argument}\"}}}} }}\n"
        );
        let line = format!("x-{field}: a  b\r\n");
        let (request, framed) = if in_chunks {
            let framed = chunked(pieces(body.as_bytes(), &chunks));
            let head = format!(
                "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\n{line}Transfer-Encoding: chunked\r\n\r\n"
            );
            ([head.as_bytes(), &framed].concat(), framed)
        } else {
            (post_with(&line, &body), body.clone().into_bytes())
        };
        let mut client = penstock.connect();
        for piece in pieces(&request, &writes) {
            client.send(piece);
            std::thread::yield_now();
        }
        prop_assert_eq!(client.answer().map(|answer| answer.0), Some(200));

        let seen = script.lock().expect("the script");
        prop_assert!(seen.body == framed);
        let head = String::from_utf8_lossy(&seen.head).into_owned();
        prop_assert!(head.contains(&format!("\r\n{line}")), "{}", head);
    });
}
