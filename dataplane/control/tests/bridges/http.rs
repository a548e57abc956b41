//! A client and a server of HTTP/1.1 just large enough for the tests, blocking, on std alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// No test waits longer for a byte.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) trait Connection: Read + Write + Send {
    fn twin(&self) -> Box<dyn Connection>;
}

impl Connection for UnixStream {
    fn twin(&self) -> Box<dyn Connection> {
        Box::new(self.try_clone().expect("a descriptor"))
    }
}

impl Connection for TcpStream {
    fn twin(&self) -> Box<dyn Connection> {
        Box::new(self.try_clone().expect("a descriptor"))
    }
}

pub(crate) fn unix(path: &Path) -> Box<dyn Connection> {
    let stream = UnixStream::connect(path).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    Box::new(stream)
}

pub(crate) fn tcp(address: std::net::SocketAddr) -> Box<dyn Connection> {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    Box::new(stream)
}

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    reader: BufReader<Box<dyn Connection>>,
    left: Vec<u8>,
    chunked: bool,
    ended: bool,
}

pub(crate) fn request(
    mut connection: Box<dyn Connection>,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        head += &[name, ": ", value, "\r\n"].concat();
    }
    if !body.is_empty() {
        head += &["Content-Length: ", &body.len().to_string(), "\r\n"].concat();
    }
    write!(connection, "{head}\r\n{body}").expect("a request sent");
    let mut reader = BufReader::new(connection.twin());
    let (first, headers) = head_of(&mut reader).expect("an answer");
    let status = first.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let chunked = find("transfer-encoding").is_some();
    let length = find("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    let mut left = Vec::new();
    if !chunked {
        left.resize(length, 0);
        reader.read_exact(&mut left).expect("a body");
    }
    Answer { status, headers, reader, left, chunked, ended: !chunked }
}

fn head_of(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|&read| read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some((first.trim_end().to_owned(), headers))
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn more(&mut self) -> bool {
        if self.ended || !self.chunked {
            return false;
        }
        let mut size = String::new();
        if self.reader.read_line(&mut size).expect("a chunk in time") == 0 {
            self.ended = true;
            return false;
        }
        let size = usize::from_str_radix(size.trim_end(), 16).expect("a chunk size");
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).expect("a chunk");
        self.left.extend_from_slice(&chunk[..size]);
        self.ended = size == 0;
        !self.ended
    }

    pub(crate) fn text(mut self) -> String {
        while self.more() {}
        String::from_utf8(self.left).expect("text")
    }

    pub(crate) fn json(self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
    }

    /// The next event with data, as its fields; `None` at the end of the stream.
    pub(crate) fn event(&mut self) -> Option<Event> {
        loop {
            let text = String::from_utf8_lossy(&self.left).into_owned();
            if let Some((raw, rest)) = text.split_once("\n\n") {
                self.left = rest.as_bytes().to_vec();
                let field = |name: &str| {
                    raw.lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|v| v.trim().to_owned())
                };
                if let Some(data) = field("data:") {
                    return Some(Event { kind: field("event:"), id: field("id:"), data });
                }
            } else if !self.more() {
                return None;
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("JSON in an event")
    }
}

/// A request that a test's server received, and the connection to answer it on.
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) connection: Box<dyn Connection>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let _ = write!(
            self.connection,
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
    }

    /// Begins an event stream that ends with the connection.
    pub(crate) fn begin_stream(&mut self) {
        let _ = write!(
            self.connection,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        );
    }

    pub(crate) fn write(&mut self, text: &str) {
        let _ = self.connection.write_all(text.as_bytes());
    }
}

fn receive(connection: Box<dyn Connection>, handler: &(impl Fn(Received) + Send + Sync)) {
    let mut reader = BufReader::new(connection.twin());
    let Some((first, headers)) = head_of(&mut reader) else { return };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let body = String::from_utf8(body).expect("text");
    handler(Received { method, target, headers, body, connection });
}

/// Serves on TCP until the test process ends.
pub(crate) fn serve_tcp(
    handler: impl Fn(Received) + Send + Sync + 'static,
) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let handler = std::sync::Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = std::sync::Arc::clone(&handler);
            std::thread::spawn(move || receive(Box::new(stream), &*handler));
        }
    });
    address
}

/// Serves on a Unix socket until the test process ends.
pub(crate) fn serve_unix(path: &Path, handler: impl Fn(Received) + Send + Sync + 'static) {
    let listener = UnixListener::bind(path).expect("a socket");
    let handler = std::sync::Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = std::sync::Arc::clone(&handler);
            std::thread::spawn(move || receive(Box::new(stream), &*handler));
        }
    });
}
