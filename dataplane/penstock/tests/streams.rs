//! Streams: what flows while it is open, and what the end of either side means.

mod common;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use common::{
    Client, PATIENCE, Penstock, Setup, call, chunk, eventually, modern_call, ok, read_request,
};

const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// An upstream that opens a stream, and tells when its peer has gone.
fn silent_stream(gone: mpsc::Sender<()>) -> std::net::SocketAddr {
    common::upstream(move |mut stream: TcpStream| {
        if read_request(&mut stream).is_none() {
            return;
        }
        let _ = stream.write_all(STREAM);
        let _ = stream.write_all(&chunk("data: begun\n\n"));
        if read_request(&mut stream).is_none() {
            let _ = gone.send(());
        }
    })
}

#[test]
fn an_event_is_passed_on_as_soon_as_it_came() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let upstream = common::upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(STREAM);
        for part in ["data: one\n\n", "data: tw", "o\n\n"] {
            let _ = stream.write_all(&chunk(part));
            let _ = wait.lock().map(|wait| wait.recv_timeout(PATIENCE));
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    });
    let penstock = Penstock::start(upstream, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    for part in ["data: one\n\n", "data: tw", "o\n\n"] {
        client.until(part.as_bytes());
        go.send(()).expect("the upstream waits");
    }
    client.until(b"0\r\n\r\n");
}

#[test]
fn a_modern_agent_that_disconnects_cancels_at_once() {
    let (tell, gone) = mpsc::channel();
    let penstock = Penstock::start(silent_stream(tell), "");
    let mut client = penstock.connect();
    client.send(&modern_call(1));
    client.until(b"begun");
    drop(client);
    gone.recv_timeout(Duration::from_secs(5)).expect("the upstream's connection is closed");
}

/// An end behind more than is read ahead cannot be seen, so that it counts as one.
#[test]
fn an_agent_that_hides_its_leaving_behind_bytes_is_gone_all_the_same() {
    let get = b"GET /mcp/up HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for request in [&get[..], &modern_call(1), &call(1)] {
        let (tell, gone) = mpsc::channel();
        let penstock = Penstock::start(silent_stream(tell), "");
        let mut client = penstock.connect();
        client.send(request);
        client.until(b"begun");
        client.send(&vec![b'A'; 100 << 10]);
        drop(client);
        gone.recv_timeout(Duration::from_secs(5)).expect("the upstream's connection is closed");
        penstock.logs("sent more than 65536 bytes ahead of an answer");
    }
}

#[test]
fn what_is_sent_ahead_of_a_legacy_answer_waits() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let upstream = common::upstream(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let _ = wait.lock().map(|wait| wait.recv_timeout(PATIENCE));
            let _ = stream.write_all(&ok("{}"));
        }
    });
    let penstock = Penstock::start(upstream, "");
    let mut client = penstock.connect();
    let calls = (100 << 10) / call(1).len();
    client.send(&call(1).repeat(calls));
    for _ in 0..calls {
        go.send(()).expect("the upstream waits");
        assert_eq!(client.answer().expect("an answer").0, 200);
    }
}

#[test]
fn a_legacy_agent_that_disconnects_does_not_cancel_its_call() {
    let (tell, gone) = mpsc::channel();
    let upstream = common::upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        // Nothing is answered yet, and the agent is gone: the server goes on working.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let closed = matches!(std::io::Read::read(&mut stream, &mut [0]), Ok(0));
        let answered = stream.write_all(&ok("{}")).is_ok();
        let _ = tell.send((closed, answered));
    });
    let penstock = Penstock::start(upstream, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    drop(client);
    let (closed, answered) = gone.recv_timeout(PATIENCE).expect("the upstream was asked");
    assert!(!closed && answered, "the call was cancelled");
}

#[test]
fn a_legacy_stream_is_let_go_with_its_agent_so_that_it_can_be_resumed() {
    let (tell, gone) = mpsc::channel();
    let penstock = Penstock::start(silent_stream(tell), "");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"begun");
    drop(client);
    gone.recv_timeout(Duration::from_secs(5)).expect("the upstream's connection is closed");
}

#[test]
fn a_legacy_get_stream_ends_with_its_agent() {
    let (tell, gone) = mpsc::channel();
    let penstock = Penstock::start(silent_stream(tell), "");
    let mut client = penstock.connect();
    client.send(b"GET /mcp/up HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    client.until(b"begun");
    drop(client);
    gone.recv_timeout(Duration::from_secs(5)).expect("the upstream's connection is closed");
}

#[test]
fn an_upstream_that_dies_in_a_stream_ends_it_visibly() {
    let upstream = common::upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(STREAM);
        let _ = stream.write_all(&chunk("data: half an ev"));
    });
    let penstock = Penstock::start(upstream, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    let all = client.rest();
    assert!(all.ends_with(b"data: half an ev\r\n"), "{}", String::from_utf8_lossy(&all));
}

#[test]
fn sigterm_lets_calls_end_and_takes_no_more() {
    let upstream = common::upstream(|mut stream| {
        let _ = read_request(&mut stream);
        std::thread::sleep(Duration::from_millis(600));
        let _ = stream.write_all(&ok("{}"));
    });
    let mut penstock = Penstock::start(upstream, "");
    let idle = penstock.connect();
    let mut client = penstock.connect();
    client.send(&call(1));
    std::thread::sleep(Duration::from_millis(200));
    penstock.signal("TERM");
    assert_eq!(client.answer(), Some((200, "{}".into())));
    assert!(penstock.wait(), "the exit status is not 0");
    drop(idle);
    assert!(TcpStream::connect(penstock.address).is_err());
}

#[test]
fn sigterm_ends_streams_that_no_call_waits_on() {
    let (tell, gone) = mpsc::channel();
    let mut penstock = Penstock::start(silent_stream(tell), "");
    let mut client = penstock.connect();
    client.send(b"GET /mcp/up HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    client.until(b"begun");
    penstock.signal("TERM");
    client.until(b"0\r\n\r\n");
    gone.recv_timeout(Duration::from_secs(5)).expect("the upstream's connection is closed");
    assert!(penstock.wait());
}

#[test]
fn a_second_sigterm_ends_what_is_under_way() {
    let (tell, _gone) = mpsc::channel();
    let mut penstock = Penstock::start(silent_stream(tell), "");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"begun");
    penstock.signal("TERM");
    std::thread::sleep(Duration::from_millis(400));
    penstock.signal("TERM");
    assert!(penstock.wait());
}

#[test]
fn a_reload_changes_the_routes_and_fails_no_call() {
    let first = common::always(ok("1"));
    let second = common::always(ok("2"));
    let penstock = Penstock::start(first, "");
    let mut client = penstock.connect();
    assert_eq!(client.ask(&call(1)), (200, "1".into()));
    let write = |upstream: &str| {
        let text = Setup::with(upstream).text(penstock.address);
        std::fs::write(&penstock.config, text).expect("the configuration is written");
        penstock.signal("HUP");
    };
    write(&format!("{{ url: \"http://{second}/mcp\" }}"));
    let mut id = 2;
    eventually("the new upstream answers", || {
        id += 1;
        let (status, body) = client.ask(&call(id));
        assert_eq!(status, 200);
        body == "2"
    });
    // A bad file changes nothing.
    write("{ url: nonsense }");
    penstock.logs("not reloaded");
    assert_eq!(client.ask(&call(9)), (200, "2".into()));
}

const GET: &[u8] = b"GET /mcp/up HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";

/// A modern subscription.
fn listen() -> Vec<u8> {
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    common::post_with(fields, body)
}

/// Opens streams, one after the other: what they took while they began is free again by the next.
fn open(penstock: &Penstock, request: &[u8], count: usize) -> Vec<Client> {
    let open = |_| {
        let mut client = penstock.connect();
        client.send(request);
        client.until(b"begun");
        client
    };
    (0..count).map(open).collect()
}

#[test]
fn an_idle_stream_takes_at_most_4_kib_and_what_it_took_serves_the_next() {
    const STREAM_BYTES_MAX: u64 = 4 << 10;
    const STREAMS: usize = 300;
    /// What is not the streams' own.
    const SLACK_KIB: u64 = 256;
    for request in [GET.to_vec(), listen()] {
        let (tell, _gone) = mpsc::channel();
        let penstock = Penstock::start(silent_stream(tell), "");
        let before = penstock.descriptors();
        // The code that they run is read from the disk with the first.
        let first = open(&penstock, &request, STREAMS / 3);
        let resident = penstock.resident_kib();
        let others = open(&penstock, &request, STREAMS);
        let all = penstock.resident_kib();
        let bytes = all.saturating_sub(resident) * 1024 / STREAMS as u64;
        assert!(bytes <= STREAM_BYTES_MAX, "{bytes} bytes a stream");
        drop((first, others));
        for _ in 0..3 {
            eventually("every descriptor is closed", || penstock.descriptors() <= before);
            let again = open(&penstock, &request, STREAMS * 4 / 3);
            let now = penstock.resident_kib();
            assert!(now <= all + SLACK_KIB, "{now} KiB, and {all} when first opened");
            drop(again);
        }
    }
}

#[test]
fn a_stream_that_rests_has_forgotten_its_request_and_nothing_else() {
    for (request, noted) in [
        (GET.to_vec(), r#"verb=GET path=/mcp/up method="" name="" status=200"#),
        (listen(), r#"verb=POST path=/mcp/up method="subscriptions/listen" name="" status=200"#),
        // Nobody has asked for this one: it rests after a second's silence.
        (call(1), r#"verb=POST path=/mcp/up method="tools/call" name="t" status=200"#),
    ] {
        let (go, wait) = mpsc::channel::<()>();
        let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
        let upstream = common::upstream(move |mut stream| {
            let _ = read_request(&mut stream);
            let _ = stream.write_all(STREAM);
            let _ = stream.write_all(&chunk("data: begun\n\n"));
            let _ = wait.lock().map(|wait| wait.recv_timeout(PATIENCE));
            let _ = stream.write_all(&chunk("data: more\n\n"));
            let _ = stream.write_all(b"0\r\n\r\n");
            let _ = read_request(&mut stream);
            let _ = stream.write_all(&ok("{}"));
        });
        let penstock = Penstock::start(upstream, "log: { access: true }");
        let mut client = penstock.connect();
        client.send(&request);
        client.until(b"begun");
        std::thread::sleep(Duration::from_millis(1500));
        // Sent ahead: it is served when the stream has ended.
        client.send(&call(2));
        std::thread::sleep(Duration::from_millis(200));
        go.send(()).expect("the upstream waits");
        client.until(b"more\n\n\r\n0\r\n\r\n");
        assert_eq!(client.answer(), Some((200, "{}".into())));
        penstock.logs(noted);
    }
}

#[test]
fn open_streams_cost_little_and_leave_nothing() {
    const STREAMS: usize = 400;
    // Several times what a stream takes, a third of what one with a read buffer would.
    const STREAM_KIB_MAX: u64 = 16;
    let (tell, _gone) = mpsc::channel();
    let penstock = Penstock::start(silent_stream(tell), "");
    let before = penstock.descriptors();
    let resident = penstock.resident_kib();
    let get = b"GET /mcp/up HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    let mut clients: Vec<Client> = (0..STREAMS).map(|_| penstock.connect()).collect();
    for client in &mut clients {
        client.send(get);
    }
    for client in &mut clients {
        client.until(b"begun");
    }
    let grown = penstock.resident_kib().saturating_sub(resident);
    assert!(grown < STREAMS as u64 * STREAM_KIB_MAX, "{grown} KiB for {STREAMS} streams");
    drop(clients);
    eventually("every descriptor is closed", || penstock.descriptors() <= before);
}
