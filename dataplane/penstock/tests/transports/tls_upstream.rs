//! TLS towards upstreams.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::{
    Penstock, Setup, always, call, chunk, eventually, find, ok, post, read_request, upstream,
};
use crate::tls::{Authority, Identity, TlsServer, close, server, tls_upstream};

/// Serves every request with the bytes it sent.
fn echo(mut stream: TlsServer) {
    while let Some((_, body)) = read_request(&mut stream) {
        let text = String::from_utf8_lossy(&body).into_owned();
        if stream.write_all(&ok(&text)).is_err() {
            return;
        }
    }
}

/// In front of `https://localhost`, trusting `trusts`. `more` is added to the upstream's `tls`.
fn start(upstream: SocketAddr, trusts: &Authority, more: &str) -> Penstock {
    let setup = setup(upstream, more);
    trusts.save(&setup.folder, "ca.pem");
    setup.start()
}

fn setup(upstream: SocketAddr, more: &str) -> Setup {
    let port = upstream.port();
    Setup::with(&format!(
        "{{ url: \"https://localhost:{port}/mcp\", connect_timeout: 2s, tls: {{ ca: ca.pem{more} }} }}"
    ))
    .more("limits: { body_bytes: 16MiB }")
}

#[track_caller]
fn fails(penstock: &Penstock, status: u16, says: &[&str]) {
    let before = penstock.descriptors();
    let (got, body) = penstock.connect().ask(&call(7));
    assert_eq!(got, status, "{body}");
    for text in says.iter().chain(&["\"id\":7", "upstream `up`"]) {
        assert!(body.contains(text), "{text} is not in {body}");
    }
    eventually("the connection is closed", || penstock.descriptors() <= before);
}

#[test]
fn calls_are_served_with_the_name_and_the_protocol_told() {
    let authority = Authority::new("root");
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let upstream = tls_upstream(&server(&authority.issue("localhost"), None), move |stream| {
        let name = stream.conn.server_name().map(ToOwned::to_owned);
        let protocol = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
        tell.lock().expect("the list").push((name, protocol));
        echo(stream);
    });
    let penstock = start(upstream, &authority, "");
    let mut client = penstock.connect();
    for id in 1..5 {
        assert_eq!(client.ask(&call(id)).0, 200);
    }
    let expected = (Some("localhost".to_owned()), Some(b"http/1.1".to_vec()));
    assert_eq!(*told.lock().expect("the list"), [expected], "one connection carries all");
}

#[test]
fn large_bodies_pass_both_ways() {
    let authority = Authority::new("root");
    let upstream = tls_upstream(&server(&authority.issue("localhost"), None), echo);
    let penstock = start(upstream, &authority, "");
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{"a":"{}"}}}}}}"#,
        "0123456789abcdef".repeat(8 << 16)
    );
    let (status, body) = penstock.connect().ask(&post(&large));
    assert_eq!(status, 200);
    assert!(body == large, "{} bytes came back of {}", body.len(), large.len());
}

#[test]
fn an_event_is_passed_on_as_soon_as_it_came() {
    let authority = Authority::new("root");
    let upstream = tls_upstream(&server(&authority.issue("localhost"), None), |mut stream| {
        let _ = read_request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head);
        for event in 0..5 {
            let _ = stream.write_all(&chunk(&format!("data: {event}\n\n")));
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = stream.write_all(b"0\r\n\r\n");
        close(stream, true);
    });
    let penstock = start(upstream, &authority, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"data: 0\n\n");
    let first = Instant::now();
    client.until(b"0\r\n\r\n");
    assert!(first.elapsed() > Duration::from_millis(300), "the events came together");
}

#[test]
fn a_server_that_cannot_be_verified_is_a_502_that_says_so() {
    let (authority, other) = (Authority::new("root"), Authority::new("other"));
    let serve = |identity: &Identity| tls_upstream(&server(identity, None), echo);
    let localhost = serve(&authority.issue("localhost"));
    fails(&start(localhost, &other, ""), 502, &["TLS handshake", "UnknownIssuer"]);
    let elsewhere = serve(&authority.issue("elsewhere.example"));
    fails(&start(elsewhere, &authority, ""), 502, &["TLS handshake", "not valid for"]);
    let expired = serve(&authority.issue_expired("localhost"));
    fails(&start(expired, &authority, ""), 502, &["TLS handshake", "expired"]);
}

#[test]
fn server_name_is_what_the_certificate_must_carry() {
    let authority = Authority::new("root");
    let identity = authority.issue("elsewhere.example");
    let upstream = tls_upstream(&server(&identity, None), |stream| {
        assert_eq!(stream.conn.server_name(), Some("elsewhere.example"));
        echo(stream);
    });
    let penstock = start(upstream, &authority, ", server_name: elsewhere.example");
    assert_eq!(penstock.connect().ask(&call(1)).0, 200);
}

#[test]
fn a_client_certificate_is_presented_where_one_is_configured() {
    let (authority, clients) = (Authority::new("root"), Authority::new("clients"));
    let config = server(&authority.issue("localhost"), Some(&clients));
    let upstream = tls_upstream(&config, echo);
    let setup = setup(upstream, ", certificate: me.pem, key: me.key");
    authority.save(&setup.folder, "ca.pem");
    clients.issue("penstock").save(&setup.folder, "me");
    assert_eq!(setup.start().connect().ask(&call(1)).0, 200);
    // Without one the server ends the connection; nothing hangs.
    fails(&start(upstream, &authority, ""), 502, &[]);
}

#[test]
fn a_server_without_tls_or_stalled_in_it_fails_the_call_in_time() {
    let authority = Authority::new("root");
    let plain = upstream(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        let _ = read_request(&mut stream);
    });
    fails(&start(plain, &authority, ""), 502, &["TLS handshake"]);
    let stalled = upstream(|mut stream| while read_request(&mut stream).is_some() {});
    fails(&start(stalled, &authority, ""), 504, &["connect_timeout"]);
}

/// The agent's reading of an answer that only the connection's end delimits, ended so.
fn until_close(properly: bool) -> Vec<u8> {
    let authority = Authority::new("root");
    let config = server(&authority.issue("localhost"), None);
    let upstream = tls_upstream(&config, move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nan answer");
        close(stream, properly);
    });
    let penstock = start(upstream, &authority, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    let _ = client.stream.shutdown(std::net::Shutdown::Write);
    client.rest()
}

#[test]
fn an_answer_that_ends_without_close_notify_is_seen_to_be_cut() {
    assert!(until_close(true).ends_with(b"\r\n0\r\n\r\n"));
    let cut = until_close(false);
    assert!(find(&cut, b"an answer").is_some() && !cut.ends_with(b"0\r\n\r\n"));
}

#[test]
fn the_end_is_seen_although_the_server_waits_for_ours() {
    let authority = Authority::new("root");
    let config = server(&authority.issue("localhost"), None);
    let upstream = tls_upstream(&config, |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nan answer");
        stream.conn.send_close_notify();
        let _ = stream.flush();
        let _ = read_request(&mut stream);
    });
    let penstock = start(upstream, &authority, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"\r\n0\r\n\r\n");
}

#[test]
fn a_changed_root_is_trusted_after_sighup() {
    let (authority, next) = (Authority::new("root"), Authority::new("next"));
    let upstream = tls_upstream(&server(&next.issue("localhost"), None), echo);
    let penstock = start(upstream, &authority, "");
    assert_eq!(penstock.connect().ask(&call(1)).0, 502);
    next.save(&penstock.setup.folder, "ca.pem");
    penstock.signal("HUP");
    eventually("the new root is trusted", || penstock.connect().ask(&call(1)).0 == 200);
}

#[test]
fn plain_upstreams_are_untouched_by_the_tls_of_others() {
    let authority = Authority::new("root");
    let secure = tls_upstream(&server(&authority.issue("localhost"), None), echo);
    let setup =
        setup(secure, "").also("plain", &format!("{{ url: \"http://{}/\" }}", always(ok("1"))));
    authority.save(&setup.folder, "ca.pem");
    let penstock = setup.start();
    let plain = String::from_utf8(call(1)).expect("text").replace("/mcp/up", "/mcp/plain");
    let mut client = penstock.connect();
    for _ in 0..3 {
        assert_eq!(client.ask(&call(1)).0, 200);
        assert_eq!(client.ask(plain.as_bytes()), (200, "1".into()));
    }
}

#[test]
fn a_changed_root_is_trusted_without_a_signal() {
    let (authority, next) = (Authority::new("root"), Authority::new("next"));
    let upstream = tls_upstream(&server(&next.issue("localhost"), None), echo);
    let penstock = start(upstream, &authority, "");
    assert_eq!(penstock.connect().ask(&call(1)).0, 502);
    next.save(&penstock.setup.folder, "ca.pem");
    eventually("the new root is trusted", || penstock.connect().ask(&call(1)).0 == 200);
}

#[test]
fn a_server_that_demands_a_certificate_is_a_502_that_says_so() {
    let (authority, clients) = (Authority::new("root"), Authority::new("clients"));
    let config = server(&authority.issue("localhost"), Some(&clients));
    fails(&start(tls_upstream(&config, echo), &authority, ""), 502, &["CertificateRequired"]);
}
