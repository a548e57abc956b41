//! What no rule touches arrives as it was sent, in both directions.

mod common;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use common::{Penstock, find, post_with, read_request};
use proptest::prelude::*;

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

fn chunked(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[test]
fn bodies_chunks_and_fields_arrive_as_they_were_sent() {
    let script = Arc::new(Mutex::new(Script::default()));
    let shared = Arc::clone(&script);
    let penstock = Penstock::start(common::upstream(move |stream| serve(stream, &shared)), "");
    let piece = prop::collection::vec(any::<u8>(), 1..3000);
    let strategy = (
        prop::collection::vec(piece, 0..6),
        prop::collection::vec(0_usize..12_000, 0..5),
        any::<bool>(),
        "[ -~]{0,200}",
        "[A-Za-z][A-Za-z0-9-]{0,20}",
    );
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() };
    proptest!(config, |((pieces, mut cuts, stream, argument, field) in strategy)| {
        cuts.sort_unstable();
        let framed = if stream { chunked(&pieces) } else { pieces.concat() };
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
        *script.lock().expect("the script") =
            Script { answer, cuts, ..Script::default() };

        let argument = argument.replace('\\', "\\\\").replace('"', "\\\"");
        let body = format!(
            "{{\"jsonrpc\": \"2.0\",\n\t\"id\": 1, \"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{{\"a\" : \"{argument}\"}}}} }}\n"
        );
        let mut client = penstock.connect();
        client.send(&post_with(&format!("x-{field}: a  b\r\nConnection: close\r\n"), &body));
        let got = client.rest();
        let end = find(&got, b"\r\n\r\n").expect("a head") + 4;
        prop_assert_eq!(&got[end..], &framed[..]);
        let head = String::from_utf8_lossy(&got[..end]).into_owned();
        let line = format!("\r\nX-{field}: {field}\r\n");
        prop_assert!(head.contains(&line), "{}", head);

        let seen = script.lock().expect("the script");
        prop_assert_eq!(&seen.body[..], body.as_bytes());
        let head = String::from_utf8_lossy(&seen.head).into_owned();
        let line = format!("\r\nx-{field}: a  b\r\n");
        prop_assert!(head.contains(&line), "{}", head);
    });
}
