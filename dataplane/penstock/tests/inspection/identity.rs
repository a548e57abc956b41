//! What has nothing in it that is looked for arrives as it was sent, however it was cut.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use crate::answers::unchunked;
use crate::common::{Client, call, read_request, upstream};
use crate::guarded;

/// Text in which lines end in every way, and events with them.
fn text() -> impl Strategy<Value = String> {
    let line = "(data: ?|id: |event: |: |retry: 1|x|)[ -~é€]{0,40}(\r\n|\n|\r|\n\n|\r\n\r\n|)";
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

#[test]
fn answers_arrive_as_they_were_sent_in_any_pieces() {
    let script: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let shared = Arc::clone(&script);
    let upstream = upstream(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let pieces = shared.lock().expect("the script").clone();
            for piece in pieces {
                let _ = stream.write_all(&piece);
                std::thread::yield_now();
            }
        }
    });
    // Neither a request nor an answer is text of which anything could be said.
    let penstock = guarded(upstream, ", actions: [{ action: block }]");
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..6);
    let kinds = ["text/event-stream", "application/json", "text/plain"];
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) };
    let client = std::cell::RefCell::new(penstock.connect());
    proptest!(config, |(body in text(), cuts in cuts, chunks in any::<bool>(), kind in 0..3_usize)| {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        ends.push(body.len());
        ends.sort_unstable();
        let framing = if chunks {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", body.len())
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {}\r\n{framing}\r\n\r\n", kinds[kind]);
        let mut pieces = vec![head.into_bytes()];
        let mut from = 0;
        for end in ends {
            let piece = &body.as_bytes()[std::mem::replace(&mut from, end)..end];
            let size = format!("{:x}\r\n", piece.len());
            if !chunks {
                pieces.push(piece.to_vec());
            } else if !piece.is_empty() {
                pieces.push([size.as_bytes(), piece, b"\r\n"].concat());
            }
        }
        if chunks {
            pieces.push(b"0\r\n\r\n".to_vec());
        }
        *script.lock().expect("the script") = pieces;
        let got = answer(&mut client.borrow_mut());
        prop_assert!(got == body, "{kind}: {got:?} of {body:?}");
    });
}

/// The next answer's data, in whichever framing.
fn answer(client: &mut Client) -> String {
    client.send(&call(1));
    let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    if head.contains("chunked") {
        let mut framed = client.until(b"0\r\n\r\n");
        // It may stand in the data too; there a size stands before it.
        while framed != b"0\r\n\r\n" && !framed.ends_with(b"\r\n0\r\n\r\n") {
            framed.extend(client.until(b"0\r\n\r\n"));
        }
        return unchunked(&String::from_utf8(framed).expect("text"));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.expect("a length").parse().expect("a number");
    String::from_utf8(client.take(length)).expect("text")
}
