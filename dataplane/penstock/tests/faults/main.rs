//! Peers that misbehave: each is answered clearly, and the next call works.

#[path = "../common/mod.rs"]
mod common;

mod agents;
mod descriptors;
mod schedule;
mod upstreams;

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{
    Penstock, always, call, free_port, ok, post, post_with, read_request, refused,
    then_the_next_call_works, upstream,
};

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
fn a_request_is_not_repeated_on_a_new_connection_or_after_an_interim_answer() {
    let list = post(r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
    for served in [0, 1] {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let upstream = upstream(move |mut stream| {
            while read_request(&mut stream).is_some() {
                if count.fetch_add(1, Ordering::SeqCst) == served {
                    // Nothing at all, or a word that is no answer yet.
                    let hint = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(served as usize);
                    let _ = stream.write_all(hint.as_bytes());
                    return std::thread::sleep(Duration::from_millis(30));
                }
                let _ = stream.write_all(&ok("{}"));
            }
        });
        let penstock = Penstock::start(upstream, "");
        let mut client = penstock.connect();
        for _ in 0..served {
            assert_eq!(client.ask(&list).0, 200);
        }
        let (status, body) = client.ask(&list);
        assert_eq!(status, 502, "{body}");
        assert_eq!(asked.load(Ordering::SeqCst), served + 1);
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
