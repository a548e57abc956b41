//! The core of what is promised holds on io_uring and on epoll alike.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::{
    Client, Penstock, Setup, always, call, chunk, eventually, find, free_port, modern_call, ok,
    post, read_request, reset, upstream,
};
use crate::tls::{Authority, agent, connect};

/// Each case once an engine, by name.
macro_rules! on_both {
    ($($case:ident)*) => {
        mod io_uring {
            $(#[test] fn $case() { super::$case("io_uring"); })*
        }
        mod epoll {
            $(#[test] fn $case() { super::$case("epoll"); })*
        }
    };
}

on_both! {
    calls_are_served
    a_stream_flows_and_its_modern_agent_cancels_it
    limits_and_timeouts_are_kept
    a_half_closed_agent_gets_its_answer
    resets_on_either_side_leave_nothing
    tls_is_spoken
    sigterm_drains
    a_silent_penstock_rests
}

fn start(engine: &'static str, upstream: SocketAddr, more: &str) -> Penstock {
    let penstock = Setup::to(upstream).backend(engine).more(more).start();
    penstock.logs(&format!("shards run on {engine}"));
    penstock
}

const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn calls_are_served(engine: &'static str) {
    let penstock = start(engine, always(ok(&"x".repeat(1 << 20))), "");
    let mut clients: Vec<Client> = (0..20).map(|_| penstock.connect()).collect();
    for id in 1..4 {
        for client in &mut clients {
            client.send(&call(id));
        }
        for client in &mut clients {
            assert_eq!(
                client.answer().map(|(status, body)| (status, body.len())),
                Some((200, 1 << 20))
            );
        }
    }
}

fn a_stream_flows_and_its_modern_agent_cancels_it(engine: &'static str) {
    let (tell, gone) = mpsc::channel();
    let endless = upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(STREAM);
        let _ = stream.write_all(&chunk("data: begun\n\n"));
        if read_request(&mut stream).is_none() {
            let _ = tell.send(());
        }
    });
    let penstock = start(engine, endless, "");
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    client.send(&modern_call(1));
    client.until(b"data: begun\n\n");
    drop(client);
    gone.recv_timeout(Duration::from_secs(5)).expect("the upstream's connection is closed");
    eventually("every descriptor is closed", || penstock.descriptors() <= before);
}

fn limits_and_timeouts_are_kept(engine: &'static str) {
    let limits = "limits: { body_bytes: 4KiB, head_timeout: 500ms, idle_timeout: 1s }";
    let penstock = start(engine, always(ok("{}")), limits);
    let before = penstock.descriptors();
    assert_eq!(penstock.connect().ask(&post(&"x".repeat(5000))).0, 413);
    assert_eq!(penstock.connect().ask(b"POST /mcp/up HT").0, 408);
    let idle = Instant::now();
    assert!(penstock.connect().rest().is_empty());
    assert!(idle.elapsed() < Duration::from_secs(3));
    assert_eq!(penstock.connect().ask(&call(1)).0, 200);
    eventually("all but one upstream's are closed", || penstock.descriptors() <= before + 1);
}

fn a_half_closed_agent_gets_its_answer(engine: &'static str) {
    let slow = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        sleep(Duration::from_millis(200));
        let _ = stream.write_all(&ok("{}"));
    });
    let penstock = start(engine, slow, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.stream.shutdown(Shutdown::Write).expect("a half-close");
    assert_eq!(client.answer(), Some((200, "{}".into())));
}

fn resets_on_either_side_leave_nothing(engine: &'static str) {
    let resetting = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(STREAM);
        reset(stream);
    });
    let penstock = start(engine, resetting, "");
    let before = penstock.descriptors();
    for _ in 0..20 {
        let mut client = penstock.connect();
        client.send(&call(1));
        client.rest();
        let mut client = penstock.connect();
        client.send(&call(1));
        reset(client.stream);
    }
    eventually("every descriptor is closed", || penstock.descriptors() <= before);
}

fn tls_is_spoken(engine: &'static str) {
    let (authority, address) = (Authority::new("root"), free_port());
    let entry = format!("{{ address: \"{address}\", tls: {{ certificate: l.pem, key: l.key }} }}");
    let body = "x".repeat(1 << 20);
    let setup = Setup::to(always(ok(&body))).backend(engine).listener(&entry);
    authority.issue("localhost").save(&setup.folder, "l");
    let _penstock = setup.start();
    let mut client = connect(address, agent(&authority, None, &[])).expect("TLS");
    for id in 1..4 {
        let (status, got) = client.ask(&call(id));
        assert!(status == 200 && got == body);
    }
}

fn sigterm_drains(engine: &'static str) {
    let slow = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(STREAM);
        sleep(Duration::from_millis(600));
        let _ = stream.write_all(&chunk("data: last\n\n"));
        let _ = stream.write_all(b"0\r\n\r\n");
    });
    let mut penstock = start(engine, slow, "");
    let mut idle = penstock.connect();
    let mut client = penstock.connect();
    client.send(&call(1));
    sleep(Duration::from_millis(200));
    penstock.signal("TERM");
    let answer = client.rest();
    assert!(find(&answer, b"data: last").is_some() && answer.ends_with(b"0\r\n\r\n"));
    assert!(idle.rest().is_empty());
    assert!(penstock.wait(), "the exit status is not 0");
}

fn a_silent_penstock_rests(engine: &'static str) {
    let penstock = start(engine, always(ok("{}")), "");
    let clients: Vec<Client> = (0..100).map(|_| penstock.connect()).collect();
    sleep(Duration::from_millis(300));
    let before = penstock.processor_time();
    sleep(Duration::from_secs(2));
    let spent = penstock.processor_time().saturating_sub(before);
    assert!(spent < Duration::from_millis(200), "{spent:?} of processor time in 2 s");
    drop(clients);
}
