//! Long bodies that are no JSON: looked into as they come, and never held whole.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::broken::metric;
use crate::common::{Penstock, always, call, eventually, free_port, read_request, upstream};
use crate::{BLOCK, KEY, REDACTED, guarded, says_nothing_of_it, setup};

/// What is held back for these rules, for each side of what is settled; a window has seven times that.
const HOLD: usize = 18 << 10;
const WINDOW: usize = 7 * HOLD;
/// Of a body that is looked into as it comes penstock needs no more than this, however long it is.
const MEMORY_KIB_MAX: u64 = 24 << 10;

/// An answer as the agent sees it.
struct Seen {
    head: String,
    data: Vec<u8>,
    /// Whether it has ended as its framing says.
    whole: bool,
}

/// Reads an answer and gives its data to `take` as it comes; its head, and whether it came to its end.
fn read(from: &mut impl BufRead, take: &mut dyn FnMut(&[u8])) -> (String, bool) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(from.read_line(&mut head).expect("a head") > 0, "no answer");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut pass = |bytes: u64, to_the_end: bool| {
        let (mut part, mut passed) = (vec![0; 64 << 10], 0);
        loop {
            let most = (bytes - passed).min(64 << 10);
            let most = usize::try_from(most).expect("it fits");
            if most == 0 {
                return true;
            }
            match from.read(&mut part[..most]) {
                Ok(0) => return to_the_end,
                Ok(read) => {
                    take(&part[..read]);
                    passed += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                Err(error) => panic!("{error}"),
            }
        }
    };
    if let Some(length) = length {
        let whole = pass(length.parse().expect("a number"), false);
        return (head, whole);
    }
    if !head.contains("chunked") {
        let whole = pass(u64::MAX, true);
        return (head, whole);
    }
    loop {
        let mut size = String::new();
        if from.read_line(&mut size).expect("a size") == 0 {
            return (head, false);
        }
        let size = usize::from_str_radix(size.trim_end(), 16).expect("a size");
        let mut data = vec![0; size + 2];
        from.read_exact(&mut data).expect("a chunk");
        assert!(data.ends_with(b"\r\n"));
        if size == 0 {
            return (head, true);
        }
        take(&data[..size]);
    }
}

fn seen(penstock: &Penstock, request: &[u8]) -> Seen {
    let mut client = penstock.connect();
    client.send(request);
    let mut data = Vec::new();
    let (head, whole) =
        read(&mut BufReader::new(client.stream), &mut |part| data.extend_from_slice(part));
    Seen { head, data, whole }
}

fn old(request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8(request.to_vec()).expect("text");
    request.replace("HTTP/1.1", "HTTP/1.0").into_bytes()
}

/// Lines in which nothing is found.
fn lines(bytes: usize) -> String {
    let mut text = "<li>started a worker of the queue, [done]\n".repeat(bytes / 42 + 1);
    text.truncate(bytes);
    text
}

/// An answer of a length that says it is of a type.
fn typed(kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: \"a\"\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The same without one, in chunks of so many bytes.
fn in_chunks(body: &[u8], bytes: usize) -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n".to_vec();
    for part in body.chunks(bytes) {
        out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("0\r\nX-Sum: {KEY}\r\n\r\n").as_bytes());
    out
}

/// Answers once and closes.
fn once(answer: Vec<u8>) -> SocketAddr {
    upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(&answer);
    })
}

fn peak_kib(penstock: &Penstock) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", penstock.pid()));
    let status = status.expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Four times as much as is held of a message by default.
#[test]
fn a_body_of_64_mib_passes_redacted_in_little_memory() {
    const PIECES: usize = 1024;
    let piece = |key: &str| format!("{}{key}\n", lines((64 << 10) - KEY.len() - 1));
    let (sent, expected) = (piece(KEY), piece(REDACTED));
    for framed in ["", "Content-Length: 67108864\r\n"] {
        let sent = sent.clone();
        assert_eq!(sent.len() * PIECES, 64 << 20);
        let upstream = upstream(move |mut stream| {
            let _ = read_request(&mut stream);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{framed}\r\n");
            let _ = stream.write_all(head.as_bytes());
            for _ in 0..PIECES {
                let _ = stream.write_all(sent.as_bytes());
            }
        });
        let admin = free_port();
        let penstock =
            setup(upstream, "").more(&format!("\nadmin: {{ address: {admin} }}")).start();
        let before = peak_kib(&penstock);
        let mut client = penstock.connect();
        client.send(&call(1));
        let (mut at, mut bytes) = (0, 0);
        let (head, whole) = read(&mut BufReader::new(client.stream), &mut |mut part| {
            bytes += part.len();
            while !part.is_empty() {
                let most = part.len().min(expected.len() - at);
                assert!(part[..most] == expected.as_bytes()[at..at + most], "before {bytes}");
                at = (at + most) % expected.len();
                part = &part[most..];
            }
        });
        assert!(whole && head.contains("chunked") && !head.contains("Content-Length"), "{head}");
        assert_eq!(bytes, expected.len() * PIECES);
        let grown = peak_kib(&penstock) - before;
        assert!(grown < MEMORY_KIB_MAX, "{grown} KiB more were needed");
        eventually("nothing is held", || {
            metric(admin, "penstock_inspection_held_bytes").ends_with(" 0")
        });
        let told = metric(
            admin,
            "penstock_inspection_findings_total{shard=\"0\",class=\"secret\",action=\"redact\"",
        );
        assert!(told.ends_with(&format!(" {PIECES}")), "each is told once: {told}");
        says_nothing_of_it(&penstock);
    }
}

#[test]
fn the_same_comes_out_of_every_framing() {
    let body = format!("{}\n{KEY}\n{}\n{KEY}", lines(WINDOW), lines(WINDOW));
    let expected = body.replace(KEY, REDACTED);
    let to_the_end = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    let mut answers = vec![
        typed("text/html; charset=utf-8", body.as_bytes()),
        in_chunks(body.as_bytes(), 1000),
        [&to_the_end[..], body.as_bytes()].concat(),
    ];
    // Without a type, and with more behind it than its length says.
    let untyped = String::from_utf8(typed("x", body.as_bytes())).expect("text");
    answers.push((untyped.replace("Content-Type: x\r\n", "") + KEY).into_bytes());
    for answer in answers {
        let penstock = guarded(once(answer), "");
        for (request, framed) in [(call(1), true), (old(&call(1)), false)] {
            let got = seen_once(&penstock, &request, framed);
            assert_eq!(got.head.contains("chunked"), framed, "{}", got.head);
            for gone in ["Content-Length", "ETag", "Trailer", "X-Sum"] {
                assert!(!got.head.contains(gone), "{}", got.head);
            }
            assert!(got.whole && got.data == expected.as_bytes(), "{} bytes", got.data.len());
        }
        says_nothing_of_it(&penstock);
    }
}

fn seen_once(penstock: &Penstock, request: &[u8], goes_on: bool) -> Seen {
    let got = seen(penstock, request);
    assert_eq!(got.head.contains("Connection: close"), !goes_on, "{}", got.head);
    got
}

#[test]
fn both_connections_go_on_behind_it() {
    let body = format!("{}\n{KEY}", lines(2 * WINDOW));
    let connections = Arc::new(AtomicUsize::new(0));
    let (count, answer) = (Arc::clone(&connections), in_chunks(body.as_bytes(), 5000));
    let upstream = upstream(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(&answer);
        }
    });
    let penstock = guarded(upstream, "");
    let client = penstock.connect();
    let mut stream = BufReader::new(client.stream);
    for id in 1..=3 {
        stream.get_mut().write_all(&call(id)).expect("penstock reads");
        let mut data = Vec::new();
        let (_, whole) = read(&mut stream, &mut |part| data.extend_from_slice(part));
        assert!(whole && data == body.replace(KEY, REDACTED).as_bytes());
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// Wherever it stands of a window, and wherever a chunk ends in it.
#[test]
fn what_is_looked_for_is_cut_in_two_at_every_byte() {
    for before in [WINDOW - 7, WINDOW - HOLD - 9, 2 * WINDOW] {
        let text = format!("{}\n{KEY} {}", lines(before), lines(WINDOW));
        let answers = (0..=KEY.len()).map(|at| {
            let (first, second) = text.as_bytes().split_at(before + 1 + at);
            (first.to_vec(), second.to_vec())
        });
        let answers: Arc<Vec<_>> = Arc::new(answers.collect());
        let (count, next) = (answers.len(), AtomicUsize::new(0));
        let next = Arc::new(next);
        let upstream = upstream(move |mut stream| {
            while read_request(&mut stream).is_some() {
                let (first, second) = &answers[next.fetch_add(1, Ordering::SeqCst)];
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                let _ = stream.write_all(head.as_bytes());
                for part in [first, second] {
                    let _ = stream.write_all(format!("{:x}\r\n", part.len()).as_bytes());
                    let _ = stream.write_all(part);
                    let _ = stream.write_all(b"\r\n");
                    // Long enough for what was written to arrive by itself.
                    std::thread::sleep(Duration::from_millis(3));
                }
                let _ = stream.write_all(b"0\r\n\r\n");
            }
        });
        let penstock = guarded(upstream, "");
        let expected = text.replace(KEY, REDACTED);
        for at in 0..count {
            let got = seen(&penstock, &call(1));
            assert!(got.whole && got.data == expected.as_bytes(), "cut at {at} behind {before}");
        }
        says_nothing_of_it(&penstock);
    }
}

#[test]
fn a_block_in_the_middle_ends_the_answer_as_none_that_is_whole() {
    let body = format!("{}\n{KEY}\n{}", lines(3 * WINDOW), lines(WINDOW));
    let cut = format!("{}\n{KEY}", lines(3 * WINDOW));
    for answer in [typed("text/plain", body.as_bytes()), in_chunks(body.as_bytes(), 999)] {
        let penstock = guarded(always(answer), BLOCK);
        for request in [call(1), old(&call(1))] {
            let got = seen(&penstock, &request);
            assert!(!got.whole && got.head.starts_with("HTTP/1.1 200 "), "{}", got.head);
            assert!(!got.data.is_empty() && cut.as_bytes().starts_with(&got.data));
            assert!(got.data.len() < cut.len() - KEY.len(), "nothing of it has gone out");
        }
        penstock.logs("instead=\"break\" tool=\"t\" why=rule `acme-key`");
        says_nothing_of_it(&penstock);
    }
    // At its end, when all of it has come.
    let penstock = guarded(once(in_chunks(cut.as_bytes(), 4096)), BLOCK);
    let got = seen(&penstock, &call(1));
    assert!(!got.whole && !got.data.is_empty() && cut.as_bytes().starts_with(&got.data));
}

#[test]
fn a_block_before_anything_went_out_is_an_error_in_its_place() {
    let body = format!("{}\n{KEY}\n{}", lines(1000), lines(3 * WINDOW));
    for answer in [typed("text/plain", body.as_bytes()), in_chunks(body.as_bytes(), 999)] {
        let penstock = guarded(once(answer), BLOCK);
        let mut client = penstock.connect();
        for id in [1, 2] {
            let (status, said) = client.ask(&call(id));
            assert_eq!(status, 200, "{said}");
            assert!(said.contains(&format!("\"id\":{id},\"error\":{{\"code\":-31018")), "{said}");
            assert!(said.contains("the answer is blocked: rule `acme-key`"), "{said}");
        }
        says_nothing_of_it(&penstock);
    }
}

/// A run of base64 that no window holds, with a key behind so many bytes of it.
fn long_run(before: usize) -> String {
    let around = |bytes: usize| "IGFi".repeat(bytes / 4);
    format!("{}QUNNRS0wMTIzNDU2Nzg5QUJDREVG{}", around(before), around(2 * WINDOW))
}

#[test]
fn what_no_window_holds_meets_the_limits_verdict() {
    let first = lines(3 * WINDOW);
    let late = format!("{first}\n{}\n{}", long_run(WINDOW), lines(WINDOW));
    let early = format!("{}\n{first}", long_run(1000));
    let penstock = guarded(once(typed("text/plain", late.as_bytes())), "");
    let got = seen(&penstock, &call(1));
    assert!(!got.whole && !got.data.is_empty() && late.as_bytes().starts_with(&got.data));
    penstock.logs("something in the stream is longer than the");
    let penstock = guarded(once(typed("text/plain", early.as_bytes())), "");
    let (status, said) = penstock.connect().ask(&call(1));
    assert!(status == 200 && said.contains("something in the stream is longer than"), "{said}");
    for body in [early, late] {
        let penstock = guarded(once(typed("text/plain", body.as_bytes())), ", over_limit: pass");
        let got = seen(&penstock, &call(1));
        assert!(got.whole && got.data == body.as_bytes());
        penstock.logs("passed without having been looked into whole");
        let told = penstock.log().matches("passed without having been looked into whole").count();
        assert_eq!(told, 1);
    }
}

#[test]
fn text_in_utf_16_or_utf_32_that_begins_late_is_read() {
    let wide = |zeros: usize, text: &str| -> Vec<u8> {
        text.bytes().flat_map(|byte| [vec![byte], vec![0; zeros]].concat()).collect()
    };
    for zeros in [1, 3] {
        let with = |text: &str| {
            [lines(2 * WINDOW).as_bytes(), &wide(zeros, text), lines(WINDOW).as_bytes()].concat()
        };
        let body = with(&format!("\nthe key: {KEY}.\n"));
        let penstock = guarded(once(typed("text/plain", &body)), "");
        let got = seen(&penstock, &call(1));
        assert!(!got.whole && !got.data.is_empty() && body.starts_with(&got.data));
        assert!(!got.data.contains(&0), "nothing of it has gone out");
        penstock.logs("rule `acme-key` in the text in UTF-16 or UTF-32");
        says_nothing_of_it(&penstock);
        let body = with("\nno key\n");
        let penstock = guarded(once(typed("text/plain", &body)), BLOCK);
        let got = seen(&penstock, &call(1));
        assert!(got.whole && got.data == body);
        // What is only reported is told once, although windows overlap.
        let body = with(&format!("\nthe key: {KEY}.\n"));
        let report = ", actions: [{ action: report }]";
        let penstock = guarded(once(typed("text/plain", &body)), report);
        let got = seen(&penstock, &call(1));
        assert!(got.whole && got.data == body);
        assert_eq!(penstock.log().matches("rule=\"acme-key\"").count(), 1, "{}", penstock.log());
    }
}

#[test]
fn what_is_short_or_json_or_binary_is_held_whole() {
    let json = format!(r#"{{"a":["{}","{KEY}"]}}"#, "x".repeat(3 * WINDOW));
    let short = format!("{}{KEY}", lines(WINDOW / 2));
    for (kind, body) in [("text/plain", &json), ("application/json", &json), ("text/plain", &short)]
    {
        let penstock = guarded(always(typed(kind, body.as_bytes())), "");
        let expected = body.replace(KEY, REDACTED);
        let got = seen(&penstock, &call(1));
        let length = format!("Content-Length: {}\r\n", expected.len());
        assert!(got.head.contains(&length) && got.whole, "{kind}: {}", got.head);
        assert!(got.data == expected.as_bytes());
        // Blocked it is an error, also where the key is at its end.
        let penstock = guarded(always(typed(kind, body.as_bytes())), BLOCK);
        let (_, said) = penstock.connect().ask(&call(1));
        assert!(said.contains("-31018") && said.contains("acme-key"), "{said}");
    }
    let binary = [&[0, 1, 2][..], lines(3 * WINDOW).as_bytes()].concat();
    let penstock = guarded(always(typed("image/png", &binary)), "");
    let got = seen(&penstock, &call(1));
    assert!(got.head.contains("ETag") && got.head.contains("Content-Length") && got.data == binary);
}

#[test]
fn where_less_is_to_be_held_than_a_window_a_long_body_is_over_the_limit() {
    let body = typed("text/plain", lines(3 * WINDOW).as_bytes());
    let penstock = guarded(always(body), ", message_bytes: 100KiB");
    let (_, said) = penstock.connect().ask(&call(1));
    assert!(said.contains("102400 are looked into (`inspection.message_bytes`)"), "{said}");
}

#[test]
fn an_upstream_that_breaks_off_is_seen_to_and_what_is_held_is_let_go() {
    let text = format!("{}\n{KEY}\n{}", lines(2 * WINDOW), lines(WINDOW));
    let answer = typed("text/plain", text.as_bytes());
    let short = once(answer[..answer.len() - 99].to_vec());
    let admin = free_port();
    let penstock = setup(short, "").more(&format!("\nadmin: {{ address: {admin} }}")).start();
    let got = seen(&penstock, &call(1));
    let expected = text.replace(KEY, REDACTED);
    assert!(!got.whole && !got.data.is_empty() && expected.as_bytes().starts_with(&got.data));
    eventually("nothing is held", || {
        metric(admin, "penstock_inspection_held_bytes").ends_with(" 0")
    });
}
