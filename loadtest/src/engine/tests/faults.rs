//! Every kind of failure is provoked, counted as what it was, and survived.

use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use serde_json::json;

use super::rig::{
    Request, Then, call, failed, mix, open, plan, read, run, serve, serve_after_probe, serve_bytes,
    whole,
};
use crate::plan::{Expect, Operation};
use crate::report::model::{ErrorKind, Report};

/// A run against a server that answers every fourth call after the probe with these bytes, and how
/// many those were. Nothing else fails.
fn every_fourth(bad: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> (Report, u64) {
    let bads = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&bads);
    let address = serve_bytes(move |request| {
        if request.number % 4 != 3 {
            return request.good();
        }
        count.fetch_add(1, Ordering::SeqCst);
        bad(request)
    });
    let report = run(&plan(address));
    let bads = bads.load(Ordering::SeqCst) as u64;
    assert_eq!(bads, 50);
    assert_eq!((report.total.calls, report.total.failed), (200, bads), "{:?}", report.errors);
    assert_eq!(report.errors.len(), 1, "{:?}", report.errors);
    (report, bads)
}

#[test]
fn a_status_that_is_no_success() {
    let (report, bads) =
        every_fourth(|_| whole("503 Service Unavailable", "text/plain", b"try\r\nlater"));
    assert_eq!(failed(&report, ErrorKind::Status, "HTTP 503"), bads);
    assert_eq!(report.errors[0].example, "try later");
    let (report, bads) = every_fourth(|request| {
        let error = json!({"jsonrpc": "2.0", "id": request.body["id"], "error": {"code": -32020, "message": "m"}});
        whole("400 Bad Request", "application/json", error.to_string().as_bytes())
    });
    assert_eq!(failed(&report, ErrorKind::Status, "HTTP 400, -32020"), bads);
}

#[test]
fn an_answer_to_another_call() {
    let (report, bads) = every_fourth(|request| {
        let other = request.body["id"].as_u64().unwrap() + 1;
        let answer = json!({"jsonrpc": "2.0", "id": other, "result": request.result()});
        whole("200 OK", "application/json", answer.to_string().as_bytes())
    });
    assert_eq!(failed(&report, ErrorKind::Id, "another call"), bads);
    // An id is what was sent, not what reads like it.
    let (report, bads) = every_fourth(|request| {
        let same = request.body["id"].to_string();
        let answer = json!({"jsonrpc": "2.0", "id": same, "result": request.result()});
        whole("200 OK", "application/json", answer.to_string().as_bytes())
    });
    assert_eq!(failed(&report, ErrorKind::Id, "another call"), bads);
}

#[test]
fn a_json_rpc_error_and_an_error_of_the_tool() {
    let (report, bads) = every_fourth(|request| {
        let error = json!({"jsonrpc": "2.0", "id": request.body["id"], "error": {"code": -32602, "message": "Unknown tool: x"}});
        whole("200 OK", "application/json", error.to_string().as_bytes())
    });
    assert_eq!(failed(&report, ErrorKind::Error, "-32602"), bads);
    assert!(report.errors[0].example.contains("Unknown tool"), "{:?}", report.errors);
    let (report, bads) = every_fourth(|request| {
        request.answer(&json!({"content": [{"type": "text", "text": "it broke"}], "isError": true}))
    });
    assert_eq!(failed(&report, ErrorKind::ToolError, "isError"), bads);
    assert!(report.errors[0].example.contains("it broke"), "{:?}", report.errors);
}

#[test]
fn what_has_another_shape() {
    let (report, bads) = every_fourth(|request| request.answer(&json!({"contents": []})));
    assert_eq!(failed(&report, ErrorKind::Shape, "without `content`"), bads);
    let (report, bads) = every_fourth(|request| request.answer(&json!([1])));
    assert_eq!(failed(&report, ErrorKind::Shape, "no object"), bads);
    let (report, bads) = every_fourth(|_| whole("200 OK", "text/html", b"<h1>It works!</h1>"));
    assert_eq!(failed(&report, ErrorKind::Shape, "content-type text/html"), bads);
    assert!(report.errors[0].example.contains("It works!"));
    let (report, bads) =
        every_fourth(|_| whole("200 OK", "application/json", br#"{"jsonrpc":"2.0","#));
    assert_eq!(failed(&report, ErrorKind::Shape, "JSON ends before"), bads);
    let (report, bads) = every_fourth(|_| {
        whole("200 OK", "application/json", br#"{"jsonrpc":"2.0","method":"ping","id":1}"#)
    });
    assert_eq!(failed(&report, ErrorKind::Shape, "no answer"), bads);
    let (report, bads) = every_fourth(|_| whole("200 OK", "text/event-stream", b": no answer\n\n"));
    assert_eq!(failed(&report, ErrorKind::Shape, "ended without the answer"), bads);
}

#[test]
fn what_is_no_http() {
    let (report, bads) = every_fourth(|_| b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec());
    assert_eq!(failed(&report, ErrorKind::Http, "cannot start"), bads);
    assert_eq!(report.errors[0].example, "SSH-2.0-OpenSSH_9.2p1");
    let (report, bads) = every_fourth(|request| [request.good(), b"more".to_vec()].concat());
    assert_eq!(failed(&report, ErrorKind::Http, "more bytes"), bads);
    let (report, bads) = every_fourth(|_| {
        format!("HTTP/1.1 200 OK\r\nX-Huge: {}\r\n\r\n", "x".repeat(80 << 10)).into_bytes()
    });
    assert_eq!(failed(&report, ErrorKind::Http, "does not end within"), bads);
    let (report, bads) = every_fourth(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec()
    });
    assert_eq!(failed(&report, ErrorKind::Http, "chunk size"), bads);
}

#[test]
fn a_connection_that_ends_before_or_within_an_answer() {
    for within in [false, true] {
        let bads = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&bads);
        let address = serve(move |request, stream| {
            let good = request.good();
            if request.number % 4 != 3 {
                stream.write_all(&good)?;
                return Ok(Then::GoOn);
            }
            count.fetch_add(1, Ordering::SeqCst);
            if within {
                stream.write_all(&good[..good.len() - 3])?;
            }
            Ok(Then::Close)
        });
        let report = run(&plan(address));
        let bads = bads.load(Ordering::SeqCst) as u64;
        let what = if within { "within the answer" } else { "before the answer" };
        assert_eq!(failed(&report, ErrorKind::Disconnected, what), bads, "{:?}", report.errors);
        assert_eq!((report.total.calls, report.total.failed, bads), (200, bads, 50));
    }
}

#[test]
fn the_example_of_a_failure_is_what_that_call_was_told() {
    let address = serve_after_probe(|request, stream| {
        if request.number > 1 {
            stream.write_all(&whole("503 Service Unavailable", "text/plain", b"busy"))?;
            return Ok(Then::GoOn);
        }
        let error = json!({"jsonrpc": "2.0", "id": request.body["id"], "error": {"code": -32602, "message": "Unknown tool"}});
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream";
        write!(stream, "{head}\r\n\r\ndata: {error}\n\n")?;
        // Others fail before its stream ends.
        sleep(Duration::from_millis(300));
        Ok(Then::Close)
    });
    let report = run(&plan(address));
    assert_eq!(failed(&report, ErrorKind::Error, "-32602"), 1, "{:?}", report.errors);
    for one in &report.errors {
        let said = if one.kind == ErrorKind::Error { "Unknown tool" } else { "busy" };
        assert!(one.example.contains(said), "{:?}", report.errors);
    }
}

#[test]
fn no_answer_in_time() {
    let address = serve_bytes(|request| {
        if request.number % 10 == 9 {
            sleep(Duration::from_millis(1500));
        }
        request.good()
    });
    let mut plan = plan(address);
    (plan.timeout, plan.connections) = (Duration::from_millis(400), 32);
    let report = run(&plan);
    // On a machine that is busy, others may be late too.
    let late = failed(&report, ErrorKind::Timeout, "");
    assert!(late >= 20 && late == report.total.failed, "{:?}", report.errors);
    assert_eq!((report.total.calls, report.total.unfinished), (200, 0));
    // They are in the latency with the time that they were given.
    assert!(
        (report.total.latency.max_us / 400_000.0 - 1.0).abs() < 0.01,
        "{:?}",
        report.total.latency
    );
}

#[test]
fn no_connection_any_more() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let streams: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let (ends, all) = (Arc::clone(&over), Arc::clone(&streams));
    spawn(move || {
        let served = Arc::new(AtomicUsize::new(0));
        while !ends.load(Ordering::SeqCst) {
            let (stream, _) = listener.accept().unwrap();
            all.lock().unwrap().push(stream.try_clone().unwrap());
            let (served, ends, all) = (Arc::clone(&served), Arc::clone(&ends), Arc::clone(&all));
            spawn(move || {
                let mut stream = stream;
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some(request) = read(&mut reader) {
                    if served.fetch_add(1, Ordering::SeqCst) == 100 {
                        // The server ends: nobody listens, and every connection is closed.
                        ends.store(true, Ordering::SeqCst);
                        let _ = TcpStream::connect(address);
                        for stream in &*all.lock().unwrap() {
                            let _ = stream.shutdown(Shutdown::Both);
                        }
                        return;
                    }
                    if stream.write_all(&request.good()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let report = run(&plan(address));
    let refused = failed(&report, ErrorKind::Connect, "connecting: connection refused");
    let cut = failed(&report, ErrorKind::Disconnected, "");
    assert_eq!(report.total.calls, 200);
    assert_eq!(report.total.failed, refused + cut, "{:?}", report.errors);
    assert!((1..=4).contains(&cut) && refused >= 90, "{:?}", report.errors);
    assert!(report.harness.warnings.iter().any(|one| one.contains("could not be made")));
}

#[test]
fn a_success_where_a_refusal_is_wanted() {
    let refusal = |expect| Operation::Call(crate::plan::Call { expect, ..call("forbidden") });
    let allowing = serve_bytes(Request::good);
    let mut allowed = plan(allowing);
    allowed.traffic = mix(&[refusal(Expect::Refusal)]);
    let report = run(&allowed);
    assert_eq!(failed(&report, ErrorKind::Unrefused, "a success"), 200);
    allowed.traffic = mix(&[refusal(Expect::Any)]);
    assert_eq!(run(&allowed).total.succeeded, 200);

    let ways: [fn(&Request) -> Vec<u8>; 3] = [
        |request| request.answer(&json!({"content": [], "isError": true})),
        |request| {
            let error = json!({"jsonrpc": "2.0", "id": request.body["id"], "error": {"code": -32602, "message": ""}});
            whole("200 OK", "application/json", error.to_string().as_bytes())
        },
        |_| {
            let error =
                json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": ""}});
            whole("403 Forbidden", "application/json", error.to_string().as_bytes())
        },
    ];
    for way in ways {
        for expect in [Expect::Refusal, Expect::Any] {
            let mut refused = plan(serve_bytes(way));
            refused.traffic = mix(&[refusal(expect)]);
            assert_eq!(run(&refused).total.succeeded, 200);
        }
    }
    // A status alone is no refusal of a policy.
    let mut wrong = plan(serve_bytes(|_| whole("403 Forbidden", "text/plain", b"no")));
    wrong.traffic = mix(&[refusal(Expect::Refusal)]);
    assert_eq!(failed(&run(&wrong), ErrorKind::Status, "HTTP 403"), 200);
}

#[test]
fn every_call_that_was_due_is_counted_however_far_the_server_falls_behind() {
    // After the probe nothing is answered any more.
    let address = serve_after_probe(|_, _| {
        sleep(Duration::from_mins(1));
        Ok(Then::Close)
    });
    let mut plan = plan(address);
    plan.pace = open(300_000.0, 0.5);
    plan.timeout = Duration::from_millis(300);
    let report = run(&plan);
    // There is no queue to grow: see `schedule`. All are there, one by one.
    assert_eq!(report.total.calls, 150_000);
    assert_eq!(report.total.succeeded, 0);
    assert!(failed(&report, ErrorKind::Timeout, "waiting for a connection") > 100_000);
    assert!(failed(&report, ErrorKind::Timeout, "waiting for the answer") >= 4);
    // Those that were due last had their time too.
    assert_eq!(report.total.unfinished, 0);
    // Those that never got a connection waited for one all the same.
    assert!(report.harness.waited_for_connection > 100_000, "{:?}", report.harness);
}
