//! What an agent may use of the forward listener.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::peers::{connect, echo, echoes, opened, rest, tunnel};
use super::rig::{eventually, setup};

#[test]
fn an_agent_has_as_many_connections_as_it_is_given() {
    let echo = echo().to_string();
    let mut setup = setup(&[&echo]);
    setup.agent = ", forward_connections: 2".into();
    let rig = setup.start();
    let mut first = opened(&rig, &echo);
    let second = opened(&rig, &echo);
    let (status, body, _) = tunnel(&rig, &echo);
    assert_eq!(status, 503);
    assert!(body.contains("agents.claude.forward_connections"), "{body}");
    assert!(echoes(&mut first, b"undisturbed"));
    drop(second);
    eventually("a place is free", || tunnel(&rig, &echo).0 == 200);
}

#[test]
fn a_tunnel_carries_as_many_bytes_as_it_is_given_both_ways_together() {
    let echo = echo().to_string();
    let mut setup = setup(&[&echo]);
    setup.agent = ", forward_bytes: 1KiB".into();
    let rig = setup.start();
    let mut stream = opened(&rig, &echo);
    assert!(echoes(&mut stream, &[b'x'; 512]));
    assert!(!echoes(&mut stream, b"y"), "the 1025th byte was carried");
    assert_eq!(rig.refused("bytes"), 1);
}

#[test]
fn a_head_that_never_ends_is_a_408() {
    let mut setup = setup(&["pypi.org:443"]);
    setup.more = "limits: { head_timeout: 1s }".into();
    let rig = setup.start();
    let mut stream = connect(&rig);
    stream.write_all(b"CONNECT pypi.org:443 HTTP/1.1\r\n").expect("it is sent");
    let began = Instant::now();
    let answer = String::from_utf8(rest(&mut stream)).expect("text");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(5));
}
