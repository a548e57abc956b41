//! The operators' listener tells what the shards did.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr};

use crate::common::{
    Client, Penstock, Setup, always, call, chunk, eventually, free_port, modern_call, ok,
    read_request, upstream,
};

struct Watched {
    penstock: Penstock,
    admin: std::net::SocketAddr,
}

impl Watched {
    fn start(more: &str) -> Self {
        Self::over(Setup::to(always(ok("{}"))), more)
    }

    fn over(setup: Setup, more: &str) -> Self {
        let admin = free_port();
        let more = format!("admin: {{ address: \"{admin}\" }}\n{more}");
        Self { penstock: setup.more(&more).start(), admin }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Client::connect(self.admin).ask(request.as_bytes())
    }

    /// One metric's value on the only shard.
    fn metric(&self, name: &str, labels: &str) -> u64 {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        let start = format!("penstock_{name}{{shard=\"0\"{labels}}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{start} in {text}"))
    }
}

#[test]
fn it_says_that_penstock_lives_is_ready_and_runs_on_what() {
    let watched = Watched::start("");
    assert_eq!(watched.get("/healthz").0, 200);
    assert_eq!(watched.get("/readyz").0, 200);
    assert_eq!(watched.get("/").0, 404);
    let (_, metrics) = watched.get("/metrics");
    let version = env!("CARGO_PKG_VERSION");
    let named = ["io_uring", "epoll"].map(|engine| {
        metrics.contains(&format!("penstock_info{{version=\"{version}\",engine=\"{engine}\"}} 1\n"))
    });
    assert_eq!(named.into_iter().filter(|named| *named).count(), 1);
}

#[test]
fn every_answer_is_counted_and_every_refusal_by_its_reason() {
    let watched =
        Watched::start("limits: { head_bytes: 1KiB, target_bytes: 256B, body_bytes: 1KiB }");
    let before = watched.metric("answers_ok_total", "");
    let mut client = watched.penstock.connect();
    for id in 0..3 {
        assert_eq!(client.ask(&call(id)).0, 200);
    }
    assert_eq!(watched.metric("answers_ok_total", ""), before + 3);
    assert!(watched.metric("upstream_reused_total", "") >= 2);

    let line = "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\n";
    let cases = [
        ("malformed", format!("{line}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400),
        ("head", format!("{line}X: {}\r\n\r\n", "x".repeat(2000)), 431),
        ("body", format!("{line}Content-Length: 4096\r\n\r\n"), 413),
        ("host", "GET /mcp/up HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(), 403),
        ("origin", format!("{line}Origin: http://evil.example\r\n\r\n"), 403),
        ("path", "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 404),
        ("method", "PUT /mcp/up HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 405),
        ("message", format!("{line}Content-Length: 2\r\n\r\n[]"), 400),
    ];
    for (reason, request, status) in cases {
        let labels = format!(",reason=\"{reason}\"");
        let before = watched.metric("refusals_total", &labels);
        assert_eq!(watched.penstock.connect().ask(request.as_bytes()).0, status, "{reason}");
        assert_eq!(watched.metric("refusals_total", &labels), before + 1, "{reason}");
    }
}

const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// An upstream that sends this and then nothing, until its peer goes.
fn falls_silent(sent: Vec<u8>) -> SocketAddr {
    upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(&sent);
        let _ = read_request(&mut stream);
    })
}

#[test]
fn an_agent_that_leaves_a_stream_by_a_mere_end_is_counted() {
    let upstream = falls_silent([STREAM, &chunk("data: begun\n\n")].concat());
    for request in [call(1), modern_call(1)] {
        let watched = Watched::over(Setup::to(upstream), "");
        let mut client = watched.penstock.connect();
        client.send(&request);
        client.until(b"begun");
        client.stream.shutdown(Shutdown::Write).expect("a half-close");
        eventually("it is counted", || watched.metric("disconnects_total", "") == 1);
        assert_eq!(watched.metric("upstream_errors_total", ""), 0);
    }
}

#[test]
fn what_an_upstream_does_wrong_is_an_error_and_its_silence_a_timeout() {
    let begun = [STREAM, &chunk("data: begun\n\n")].concat();
    let ends = upstream(|mut stream| drop(read_request(&mut stream)));
    let breaks_off = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(&[STREAM, b"5\r\nda"].concat());
    });
    for (upstream, errors, timeouts) in [
        (falls_silent(Vec::new()), 0, 1),
        (falls_silent(begun), 0, 1),
        (falls_silent([STREAM, b"nonsense\r\n"].concat()), 1, 0),
        (ends, 1, 0),
        (breaks_off, 1, 0),
    ] {
        let limits = "first_byte_timeout: 500ms, stream_idle_timeout: 1s";
        let setup = Setup::with(&format!("{{ url: \"http://{upstream}/mcp\", {limits} }}"));
        let watched = Watched::over(setup, "");
        let mut client = watched.penstock.connect();
        client.send(&call(1));
        let counted = || {
            let (errors, timeouts) = ("upstream_errors_total", "upstream_timeouts_total");
            (watched.metric(errors, ""), watched.metric(timeouts, ""))
        };
        eventually("it is counted", || counted() != (0, 0));
        assert_eq!(counted(), (errors, timeouts));
    }
}

#[test]
fn a_page_under_a_name_of_its_own_reads_nothing() {
    let watched = Watched::start("");
    for (host, status) in [
        ("evil.example", 403),
        ("localhost.evil.example:9090", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost:9090", 200),
        ("127.0.0.1", 200),
        ("[::1]:9090", 200),
    ] {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = Client::connect(watched.admin).ask(request.as_bytes());
        assert_eq!(answer.0, status, "{host}");
    }
}

#[test]
fn a_reload_moves_it() {
    let mut watched = Watched::start("");
    let old = watched.admin;
    let new = free_port();
    let text = std::fs::read_to_string(&watched.penstock.config).expect("the configuration");
    let text = text.replace(&old.to_string(), &new.to_string());
    std::fs::write(&watched.penstock.config, text).expect("it is written");
    watched.penstock.signal("HUP");
    eventually("the new one answers", || std::net::TcpStream::connect(new).is_ok());
    watched.admin = new;
    assert_eq!(watched.get("/readyz").0, 200);
    eventually("the old one is closed", || std::net::TcpStream::connect(old).is_err());
}
