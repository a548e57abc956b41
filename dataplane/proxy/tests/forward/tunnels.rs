//! Tunnels of anything: bytes, ends, resets.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use penstock_config::Backend;

use super::peers::{connect, echo, echoes, opened, rest, server, tunnel};
use super::rig::{allow, eventually, logged, setup};

/// Bytes that look like nothing.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(&mut next).flatten().take(length).collect();
    bytes[0] = b'S';
    bytes
}

#[test]
fn many_bytes_arrive_as_they_were_sent_both_ways_at_once_on_either_engine() {
    let echo = echo().to_string();
    for backend in [Backend::Auto, Backend::Epoll] {
        let rig = {
            let mut setup = setup(&[&echo]);
            setup.backend = backend;
            setup.start()
        };
        let stream = opened(&rig, &echo);
        let sent = noise(20 << 20);
        let (mut writer, copy) = (stream.try_clone().expect("a descriptor"), sent.clone());
        let writing = std::thread::spawn(move || {
            writer.write_all(&copy).expect("it is sent");
            writer.shutdown(Shutdown::Write).expect("it ends");
        });
        let received = rest(&mut &stream);
        writing.join().expect("the writer");
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
        eventually("the tunnel ends", || rig.metric("penstock_forward_open") == 0);
        assert_eq!(rig.metric("penstock_forward_sent_bytes_total"), sent.len() as u64);
        assert_eq!(rig.metric("penstock_forward_received_bytes_total"), sent.len() as u64);
    }
}

#[test]
fn a_server_may_speak_first() {
    let ssh = server(|mut stream| {
        stream.write_all(b"SSH-2.0-test\r\n").expect("it is sent");
        let mut said = [0; 9];
        stream.read_exact(&mut said).expect("an answer");
        stream.write_all(&said).expect("it is sent");
    });
    let rig = allow(&[&ssh.to_string()]);
    let mut stream = opened(&rig, &ssh.to_string());
    let mut banner = [0; 14];
    stream.read_exact(&mut banner).expect("a banner");
    assert_eq!(&banner, b"SSH-2.0-test\r\n");
    assert!(echoes(&mut stream, b"SSH-2.0-x"));
    assert_eq!(rest(&mut stream), b"");
}

#[test]
fn bytes_sent_with_the_request_are_the_tunnels_first() {
    let echo = echo().to_string();
    let rig = allow(&[&echo]);
    let mut stream = connect(&rig);
    let head = format!("CONNECT {echo} HTTP/1.1\r\nHost: {echo}\r\n\r\nearly");
    stream.write_all(head.as_bytes()).expect("it is sent");
    stream.shutdown(Shutdown::Write).expect("it ends");
    let all = String::from_utf8(rest(&mut stream)).expect("text");
    assert!(all.starts_with("HTTP/1.1 200 ") && all.ends_with("\r\n\r\nearly"), "{all}");
}

#[test]
fn the_end_of_one_way_leaves_the_other_open() {
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&got);
    let until_end = server(move |mut stream| {
        // Only an end lets this go on.
        *kept.lock().expect("the bytes") = rest(&mut stream);
        stream.write_all(b"all read").expect("it is sent");
    });
    let rig = allow(&[&until_end.to_string()]);
    let mut stream = opened(&rig, &until_end.to_string());
    stream.write_all(b"question").expect("it is sent");
    stream.shutdown(Shutdown::Write).expect("it ends");
    assert_eq!(rest(&mut stream), b"all read");
    assert_eq!(*got.lock().expect("the bytes"), b"question");
    let port = until_end.port();
    logged(&[&format!("port={port}"), "end=\"closed\"", "sent=8", "received=8", "status=200"]);
}

#[test]
fn a_reset_is_passed_on_as_one() {
    let resets = server(|mut stream| {
        let _ = stream.read_exact(&mut [0; 4]);
        socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("set");
    });
    let rig = allow(&[&resets.to_string()]);
    let mut stream = opened(&rig, &resets.to_string());
    stream.write_all(b"ping").expect("it is sent");
    // `read` itself may be interrupted.
    let end = stream.read_exact(&mut [0; 4]).expect_err("a reset, not an end");
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_destination_where_nobody_listens_is_a_502_with_its_address() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("its address").to_string()
    };
    let rig = allow(&[&gone]);
    let (status, body, _) = tunnel(&rig, &gone);
    assert_eq!(status, 502);
    assert!(body.contains(&gone) && body.contains("refused"), "{body}");
}

#[test]
fn a_tunnel_goes_on_while_penstock_drains() {
    let echo = echo().to_string();
    let rig = allow(&[&echo]);
    let mut stream = opened(&rig, &echo);
    assert!(echoes(&mut stream, b"before"));
    rig.drain();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(echoes(&mut stream, b"still") && !rig.ended());
    drop(stream);
    eventually("the shards end after the last tunnel", || rig.ended());
}
