//! Streams: opened, held, closed, and what can go wrong with them.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::rig::{Request, Then, call, failed, mix, open, plan, run, serve, whole};
use crate::plan::{Era, Operation, Plan};
use crate::report::model::{ErrorKind, Report};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(event: &str) -> String {
    let event = format!("data: {event}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

fn is_stream(request: &Request) -> bool {
    request.verb == "GET" || request.method() == "subscriptions/listen"
}

/// What a stream says: an acknowledgement first, where it was subscribed to.
fn notification(request: &Request, method: &str) -> String {
    if request.verb == "GET" {
        return r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#.to_owned();
    }
    let id = &request.body["id"];
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
    )
}

/// Calls, and as many streams that are held for 200 ms.
fn streams(
    era: Era,
    answer: impl Fn(&Request, &mut TcpStream) -> io::Result<Then> + Send + Sync + 'static,
) -> Report {
    let address = serve(move |request, stream| {
        if is_stream(request) {
            return answer(request, stream);
        }
        stream.write_all(&request.good())?;
        Ok(Then::GoOn)
    });
    let hold = Duration::from_millis(200);
    let mut plan = Plan { era, ..plan(address) };
    plan.pace = open(40.0, 1.2);
    plan.traffic = mix(&[Operation::Call(call("echo")), Operation::Stream { hold }]);
    run(&plan)
}

fn of_streams(report: &Report) -> &crate::report::model::Measured {
    let one = report
        .operations
        .iter()
        .find(|one| one.name.contains("stream") || one.name.contains("listen"));
    &one.expect("there were streams").measured
}

#[test]
fn streams_of_both_eras_are_held_and_their_events_counted() {
    for era in [Era::Legacy, Era::Modern] {
        let closed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&closed);
        let report = streams(era, move |request, stream| {
            stream.write_all(HEAD.as_bytes())?;
            for method in ["subscriptions/acknowledged", "tools/list_changed", "tools/list_changed"]
            {
                stream.write_all(chunk(&notification(request, method)).as_bytes())?;
            }
            // It is the client that closes.
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            count.fetch_add(usize::from(stream.read(&mut [0])? == 0), Ordering::SeqCst);
            Ok(Then::Close)
        });
        let found = of_streams(&report);
        assert_eq!(found.succeeded, found.calls, "{:?}", report.errors);
        assert!(found.calls >= 4 && found.events == 3 * found.calls, "{found:?}");
        assert_eq!(report.total.failed, 0);
        assert!(report.seconds.iter().any(|one| one.streams > 0), "{:?}", report.seconds);
        let all = usize::try_from(found.calls).unwrap();
        for _ in 0..200 {
            if closed.load(Ordering::SeqCst) == all {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(closed.load(Ordering::SeqCst), all);
    }
}

#[test]
fn a_stream_that_is_refused_ends_early_or_says_what_it_should_not() {
    let refused = streams(Era::Legacy, |_, stream| {
        stream.write_all(&whole("405 Method Not Allowed", "text/plain", b""))?;
        Ok(Then::GoOn)
    });
    let count = of_streams(&refused).calls;
    assert_eq!(failed(&refused, ErrorKind::Status, "HTTP 405"), count, "{:?}", refused.errors);

    let early = streams(Era::Modern, |request, stream| {
        stream.write_all(HEAD.as_bytes())?;
        stream.write_all(chunk(&notification(request, "subscriptions/acknowledged")).as_bytes())?;
        Ok(Then::Close)
    });
    let count = of_streams(&early).calls;
    assert_eq!(failed(&early, ErrorKind::Disconnected, ""), count, "{:?}", early.errors);

    let ended = streams(Era::Modern, |request, stream| {
        stream.write_all(HEAD.as_bytes())?;
        stream.write_all(chunk(&notification(request, "subscriptions/acknowledged")).as_bytes())?;
        stream.write_all(b"0\r\n\r\n")?;
        Ok(Then::GoOn)
    });
    let count = of_streams(&ended).calls;
    assert_eq!(failed(&ended, ErrorKind::Disconnected, "ended early"), count, "{:?}", ended.errors);

    let nameless = streams(Era::Modern, |_, stream| {
        stream.write_all(HEAD.as_bytes())?;
        let event = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}"#;
        stream.write_all(chunk(event).as_bytes())?;
        Ok(Then::GoOn)
    });
    let count = of_streams(&nameless).calls;
    assert_eq!(failed(&nameless, ErrorKind::Id, "subscription"), count, "{:?}", nameless.errors);

    let garbage = streams(Era::Legacy, |_, stream| {
        stream.write_all(HEAD.as_bytes())?;
        stream.write_all(chunk("hello").as_bytes())?;
        Ok(Then::GoOn)
    });
    let count = of_streams(&garbage).calls;
    assert_eq!(failed(&garbage, ErrorKind::Shape, ""), count, "{:?}", garbage.errors);

    let plain = streams(Era::Modern, |request, stream| {
        stream.write_all(&request.answer(&serde_json::json!({})))?;
        Ok(Then::GoOn)
    });
    let count = of_streams(&plain).calls;
    assert_eq!(failed(&plain, ErrorKind::Shape, "no stream"), count, "{:?}", plain.errors);
}

#[test]
fn a_stream_that_is_not_open_yet_is_a_call_in_flight_and_no_stream() {
    let address = serve(|request, stream| {
        if !is_stream(request) {
            stream.write_all(&request.good())?;
            return Ok(Then::GoOn);
        }
        // It says nothing.
        let _ = stream.read(&mut [0]);
        Ok(Then::Close)
    });
    let mut plan = Plan { timeout: Duration::from_secs(1), ..plan(address) };
    plan.pace = open(20.0, 1.2);
    plan.traffic = mix(&[Operation::Stream { hold: Duration::from_millis(200) }]);
    let report = run(&plan);
    let mute = failed(&report, ErrorKind::Timeout, "waiting for the answer");
    assert_eq!((mute, report.total.calls), (24, 24), "{:?}", report.errors);
    assert!(report.seconds.iter().any(|one| one.in_flight > 0), "{:?}", report.seconds);
    assert!(report.seconds.iter().all(|one| one.streams == 0), "{:?}", report.seconds);
}
