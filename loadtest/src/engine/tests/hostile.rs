//! Servers that send without end, claim what they do not send, or answer too early: the harness
//! keeps its time, its memory and its framing.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use penstock_http1::Verb;

use super::rig::{
    Request, Then, call, ends, failed, mix, open, plan, run, serve, serve_after_probe, serve_bytes,
    whole,
};
use crate::engine::answer::{Form, Head, Heads, Listener};
use crate::engine::connection::{Connection, Heard, State};
use crate::engine::stint::Setting;
use crate::engine::transport::Transport;
use crate::engine::{run_with, setting};
use crate::plan::{Call, Operation, Pace, Plan, Size};
use crate::report::model::{ErrorKind, Report};

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

/// A server that says this for ever, after it has answered the probe.
fn floods(first: &'static str, again: &'static str) -> SocketAddr {
    serve_after_probe(move |_, stream| {
        stream.write_all(first.as_bytes())?;
        let flood = again.repeat(4096);
        loop {
            stream.write_all(flood.as_bytes())?;
        }
    })
}

fn flooded(address: SocketAddr) -> Report {
    let mut plan = Plan { connections: 2, ..plan(address) };
    (plan.pace, plan.timeout) = (open(40.0, 0.5), Duration::from_millis(500));
    ends(move || run(&plan))
}

#[test]
fn a_stream_of_events_without_end_and_without_the_answer_times_out() {
    let event =
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n";
    let report = flooded(floods(STREAM, event));
    assert_eq!((report.total.calls, report.total.succeeded), (20, 0));
    assert_eq!(failed(&report, ErrorKind::Timeout, ""), report.total.failed, "{:?}", report.errors);
}

#[test]
fn interim_answers_without_end_are_no_answer() {
    let report = flooded(floods("", "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_eq!((report.total.calls, report.total.succeeded), (20, 0));
    assert!(failed(&report, ErrorKind::Http, "100 interim answers") > 0, "{:?}", report.errors);
}

#[test]
fn a_closed_loop_of_streams_opens_no_more_than_it_has_descriptors_for_and_ends() {
    let address = serve(|request, stream| {
        if request.method() != "subscriptions/listen" {
            stream.write_all(&request.good())?;
            return Ok(Then::GoOn);
        }
        let id = &request.body["id"];
        let event = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
        );
        stream.write_all(format!("{STREAM}data: {event}\n\n").as_bytes())?;
        let _ = stream.read(&mut [0]);
        Ok(Then::Close)
    });
    let hold = Duration::from_secs(10);
    let mut plan = Plan { connections: 2, ..plan(address) };
    plan.pace = Pace::Closed { concurrency: 2, duration: Duration::from_millis(500) };
    plan.traffic = mix(&[Operation::Stream { hold }]);
    let report = ends(move || {
        let setting = Setting { beside_max: 12, ..setting(&plan).unwrap() };
        run_with(&setting, || false, |_| {}).unwrap()
    });
    super::rig::check(&report);
    assert_eq!((report.total.calls, report.total.succeeded), (12, 12), "{:?}", report.errors);
}

#[test]
fn a_closed_loop_whose_connections_fail_at_once_ends() {
    // Nobody can connect to the broadcast address: it fails before anything is sent.
    let mut plan = Plan { connections: 2, ..plan(serve_bytes(Request::good)) };
    plan.target.addresses.push(SocketAddr::from(([255, 255, 255, 255], 9)));
    plan.pace = Pace::Closed { concurrency: 2, duration: Duration::from_millis(500) };
    plan.traffic = mix(&[Operation::Stream { hold: Duration::from_millis(1) }]);
    let report = ends(move || run(&plan));
    assert!(failed(&report, ErrorKind::Connect, "") > 0, "{:?}", report.errors);
    // One a tick of each kind, and not as many as there is time for.
    assert!(report.total.calls < 2000, "{:?}", report.total);
}

#[test]
fn an_early_answer_does_not_let_the_next_request_into_the_unfinished_body() {
    let mixed = Arc::new(AtomicBool::new(false));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::clone(&mixed);
    spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            spawn(move || early(stream.unwrap(), &seen));
        }
    });
    let mut plan = Plan { connections: 1, ..plan(address) };
    plan.pace = open(20.0, 0.5);
    plan.timeout = Duration::from_secs(5);
    let large = Call { padding_bytes: Size::Fixed(12 << 20), ..call("echo") };
    plan.traffic = mix(&[Operation::Call(call("echo")), Operation::Call(large)]);
    let report = ends(move || run(&plan));
    assert!(!mixed.load(Ordering::SeqCst), "a request in the body of another");
    assert!(failed(&report, ErrorKind::Status, "HTTP 429") > 0, "{:?}", report.errors);
    assert_eq!(report.total.failed, failed(&report, ErrorKind::Status, "HTTP 429"));
    assert!(report.total.bytes_sent < 10 * (12 << 20), "only what was sent counts");
}

/// Answers what is large before its body has come.
fn early(mut stream: TcpStream, mixed: &AtomicBool) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let is_large = length > 1 << 20;
        if is_large {
            stream.write_all(&whole("429 Too Many Requests", "text/plain", b"later")).ok()?;
            sleep(Duration::from_millis(150));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let text = String::from_utf8_lossy(&body);
        if text.contains("HTTP/1.1\r\n") {
            mixed.store(true, Ordering::SeqCst);
        }
        if !is_large {
            let body: serde_json::Value = serde_json::from_slice(&body).ok()?;
            let result = serde_json::json!({"content": []});
            let answer = serde_json::json!({"jsonrpc": "2.0", "id": body["id"], "result": result});
            let answer = whole("200 OK", "application/json", answer.to_string().as_bytes());
            stream.write_all(&answer).ok()?;
        }
    }
}

#[test]
fn answers_under_way_take_no_more_memory_than_a_thread_has_for_them() {
    // The budget is 16 MiB in tests: four answers of 8 MiB that never end are too many.
    let address = serve_after_probe(|_, stream| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        stream.write_all(&vec![b' '; 8 << 20])?;
        let _ = stream.read(&mut [0]);
        Ok(Then::Close)
    });
    let mut plan = plan(address);
    (plan.pace, plan.timeout) = (open(40.0, 0.2), Duration::from_secs(2));
    let report = ends(move || run(&plan));
    assert!(failed(&report, ErrorKind::Http, "more than 16 MiB") > 0, "{:?}", report.errors);
}

#[test]
fn what_idle_connections_keep_of_large_answers_leaves_room_for_those_under_way() {
    // The same budget: a quarter of a megabyte on each of eighty connections would be more.
    let text = "x".repeat(250_000);
    let address = serve_after_probe(move |_, stream| {
        let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain";
        let (first, second) = text.split_at(200_000);
        let first = format!("{:x}\r\n{first}\r\n", first.len());
        stream
            .write_all(format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n{first}").as_bytes())?;
        sleep(Duration::from_millis(2));
        stream.write_all(format!("{:x}\r\n{second}\r\n0\r\n\r\n", second.len()).as_bytes())?;
        Ok(Then::GoOn)
    });
    let mut plan = Plan { connections: 80, ..plan(address) };
    plan.pace = Pace::Closed { concurrency: 4, duration: Duration::from_secs(2) };
    let report = ends(move || run(&plan));
    assert!(report.total.calls > 80, "every connection had one: {:?}", report.total);
    // As the server answers, and not by the harness's own.
    let answered = failed(&report, ErrorKind::Status, "HTTP 503");
    assert_eq!(answered, report.total.calls, "{:?}", report.errors);
}

struct Deaf;

impl Listener for Deaf {
    fn head(&mut self, _: Head<'_>) {}
    fn message(&mut self, _: &[u8], _: Form) {}
}

/// A connection, and its other end.
fn pair() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let transport = Transport::begin(listener.local_addr().unwrap(), None).unwrap();
    let mut connection = Connection::new(State::Busy);
    connection.transport = Some(transport);
    (connection, listener.accept().unwrap().0)
}

/// Hears until so many bytes have come, or something is wrong.
fn hear(connection: &mut Connection, scratch: &mut [u8], bytes: u64) -> Heard {
    let (mut heads, mut all) = (Heads::default(), 0);
    loop {
        let (heard, received) = connection.hear(Verb::Post, scratch, &mut heads, &mut Deaf);
        all += received;
        if all >= bytes || !matches!(heard, Heard::More) {
            return heard;
        }
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_length_that_is_claimed_takes_no_memory() {
    let (mut connection, mut server) = pair();
    let claim =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 67108864\r\n\r\n{";
    server.write_all(claim).unwrap();
    let mut scratch = vec![0; 256 << 10];
    assert!(matches!(hear(&mut connection, &mut scratch, claim.len() as u64), Heard::More));
    assert!(connection.answer_begun() && connection.kept_bytes() < 64 << 10);
    connection.close();
    assert_eq!(connection.kept_bytes(), 0);
}

#[test]
fn the_example_of_what_is_no_http_is_what_this_connection_said() {
    let (mut connection, mut server) = pair();
    let mut scratch = vec![0; 256 << 10];
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap();
    assert!(matches!(hear(&mut connection, &mut scratch, 27), Heard::More));
    scratch[..27].copy_from_slice(b"what another connection has");
    server.write_all(b"ngth: many\r\n\r\n").unwrap();
    assert!(matches!(hear(&mut connection, &mut scratch, 14), Heard::Broken(_)));
    let said = String::from_utf8_lossy(connection.last_input(&scratch)).into_owned();
    assert_eq!(said, "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n");
}
