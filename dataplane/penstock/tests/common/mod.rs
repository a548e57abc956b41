//! A real penstock between scripted peers.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(missing_docs, unreachable_pub, reason = "test support")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// No wait in a test takes longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A running penstock; ended when dropped.
pub struct Penstock {
    child: Child,
    pub address: SocketAddr,
    pub config: PathBuf,
}

impl Penstock {
    /// One shard in front of `upstream`, which is served at `/mcp/up`. `more` is added to the file.
    pub fn start(upstream: SocketAddr, more: &str) -> Self {
        Self::with(&format!("{{ url: \"http://{upstream}/mcp\" }}"), more)
    }

    /// As `start`, with the upstream's whole entry.
    pub fn with(upstream: &str, more: &str) -> Self {
        let address = free_port();
        let text = config(address, upstream, more);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("penstock-test-{}-{number}.yaml", std::process::id());
        let config = std::env::temp_dir().join(name);
        std::fs::write(&config, text).expect("the configuration is written");
        let child = Command::new(env!("CARGO_BIN_EXE_penstock"))
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("penstock starts");
        let mut penstock = Self { child, address, config };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(penstock.child.try_wait().expect("its state").is_none(), "penstock ended");
            assert!(began.elapsed() < PATIENCE, "penstock does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        // Listening begins before all else is set up; an answer comes after.
        assert_eq!(penstock.connect().ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").0, 404);
        std::thread::sleep(Duration::from_millis(150));
        penstock
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Descriptors the process holds open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("its descriptors").count()
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }

    /// Waits for its end; whether it ended well.
    pub fn wait(&mut self) -> bool {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status.success();
            }
            assert!(began.elapsed() < PATIENCE, "penstock does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Penstock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.config);
    }
}

pub fn config(address: SocketAddr, upstream: &str, more: &str) -> String {
    format!(
        "shards: 1\nlisteners: [{{ address: \"{address}\" }}]\nupstreams:\n  up: {upstream}\n\
         servers:\n  up: {{ upstream: up }}\n{more}\n"
    )
}

/// An address nobody listens on.
pub fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

/// An upstream that runs `serve` on a thread for each connection.
pub fn upstream(serve: impl Fn(TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let _ = stream.set_read_timeout(Some(PATIENCE));
                serve(stream);
            });
        }
    });
    address
}

/// Reads one request with a Content-Length or none: head and body, as they came.
pub fn read_request(stream: &mut TcpStream) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut seen = Vec::new();
    loop {
        if let Some(end) = find(&seen, b"\r\n\r\n") {
            let head = seen[..end + 4].to_vec();
            let mut body = seen[end + 4..].to_vec();
            let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |value| value.trim().parse().expect("a length"));
            while body.len() < length {
                more(stream, &mut body)?;
            }
            return Some((head, body));
        }
        more(stream, &mut seen)?;
    }
}

fn more(stream: &mut TcpStream, into: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 8 << 10];
    match stream.read(&mut piece) {
        Ok(read) if read > 0 => {
            into.extend_from_slice(&piece[..read]);
            Some(())
        }
        _ => None,
    }
}

pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Answers every request with the same bytes.
pub fn always(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    upstream(move |mut stream| {
        while read_request(&mut stream).is_some() {
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    })
}

pub fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A legacy `tools/call`.
pub fn call(id: u32) -> Vec<u8> {
    post(&format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t","arguments":{{}}}}}}"#
    ))
}

/// A modern `tools/call`.
pub fn modern_call(id: u32) -> Vec<u8> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t","arguments":{{}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: t\r\n";
    post_with(fields, &body)
}

pub fn post(body: &str) -> Vec<u8> {
    post_with("", body)
}

pub fn post_with(fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{fields}\
         Accept: application/json, text/event-stream\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// An agent's connection.
pub struct Client {
    pub stream: TcpStream,
    seen: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("penstock accepts");
        stream.set_nodelay(true).expect("nodelay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        Self { stream, seen: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("penstock reads");
    }

    /// Sends and reads an answer that has a Content-Length: its status and body.
    pub fn ask(&mut self, request: &[u8]) -> (u16, String) {
        self.send(request);
        self.answer().expect("an answer")
    }

    /// The next answer that has a Content-Length.
    pub fn answer(&mut self) -> Option<(u16, String)> {
        let end = loop {
            match find(&self.seen, b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => more(&mut self.stream, &mut self.seen)?,
            }
        };
        let head = String::from_utf8_lossy(&self.seen[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))?
            .trim()
            .parse()
            .ok()?;
        while self.seen.len() < end + length {
            more(&mut self.stream, &mut self.seen)?;
        }
        let body = String::from_utf8_lossy(&self.seen[end..end + length]).into_owned();
        self.seen.drain(..end + length);
        Some((status, body))
    }

    /// Reads until `needle` was seen; all that was read.
    pub fn until(&mut self, needle: &[u8]) -> Vec<u8> {
        while find(&self.seen, needle).is_none() {
            assert!(more(&mut self.stream, &mut self.seen).is_some(), "the stream ended early");
        }
        std::mem::take(&mut self.seen)
    }

    /// Reads to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while more(&mut self.stream, &mut self.seen).is_some() {}
        std::mem::take(&mut self.seen)
    }
}

/// Waits until `test` holds.
#[track_caller]
pub fn eventually(what: &str, mut test: impl FnMut() -> bool) {
    let began = Instant::now();
    while !test() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
