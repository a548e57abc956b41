//! Upstreams that go away, stall or talk nonsense at every point of an answer.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::{
    Client, Penstock, Setup, always, call, chunk, eventually, find, modern_call, ok, read_request,
    reset, then_the_next_call_works, upstream,
};

const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// An upstream that ends each connection after it has sent `sent`, until it is told to work.
fn dying(sent: Vec<u8>, by_reset: bool, works: &Arc<AtomicBool>) -> SocketAddr {
    let works = Arc::clone(works);
    upstream(move |mut stream| {
        while read_request(&mut stream).is_some() {
            if !works.load(Ordering::SeqCst) {
                let _ = stream.write_all(&sent);
                // What was sent arrives before the end does.
                std::thread::sleep(Duration::from_millis(30));
                return if by_reset { reset(stream) } else { drop(stream) };
            }
            let _ = stream.write_all(&ok("{}"));
        }
    })
}

#[test]
fn an_upstream_may_go_at_any_point_by_close_or_reset() {
    let before_body = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
    let in_body = [&before_body[..], b"half"].concat();
    let in_chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf".to_vec();
    let in_size = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1".to_vec();
    let in_event = [STREAM, &chunk("data: hal")].concat();
    let after_event = [STREAM, &chunk("data: whole\n\n")].concat();
    let in_trailer = [STREAM, &chunk("data: whole\n\n"), b"0\r\nX-T: 1"].concat();
    for by_reset in [false, true] {
        for sent in [&b""[..], b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Le"] {
            let (status, body) = dies(sent, by_reset, Client::answer);
            assert_eq!(status, 502, "{}", sent.escape_ascii());
            assert!(body.contains("\"id\":7"), "{body}");
        }
        for sent in
            [&before_body, &in_body, &in_chunk, &in_size, &in_event, &after_event, &in_trailer]
        {
            let got = dies(sent, by_reset, |client| Some(client.rest()));
            assert!(
                got.starts_with(b"HTTP/1.1 200 "),
                "{} of {}",
                got.escape_ascii(),
                sent.escape_ascii()
            );
            // It must not look whole: neither the last chunk's end nor a hundred bytes.
            let body = &got[find(&got, b"\r\n\r\n").expect("a head") + 4..];
            assert!(!body.ends_with(b"0\r\n\r\n"), "{}", got.escape_ascii());
            assert!(body.len() < 100, "{}", got.escape_ascii());
        }
    }
}

/// What an agent reads of an upstream that dies so; then all works, and nothing was left.
#[track_caller]
fn dies<T>(sent: &[u8], by_reset: bool, read: impl FnOnce(&mut Client) -> Option<T>) -> T {
    let works = Arc::new(AtomicBool::new(false));
    let penstock = Penstock::start(dying(sent.to_vec(), by_reset, &works), "");
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    client.send(&call(7));
    let got = read(&mut client).expect("an answer");
    drop(client);
    works.store(true, Ordering::SeqCst);
    then_the_next_call_works(&penstock, before);
    got
}

#[test]
fn an_upstream_that_reads_nothing_of_a_large_request_is_a_504() {
    let stalled = upstream(|stream| {
        // Its buffers fill, and nobody empties them.
        std::thread::sleep(Duration::from_secs(15));
        drop::<TcpStream>(stream);
    });
    let entry = format!("{{ url: \"http://{stalled}/mcp\", first_byte_timeout: 1s }}");
    let penstock = Penstock::with(&entry, "limits: { body_bytes: 64MiB, write_timeout: 1s }");
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"t","arguments":{{"a":"{}"}}}}}}"#,
        "x".repeat(32 << 20)
    );
    let before = penstock.descriptors();
    let began = Instant::now();
    let (status, body) = penstock.connect().ask(&crate::common::post(&large));
    assert!(matches!(status, 502 | 504), "{status}: {body}");
    assert!(body.contains("\"id\":7"), "{body}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    eventually("every descriptor is closed", || penstock.descriptors() <= before);
}

#[test]
fn an_answer_over_its_framing_is_cut_and_its_connection_not_used_again() {
    // A second answer nobody asked for would be the next agent's.
    let smuggled = [ok("{}"), ok("evil")].concat();
    let penstock = Penstock::start(always(smuggled), "");
    for id in 1..5 {
        let mut client = penstock.connect();
        for id in [id, 10 + id] {
            assert_eq!(client.ask(&call(id)), (200, "{}".into()));
        }
    }
}

#[test]
fn an_answer_that_comes_before_it_was_asked_for_is_nobodys() {
    let hasty = upstream(|mut stream| {
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(&ok("{}"));
            std::thread::sleep(Duration::from_millis(50));
            let _ = stream.write_all(&ok("evil"));
        }
    });
    let penstock = Penstock::start(hasty, "");
    let mut client = penstock.connect();
    for id in 1..5 {
        assert_eq!(client.ask(&call(id)), (200, "{}".into()));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// An answer of the size of penstock's first read, so that what comes behind it is still in the socket
/// when the next call is to go out.
fn as_long_as_a_read() -> Vec<u8> {
    const READ_BYTES: usize = 16 << 10;
    let rest = READ_BYTES - ok(&"x".repeat(10_000)).len();
    let answer = ok(&"x".repeat(10_000 + rest));
    assert_eq!(answer.len(), READ_BYTES);
    answer
}

#[test]
fn an_answer_behind_another_is_not_that_of_a_call_sent_ahead() {
    for backend in ["auto", "epoll"] {
        let hasty = always([as_long_as_a_read(), ok("evil")].concat());
        let penstock = Setup::to(hasty).backend(backend).start();
        let mut client = penstock.connect();
        client.send(&(1..5).flat_map(call).collect::<Vec<u8>>());
        for id in 1..5 {
            let (status, body) = client.answer().expect("an answer");
            assert!(status == 200 && body != "evil", "call {id} on {backend}: {status} {body}");
        }
    }
}

#[test]
fn an_answer_behind_another_is_not_that_of_a_call_that_waited_for_the_connection() {
    for backend in ["auto", "epoll"] {
        let hasty = upstream(|mut stream| {
            while read_request(&mut stream).is_some() {
                std::thread::sleep(Duration::from_millis(300));
                let _ = stream.write_all(&[as_long_as_a_read(), ok("evil")].concat());
            }
        });
        let entry = format!("{{ url: \"http://{hasty}/mcp\", connections: 1 }}");
        let penstock = Setup::with(&entry).backend(backend).start();
        let (mut first, mut second) = (penstock.connect(), penstock.connect());
        first.send(&call(1));
        std::thread::sleep(Duration::from_millis(100));
        second.send(&call(2));
        for client in [&mut first, &mut second] {
            let (status, body) = client.answer().expect("an answer");
            assert!(status == 200 && body != "evil", "on {backend}: {status} {body}");
        }
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_fault_that_comes_with_the_answers_head_is_a_502_with_the_calls_id() {
    let extended = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(10_000));
    let large = [STREAM, &chunk(&"x".repeat(2_000))].concat();
    let large = String::from_utf8(large).expect("text");
    for (answer, says) in [
        (format!("{CHUNKED}{extended}"), "extensions exceed"),
        (format!("{CHUNKED}fffffffffffffffff\r\n"), "chunk size"),
        (format!("{CHUNKED}-1\r\n"), "chunk size"),
        (format!("{CHUNKED}1\r\nxy\r\n"), "CRLF must end a chunk"),
        (large, "limits.event_bytes"),
    ] {
        let penstock = Penstock::start(always(answer), "limits: { event_bytes: 1KiB }");
        let before = penstock.descriptors();
        let mut client = penstock.connect();
        for _ in 0..2 {
            let (status, body) = client.ask(&call(7));
            assert_eq!(status, 502, "{body}");
            assert!(body.contains("\"id\":7") && body.contains(says), "{says}: {body}");
        }
        drop(client);
        eventually("every descriptor is closed", || penstock.descriptors() <= before);
    }
}

#[test]
fn chunked_framing_over_its_limits_ends_the_answer() {
    let extended = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(100_000));
    for framing in [extended.as_str(), "fffffffffffffffff\r\n", "-1\r\n", "1\r\nxy\r\n"] {
        let framing = framing.to_owned();
        let upstream = upstream(move |mut stream| {
            let _ = read_request(&mut stream);
            let _ = stream.write_all(CHUNKED.as_bytes());
            let _ = stream.write_all(&chunk("begun"));
            std::thread::sleep(Duration::from_millis(100));
            let _ = stream.write_all(framing.as_bytes());
            let _ = read_request(&mut stream);
        });
        let penstock = Penstock::start(upstream, "");
        let before = penstock.descriptors();
        let mut client = penstock.connect();
        client.send(&call(1));
        let got = client.rest();
        assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n") && find(&got, b"begun").is_some());
        assert!(!got.ends_with(b"0\r\n\r\n") && got.len() < 2000, "{} bytes", got.len());
        drop(client);
        eventually("every descriptor is closed", || penstock.descriptors() <= before);
    }
}

#[test]
fn an_endless_answer_passes_in_bounded_memory() {
    let endless = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head);
        let piece = chunk(&"x".repeat(64 << 10));
        while stream.write_all(&piece).is_ok() {}
    });
    let penstock = Penstock::start(endless, "");
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    client.send(&modern_call(1));
    client.until(b"xxx");
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    while read < 64 << 20 {
        read += std::io::Read::read(&mut client.stream, &mut buffer).expect("it goes on");
    }
    assert!(penstock.resident_kib() < 40 << 10, "{} KiB", penstock.resident_kib());
    reset(client.stream);
    eventually("the upstream is let go", || penstock.descriptors() <= before);
}

#[test]
fn an_answer_given_before_the_request_was_read_is_passed_on() {
    let early = upstream(|mut stream| {
        let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
        let _ = stream.write_all(
            b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        );
        let _ = stream.shutdown(std::net::Shutdown::Write);
        std::thread::sleep(Duration::from_millis(500));
    });
    let penstock = Penstock::start(early, "limits: { body_bytes: 64MiB }");
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"t","arguments":{{"a":"{}"}}}}}}"#,
        "x".repeat(16 << 20)
    );
    assert_eq!(penstock.connect().ask(&crate::common::post(&large)), (413, "{}".into()));
}
