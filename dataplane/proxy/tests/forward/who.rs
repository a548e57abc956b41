//! Who may use the forward listener, and under whose name.

use std::io::Write as _;

use penstock_config::agent_id;

use super::peers::{answer, ask, connect, echo, echoes, opened, tunnel};
use super::rig::{allow, eventually, logged, setup};

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
    let port = format!("port={}", echo.rsplit(':').next().expect("a port"));
    let line = logged(&["access", &port, "status=403"]);
    assert!(line.contains("host=\"127.0.0.1\""), "whoever it is, it is known where to: {line}");
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

#[test]
fn the_control_thread_speaks_for_the_agent_that_a_shard_has_named_to_it() {
    let rig = allow(&["127.0.0.1:9"]);
    let mut front = rig.front();
    let of_agent = format!("Penstock-Agent: {:x}\r\n", agent_id("other"));
    for (method, field) in [("for-other", of_agent.as_str()), ("for-nobody", "")] {
        let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\"}}");
        let length = body.len();
        let head = format!(
            "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {length}\r\n{field}\r\n"
        );
        front.write_all((head + &body).as_bytes()).expect("it is sent");
        assert_eq!(answer(&mut front).0, 502, "nobody listens there");
    }
    assert!(logged(&["for-other", "access"]).contains("agent=\"other\""));
    assert!(!logged(&["for-nobody", "access"]).contains("agent="), "it is said for each request");
}

#[test]
fn nobody_else_can_say_for_whom_a_request_is() {
    let rig = allow(&["127.0.0.1:9"]);
    let said = |agent: &str| {
        rig.called_by(agent);
        let mut stream = std::net::TcpStream::connect(rig.mcp()).expect("a connection");
        let head = format!(
            "GET /mcp/up/sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
             PENSTOCK-agent: {:x}\r\n\r\n",
            agent_id("other")
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        assert_eq!(answer(&mut stream).0, 404);
        let mut lines = std::mem::take(&mut *rig.names.lines.lock().expect("the lines"));
        lines.retain(|line| line.to_ascii_lowercase().starts_with("penstock-agent"));
        lines
    };
    assert_eq!(said(""), Vec::<String>::new());
    assert_eq!(said("claude"), [format!("penstock-agent: {:x}", agent_id("claude"))]);
}

#[test]
fn the_control_thread_comes_back_however_many_agents_there_are() {
    let mut setup = setup(&["127.0.0.1:9"]);
    setup.more = "limits: { connections: 1 }".into();
    let rig = setup.start();
    let agent = connect(&rig);
    let head = b"GET /mcp/none HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut many: Vec<_> = (0..3).map(|_| rig.front()).collect();
    for front in &mut many {
        front.write_all(head).expect("it is sent");
        assert_eq!(answer(front).0, 404);
    }
    // Nor do they take an agent's place.
    drop(agent);
    eventually("the agent's place is free", || {
        let mut agent = connect(&rig);
        agent.write_all(b"CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n").is_ok()
            && answer(&mut agent).0 == 400
    });
}
