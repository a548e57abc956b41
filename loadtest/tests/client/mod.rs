//! A mock in a process of its own, and a client that reads everything it says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_penstock-loadtest");

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running mock, ended when it is dropped.
pub(crate) struct Mock {
    process: Child,
    address: SocketAddr,
}

impl Mock {
    /// With these flags, on a port that the system chooses.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::listening(program(&["mock"]).args(flags))
    }

    /// One that may have no more than so many files open.
    pub(crate) fn start_with_files(files: u32, flags: &[&str]) -> Self {
        let limited = format!("ulimit -n {files} && exec \"$0\" mock \"$@\"");
        let mut command = Command::new("sh");
        Self::listening(command.args(["-c", &limited, PROGRAM]).args(flags))
    }

    fn listening(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("a mock");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its stdout");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").expect("an address");
        Self { address: address.parse().expect("an address"), process }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What came in answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    /// The body, or the data of each event.
    pub(crate) messages: Vec<Value>,
    /// All of it as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The first header of this name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// The last message: the answer itself.
    pub(crate) fn message(&self) -> &Value {
        self.messages.last().expect("a message")
    }
}

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(mock: &Mock) -> Self {
        let stream = TcpStream::connect(mock.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn ask(&mut self, request: &[u8]) -> Answer {
        self.send(request);
        self.answer()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("to write");
    }

    /// One whole answer.
    pub(crate) fn answer(&mut self) -> Answer {
        let (status, headers, head) = self.head();
        let value = |wanted: &str| {
            headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let mut bytes = self.take(head);
        let mut messages = Vec::new();
        if value("transfer-encoding") == Some("chunked") {
            loop {
                let (chunk, raw) = self.chunk();
                bytes.extend(raw);
                let Some(event) = chunk else { break };
                messages.push(event);
            }
        } else if let Some(length) = value("content-length") {
            let body = self.take(length.parse().expect("a length"));
            if value("content-type") == Some("application/json") {
                messages.push(serde_json::from_slice(&body).expect("JSON"));
            }
            bytes.extend(body);
        }
        Answer { status, headers, messages, bytes }
    }

    /// The first events of a stream that stays open.
    pub(crate) fn events(&mut self, count: usize) -> Vec<Value> {
        let (status, _, head) = self.head();
        assert_eq!(status, 200);
        self.take(head);
        (0..count).map(|_| self.chunk().0.expect("an event")).collect()
    }

    /// Status, headers and length of the head that comes next.
    fn head(&mut self) -> (u16, Vec<(String, String)>, usize) {
        let end = self.until(b"\r\n\r\n") + 4;
        let head = String::from_utf8(self.buffer[..end].to_vec()).expect("a head");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let fields = lines.filter_map(|line| line.split_once(": "));
        let headers = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        (status.parse().expect("a status"), headers.collect(), end)
    }

    /// The event in the next chunk, none at the end; and the chunk as it came.
    fn chunk(&mut self) -> (Option<Value>, Vec<u8>) {
        let line = self.until(b"\r\n");
        let size = String::from_utf8(self.buffer[..line].to_vec()).expect("a size");
        let size = usize::from_str_radix(&size, 16).expect("a size");
        let raw = self.take(line + 2 + size + 2);
        assert!(raw.ends_with(b"\r\n"));
        if size == 0 {
            return (None, raw);
        }
        let event = &raw[line + 2..line + 2 + size];
        let data = event.strip_prefix(b"data: ").and_then(|it| it.strip_suffix(b"\n\n"));
        let data = data.expect("an event");
        (Some(serde_json::from_slice(data).expect("JSON")), raw)
    }

    /// Where this comes first, after reading up to it.
    fn until(&mut self, what: &[u8]) -> usize {
        loop {
            let found = self.buffer.windows(what.len()).position(|window| window == what);
            if let Some(at) = found {
                return at;
            }
            self.read();
        }
    }

    fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.buffer.len() < bytes {
            self.read();
        }
        self.buffer.drain(..bytes).collect()
    }

    fn read(&mut self) {
        let mut piece = [0; 16 << 10];
        let read = self.stream.read(&mut piece).expect("to read");
        assert!(read > 0, "the mock closed the connection");
        self.buffer.extend_from_slice(&piece[..read]);
    }
}

/// A POST of this body, with these header lines more.
pub(crate) fn post(body: &str, headers: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: mock\r\nContent-Type: application/json\r\n\
         {headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A modern request, headers and all.
pub(crate) fn modern(method: &str, id: usize, mut params: Value) -> Vec<u8> {
    let name = params.get("name").or(params.get("uri")).and_then(Value::as_str);
    let name = name.map_or(String::new(), |name| format!("Mcp-Name: {name}\r\n"));
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let version = "MCP-Protocol-Version: 2026-07-28";
    post(&body.to_string(), &format!("{version}\r\nMcp-Method: {method}\r\n{name}"))
}

/// A legacy request, or a notification where it has no id.
pub(crate) fn legacy(
    method: &str,
    id: Option<usize>,
    params: &Value,
    session: Option<&str>,
) -> Vec<u8> {
    let mut body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if let Some(id) = id {
        body["id"] = json!(id);
    }
    post(&body.to_string(), &session_line(session))
}

/// The end of a session.
pub(crate) fn delete(session: Option<&str>) -> Vec<u8> {
    format!("DELETE /mcp HTTP/1.1\r\nHost: mock\r\n{}\r\n", session_line(session)).into_bytes()
}

fn session_line(session: Option<&str>) -> String {
    session.map_or(String::new(), |session| format!("Mcp-Session-Id: {session}\r\n"))
}

/// The program with these arguments, and nothing of whoever runs the tests: no token, no stdin.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("PENSTOCK_LOADTEST_TOKEN").stdin(Stdio::null());
    command
}

/// Runs it to its end: its exit code, what it printed and what it complained of.
pub(crate) fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    ended(&mut program(arguments))
}

/// The same of one that is more than its arguments.
pub(crate) fn ended(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("the program");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}
