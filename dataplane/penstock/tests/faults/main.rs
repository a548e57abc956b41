//! Peers that misbehave: each is answered clearly, and the next call works.

mod common;

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{
    Penstock, always, call, eventually, free_port, ok, post, post_with, read_request, upstream,
};

/// Runs a fault, then a call that must work, then counts what was left behind.
#[track_caller]
fn then_the_next_call_works(penstock: &Penstock, before: usize) {
    let mut client = penstock.connect();
    assert_eq!(client.ask(&call(99)).0, 200);
    drop(client);
    // One idle connection to the upstream may stay.
    let what = format!("{before} descriptors and one more at most");
    eventually(&what, || penstock.descriptors() <= before + 1);
}

/// An upstream whose first connection runs `fault` and whose others work.
fn once(fault: fn(std::net::TcpStream)) -> std::net::SocketAddr {
    let count = Arc::new(AtomicU32::new(0));
    upstream(move |mut stream| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            return fault(stream);
        }
        while read_request(&mut stream).is_some() && stream.write_all(&ok("{}")).is_ok() {}
    })
}

#[track_caller]
fn faulty(fault: fn(std::net::TcpStream), more: &str, status: u16, says: &str) {
    let upstream = once(fault);
    let penstock = Penstock::with(
        &format!("{{ url: \"http://{upstream}/mcp\", first_byte_timeout: 1s }}"),
        more,
    );
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    let (got, body) = client.ask(&call(7));
    assert_eq!(got, status, "{body}");
    assert!(body.contains(says), "{body}");
    assert!(body.contains("\"id\":7"), "{body}");
    drop(client);
    then_the_next_call_works(&penstock, before);
}

#[test]
fn an_upstream_that_refuses_is_a_502_with_the_calls_id() {
    let penstock = Penstock::start(free_port(), "");
    let (status, body) = penstock.connect().ask(&call(7));
    assert_eq!(status, 502);
    assert!(body.contains("\"id\":7") && body.contains("connecting to it failed"), "{body}");
}

#[test]
fn an_upstream_that_closes_without_an_answer_is_a_502() {
    faulty(|mut stream| drop(read_request(&mut stream)), "", 502, "closed the connection");
}

#[test]
fn an_upstream_that_says_nothing_is_a_504() {
    let silent = |mut stream: std::net::TcpStream| {
        let _ = read_request(&mut stream);
        let _ = read_request(&mut stream);
    };
    faulty(silent, "", 504, "first_byte_timeout");
}

#[test]
fn an_upstream_that_speaks_no_http_is_a_502() {
    let garbage = |mut stream: std::net::TcpStream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(b"\x00\x01\x02 what?\r\n\r\n");
        let _ = read_request(&mut stream);
    };
    faulty(garbage, "", 502, "not valid HTTP");
}

#[test]
fn an_upstream_with_two_lengths_is_a_502() {
    let smuggled = |mut stream: std::net::TcpStream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        );
        let _ = read_request(&mut stream);
    };
    faulty(smuggled, "", 502, "not valid HTTP");
}

#[test]
fn an_upstream_head_over_its_limit_is_a_502() {
    let endless = |mut stream: std::net::TcpStream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n").is_ok() {}
    };
    faulty(endless, "limits: { head_bytes: 4KiB, target_bytes: 1KiB }", 502, "not valid HTTP");
}

#[test]
fn a_kept_connection_that_the_upstream_closed_is_not_used_again() {
    let upstream = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(&ok("{}"));
    });
    let penstock = Penstock::start(upstream, "");
    let mut client = penstock.connect();
    for id in 1..20 {
        assert_eq!(client.ask(&call(id)).0, 200);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_answer_cut_short_is_seen_to_be() {
    let upstream = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    });
    let penstock = Penstock::start(upstream, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    assert!(client.rest().ends_with(b"half"));
}

#[track_caller]
fn refused(request: &[u8], more: &str, status: u16, says: &str) {
    let penstock = Penstock::start(always(ok("{}")), more);
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    // The refusal may come before the request is written whole.
    let _ = client.stream.write_all(request);
    let (got, body) = client.answer().expect("an answer");
    assert_eq!(got, status, "{body}");
    assert!(body.contains(says), "{body}");
    drop(client);
    then_the_next_call_works(&penstock, before);
}

#[test]
fn limits_are_enforced_with_their_own_statuses() {
    let long = "x".repeat(10_000);
    let head = format!("POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n");
    refused(head.as_bytes(), "limits: { head_bytes: 4KiB, target_bytes: 1KiB }", 431, "");
    let fields = "X-Field: 1\r\n".repeat(20);
    refused(&post_with(&fields, "{}"), "limits: { head_fields: 16 }", 431, "");
    let target = format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    refused(target.as_bytes(), "limits: { target_bytes: 1KiB }", 414, "");
    refused(&post(&"x".repeat(5_000)), "limits: { body_bytes: 4KiB }", 413, "limits.body_bytes");
    let chunked = format!(
        "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n{}\r\n0\r\n\r\n",
        "x".repeat(5_000)
    );
    refused(chunked.as_bytes(), "limits: { body_bytes: 4KiB }", 413, "limits.body_bytes");
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{deep}}}}}"#);
    refused(&post(&body), "limits: { json_depth: 16 }", 400, "-32");
    refused(b"POST /mcp/up HTTP/1.1\r\nHost: local", "limits: { head_timeout: 1s }", 408, "head");
    let half = b"POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    refused(half, "limits: { body_timeout: 1s }", 408, "body");
}

#[test]
fn what_is_not_for_this_listener_is_refused() {
    let wrong_host = b"POST /mcp/up HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n";
    refused(wrong_host, "", 403, "evil.example");
    refused(&post_with("Origin: http://evil.example\r\n", "{}"), "", 403, "evil.example");
    refused(b"POST /mcp/other HTTP/1.1\r\nHost: localhost\r\n\r\n", "", 404, "virtual server");
    refused(b"PUT /mcp/up HTTP/1.1\r\nHost: localhost\r\n\r\n", "", 405, "POST");
    refused(&post("not json"), "", 400, "-32700");
    let both = b"POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(both, "", 400, "");
}

#[test]
fn a_half_closed_agent_still_gets_its_answer() {
    let penstock = Penstock::start(always(ok("{}")), "");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.stream.shutdown(Shutdown::Write).expect("a half-close");
    assert_eq!(client.answer().map(|answer| answer.0), Some(200));
}

#[test]
fn an_agent_that_reads_nothing_is_let_go() {
    let upstream = always(ok(&"x".repeat(32 << 20)));
    let penstock = Penstock::start(upstream, "limits: { write_timeout: 1s }");
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    client.send(&call(1));
    std::thread::sleep(Duration::from_millis(300));
    // The call itself goes on, and its connection to the upstream is kept.
    eventually("the agent's connection is closed", || penstock.descriptors() <= before + 1);
    assert!(penstock.resident_kib() < 64 << 10, "{} KiB", penstock.resident_kib());
}

#[test]
fn calls_over_their_limit_are_refused_and_the_others_go_on() {
    let upstream = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        std::thread::sleep(Duration::from_millis(500));
        let _ = stream.write_all(&ok("{}"));
    });
    let penstock = Penstock::start(upstream, "limits: { calls: 1 }");
    let (mut first, mut second) = (penstock.connect(), penstock.connect());
    first.send(&call(1));
    std::thread::sleep(Duration::from_millis(200));
    let (status, body) = second.ask(&call(2));
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("limits.calls"), "{body}");
    assert_eq!(first.answer().map(|answer| answer.0), Some(200));
}
