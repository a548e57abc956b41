//! Plain HTTP.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::peers::{answer, ask, connect, head, rest, server, whole_answer};
use super::rig::{allow, logged, setup};

type Heads = Arc<Mutex<Vec<String>>>;

fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let head = head(stream)?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Answers with the body that it was sent, and keeps heads.
fn web() -> (SocketAddr, Heads) {
    let heads = Heads::default();
    let kept = Arc::clone(&heads);
    let address = server(move |mut stream| {
        while let Some((head, body)) = request(&mut stream) {
            kept.lock().expect("the heads").push(head);
            let length = body.len() + 3;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nKeep-Alive: timeout=5\r\n\
                 Connection: keep-alive\r\nX-Own: y\r\n\r\ngot"
            );
            if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                return;
            }
        }
    });
    (address, heads)
}

#[test]
fn a_request_goes_on_in_origin_form_without_what_is_of_the_hop() {
    let (web, heads) = web();
    let rig = allow(&[&web.to_string()]);
    let mut stream = connect(&rig);
    let head = format!(
        "POST http://{web}/a/b?c=d HTTP/1.1\r\nHost: {web}\r\nProxy-Authorization: Basic c2VjcmV0\r\n\
         Proxy-Connection: keep-alive\r\nConnection: X-Hop\r\nX-Hop: 1\r\nPenstock-Agent: 1\r\n\
         Authorization: Bearer own\r\nX-Kept: 2\r\nContent-Length: 4\r\n\r\nbody"
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    let (answered, body) = whole_answer(&mut stream);
    assert!(answered.starts_with("HTTP/1.1 200 OK\r\n") && answered.contains("X-Own: y"));
    assert!(!answered.contains("Keep-Alive"), "{answered}");
    assert_eq!(body, "gotbody");
    let sent = heads.lock().expect("the heads")[0].clone();
    assert_eq!(
        sent,
        format!(
            "POST /a/b?c=d HTTP/1.1\r\nHost: {web}\r\nAuthorization: Bearer own\r\nX-Kept: 2\r\n\
             Content-Length: 4\r\nConnection: close\r\nVia: 1.1 penstock\r\n\r\n"
        )
    );
    let line = logged(&[&format!("port={}", web.port()), "verb=POST"]);
    for part in ["status=200", "agent=\"claude\"", &format!("address={web}")] {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

#[test]
fn one_connection_carries_requests_to_many_places_and_refusals_between() {
    let ((one, _), (two, _)) = (web(), web());
    let rig = allow(&[&one.to_string(), &two.to_string()]);
    let mut stream = connect(&rig);
    for (to, status) in
        [(one, 200), (two, 200), (SocketAddr::from(([10, 0, 0, 1], 80)), 403), (one, 200)]
    {
        let head = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it is sent");
        assert_eq!(answer(&mut stream).0, status);
    }
    // What comes behind a request is the next one and never part of it.
    let head = format!("GET http://{one}/ HTTP/1.1\r\nHost: {one}\r\n\r\n");
    stream.write_all(head.repeat(2).as_bytes()).expect("it is sent");
    assert_eq!((answer(&mut stream).0, answer(&mut stream).0), (200, 200));
}

#[test]
fn the_port_of_http_is_80_where_none_is_written() {
    let rig = allow(&["pypi.org:443"]);
    let mut stream = connect(&rig);
    stream
        .write_all(b"GET http://pypi.org HTTP/1.1\r\nHost: pypi.org\r\n\r\n")
        .expect("it is sent");
    let (status, body) = answer(&mut stream);
    assert_eq!(status, 403);
    assert!(body.contains("\"pypi.org:80\""), "{body}");
}

#[test]
fn an_answer_over_the_byte_limit_is_cut() {
    let long = server(|mut stream| {
        if request(&mut stream).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
            let _ = stream.write_all(&[b'x'; 10_000]);
            // What is over the limit comes when the beginning is on its way.
            std::thread::sleep(Duration::from_millis(300));
            let _ = stream.write_all(&vec![b'x'; 90_000]);
        }
    });
    let mut setup = setup(&[&long.to_string()]);
    setup.agent = ", forward_bytes: 50KiB".into();
    let rig = setup.start();
    let mut stream = connect(&rig);
    let head = format!("GET http://{long}/ HTTP/1.1\r\nHost: {long}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    let got = rest(&mut stream);
    assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", got[..80].escape_ascii());
    assert!((10_000..=50 << 10).contains(&got.len()), "{}", got.len());
    assert_eq!(rig.refused("bytes"), 1);
    assert_eq!(rig.metric("penstock_upstream_errors_total"), 0, "it did nothing wrong");
    // A request that is over it by itself does not go out.
    let mut stream = connect(&rig);
    let head =
        format!("PUT http://{long}/ HTTP/1.1\r\nHost: {long}\r\nContent-Length: 60000\r\n\r\n");
    stream.write_all(&[head.as_bytes(), &vec![b'x'; 60_000]].concat()).expect("it is sent");
    let (status, body) = answer(&mut stream);
    assert_eq!(status, 413);
    assert!(body.contains("agents.claude.forward_bytes"), "{body}");
}

#[test]
fn an_answer_whose_beginning_is_over_the_byte_limit_is_a_502() {
    let long = server(|mut stream| {
        if request(&mut stream).is_some() {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
            let _ = stream.write_all(&[&head[..], &[b'x'; 5000]].concat());
        }
    });
    let mut setup = setup(&[&long.to_string()]);
    setup.agent = ", forward_bytes: 1KiB".into();
    let rig = setup.start();
    let head = format!("GET http://{long}/ HTTP/1.1\r\nHost: {long}\r\n\r\n");
    let (status, body) = ask(&rig, &head);
    assert_eq!(status, 502, "{body}");
    assert!(body.contains("forward_bytes"), "{body}");
    assert_eq!(rig.refused("bytes"), 1);
    assert_eq!(rig.metric("penstock_upstream_errors_total"), 0, "it did nothing wrong");
}

#[test]
fn a_body_over_its_limit_is_a_413_and_a_server_that_closes_a_502() {
    let closes = server(|mut stream| drop(request(&mut stream)));
    let mut setup = setup(&[&closes.to_string()]);
    setup.more = "limits: { body_bytes: 1KiB }".into();
    let rig = setup.start();
    let mut stream = connect(&rig);
    let head =
        format!("PUT http://{closes}/ HTTP/1.1\r\nHost: {closes}\r\nContent-Length: 2000\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    assert_eq!(answer(&mut stream).0, 413);
    let mut stream = connect(&rig);
    let head = format!("GET http://{closes}/ HTTP/1.1\r\nHost: {closes}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    let (status, body) = answer(&mut stream);
    assert_eq!(status, 502);
    assert!(body.contains(&closes.to_string()), "{body}");
}
