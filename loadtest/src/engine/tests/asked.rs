//! A server that asks its client before it answers.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Request, Then, failed, mix, plan, run, serve, whole};
use crate::plan::{Era, Operation, Pace, Plan};
use crate::report::model::{ErrorKind, ServerRequests};

/// Answers of the client by id, each with its session.
type Answers = Arc<(Mutex<BTreeMap<String, (String, Value)>>, Condvar)>;

/// A legacy server that answers a call once it has what it asked for: a `ping`, and a completion of
/// the client's own. It answers the client's answers with this status.
fn server(status: &'static str) -> (SocketAddr, Answers) {
    let answers: Answers = Arc::default();
    let heard = Arc::clone(&answers);
    let address = serve(move |request, stream| {
        let (all, came) = &*heard;
        match request.method() {
            "" if request.verb == "POST" => {
                let id = request.body["id"].as_str().unwrap_or_default().to_owned();
                let session = request.header("mcp-session-id").to_owned();
                all.lock().unwrap().insert(id, (session, request.body.clone()));
                came.notify_all();
                stream.write_all(&whole(status, "text/plain", b""))?;
            }
            "initialize" => stream.write_all(&request.good_with("Mcp-Session-Id: s1"))?,
            "tools/call" => ask(request, stream, &heard)?,
            _ => stream.write_all(&request.good())?,
        }
        Ok(Then::GoOn)
    });
    (address, answers)
}

fn ask(request: &Request, stream: &mut TcpStream, answers: &Answers) -> io::Result<()> {
    let number = request.number;
    let (ping, sampling) = (format!("ping {number}"), format!("sampling {number}"));
    let asked = |id: &str, method| json!({"jsonrpc": "2.0", "id": id, "method": method});
    let first = [asked(&ping, "ping"), asked(&sampling, "sampling/createMessage")];
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked";
    write!(stream, "{head}\r\n\r\n{}", first.iter().map(event).collect::<String>())?;
    let (all, came) = &**answers;
    let missing =
        |all: &mut BTreeMap<String, _>| !(all.contains_key(&ping) && all.contains_key(&sampling));
    // A client that does not answer fails.
    let all = all.lock().unwrap();
    let (all, wait) = came.wait_timeout_while(all, Duration::from_secs(15), missing).unwrap();
    drop(all);
    let result = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": request.result()});
    let last = if wait.timed_out() { String::new() } else { event(&result) };
    write!(stream, "{last}0\r\n\r\n")
}

fn event(message: &Value) -> String {
    let data = format!("data: {message}\n\n");
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// As many calls at once as there are connections: an answer has none of them.
fn legacy(address: SocketAddr, calls: usize) -> Plan {
    let plan = Plan { era: Era::Legacy, connections: calls, ..plan(address) };
    let traffic = mix(&[Operation::Call(super::rig::call("ask"))]);
    let pace = Pace::Closed { concurrency: calls, duration: Duration::from_millis(500) };
    Plan { pace, traffic, ..plan }
}

#[test]
fn what_a_server_asks_is_answered_and_its_call_goes_on() {
    for connections in [1, 3] {
        let (address, answers) = server("202 Accepted");
        let report = run(&legacy(address, connections));
        let total = &report.total;
        assert!(total.succeeded > 1 && total.succeeded == total.calls, "{:?}", report.errors);
        let answers = answers.0.lock().unwrap();
        for (id, (session, answer)) in &*answers {
            assert_eq!(session, "s1", "{id}");
            match id.split(' ').next() {
                Some("ping") => assert_eq!(answer["result"], json!({}), "{answer}"),
                _ => assert_eq!(answer["error"]["code"], -32601, "{answer}"),
            }
        }
        // The probe's are answered too, and are in no number.
        assert_eq!(answers.len() as u64, 2 * (total.calls + 1));
        let asked = ServerRequests { pings: total.calls, refused: total.calls };
        assert_eq!(report.server_requests, Some(asked));
        let said = report.harness.warnings.join("\n");
        assert!(said.contains("sampling/createMessage, were answered with an error"), "{said}");
        assert!(report.seconds.iter().all(|second| second.streams == 0), "{:?}", report.seconds);
    }
}

#[test]
fn an_answer_that_the_server_does_not_take_is_a_failure() {
    let (address, _) = server("400 Bad Request");
    let report = run(&legacy(address, 2));
    let refused = failed(&report, ErrorKind::Status, "an answer to the server: HTTP 400");
    assert!(refused > 1 && refused == report.total.failed, "{:?}", report.errors);
    assert_eq!(report.total.failed + report.total.succeeded, report.total.calls);
}

#[test]
fn a_server_that_asks_nothing_is_not_said_to_have() {
    let address = super::rig::serve_bytes(Request::good);
    assert_eq!(run(&legacy(address, 2)).server_requests, None);
}

#[test]
fn a_server_that_asks_for_more_than_can_be_answered_has_no_answer_to_the_rest() {
    let answered: Arc<Mutex<BTreeMap<u64, usize>>> = Arc::default();
    let seen = Arc::clone(&answered);
    let address = serve(move |request, stream| {
        if request.method() == "tools/call" {
            let pings = (0..200).map(|number| {
                let id = request.number * 1000 + number;
                event(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}))
            });
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream";
            let head = format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n");
            let id = &request.body["id"];
            let last = event(&json!({"jsonrpc": "2.0", "id": id, "result": request.result()}));
            let all: String = pings.chain([last]).collect();
            stream.write_all(format!("{head}{all}0\r\n\r\n").as_bytes())?;
        } else if let (Some(id), "") = (request.body["id"].as_u64(), request.method()) {
            *seen.lock().unwrap().entry(id / 1000).or_default() += 1;
            stream.write_all(&whole("202 Accepted", "text/plain", b""))?;
        } else {
            stream.write_all(&request.good())?;
        }
        Ok(Then::GoOn)
    });
    let report = run(&legacy(address, 1));
    let refused = failed(&report, ErrorKind::Shape, "asks for too many at once");
    assert!(refused > 0 && refused == report.total.failed, "{:?}", report.errors);
    let answered = answered.lock().unwrap();
    assert_eq!(answered.values().next(), Some(&64), "the first is the probe's: {answered:?}");
}

#[test]
fn what_is_asked_on_a_stream_that_is_held_is_answered_too() {
    let (all, came) = (Arc::new(Mutex::new(0_u64)), Arc::new(Condvar::new()));
    let (seen, told) = (Arc::clone(&all), Arc::clone(&came));
    let address = serve(move |request, stream| {
        if request.verb == "GET" {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream";
            let ping = event(&json!({"jsonrpc": "2.0", "id": "a", "method": "ping"}));
            write!(stream, "{head}\r\nTransfer-Encoding: chunked\r\n\r\n{ping}")?;
        } else if request.body["id"] == "a" {
            *seen.lock().unwrap() += 1;
            told.notify_all();
            stream.write_all(&whole("202 Accepted", "text/plain", b""))?;
        } else {
            stream.write_all(&request.good())?;
        }
        Ok(Then::GoOn)
    });
    let stream = Operation::Stream { hold: Duration::from_mins(1) };
    let plan = Plan { era: Era::Legacy, traffic: mix(&[stream]), ..plan(address) };
    let report = run(&Plan { pace: super::rig::open(20.0, 0.5), ..plan });
    assert_eq!((report.total.calls, report.total.succeeded), (10, 10), "{:?}", report.errors);
    assert_eq!(report.server_requests.map(|asked| (asked.pings, asked.refused)), Some((10, 0)));
    let all = all.lock().unwrap();
    let (all, wait) =
        came.wait_timeout_while(all, Duration::from_secs(15), |all| *all < 10).unwrap();
    assert!(!wait.timed_out(), "{all} of 10");
}
