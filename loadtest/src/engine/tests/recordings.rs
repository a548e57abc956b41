//! Recordings: what is sent again, and when.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::rig::{Request, open, plan, run, serve_bytes};
use crate::plan::{Pace, Plan, Recorded, Traffic};

#[test]
fn a_recording_is_sent_as_it_was_with_what_the_era_asks_for() {
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let all = Arc::clone(&seen);
    let address = serve_bytes(move |request| {
        all.lock().unwrap().push(request.clone());
        request.good()
    });
    let message = |method: &str, params: Option<&str>| Recorded {
        at: None,
        method: method.to_owned(),
        params: params.map(str::to_owned),
    };
    let mut plan = Plan { connections: 1, ..plan(address) };
    plan.pace = open(100.0, 0.5);
    plan.traffic = Traffic::Replay(vec![
        message("tools/list", None),
        message("tools/call", Some(r#"{"name":"größer","arguments":{"n":1.50}}"#)),
        message("prompts/get", Some(r#"{"name":"p"}"#)),
        message("resources/read", Some(r#"{"uri":"file:///a"}"#)),
    ]);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (50, 50), "{:?}", report.errors);
    let seen = seen.lock().unwrap();
    let methods: Vec<&str> = seen.iter().skip(1).take(5).map(Request::method).collect();
    let expected = ["tools/list", "tools/call", "prompts/get", "resources/read", "tools/list"];
    assert_eq!(methods, expected);
    let call = &seen[2];
    assert_eq!(call.header("mcp-name"), "=?base64?Z3LDtsOfZXI=?=");
    assert_eq!(call.body["params"]["arguments"].to_string(), r#"{"n":1.5}"#);
    assert_eq!(
        call.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"],
        "2026-07-28"
    );
    assert_eq!(seen[4].header("mcp-name"), "file:///a");
}

#[test]
fn calls_of_a_recording_are_due_when_it_says_whichever_thread_has_them() {
    let all: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&all);
    let address = serve_bytes(move |request| {
        let uri = request.body["params"]["uri"].as_str().unwrap_or_default().to_owned();
        all.lock().unwrap().push(uri);
        request.good()
    });
    let message = |(number, ms): (usize, u64)| Recorded {
        at: Some(Duration::from_millis(ms)),
        method: "resources/read".to_owned(),
        params: Some(format!(r#"{{"uri":"r{number}"}}"#)),
    };
    let recorded = [0, 0, 0, 1500, 1500, 1500, 1500, 1500].into_iter().enumerate().map(message);
    let mut plan = Plan { threads: 2, ..plan(address) };
    plan.traffic = Traffic::Replay(recorded.collect());
    plan.pace = Pace::Recorded { duration: Duration::from_millis(1600), speed: 1.0 };
    let report = run(&plan);
    assert_eq!(report.total.succeeded, 8, "{:?}", report.errors);
    let due: Vec<(u64, u64)> = report.seconds.iter().map(|one| (one.second, one.due)).collect();
    assert_eq!(due, [(0, 3), (1, 5)], "a burst, a pause and a burst");
    // The probe's comes first; of those at one moment, any may.
    let mut seen: Vec<String> = seen.lock().unwrap().iter().skip(1).cloned().collect();
    let (first, last) = seen.split_at_mut(3);
    first.sort();
    last.sort();
    assert_eq!(seen, ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"]);
    // The first three as a warm-up: they are sent, and not sent again.
    plan.warm_up = Duration::from_secs(1);
    plan.pace = Pace::Recorded { duration: Duration::from_millis(600), speed: 1.0 };
    assert_eq!(run(&plan).total.calls, 5);
}
