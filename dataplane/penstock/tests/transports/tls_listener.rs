//! TLS towards agents.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::common::{
    Client, PATIENCE, Penstock, Setup, always, call, chunk, eventually, find, free_port,
    modern_call, ok, post, read_request, upstream,
};
use crate::tls::{Authority, Identity, agent, ask, connect};

/// A penstock with a TLS listener, and where that listens.
fn start(identity: &Identity, upstream: SocketAddr, more: &str) -> (Penstock, SocketAddr) {
    over(identity, Setup::to(upstream).more(more))
}

fn over(identity: &Identity, setup: Setup) -> (Penstock, SocketAddr) {
    let address = free_port();
    let entry = format!("{{ address: \"{address}\", tls: {{ certificate: l.pem, key: l.key }} }}");
    let setup = setup.listener(&entry);
    identity.save(&setup.folder, "l");
    (setup.start(), address)
}

#[test]
fn calls_are_served_and_http11_is_agreed_on() {
    let authority = Authority::new("root");
    let (_penstock, address) = start(&authority.issue("localhost"), always(ok("{}")), "");
    let mut client = connect(address, agent(&authority, None, &["h2", "http/1.1"])).expect("TLS");
    assert_eq!(client.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    for id in 1..5 {
        assert_eq!(client.ask(&call(id)).0, 200);
    }
    // Without ALPN, HTTP/1.1 is what is meant; with only what penstock does not speak, nothing is.
    assert_eq!(ask(address, agent(&authority, None, &[]), &call(1)).expect("an answer").0, 200);
    let refused = connect(address, agent(&authority, None, &["h2"])).map(drop);
    assert!(refused.expect_err("h2 alone").to_string().contains("NoApplicationProtocol"));
}

#[test]
fn a_request_that_comes_with_the_end_of_the_handshake_is_served() {
    let authority = Authority::new("root");
    let (_penstock, address) = start(&authority.issue("localhost"), always(ok("{}")), "");
    let name = ServerName::try_from("localhost").expect("a name");
    let config = agent(&authority, None, &["http/1.1"]);
    let mut tls = ClientConnection::new(config.into(), name).expect("a client's side");
    let mut socket = TcpStream::connect(address).expect("penstock accepts");
    socket.set_read_timeout(Some(PATIENCE / 4)).expect("a read timeout");
    let mut flight = Vec::new();
    while tls.is_handshaking() {
        tls.write_tls(&mut flight).expect("a flight");
        socket.write_all(&std::mem::take(&mut flight)).expect("penstock reads");
        tls.read_tls(&mut socket).expect("penstock's flight");
        tls.process_new_packets().expect("its flight is valid");
    }
    tls.writer().write_all(&call(1)).expect("a request");
    while tls.wants_write() {
        tls.write_tls(&mut flight).expect("the last flight and the request");
    }
    socket.write_all(&flight).expect("penstock reads");
    let mut client = Client::over(rustls::StreamOwned::new(tls, socket));
    assert_eq!(client.answer(), Some((200, "{}".into())));
}

#[test]
fn what_is_no_tls_ends_there_and_leaves_nothing() {
    let authority = Authority::new("root");
    let (penstock, address) = start(&authority.issue("localhost"), always(ok("{}")), "");
    let before = penstock.descriptors();
    for junk in [&call(1)[..], b"\x16\x03\x01\xff\xff", &[0; 3000], b"\x16\x03\x01\x00\x05\x01"] {
        let mut client = Client::connect(address);
        client.send(junk);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        // An alert at most: never an answer in the clear.
        assert!(find(&client.rest(), b"HTTP/").is_none());
    }
    eventually("every descriptor is closed", || penstock.descriptors() <= before);
    assert_eq!(ask(address, agent(&authority, None, &[]), &call(1)).expect("an answer").0, 200);
}

#[test]
fn a_handshake_slower_than_head_timeout_is_ended() {
    let authority = Authority::new("root");
    let limits = "limits: { head_timeout: 500ms }\nlog: { level: debug }";
    let (penstock, address) = start(&authority.issue("localhost"), always(ok("{}")), limits);
    for begun in [&b""[..], b"\x16\x03\x01\x00\xff\x01\x00"] {
        let mut client = Client::connect(address);
        client.send(begun);
        let began = Instant::now();
        assert!(client.rest().is_empty());
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    penstock.logs("head_timeout");
}

#[test]
fn a_connection_over_the_limit_costs_no_handshake() {
    let authority = Authority::new("root");
    let limits = "limits: { connections: 1 }";
    let (_penstock, address) = start(&authority.issue("localhost"), always(ok("{}")), limits);
    let mut first = connect(address, agent(&authority, None, &[])).expect("TLS");
    assert_eq!(first.ask(&call(1)).0, 200);
    assert!(connect(address, agent(&authority, None, &[])).is_err());
    drop(first);
    eventually("the place is free", || connect(address, agent(&authority, None, &[])).is_ok());
}

#[test]
fn large_bodies_and_streams_pass_both_ways() {
    let authority = Authority::new("root");
    let echo = upstream(|mut stream| {
        while let Some((_, body)) = read_request(&mut stream) {
            let text = String::from_utf8_lossy(&body).into_owned();
            if stream.write_all(&ok(&text)).is_err() {
                return;
            }
        }
    });
    let limits = "limits: { body_bytes: 16MiB }";
    let (_penstock, address) = start(&authority.issue("localhost"), echo, limits);
    let mut client = connect(address, agent(&authority, None, &[])).expect("TLS");
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{"a":"{}"}}}}}}"#,
        "0123456789abcdef".repeat(8 << 16)
    );
    assert!(large.len() > 8 << 20);
    for _ in 0..2 {
        let (status, body) = client.ask(&post(&large));
        assert_eq!(status, 200);
        assert!(body == large, "{} bytes came back of {}", body.len(), large.len());
    }
}

#[test]
fn an_event_is_passed_on_as_soon_as_it_came() {
    let authority = Authority::new("root");
    let stepwise = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head);
        for event in 0..5 {
            let _ = stream.write_all(&chunk(&format!("data: {event}\n\n")));
            sleep(Duration::from_millis(100));
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    });
    let (_penstock, address) = start(&authority.issue("localhost"), stepwise, "");
    let mut client = connect(address, agent(&authority, None, &[])).expect("TLS");
    client.send(&call(1));
    client.until(b"data: 0\n\n");
    let first = Instant::now();
    client.until(b"0\r\n\r\n");
    assert!(first.elapsed() > Duration::from_millis(300), "the events came together");
}

#[test]
fn a_changed_certificate_is_used_without_a_restart_and_without_a_failed_call() {
    let authority = Authority::new("root");
    let (penstock, address) = start(&authority.issue("localhost"), always(ok("{}")), "");
    let config = || agent(&authority, None, &[]);
    let presented = || {
        let client = connect(address, config()).expect("TLS");
        client.stream.conn.peer_certificates().expect("a certificate")[0].clone()
    };
    let mut kept = connect(address, config()).expect("TLS");
    let mut works = || {
        assert_eq!(kept.ask(&call(1)).0, 200);
        assert_eq!(ask(address, config(), &call(2)).expect("an answer").0, 200);
    };
    works();

    let next = authority.issue("localhost");
    next.save(&penstock.setup.folder, "l");
    eventually("the new certificate is presented", || {
        works();
        presented() == next.der
    });

    // A bad file changes nothing, and the log says why.
    penstock.setup.folder.write("l.pem", "nonsense");
    penstock.signal("HUP");
    eventually("the log names the file", || {
        works();
        let log = penstock.log();
        log.contains("not reloaded") && log.contains("l.pem")
    });
    assert_eq!(presented(), next.der);

    let third = authority.issue("localhost");
    third.save(&penstock.setup.folder, "l");
    penstock.signal("HUP");
    let signalled = Instant::now();
    eventually("the third certificate is presented", || {
        works();
        presented() == third.der
    });
    assert!(signalled.elapsed() < Duration::from_secs(2), "SIGHUP waits for nothing");
}

#[test]
fn an_answer_cut_short_is_seen_to_be() {
    let authority = Authority::new("root");
    let half = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    });
    let (_penstock, address) = start(&authority.issue("localhost"), half, "");
    let mut client = connect(address, agent(&authority, None, &[])).expect("TLS");
    client.send(&call(1));
    assert!(client.rest().ends_with(b"half"));
}

#[test]
fn an_agent_that_reads_nothing_is_let_go() {
    let authority = Authority::new("root");
    let limits = "limits: { write_timeout: 1s }";
    let large = always(ok(&"x".repeat(32 << 20)));
    let (penstock, address) = start(&authority.issue("localhost"), large, limits);
    let before = penstock.descriptors();
    let mut client = connect(address, agent(&authority, None, &[])).expect("TLS");
    client.send(&modern_call(1));
    sleep(Duration::from_millis(300));
    eventually("the agent's connection is closed", || penstock.descriptors() <= before);
    assert!(penstock.resident_kib() < 64 << 10, "{} KiB", penstock.resident_kib());
}

#[test]
fn an_agent_that_goes_without_a_close_notify_leaves_nothing() {
    let authority = Authority::new("root");
    let upstream = always(ok("{}"));
    // Calls whose agents are gone have connections of their own, which may be kept for as long.
    let setup = Setup::with(&format!("{{ url: \"http://{upstream}/mcp\", idle_timeout: 1s }}"));
    let (penstock, address) = over(&authority.issue("localhost"), setup);
    let before = penstock.descriptors();
    for _ in 0..10 {
        let client = connect(address, agent(&authority, None, &[])).expect("TLS");
        drop(client);
        let mut client = connect(address, agent(&authority, None, &[])).expect("TLS");
        client.send(&call(1));
        let _ = client.stream.sock.read(&mut [0; 10]);
    }
    eventually("every descriptor is closed", || penstock.descriptors() == before);
}

#[test]
fn an_idle_connection_is_closed_with_a_close_notify() {
    let authority = Authority::new("root");
    let limits = "limits: { idle_timeout: 1s }";
    let (penstock, address) = start(&authority.issue("localhost"), always(ok("{}")), limits);
    let mut idle = connect(address, agent(&authority, None, &[])).expect("TLS");
    assert_eq!(idle.stream.read(&mut [0]).expect("a proper end"), 0);
    let mut drained = connect(address, agent(&authority, None, &[])).expect("TLS");
    assert_eq!(drained.ask(&call(1)).0, 200);
    penstock.signal("TERM");
    assert_eq!(drained.stream.read(&mut [0]).expect("a proper end"), 0);
}

#[test]
fn doctor_tells_of_a_certificate_that_has_ended() {
    let authority = Authority::new("servers");
    let address = free_port();
    let setup = Setup::to(always(ok("{}"))).listener(&format!(
        "{{ address: \"{address}\", tls: {{ certificate: l.pem, key: l.key }} }}"
    ));
    setup.folder.write("penstock.yaml", &setup.text(free_port()));
    let doctor = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_penstock"));
        command.arg("--config").arg(setup.folder.path("penstock.yaml")).arg("doctor");
        let output = command.output().expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    authority.issue("localhost").save(&setup.folder, "l");
    let (good, said) = doctor();
    assert!(good, "{said}");
    authority.issue_expired("localhost").save(&setup.folder, "l");
    let (good, said) = doctor();
    assert!(!good && said.contains("has held until"), "{said}");
}

#[test]
fn check_refuses_a_certificate_that_serve_would_refuse() {
    let authority = Authority::new("servers");
    let address = free_port();
    let setup = Setup::to(always(ok("{}"))).listener(&format!(
        "{{ address: \"{address}\", tls: {{ certificate: l.pem, key: other.key }} }}"
    ));
    authority.issue("localhost").save(&setup.folder, "l");
    authority.issue("localhost").save(&setup.folder, "other");
    setup.folder.write("penstock.yaml", &setup.text(free_port()));
    for verb in ["check", "serve"] {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_penstock"))
            .arg("--config")
            .arg(setup.folder.path("penstock.yaml"))
            .arg(verb)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(78), "{verb}: {said}");
        assert!(said.contains("l.pem") && said.contains("do not fit"), "{verb}: {said}");
    }
}
