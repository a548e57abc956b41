//! Answers that do not come to their end while they are held, and agents that do not wait for it.

use std::io::Write as _;
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{
    PATIENCE, Penstock, call, chunk, eventually, free_port, modern_call, ok, read_request, upstream,
};
use crate::{KEY, REDACTED, guarded, inspection, says_nothing_of_it};

const HEADS: [&str; 2] = [
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
];

/// The half of an answer, in the framing that its head says.
fn half(head: &str) -> Vec<u8> {
    let half = format!(r#"{{"a":"{KEY}","b":"#);
    let half = if head.contains("chunked") { chunk(&half) } else { half.into_bytes() };
    [head.as_bytes(), &half].concat()
}

#[test]
fn an_upstream_that_breaks_off_is_an_error_and_nothing_of_its_answer_passes() {
    for head in HEADS {
        let upstream = upstream(move |mut stream| {
            let _ = read_request(&mut stream);
            let _ = stream.write_all(&half(head));
        });
        let penstock = guarded(upstream, "");
        let mut client = penstock.connect();
        for id in [1, 2] {
            let (status, body) = client.ask(&call(id));
            assert_eq!(status, 502);
            assert!(body.contains("broke off in the middle of its answer"), "{body}");
            assert!(body.contains(&format!("\"id\":{id}")) && !body.contains(KEY), "{body}");
        }
        says_nothing_of_it(&penstock);
    }
}

#[test]
fn a_bad_chunk_is_an_error() {
    let upstream = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(&half(HEADS[1]));
        std::thread::sleep(Duration::from_millis(50));
        let _ = stream.write_all(b"no size\r\n");
    });
    let penstock = guarded(upstream, "");
    let (status, body) = penstock.connect().ask(&call(1));
    assert_eq!(status, 502);
    assert!(body.contains("the framing of its body"), "{body}");
}

#[test]
fn an_upstream_that_falls_silent_is_told_in_time() {
    let upstream = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(&half(HEADS[0]));
        let _ = read_request(&mut stream);
    });
    let entry = format!("{{ url: \"http://{upstream}/mcp\", stream_idle_timeout: 1s }}");
    let setup = crate::common::Setup::with(&entry).more(&inspection(""));
    setup.folder.write("own.toml", crate::RULES);
    let penstock = setup.start();
    let (status, body) = penstock.connect().ask(&call(1));
    assert_eq!(status, 504);
    assert!(body.contains("`stream_idle_timeout` in the middle of its answer"), "{body}");
}

#[test]
fn a_modern_agent_that_leaves_while_its_answer_is_held_cancels_it() {
    let (tell, gone) = mpsc::channel();
    let upstream = upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(&half(HEADS[0]));
        let _ = tell.send("begun");
        if read_request(&mut stream).is_none() {
            let _ = tell.send("gone");
        }
    });
    let admin = free_port();
    let penstock =
        crate::setup(upstream, "").more(&format!("\nadmin: {{ address: {admin} }}")).start();
    let mut client = penstock.connect();
    client.send(&modern_call(1));
    assert_eq!(gone.recv_timeout(PATIENCE), Ok("begun"));
    eventually("it is held", || !metric(admin, "penstock_inspection_held_bytes").ends_with(" 0"));
    drop(client);
    assert_eq!(gone.recv_timeout(Duration::from_secs(5)), Ok("gone"));
    eventually("nothing is held", || {
        metric(admin, "penstock_inspection_held_bytes").ends_with(" 0")
    });
    drop(penstock);
}

/// One line of the metrics.
pub(crate) fn metric(admin: std::net::SocketAddr, name: &str) -> String {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\n\r\n");
    let (_, text) = crate::common::Client::connect(admin).ask(request.as_bytes());
    text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
}

#[test]
fn an_answer_that_is_held_is_given_out_by_a_draining_penstock() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let upstream = upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let answer = ok(&format!(r#"{{"a":"{KEY}"}}"#));
        let _ = stream.write_all(&answer[..answer.len() - 9]);
        let _ = wait.lock().map(|wait| wait.recv_timeout(PATIENCE));
        let _ = stream.write_all(&answer[answer.len() - 9..]);
        let _ = read_request(&mut stream);
    });
    let mut penstock: Penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    std::thread::sleep(Duration::from_millis(200));
    penstock.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    go.send(()).expect("the upstream waits");
    assert_eq!(client.answer(), Some((200, format!(r#"{{"a":"{REDACTED}"}}"#))));
    assert!(penstock.wait());
}

/// What one shard holds at most.
const HELD_BYTES_MAX: u64 = 256 << 20;

#[test]
fn no_more_is_held_than_a_shard_has_room_for() {
    let upstream = upstream(|mut stream| {
        while let Some((_, body)) = read_request(&mut stream) {
            if body.windows(6).any(|part| part == b"\"id\":2") {
                let _ = stream.write_all(&ok("{}"));
                continue;
            }
            let length = HELD_BYTES_MAX + (64 << 20);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            );
            let piece = vec![b'x'; 1 << 20];
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&piece).is_ok() {}
            return;
        }
    });
    let admin = free_port();
    let penstock = crate::setup(upstream, ", message_bytes: 1GiB")
        .more(&format!("\nadmin: {{ address: {admin} }}"))
        .start();
    let mut client = penstock.connect();
    let (status, body) = client.ask(&call(1));
    assert_eq!(status, 503);
    assert!(body.contains("too much is held at once"), "{body}");
    assert_eq!(client.ask(&call(2)), (200, "{}".into()));
    assert!(metric(admin, "penstock_inspection_held_bytes").ends_with(" 0"));
}

#[test]
fn an_answer_with_more_behind_it_is_passed_without_that() {
    for surplus in ["HTTP/1.1 200 OK\r\n", KEY] {
        let body = format!(r#"{{"a":"{KEY}"}}"#);
        let chunked = [HEADS[1].as_bytes(), &chunk(&body), b"0\r\n\r\n"].concat();
        for answer in [ok(&body), chunked] {
            let answer = [&answer[..], surplus.as_bytes()].concat();
            let penstock = guarded(crate::common::always(answer), "");
            let mut client = penstock.connect();
            for id in [1, 2] {
                assert_eq!(client.ask(&call(id)), (200, format!(r#"{{"a":"{REDACTED}"}}"#)));
            }
            assert!(client.buffered().is_empty());
        }
    }
}
