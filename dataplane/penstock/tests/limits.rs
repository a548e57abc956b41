//! Each limit of the configuration, set low and met: what is answered, and that it is over then.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{
    Client, Penstock, Setup, always, call, chunk, eventually, ok, post, post_with, read_request,
    refused, then_the_next_call_works, upstream,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_head_has_limits_of_bytes_fields_and_target() {
    let long = "x".repeat(10_000);
    let head = format!("POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n");
    refused(head.as_bytes(), "limits: { head_bytes: 4KiB, target_bytes: 1KiB }", 431, "4096");
    let fields = "X-Field: 1\r\n".repeat(20);
    refused(&post_with(&fields, "{}"), "limits: { head_fields: 16 }", 431, "16");
    let target = format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    refused(target.as_bytes(), "limits: { target_bytes: 1KiB }", 414, "1024");
}

#[test]
fn a_body_has_a_limit_whatever_its_framing() {
    refused(&post(&"x".repeat(5_000)), "limits: { body_bytes: 4KiB }", 413, "limits.body_bytes");
    let chunked = |body: &str| {
        let head = "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{body}0\r\n\r\n").into_bytes()
    };
    let large = chunked(&format!("1388\r\n{}\r\n", "x".repeat(5_000)));
    refused(&large, "limits: { body_bytes: 4KiB }", 413, "limits.body_bytes");
    // 40 KiB of data in 240 KiB of framing.
    let crumbs = chunked(&"1\r\nx\r\n".repeat(40 << 10));
    refused(&crumbs, "limits: { body_bytes: 64KiB }", 413, "limits.body_bytes");
    let extended = chunked(&format!("1;{}\r\nx\r\n", "e".repeat(10_000)));
    refused(&extended, "", 400, "extension");
}

#[test]
fn a_claimed_length_costs_nothing() {
    let penstock = Penstock::start(always(ok("{}")), "limits: { body_bytes: 1GiB }");
    let before = penstock.resident_kib();
    let head = "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n{";
    let mut clients: Vec<_> = (0..50).map(|_| penstock.connect()).collect();
    for client in &mut clients {
        client.send(head.as_bytes());
    }
    sleep(SECOND / 2);
    let grown = penstock.resident_kib().saturating_sub(before);
    assert!(grown < 10 << 10, "{grown} KiB for 50 claims of 1 GiB");
}

#[test]
fn json_has_limits_of_depth_and_batch() {
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{deep}}}}}"#);
    refused(&post(&body), "limits: { json_depth: 16 }", 400, "16");
    let one = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let batch = post(&format!("[{one},{one},{one}]"));
    refused(&batch, "limits: { batch_messages: 2 }", 400, "more than 2 messages");
}

#[test]
fn a_head_and_a_body_must_come_in_time() {
    refused(
        b"POST /mcp/up HTTP/1.1\r\nHost: local",
        "limits: { head_timeout: 500ms }",
        408,
        "limits.head_timeout",
    );
    let half = b"POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    refused(half, "limits: { body_timeout: 500ms }", 408, "limits.body_timeout");
}

#[test]
fn a_head_that_drips_is_no_better_than_one_that_stalls() {
    let penstock = Penstock::start(always(ok("{}")), "limits: { head_timeout: 1s }");
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    let began = Instant::now();
    for byte in "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nX-Slow: and steady".bytes() {
        if client.stream.write_all(&[byte]).is_err() {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    assert_eq!(client.answer().map(|answer| answer.0), Some(408));
    assert!(began.elapsed() < 4 * SECOND, "{:?}", began.elapsed());
    drop(client);
    then_the_next_call_works(&penstock, before);
}

#[test]
fn a_silent_connection_is_closed_after_idle_timeout() {
    let penstock = Penstock::start(always(ok("{}")), "limits: { idle_timeout: 1s }");
    let mut fresh = penstock.connect();
    let mut used = penstock.connect();
    assert_eq!(used.ask(&call(1)).0, 200);
    let began = Instant::now();
    assert!(fresh.rest().is_empty() && used.rest().is_empty());
    assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
}

#[test]
fn an_agent_that_reads_nothing_is_let_go() {
    let upstream = always(ok(&"x".repeat(32 << 20)));
    let penstock = Penstock::start(upstream, "limits: { write_timeout: 1s }");
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    client.send(&call(1));
    sleep(Duration::from_millis(300));
    // The upstream's goes with it: what is left of the answer is not read.
    eventually("both connections are closed", || penstock.descriptors() == before);
    assert!(penstock.resident_kib() < 64 << 10, "{} KiB", penstock.resident_kib());
}

#[test]
fn an_agent_that_reads_slowly_and_steadily_gets_its_answer() {
    const BODY_BYTES: usize = 12 << 20;
    let upstream = always(ok(&"x".repeat(BODY_BYTES)));
    let penstock = Penstock::start(upstream, "limits: { write_timeout: 500ms }");
    let mut client = penstock.connect();
    socket2::SockRef::from(&client.stream).set_recv_buffer_size(128 << 10).expect("a small buffer");
    client.send(&call(1));
    client.until(b"\r\n\r\n");
    let (mut got, mut piece) = (client.buffered().len(), vec![0; 32 << 10]);
    let began = Instant::now();
    while got < BODY_BYTES {
        // Far less in a timeout than the kernel wants free before it lets a write go on.
        if began.elapsed() < 4 * SECOND {
            sleep(SECOND / 20);
        }
        let read = client.stream.read(&mut piece).expect("it goes on");
        assert!(read > 0, "cut after {got} bytes and {:?}", began.elapsed());
        got += read;
    }
}

#[test]
fn calls_over_their_limit_are_refused_and_the_others_go_on() {
    let penstock = Penstock::start(slow(SECOND / 2), "limits: { calls: 1 }");
    let (mut first, mut second) = (penstock.connect(), penstock.connect());
    first.send(&call(1));
    sleep(Duration::from_millis(200));
    let (status, body) = second.ask(&call(2));
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("limits.calls"), "{body}");
    assert_eq!(first.answer().map(|answer| answer.0), Some(200));
    assert_eq!(penstock.connect().ask(&call(3)).0, 200);
}

#[test]
fn connections_over_their_limit_are_refused_until_one_is_free() {
    let penstock = Penstock::start(always(ok("{}")), "limits: { connections: 2 }");
    let (mut first, second) = (penstock.connect(), penstock.connect());
    assert_eq!(first.ask(&call(1)).0, 200);
    let (status, body) = penstock.connect().ask(&call(2));
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("limits.connections"), "{body}");
    assert_eq!(first.ask(&call(3)).0, 200);
    drop(second);
    eventually("the place is free", || {
        let mut client = penstock.connect();
        client.send(&call(4));
        client.answer().is_some_and(|(status, _)| status == 200)
    });
}

#[test]
fn connections_far_over_their_limit_are_closed_without_a_word() {
    const TOLD_MAX: usize = 64;
    let penstock = Penstock::start(always(ok("{}")), "limits: { connections: 2 }");
    let (mut first, _second) = (penstock.connect(), penstock.connect());
    assert_eq!(first.ask(&call(1)).0, 200);
    let before = penstock.descriptors();
    let mut others: Vec<_> = (0..3 * TOLD_MAX).map(|_| penstock.connect()).collect();
    eventually("the rest is closed", || penstock.descriptors() <= before + TOLD_MAX);
    let told = others.iter_mut().filter_map(Client::answer).map(|answer| answer.0);
    // While they came, those told first may have gone.
    let told: Vec<u16> = told.collect();
    assert!(told.iter().all(|status| *status == 503), "{told:?}");
    assert!((TOLD_MAX..2 * TOLD_MAX).contains(&told.len()), "{} were told", told.len());
    assert_eq!(first.ask(&call(2)).0, 200);
    drop(others);
    eventually("every descriptor is closed", || penstock.descriptors() <= before);
}

#[test]
fn an_event_over_its_limit_ends_the_stream() {
    let upstream = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(STREAM);
        while stream.write_all(&chunk(&"x".repeat(1 << 10))).is_ok() {}
    });
    let penstock = Penstock::start(upstream, "limits: { event_bytes: 64KiB }");
    let mut client = penstock.connect();
    client.send(&call(1));
    let all = client.rest();
    assert!(all.len() < 512 << 10, "{} bytes came", all.len());
    assert!(!all.ends_with(b"0\r\n\r\n"));
    penstock.logs("65536");
}

#[test]
fn a_drain_ends_after_drain_timeout() {
    let mut penstock = Penstock::start(endless(), "limits: { drain_timeout: 1s }");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"begun");
    penstock.signal("TERM");
    let began = Instant::now();
    penstock.wait();
    let took = began.elapsed();
    assert!(SECOND * 8 / 10 < took && took < 3 * SECOND, "{took:?}");
    assert!(penstock.log().contains("limits.drain_timeout"));
}

const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// An upstream that answers after a pause.
fn slow(pause: Duration) -> SocketAddr {
    upstream(move |mut stream| {
        while read_request(&mut stream).is_some() {
            sleep(pause);
            if stream.write_all(&ok("{}")).is_err() {
                return;
            }
        }
    })
}

/// An upstream whose stream begins and then says nothing.
fn endless() -> SocketAddr {
    upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(STREAM);
        let _ = stream.write_all(&chunk("data: begun\n\n"));
        let _ = read_request(&mut stream);
    })
}

fn start(upstream: SocketAddr, keys: &str) -> Penstock {
    Penstock::with(&format!("{{ url: \"http://{upstream}/mcp\", {keys} }}"), "")
}

#[test]
fn a_connection_that_is_not_made_in_connect_timeout_is_a_504_and_given_up() {
    // A listener whose queue is full: the kernel drops what would connect.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("an address");
    socket.listen(0).expect("listening");
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().expect("its address");
    let soon = Duration::from_millis(200);
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, soon) {
        queued.push(stream);
    }
    let penstock = start(address, "connect_timeout: 500ms");
    let before = penstock.descriptors();
    let began = Instant::now();
    let (status, body) = penstock.connect().ask(&call(7));
    assert_eq!(status, 504, "{body}");
    assert!(body.contains("connect_timeout") && body.contains("\"id\":7"), "{body}");
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
    eventually("the attempt is closed", || penstock.descriptors() <= before);
    drop((listener, queued));
}

#[test]
fn a_call_waits_for_a_place_among_connections_and_no_longer_than_connect_timeout() {
    let penstock = start(slow(SECOND), "connections: 1, connect_timeout: 1500ms");
    let mut clients: Vec<_> = (0..3).map(|_| penstock.connect()).collect();
    for client in &mut clients {
        client.send(&call(7));
        sleep(Duration::from_millis(50));
    }
    // Served at 1 s, at 2 s, and refused at 1.5 s.
    assert_eq!(clients[0].answer().map(|answer| answer.0), Some(200));
    let (status, body) = clients[2].answer().expect("an answer");
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("connections") && body.contains("\"id\":7"), "{body}");
    assert_eq!(clients[1].answer().map(|answer| answer.0), Some(200));
}

#[test]
fn a_place_that_becomes_free_goes_to_one_who_still_waits() {
    let penstock = start(slow(SECOND * 13 / 10), "connections: 1, connect_timeout: 1s");
    let mut clients: Vec<_> = (0..3).map(|_| penstock.connect()).collect();
    clients[0].send(&call(1));
    sleep(SECOND / 10);
    // This one gives up at 1.1 s, before the place is free at 1.3 s.
    clients[1].send(&call(2));
    sleep(SECOND * 7 / 10);
    let began = Instant::now();
    clients[2].send(&call(3));
    assert_eq!(clients[1].answer().map(|answer| answer.0), Some(503));
    assert_eq!(clients[2].answer().map(|answer| answer.0), Some(200));
    // Half a second for the place, 1.3 for the answer; 1 + 1.3 where it was not told.
    assert!(began.elapsed() < SECOND * 21 / 10, "{:?}", began.elapsed());
}

#[test]
fn an_unused_connection_to_an_upstream_is_closed_after_idle_timeout() {
    let (tell, gone) = mpsc::channel();
    let upstream = upstream(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(&ok("{}"));
        }
        let _ = tell.send(());
    });
    let penstock = start(upstream, "idle_timeout: 1s");
    let mut client = penstock.connect();
    assert_eq!(client.ask(&call(1)).0, 200);
    let began = Instant::now();
    gone.recv_timeout(3 * SECOND).expect("the connection is closed");
    assert!(began.elapsed() > SECOND * 8 / 10, "{:?}", began.elapsed());
    assert_eq!(client.ask(&call(2)).0, 200);
}

#[test]
fn an_answers_head_that_drips_is_ended_by_first_byte_timeout() {
    let dripping = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        while stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").is_ok() {
            sleep(Duration::from_millis(100));
        }
    });
    let penstock = start(dripping, "first_byte_timeout: 1s");
    let began = Instant::now();
    let (status, body) = penstock.connect().ask(&call(7));
    assert_eq!(status, 504, "{body}");
    assert!(body.contains("first_byte_timeout"), "{body}");
    assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
}

#[test]
fn interim_answers_have_a_limit_and_up_to_it_the_answer_counts() {
    const INTERIM_MAX: usize = 100;
    for (interim, status) in [(INTERIM_MAX, 200), (INTERIM_MAX + 1, 502)] {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(interim);
        let penstock = Penstock::start(always([hints.into_bytes(), ok("{}")].concat()), "");
        let (got, body) = penstock.connect().ask(&call(7));
        assert_eq!(got, status, "{body}");
        assert!(status == 200 || body.contains("more than 100 interim answers"), "{body}");
        assert!(status == 200 || body.contains("\"id\":7"), "{body}");
    }
}

#[test]
fn a_stream_silent_for_stream_idle_timeout_is_cut() {
    let penstock = start(endless(), "stream_idle_timeout: 1s");
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"begun");
    let began = Instant::now();
    assert!(!client.rest().ends_with(b"0\r\n\r\n"));
    assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
    drop(client);
    eventually("every descriptor is closed", || penstock.descriptors() <= before);
}

#[test]
fn an_upstreams_head_has_the_same_limits() {
    let fields = "X-Field: 1\r\n".repeat(20);
    let upstream = always(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"));
    let penstock = Setup::to(upstream).more("limits: { head_fields: 16 }").start();
    let (status, body) = penstock.connect().ask(&call(7));
    assert_eq!(status, 502, "{body}");
    assert!(body.contains("more than 16 fields"), "{body}");
}

#[test]
fn a_connection_over_the_limit_is_told_although_it_sends_at_once() {
    let penstock = Penstock::start(always(ok("{}")), "limits: { connections: 1 }");
    let _first = penstock.connect();
    sleep(SECOND / 10);
    for _ in 0..50 {
        let mut client = penstock.connect();
        let _ = client.stream.write_all(&post(&"x".repeat(1 << 20)));
        assert_eq!(client.answer().map(|answer| answer.0), Some(503));
    }
}

#[test]
fn a_retry_needs_no_second_place_among_connections() {
    // Each connection carries one call and is closed by the next.
    let fickle = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(&ok("{}"));
        let _ = read_request(&mut stream);
    });
    let penstock = start(fickle, "connections: 1, connect_timeout: 1s");
    let mut client = penstock.connect();
    let list = post(r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
    for _ in 0..3 {
        assert_eq!(client.ask(&list), (200, "{}".into()));
    }
}

#[test]
fn a_stalled_upload_ends_within_first_byte_timeout() {
    let stalled = upstream(|_stream| sleep(10 * SECOND));
    let penstock = Penstock::with(
        &format!("{{ url: \"http://{stalled}/mcp\", first_byte_timeout: 1s }}"),
        "limits: { body_bytes: 64MiB }",
    );
    let large = call_with(&"x".repeat(32 << 20));
    let began = Instant::now();
    let (status, body) = penstock.connect().ask(&large);
    assert_eq!(status, 504, "{body}");
    assert!(body.contains("first_byte_timeout"), "{body}");
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
}

#[test]
fn an_upload_that_an_upstream_takes_slowly_and_steadily_is_held_once_and_not_cut() {
    const BODY_BYTES: usize = 32 << 20;
    let slow = upstream(|mut stream| {
        let small = socket2::SockRef::from(&stream).set_recv_buffer_size(128 << 10);
        small.expect("a small buffer");
        let (began, mut got, mut piece) = (Instant::now(), 0, vec![0; 32 << 10]);
        while got < BODY_BYTES {
            if began.elapsed() < 4 * SECOND {
                sleep(SECOND / 20);
            }
            match stream.read(&mut piece) {
                Ok(read) if read > 0 => got += read,
                _ => return,
            }
        }
        let _ = stream.write_all(&ok("{}"));
    });
    let penstock = Penstock::with(
        &format!("{{ url: \"http://{slow}/mcp\", first_byte_timeout: 500ms }}"),
        "limits: { body_bytes: 64MiB }",
    );
    let before = penstock.resident_kib();
    let mut client = penstock.connect();
    client.send(&call_with(&"x".repeat(BODY_BYTES)));
    sleep(2 * SECOND);
    let grown = penstock.resident_kib().saturating_sub(before);
    assert!(grown < (BODY_BYTES as u64 >> 10) * 3 / 2, "{grown} KiB for a body of {BODY_BYTES}");
    let (status, body) = client.answer().expect("an answer");
    assert_eq!(status, 200, "{body}");
}

/// A `tools/call` with this argument.
fn call_with(argument: &str) -> Vec<u8> {
    post(&format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"t","arguments":{{"a":"{argument}"}}}}}}"#
    ))
}
