//! Agents and upstreams that do what a test tells them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::PATIENCE;

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

/// Reads one request: head and body, as they came. A chunked one must have no trailer and no text
/// in it that looks like its end.
pub fn read_request(stream: &mut impl Read) -> Option<(Vec<u8>, Vec<u8>)> {
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
            let chunked = text.contains("\ntransfer-encoding: chunked\r\n");
            while chunked && !body.ends_with(b"0\r\n\r\n") {
                more(stream, &mut body)?;
            }
            return Some((head, body));
        }
        more(stream, &mut seen)?;
    }
}

fn more(stream: &mut impl Read, into: &mut Vec<u8>) -> Option<()> {
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

/// One chunk of a chunked body.
pub fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// Ends a connection by a reset instead of a close.
pub fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
    drop(stream);
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
pub struct Client<S = TcpStream> {
    pub stream: S,
    seen: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("penstock accepts");
        stream.set_nodelay(true).expect("nodelay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
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

    /// Reads until `needle` was seen; all up to its end. What came behind it is read next.
    pub fn until(&mut self, needle: &[u8]) -> Vec<u8> {
        let end = loop {
            if let Some(start) = find(&self.seen, needle) {
                break start + needle.len();
            }
            assert!(more(&mut self.stream, &mut self.seen).is_some(), "the stream ended early");
        };
        self.seen.drain(..end).collect()
    }

    /// Reads exactly so many bytes.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        while self.seen.len() < length {
            assert!(more(&mut self.stream, &mut self.seen).is_some(), "the stream ended early");
        }
        self.seen.drain(..length).collect()
    }

    /// What was read and not yet used.
    pub fn buffered(&self) -> &[u8] {
        &self.seen
    }

    /// Reads to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while more(&mut self.stream, &mut self.seen).is_some() {}
        std::mem::take(&mut self.seen)
    }
}
