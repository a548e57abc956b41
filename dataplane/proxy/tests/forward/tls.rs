//! The name that TLS asks for in a tunnel.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::peers::{hello, opened, rest, server, tls_client, tls_echo};
use super::rig::{PATIENCE, Rig, allow, eventually, logged, setup};

/// What a server that only listens was sent.
type Seen = Arc<Mutex<Vec<u8>>>;

/// A rig in which `local.test` and, as an address, 127.0.0.1 lead to a server that only listens.
fn listening() -> (Rig, Seen, u16) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let server = server(move |mut stream| {
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() {
            kept.lock().expect("the bytes").push(byte[0]);
        }
    });
    let port = server.port();
    let mut setup = setup(&[&format!("local.test:{port}"), &format!("127.0.0.1:{port}")]);
    setup.more = "limits: { head_timeout: 1s }".into();
    let rig = setup.start();
    rig.names.set("local.test", 60, &["127.0.0.1"]);
    (rig, seen, port)
}

/// What the client of a tunnel to `host` gets that sends these pieces.
fn sent(rig: &Rig, host: &str, port: u16, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = opened(rig, &format!("{host}:{port}"));
    for piece in pieces {
        if stream.write_all(piece).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    rest(&mut stream)
}

const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

#[test]
fn tls_to_the_name_of_the_tunnel_works() {
    let (server, roots) = tls_echo(&["local.test"]);
    let to = format!("local.test:{}", server.port());
    let rig = allow(&[&to, &server.to_string()]);
    rig.names.set("local.test", 60, &["127.0.0.1"]);
    let stream = opened(&rig, &to);
    let mut tls = rustls::StreamOwned::new(tls_client("local.test", roots), stream);
    tls.write_all(b"hello").expect("it is sent");
    let mut back = [0; 5];
    tls.read_exact(&mut back).expect("an echo");
    assert_eq!(&back, b"hello");
}

#[test]
fn a_hello_may_come_byte_by_byte() {
    let (rig, seen, port) = listening();
    let hello = hello("LOCAL.test");
    let mut stream = opened(&rig, &format!("local.test:{port}"));
    for byte in &hello[..hello.len() - 1] {
        stream.write_all(&[*byte]).expect("it is sent");
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(*seen.lock().expect("the bytes"), b"", "before it is whole, nothing goes out");
    stream.write_all(&hello[hello.len() - 1..]).expect("it is sent");
    eventually("the hello arrives", || *seen.lock().expect("the bytes") == hello);
    let length = hello.len() as u64;
    assert_eq!(rig.metric("penstock_forward_sent_bytes_total"), length);
}

#[test]
fn tls_that_asks_for_another_name_is_ended_by_an_alert_and_nothing_goes_out() {
    let (rig, seen, port) = listening();
    let other = hello("evil.example");
    let bytes: Vec<_> = other.chunks(1).collect();
    for pieces in [vec![&other[..]], bytes] {
        assert_eq!(sent(&rig, "local.test", port, &pieces), ALERT);
    }
    assert_eq!(sent(&rig, "127.0.0.1", port, &[&hello("local.test")]), ALERT);
    let nameless = hello("192.0.2.1");
    assert_eq!(sent(&rig, "local.test", port, &[&nameless]), ALERT, "a name is needed");
    assert_eq!(rig.refused("server_name"), 4);
    assert_eq!(*seen.lock().expect("the bytes"), b"");
    logged(&[&format!("port={port}"), "TLS asked for `evil.example`", "status=200"]);
}

#[test]
fn tls_to_an_address_asks_for_no_name() {
    let (rig, seen, port) = listening();
    let hello = hello("127.0.0.1");
    let mut stream = opened(&rig, &format!("127.0.0.1:{port}"));
    stream.write_all(&hello).expect("it is sent");
    eventually("the hello arrives", || *seen.lock().expect("the bytes") == hello);
}

#[test]
fn a_hello_that_is_huge_or_malformed_or_never_whole_is_refused() {
    let (rig, seen, port) = listening();
    let huge = [&[22, 3, 1, 0x40, 0, 1, 1, 0, 0][..], &vec![0; 20 << 10]].concat();
    assert_eq!(sent(&rig, "local.test", port, &[&huge]), ALERT);
    let mut twisted = hello("local.test");
    twisted[5] = 2;
    assert_eq!(sent(&rig, "local.test", port, &[&twisted]), ALERT);
    // Slowly, and never the last byte.
    let hello = hello("local.test");
    let slow: Vec<_> = hello[..40].chunks(10).collect();
    assert_eq!(sent(&rig, "local.test", port, &slow), ALERT);
    logged(&[&format!("port={port}"), "not whole within"]);
    // An end in the middle of it is an end.
    let mut stream = opened(&rig, &format!("local.test:{port}"));
    stream.write_all(&hello[..40]).expect("it is sent");
    stream.shutdown(std::net::Shutdown::Write).expect("it ends");
    assert_eq!(rest(&mut stream), b"");
    assert_eq!(*seen.lock().expect("the bytes"), b"");
}

#[test]
fn port_443_carries_nothing_but_tls() {
    let listener = std::net::TcpListener::bind("127.0.0.77:443");
    let listener = listener.expect("port 443 of a loopback address: run the tests as root");
    let rig = allow(&["127.0.0.77:443"]);
    let mut stream = opened(&rig, "127.0.0.77:443");
    let (mut far, _) = listener.accept().expect("a connection");
    far.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"SSH-2.0-x\r\n").expect("it is sent");
    assert_eq!(rest(&mut stream), b"");
    assert_eq!(rest(&mut far), b"");
    assert_eq!(rig.refused("server_name"), 1);
}
