//! Agents that go away, stall or talk nonsense at every point of a call.

use std::io::Write as _;
use std::time::Duration;

use crate::common::{
    Client, Penstock, Setup, always, call, chunk, eventually, find, modern_call, ok, read_request,
    reset, then_the_next_call_works, upstream,
};

/// Streams an event at once and the rest when the peer has said more or gone.
fn streaming() -> std::net::SocketAddr {
    upstream(|mut stream| {
        while let Some((head, _)) = read_request(&mut stream) {
            if find(&head, b"X-Stream").is_none() {
                let _ = stream.write_all(&ok("{}"));
                continue;
            }
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head);
            let _ = stream.write_all(&chunk("data: begun\n\n"));
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(20));
                if stream.write_all(&chunk("data: more\n\n")).is_err() {
                    return;
                }
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        }
    })
}

fn streamed(call: &[u8]) -> Vec<u8> {
    let at = find(call, b"\r\n").expect("a line") + 2;
    [&call[..at], b"X-Stream: 1\r\n", &call[at..]].concat()
}

type Step<'a> = Box<dyn Fn(&mut Client) + 'a>;

#[test]
fn an_agent_may_go_at_any_point_by_close_or_reset() {
    let entry = format!("{{ url: \"http://{}/mcp\", idle_timeout: 1s }}", streaming());
    let penstock = Penstock::with(&entry, "");
    let before = penstock.descriptors();
    let (legacy, modern) = (streamed(&call(1)), streamed(&modern_call(1)));
    let body = find(&legacy, b"\r\n\r\n").expect("a head") + 4;
    let steps: [(&str, Step<'_>); 7] = [
        ("before a head", Box::new(|_| {})),
        ("in the head", Box::new(|client| client.send(&legacy[..20]))),
        ("before the body", Box::new(|client| client.send(&legacy[..body]))),
        ("in the body", Box::new(|client| client.send(&legacy[..body + 10]))),
        ("before the answer", Box::new(|client| client.send(&legacy))),
        (
            "in a legacy stream",
            Box::new(|client| {
                client.send(&legacy);
                client.until(b"begun");
            }),
        ),
        (
            "in a modern stream",
            Box::new(|client| {
                client.send(&modern);
                client.until(b"begun");
            }),
        ),
    ];
    for (point, step) in &steps {
        for by_reset in [false, true] {
            let mut client = penstock.connect();
            step(&mut client);
            // Long enough for penstock to be where the name says.
            std::thread::sleep(Duration::from_millis(30));
            if by_reset {
                reset(client.stream);
            } else {
                drop(client);
            }
            assert_eq!(penstock.connect().ask(&call(2)).0, 200, "{point}, by reset: {by_reset}");
        }
    }
    then_the_next_call_works(&penstock, before);
}

#[test]
fn garbage_is_refused_and_costs_nobody_else_a_call() {
    let penstock = Penstock::start(always(ok("{}")), "");
    let before = penstock.descriptors();
    let mut kept = penstock.connect();
    for junk in [
        &b"\x00\x01\x02\x03\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /mcp/up HTTP/1.1\nHost: localhost\n\n",
        b"POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        &vec![0xff; 70_000],
    ] {
        let mut client = penstock.connect();
        let _ = client.stream.write_all(junk);
        let status = client.answer().map(|answer| answer.0);
        let start = junk[..9.min(junk.len())].escape_ascii();
        assert!(matches!(status, Some(400 | 505)), "{status:?} for {start}");
        assert!(client.rest().is_empty(), "the connection goes on");
        assert_eq!(kept.ask(&call(1)).0, 200);
    }
    drop(kept);
    then_the_next_call_works(&penstock, before);
}

#[test]
fn a_hundred_slow_agents_hold_up_nobody() {
    let limits = "limits: { head_timeout: 1s, body_timeout: 1s }";
    let penstock = Penstock::start(always(ok("{}")), limits);
    let before = penstock.descriptors();
    let request = call(1);
    let body = find(&request, b"\r\n\r\n").expect("a head") + 4;
    let mut slow: Vec<Client> = (0..100).map(|_| penstock.connect()).collect();
    for (index, client) in slow.iter_mut().enumerate() {
        client.send(&request[..if index % 2 == 0 { 30 } else { body + 5 }]);
    }
    let began = std::time::Instant::now();
    for id in 0..50 {
        assert_eq!(penstock.connect().ask(&call(id)).0, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    for client in &mut slow {
        assert_eq!(client.answer().map(|answer| answer.0), Some(408));
    }
    drop(slow);
    then_the_next_call_works(&penstock, before);
}

#[test]
fn what_an_agent_sends_ahead_is_bounded() {
    let silent = upstream(|mut stream| while read_request(&mut stream).is_some() {});
    let penstock = Setup::to(silent).start();
    let before = penstock.resident_kib();
    let mut client = penstock.connect();
    client.send(&call(1));
    client.stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a write timeout");
    let piece = vec![b'x'; 64 << 10];
    let mut sent = 0;
    while let Ok(written) = client.stream.write(&piece) {
        sent += written;
        assert!(sent < 64 << 20, "penstock reads on");
    }
    let grown = penstock.resident_kib().saturating_sub(before);
    assert!(grown < 4 << 10, "{grown} KiB kept of {sent} bytes");
    drop(client);
    eventually("the agent's going is noticed or bounded", || {
        penstock.resident_kib() < before + 4096
    });
}

#[test]
fn calls_sent_ahead_are_answered_in_order() {
    let echo = upstream(|mut stream| {
        while let Some((_, body)) = read_request(&mut stream) {
            let text = String::from_utf8_lossy(&body).into_owned();
            std::thread::sleep(Duration::from_millis(20));
            let _ = stream.write_all(&ok(&text));
        }
    });
    let penstock = Penstock::start(echo, "");
    let mut client = penstock.connect();
    let calls: Vec<u8> = (1..=10).flat_map(call).collect();
    client.send(&calls[..calls.len() - 3]);
    std::thread::sleep(Duration::from_millis(50));
    client.send(&calls[calls.len() - 3..]);
    for id in 1..=10 {
        let (status, body) = client.answer().expect("an answer");
        assert_eq!(status, 200);
        assert!(body.contains(&format!("\"id\":{id},")), "{body}");
    }
}

#[test]
fn an_agent_that_waits_for_100_continue_gets_it() {
    let penstock = Penstock::start(always(ok("{}")), "");
    let mut client = penstock.connect();
    let request = crate::common::post_with("Expect: 100-continue\r\n", "[]");
    let body = find(&request, b"\r\n\r\n").expect("a head") + 4;
    client.send(&request[..body]);
    client.until(b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send(&request[body..]);
    assert_eq!(client.answer().map(|answer| answer.0), Some(400), "an empty batch");
}
