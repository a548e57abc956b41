//! Who may use the forward listener, and under whose name.

use std::io::Write as _;

use super::peers::{answer, ask, connect, echo, echoes, opened, tunnel};
use super::rig::{allow, logged};

#[test]
fn only_an_agent_that_the_kernel_attests_is_served() {
    let echo = echo().to_string();
    let rig = allow(&[&echo]);
    assert!(echoes(&mut opened(&rig, &echo), b"hello"));
    rig.called_by("");
    let (status, body, _) = tunnel(&rig, &echo);
    assert_eq!(status, 403);
    assert!(body.contains("penstock run") && body.contains("egress apply"), "{body}");
    rig.called_by("nobody-knows-it");
    assert_eq!(tunnel(&rig, &echo).0, 403, "an agent that the configuration does not name");
    assert_eq!(rig.refused("caller"), 2);
    rig.called_by("other");
    let (status, body, _) = tunnel(&rig, &echo);
    let expected =
        format!("agent `other` may not reach {echo}; add \"{echo}\" to agents.other.forward");
    assert_eq!((status, body.trim_end()), (403, expected.as_str()));
}

#[test]
fn an_open_connection_follows_its_agent_through_a_reload() {
    let echo = echo().to_string();
    let mut rig = allow(&["pypi.org:443"]);
    let mut stream = connect(&rig);
    let head = format!("CONNECT {echo} HTTP/1.1\r\nHost: {echo}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    assert_eq!(answer(&mut stream).0, 403);
    rig.reload(&[&echo]);
    stream.write_all(head.as_bytes()).expect("it is sent");
    assert_eq!(answer(&mut stream).0, 200);
    assert!(echoes(&mut stream, b"now allowed"));
}

#[test]
fn a_tunnel_ends_when_the_configuration_no_longer_allows_it() {
    let echo = echo().to_string();
    let mut rig = allow(&[&echo]);
    let mut stream = opened(&rig, &echo);
    assert!(echoes(&mut stream, b"hello"));
    rig.reload(&[&echo, "pypi.org:443"]);
    assert!(echoes(&mut stream, b"still"), "a reload that changes other rules ends nothing");
    rig.reload(&["pypi.org:443"]);
    let _ = stream.write_all(b"x");
    assert!(!echoes(&mut stream, b"x"));
    logged(&[&format!("port={}", echo.rsplit(':').next().expect("a port")), "no longer allows"]);
}

#[test]
fn the_access_log_names_the_agent_on_every_listener() {
    let rig = allow(&["127.0.0.1:9"]);
    ask(&rig, "CONNECT access-log.example:443 HTTP/1.1\r\nHost: access-log.example:443\r\n\r\n");
    let line = logged(&["access-log.example", "access"]);
    for part in ["agent=\"claude\"", "port=443", "status=403", "sent=0", "millis="] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    let mut stream = std::net::TcpStream::connect(rig.mcp()).expect("a connection");
    stream.write_all(b"GET /who-calls HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
    assert_eq!(answer(&mut stream).0, 404);
    let line = logged(&["/who-calls"]);
    assert!(line.contains("agent=\"claude\""), "{line}");
}
