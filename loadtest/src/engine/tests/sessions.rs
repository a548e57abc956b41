//! Sessions of the legacy era, and agents.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use super::rig::{Request, Then, call, failed, mix, open, plan, run, serve, serve_bytes, whole};
use crate::plan::{Agent, Arrival, Era, Operation, Pace, Plan, Step};
use crate::report::model::{ErrorKind, Report};

/// What a server with sessions has seen.
#[derive(Default)]
struct Seen {
    next: u32,
    /// Calls in each session, and whose it is.
    open: BTreeMap<String, (u32, String)>,
    announced: BTreeSet<String>,
    ended: BTreeMap<String, u32>,
    /// Of all that came wrongly.
    wrong: Vec<String>,
}

/// A legacy server that forgets a session after so many calls.
fn server(forgets_after: u32) -> (std::net::SocketAddr, Arc<Mutex<Seen>>) {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let state = Arc::clone(&seen);
    let address =
        serve_bytes(move |request| respond(request, &mut state.lock().unwrap(), forgets_after));
    (address, seen)
}

fn respond(request: &Request, seen: &mut Seen, forgets_after: u32) -> Vec<u8> {
    let session = request.header("mcp-session-id").to_owned();
    let agent = request.header("authorization").to_owned();
    if request.method() == "initialize" {
        if !session.is_empty() || !request.header("mcp-protocol-version").is_empty() {
            seen.wrong.push("initialize in a session".to_owned());
        }
        seen.next += 1;
        let id = format!("s{}", seen.next);
        seen.open.insert(id.clone(), (0, agent));
        let good = String::from_utf8(request.good()).unwrap();
        return good.replacen("\r\n", &format!("\r\nMcp-Session-Id: {id}\r\n"), 1).into_bytes();
    }
    if request.header("mcp-protocol-version") != "2025-11-25" {
        seen.wrong.push(format!("{} without the revision", request.method()));
    }
    let Some((calls, whose)) = seen.open.get_mut(&session) else {
        return whole("404 Not Found", "text/plain", b"no such session");
    };
    if *whose != agent {
        seen.wrong.push(format!("{session} of {whose} used by {agent}"));
    }
    if request.method() == "notifications/initialized" {
        seen.announced.insert(session);
        return request.good();
    }
    if request.verb == "DELETE" {
        let calls = *calls;
        seen.open.remove(&session);
        seen.ended.insert(session, calls);
        return request.good();
    }
    if !seen.announced.contains(&session) {
        seen.wrong.push(format!("{session} was not announced"));
    }
    *calls += 1;
    if *calls > forgets_after {
        seen.open.remove(&session);
        return whole("404 Not Found", "text/plain", b"the session has ended");
    }
    request.good()
}

fn legacy(address: std::net::SocketAddr) -> Plan {
    Plan { era: Era::Legacy, sessions: 6, ..plan(address) }
}

#[test]
fn sessions_are_opened_before_and_ended_after_and_belong_to_agents() {
    let (address, seen) = server(u32::MAX);
    let mut plan = legacy(address);
    let agent = |token: &str| Agent { token: Some(token.to_owned()), source: None };
    plan.agents = vec![agent("t0"), agent("t1"), agent("t2")];
    plan.threads = 2;
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (200, 200), "{:?}", report.errors);
    // The set-up is not in the numbers.
    assert_eq!(report.operations.len(), 1, "{:?}", report.operations);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.wrong, [""; 0]);
    // The probe's, one a token, and six.
    assert_eq!((seen.next, seen.open.len(), seen.ended.len()), (9, 0, 9));
    let calls: Vec<u32> = seen.ended.values().copied().filter(|calls| *calls > 1).collect();
    assert_eq!(calls.len(), 6, "{:?}", seen.ended);
    assert!(calls.iter().all(|calls| (33..=34).contains(calls)), "in turn: {calls:?}");
    assert_eq!(seen.announced.len(), 9);
}

#[test]
fn a_session_ends_after_its_calls_and_another_takes_its_place() {
    let (address, seen) = server(u32::MAX);
    let mut plan = legacy(address);
    plan.session_calls = Some(10);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (200, 200), "{:?}", report.errors);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.wrong, [""; 0]);
    assert!(seen.ended.values().all(|calls| *calls <= 10), "{:?}", seen.ended);
    assert!(seen.ended.values().filter(|calls| **calls == 10).count() >= 14, "{:?}", seen.ended);
    assert_eq!(seen.open.len(), 0);
    let names: Vec<&str> = report.operations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["tools/call echo", "initialize (sessions)"]);
}

#[test]
fn a_session_that_the_server_ended_fails_a_call_and_is_opened_again() {
    let (address, seen) = server(20);
    let mut plan = legacy(address);
    plan.connections = 1;
    let report = run(&plan);
    let lost = failed(&report, ErrorKind::Status, "HTTP 404");
    assert_eq!(report.total.failed, lost, "{:?}", report.errors);
    // 200 calls, of which every 21st of a session is lost: with one connection, no other is.
    assert!((6..=9).contains(&lost), "{lost}");
    let seen = seen.lock().unwrap();
    assert_eq!(u64::from(seen.next), 7 + lost);
    assert_eq!((seen.wrong.as_slice(), seen.open.len()), (&[][..], 0));
}

#[test]
fn a_mix_may_open_further_sessions() {
    let (address, seen) = server(u32::MAX);
    let mut plan = legacy(address);
    plan.traffic = mix(&[Operation::Call(call("echo")), Operation::Initialize]);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (200, 200), "{:?}", report.errors);
    let opened = report.operations.iter().find(|one| one.name == "initialize").unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(u64::from(seen.next), 7 + opened.measured.calls);
    assert!(opened.measured.calls > 50);
    assert_eq!((seen.wrong.as_slice(), seen.open.len()), (&[][..], 0), "all were ended");
}

#[test]
fn sessions_that_cannot_be_opened_end_a_run_before_it_begins_or_are_said() {
    // The probe's session is the last one, or the last but three.
    let refuses_after = |count: u32| {
        let state = Mutex::new(Seen::default());
        serve_bytes(move |request| {
            let mut seen = state.lock().unwrap();
            if request.method() == "initialize" && seen.next >= count {
                return whole("429 Too Many Requests", "text/plain", b"sessions are limited");
            }
            respond(request, &mut seen, u32::MAX)
        })
    };
    let error = crate::engine::run_until(&legacy(refuses_after(1)), || false, |_| {});
    let error = error.expect_err("no session").to_string();
    assert!(error.contains("none of 6 sessions") && error.contains("HTTP 429"), "{error}");
    let mut plan = legacy(refuses_after(4));
    plan.pace = open(100.0, 0.5);
    let report = run(&plan);
    // Those that are tried again fail again, and that counts.
    assert!(failed(&report, ErrorKind::Status, "initialize: HTTP 429") >= 1, "{:?}", report.errors);
    assert_eq!(report.total.succeeded, 50);
    let said = report.harness.warnings.join("\n");
    assert!(said.contains("3 of 6 sessions could not be opened"), "{said}");
}

#[test]
fn waiting_for_a_session_is_not_blamed_on_connections() {
    let state = Mutex::new(Seen::default());
    let address = serve(move |request, stream| {
        if request.method() == "initialize" {
            sleep(Duration::from_millis(100));
        }
        let answer = respond(request, &mut state.lock().unwrap(), u32::MAX);
        stream.write_all(&answer)?;
        Ok(Then::GoOn)
    });
    let mut plan = Plan { connections: 16, sessions: 1, ..legacy(address) };
    plan.session_calls = Some(5);
    plan.pace = open(100.0, 0.5);
    let report = run(&plan);
    assert_eq!(report.total.succeeded, 50, "{:?}", report.errors);
    let harness = &report.harness;
    assert!(harness.waited_for_session >= 20, "{harness:?}");
    assert_eq!(harness.waited_for_connection, 0, "{harness:?}");
    let said = harness.warnings.join("\n");
    assert!(said.contains("no session open") && !said.contains("every connection"), "{said}");
}

#[test]
fn upkeep_that_fails_counts_in_the_step_that_it_is_in() {
    let state = Mutex::new((Seen::default(), 0));
    let address = serve_bytes(move |request| {
        let (seen, calls) = &mut *state.lock().unwrap();
        *calls += u32::from(request.method() == "tools/call");
        let answer = respond(request, seen, u32::MAX);
        // The second step has begun when its first calls come.
        if request.verb == "DELETE" && *calls > 60 {
            return whole("500 Internal Server Error", "text/plain", b"not now");
        }
        answer
    });
    let mut plan = Plan { session_calls: Some(5), ..legacy(address) };
    let step = |per_second| Step {
        from_per_second: per_second,
        to_per_second: per_second,
        duration: Duration::from_millis(500),
    };
    plan.pace = Pace::Open { steps: vec![step(100.0), step(200.0)], arrival: Arrival::Even };
    let report = run(&plan);
    let refused = failed(&report, ErrorKind::Status, "DELETE: HTTP 500");
    assert!(refused >= 5 && refused == report.total.failed, "{:?}", report.errors);
    let failed: Vec<u64> = report.steps.iter().map(|step| step.measured.failed).collect();
    assert_eq!(failed, [0, refused]);
    let calls: u64 = report.steps.iter().map(|step| step.measured.calls).sum();
    assert_eq!(calls, report.total.calls);
}

#[test]
fn a_session_that_a_mix_opens_too_late_is_ended_all_the_same() {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let state = Arc::clone(&seen);
    let address = serve(move |request, stream| {
        let answer = respond(request, &mut state.lock().unwrap(), u32::MAX);
        // Not the probe's, and not the one before the load: they are answered when the run has given
        // up waiting for them, which it has when it ends the one before the load.
        if request.method() == "initialize" && state.lock().unwrap().next > 2 {
            while state.lock().unwrap().ended.len() < 2 {
                sleep(Duration::from_millis(10));
            }
        }
        stream.write_all(&answer)?;
        Ok(Then::GoOn)
    });
    // One more than the calls take.
    let mut plan = Plan { sessions: 1, connections: 5, ..legacy(address) };
    plan.traffic = mix(&[Operation::Initialize]);
    plan.pace = open(8.0, 0.5);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.unfinished), (4, 4), "{:?}", report.errors);
    assert_eq!(report.harness.sessions_left, 0, "{:?}", report.harness.warnings);
    let seen = seen.lock().unwrap();
    assert_eq!((seen.next, seen.open.len(), seen.wrong.len()), (6, 0, 0), "{:?}", seen.open);
}

#[test]
fn sessions_that_cannot_be_ended_after_the_run_are_told() {
    let run_with = |answer: fn(&Request, &mut TcpStream) -> io::Result<Then>| {
        let state = Mutex::new(Seen::default());
        let address = serve(move |request, stream| {
            if request.verb == "DELETE" {
                return answer(request, stream);
            }
            let answer = respond(request, &mut state.lock().unwrap(), u32::MAX);
            stream.write_all(&answer)?;
            Ok(Then::GoOn)
        });
        let plan = Plan { timeout: Duration::from_secs(4), ..legacy(address) };
        run(&plan)
    };
    let told = |report: &Report, what: &str| {
        assert_eq!((report.total.calls, report.total.failed), (200, 0), "{:?}", report.errors);
        assert_eq!(report.harness.sessions_left, 6);
        let said = report.harness.warnings.join("\n");
        assert!(said.contains("6 sessions may still be open on the server"), "{said}");
        assert!(said.contains(what), "{said}");
    };
    let refused = run_with(|_, stream| {
        stream.write_all(&whole("500 Internal Server Error", "text/plain", b"not now"))?;
        Ok(Then::GoOn)
    });
    told(&refused, "DELETE: HTTP 500: not now");
    told(&run_with(|_, _| Ok(Then::Close)), "DELETE: closed before the answer");
    // More of them than there are connections: the rest is not even sent.
    told(&run_with(|_, _| Ok(Then::GoOn)), "DELETE: no answer in time");
    // A server that lets no client end a session, or ends it itself, is right.
    let refused = run_with(|_, stream| {
        stream.write_all(&whole("405 Method Not Allowed", "text/plain", b""))?;
        Ok(Then::GoOn)
    });
    assert_eq!(refused.harness.sessions_left, 0);
    assert!(!refused.harness.warnings.join("\n").contains("sessions may"));
}

#[test]
fn a_session_that_is_refused_with_400_is_opened_again() {
    let state: Arc<Mutex<Seen>> = Arc::default();
    let seen = Arc::clone(&state);
    let address = serve_bytes(move |request| {
        let answer = respond(request, &mut seen.lock().unwrap(), 20);
        if answer.starts_with(b"HTTP/1.1 404") {
            return whole("400 Bad Request", "text/plain", b"Bad Request: no valid session");
        }
        answer
    });
    let mut plan = legacy(address);
    (plan.connections, plan.sessions) = (1, 1);
    let report = run(&plan);
    let lost = failed(&report, ErrorKind::Status, "HTTP 400");
    assert_eq!(report.total.failed, lost, "{:?}", report.errors);
    assert!((8..=10).contains(&lost), "{lost}");
    assert_eq!(u64::from(state.lock().unwrap().next), 2 + lost);
}
