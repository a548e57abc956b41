//! Good answers in every form that HTTP and SSE allow, at any pace.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use super::rig::{Request, Then, call, mix, open, plan, run, serve, serve_bytes, whole};
use crate::plan::{Call, Operation, Size};

/// Runs a few calls; all of them are to succeed.
fn succeeds(
    answer: impl Fn(&Request, &mut TcpStream) -> std::io::Result<Then> + Send + Sync + 'static,
) {
    let mut plan = plan(serve(answer));
    plan.pace = open(80.0, 0.5);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (40, 40), "{:?}", report.errors);
}

fn body(request: &Request) -> String {
    let answer = String::from_utf8(request.good()).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// In chunks of one byte.
fn chunked(media: &str, body: &str) -> Vec<u8> {
    let mut out =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n");
    for letter in body.chars() {
        out += &format!("1\r\n{letter}\r\n");
    }
    (out + "0\r\n\r\n").into_bytes()
}

#[test]
fn an_answer_that_comes_byte_by_byte() {
    succeeds(|request, stream| {
        for byte in request.good() {
            stream.write_all(&[byte])?;
            if byte == b'{' {
                sleep(Duration::from_millis(1));
            }
        }
        Ok(Then::GoOn)
    });
}

#[test]
fn chunks_of_one_byte_json_or_events() {
    succeeds(|request, stream| {
        stream.write_all(&chunked("application/json", &body(request)))?;
        Ok(Then::GoOn)
    });
    succeeds(|request, stream| {
        let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
        let events = format!(": hello\n\ndata: {progress}\n\nid: 1\ndata: {}\n\n", body(request));
        for byte in chunked("text/event-stream", &events) {
            stream.write_all(&[byte])?;
        }
        Ok(Then::GoOn)
    });
}

#[test]
fn an_answer_until_the_connection_closes_and_one_that_announces_it() {
    succeeds(|request, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        stream.write_all(body(request).as_bytes())?;
        Ok(Then::Close)
    });
    succeeds(|request, stream| {
        let good = String::from_utf8(request.good()).unwrap();
        stream.write_all(good.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
        Ok(Then::Close)
    });
}

#[test]
fn a_server_that_closes_idle_connections_costs_no_call() {
    let address = serve(|request, stream| {
        stream.write_all(&request.good())?;
        sleep(Duration::from_millis(2));
        // Four connections at 10 calls a second: this one is idle by now, on a busy machine too.
        Ok(Then::Close)
    });
    let mut plan = plan(address);
    plan.pace = open(10.0, 1.0);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (10, 10), "{:?}", report.errors);
}

#[test]
fn answers_larger_than_any_buffer() {
    let address = serve_bytes(|request| {
        let text = "x".repeat(900_000 + request.number);
        request.answer(&serde_json::json!({"content": [{"type": "text", "text": text}]}))
    });
    let mut plan = plan(address);
    plan.pace = open(40.0, 0.5);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (20, 20), "{:?}", report.errors);
    assert!(report.total.bytes_received > 18_000_000);
}

#[test]
fn events_are_counted_and_a_stream_that_lingers_holds_its_connection_up_no_longer_than_it_may() {
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let address = serve(move |request, stream| {
        let events = format!("data: {progress}\n\ndata: {progress}\n\ndata: {}\n\n", body(request));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        stream.write_all(events.as_bytes())?;
        if request.number == 2 {
            sleep(Duration::from_secs(4));
        }
        Ok(Then::Close)
    });
    let mut plan = plan(address);
    plan.pace = open(40.0, 0.5);
    plan.traffic = mix(&[Operation::Call(Call { progress: true, ..call("progress") })]);
    let report = run(&plan);
    assert_eq!((report.total.succeeded, report.total.events), (20, 40), "{:?}", report.errors);
    // The answer was there at once; only the end of its stream was not.
    assert!(report.total.latency.max_us < 3_000_000.0, "{:?}", report.total.latency);
}

#[test]
fn requests_larger_than_the_sockets_buffers_go_out_whole() {
    let sizes = Size::Between(3_000_000, 3_000_100);
    let address = serve_bytes(|request| {
        let padding = request.body["params"]["arguments"]["padding"].as_str().unwrap_or_default();
        let right = (3_000_000..=3_000_100).contains(&padding.len())
            && padding.bytes().all(|byte| byte.is_ascii_alphabetic());
        if right { request.good() } else { whole("400 Bad Request", "text/plain", b"size") }
    });
    let mut plan = plan(address);
    plan.pace = open(20.0, 0.5);
    plan.traffic = mix(&[Operation::Call(Call { padding_bytes: sizes, ..call("echo") })]);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (10, 10), "{:?}", report.errors);
    assert!(report.total.bytes_sent > 30_000_000);
}
