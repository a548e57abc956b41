//! A server whose every answer a test decides, and plans for it.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::spawn;
use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::run_until;
use crate::plan::{
    Agent, Arrival, Call, Era, Expect, Operation, Pace, Part, Plan, Size, Step, Target, Traffic,
};
use crate::report::model::{ErrorKind, Report};

/// A request as the server got it.
#[derive(Clone)]
pub(in crate::engine) struct Request {
    pub(in crate::engine) verb: String,
    /// Names in lower case.
    pub(in crate::engine) headers: BTreeMap<String, String>,
    pub(in crate::engine) body: Value,
    /// How many came before it, on all connections.
    pub(in crate::engine) number: usize,
}

impl Request {
    pub(in crate::engine) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub(in crate::engine) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The result that a server without faults gives.
    pub(in crate::engine) fn result(&self) -> Value {
        match self.method() {
            "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": {}}),
            "tools/list" => json!({"tools": []}),
            "resources/read" => json!({"contents": []}),
            "prompts/get" => json!({"messages": []}),
            "server/discover" => json!({"supportedVersions": ["2026-07-28"]}),
            "ping" => json!({}),
            _ => json!({"content": [{"type": "text", "text": "so it is"}]}),
        }
    }

    pub(in crate::engine) fn answer(&self, result: &Value) -> Vec<u8> {
        let body = json!({"jsonrpc": "2.0", "id": self.body["id"], "result": result}).to_string();
        whole("200 OK", "application/json", body.as_bytes())
    }

    /// What a server without faults answers.
    pub(in crate::engine) fn good(&self) -> Vec<u8> {
        if self.method().starts_with("notifications/") {
            return whole("202 Accepted", "text/plain", b"");
        }
        if self.verb == "DELETE" {
            return whole("200 OK", "text/plain", b"");
        }
        self.answer(&self.result())
    }

    /// The same with a header more.
    pub(in crate::engine) fn good_with(&self, header: &str) -> Vec<u8> {
        let good = String::from_utf8(self.good()).unwrap();
        good.replacen("\r\n", &format!("\r\n{header}\r\n"), 1).into_bytes()
    }
}

pub(in crate::engine) fn whole(status: &str, media: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Then {
    GoOn,
    Close,
}

/// Serves until the test ends. `answer` writes to the connection itself.
pub(in crate::engine) fn serve(
    answer: impl Fn(&Request, &mut TcpStream) -> io::Result<Then> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    spawn(move || {
        for stream in listener.incoming() {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            spawn(move || connection(&mut stream.unwrap(), &*answer, &count));
        }
    });
    address
}

/// The same for all but the first request, that of the probe, which has a good answer.
pub(in crate::engine) fn serve_after_probe(
    answer: impl Fn(&Request, &mut TcpStream) -> io::Result<Then> + Send + Sync + 'static,
) -> SocketAddr {
    serve(move |request, stream| {
        if request.number > 0 {
            return answer(request, stream);
        }
        stream.write_all(&request.good())?;
        Ok(Then::GoOn)
    })
}

/// Answers each request with these bytes.
pub(in crate::engine) fn serve_bytes(
    answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    serve(move |request, stream| {
        stream.write_all(&answer(request))?;
        Ok(Then::GoOn)
    })
}

pub(in crate::engine) fn connection(
    stream: &mut TcpStream,
    answer: &impl Fn(&Request, &mut TcpStream) -> io::Result<Then>,
    count: &AtomicUsize,
) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(mut request) = read(&mut reader) {
        request.number = count.fetch_add(1, Ordering::SeqCst);
        // A client that went away is the test's business.
        if !matches!(answer(&request, stream), Ok(Then::GoOn)) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

/// The next request; none when the client has closed.
pub(in crate::engine) fn read(reader: &mut impl io::BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let verb = line.split(' ').next().unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let before = headers.insert(name.to_lowercase(), value.to_owned());
        assert_eq!(before, None, "header {name} came twice");
    }
    let length = headers.get("content-length").map_or(0, |length: &String| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Some(Request { verb, headers, body, number: 0 })
}

pub(in crate::engine) fn target(address: SocketAddr) -> Target {
    Target {
        url: format!("http://{address}/mcp"),
        authority: address.to_string(),
        path: "/mcp".to_owned(),
        addresses: vec![address],
        tls: None,
    }
}

pub(in crate::engine) fn call(tool: &str) -> Call {
    Call {
        tool: tool.to_owned(),
        arguments: r#"{"a":1}"#.to_owned(),
        padding_bytes: Size::Fixed(0),
        progress: false,
        expect: Expect::Success,
    }
}

pub(in crate::engine) fn mix(operations: &[Operation]) -> Traffic {
    let part = |operation: &Operation| Part { weight: 1.0, operation: operation.clone() };
    Traffic::Mix(operations.iter().map(part).collect())
}

pub(in crate::engine) fn level(per_second: f64, seconds: f64) -> Step {
    Step {
        from_per_second: per_second,
        to_per_second: per_second,
        duration: Duration::from_secs_f64(seconds),
    }
}

pub(in crate::engine) fn open(per_second: f64, seconds: f64) -> Pace {
    Pace::Open { steps: vec![level(per_second, seconds)], arrival: Arrival::Even }
}

/// 200 calls in half a second, evenly apart, on four connections, without a warm-up.
pub(in crate::engine) fn plan(address: SocketAddr) -> Plan {
    Plan {
        target: target(address),
        era: Era::Modern,
        pace: open(400.0, 0.5),
        connections: 4,
        agents: vec![Agent::default()],
        sessions: 1,
        session_calls: None,
        headers: Vec::new(),
        traffic: mix(&[Operation::Call(call("echo"))]),
        threads: 1,
        warm_up: Duration::ZERO,
        // Longer than a busy machine takes for anything.
        timeout: Duration::from_secs(20),
        seed: 7,
        pid: None,
    }
}

pub(in crate::engine) fn run(plan: &Plan) -> Report {
    let report = run_until(plan, || false, |_| {}).unwrap();
    check(&report);
    report
}

/// What came of work that must end.
pub(in crate::engine) fn ends<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (found, hear) = channel();
    // Whoever waits has given up where nobody hears it.
    spawn(move || drop(found.send(work())));
    hear.recv_timeout(Duration::from_secs(20)).expect("it ends")
}

/// What holds for every report.
pub(in crate::engine) fn check(report: &Report) {
    let total = &report.total;
    assert_eq!(total.calls, total.succeeded + total.failed + total.unfinished, "{total:?}");
    let errors: u64 = report.errors.iter().map(|one| one.count).sum();
    assert_eq!(errors, total.failed, "{:?}", report.errors);
    let sum = |of: fn(&crate::report::model::Second) -> u64| -> u64 {
        report.seconds.iter().map(of).sum()
    };
    assert_eq!(sum(|one| one.succeeded), total.succeeded, "{:?}", report.seconds);
    assert_eq!(sum(|one| one.failed), total.failed, "{:?}", report.seconds);
    let numbers: Vec<u64> = report.seconds.iter().map(|one| one.second).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let upkeep: u64 =
        report.errors.iter().filter(|one| is_upkeep(&one.what)).map(|one| one.count).sum();
    assert_eq!(sum(|one| one.due) + upkeep, total.calls, "{:?}", report.seconds);
    let calls = |name: &str| !name.contains("(sessions)");
    let of_operations: u64 =
        report.operations.iter().filter(|one| calls(&one.name)).map(|one| one.measured.calls).sum();
    assert_eq!(of_operations + upkeep, total.calls, "{:?}", report.operations);
}

fn is_upkeep(what: &str) -> bool {
    ["initialize:", "notifications/initialized:", "DELETE:", "an answer to the server:"]
        .iter()
        .any(|it| what.starts_with(it))
}

/// How many calls failed so.
pub(in crate::engine) fn failed(report: &Report, kind: ErrorKind, what: &str) -> u64 {
    let same = report.errors.iter().filter(|one| one.kind == kind && one.what.contains(what));
    same.map(|one| one.count).sum()
}
