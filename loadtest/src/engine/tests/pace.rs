//! When calls go out, what their latency is, and how a run ends.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::rig::{Request, Then, call, check, mix, open, plan, run, serve, serve_bytes, whole};
use crate::engine::run_until;
use crate::plan::{
    Arrival, Bound, BoundValue, Call, Operation, Pace, Plan, Recorded, Relation, Search, Step,
    Traffic,
};
use crate::progress::Phase;
use crate::report::histogram::decode;
use crate::report::model::{Ended, Report, SearchEnded, Unjudged};

#[test]
fn an_open_loop_sends_what_the_rate_says_and_no_id_twice() {
    let ids: Arc<Mutex<HashSet<u64>>> = Arc::default();
    let seen = Arc::clone(&ids);
    let address = serve_bytes(move |request| {
        assert!(seen.lock().unwrap().insert(request.body["id"].as_u64().unwrap()), "an id twice");
        assert_eq!(request.header("mcp-method"), request.method());
        assert_eq!(request.header("mcp-protocol-version"), "2026-07-28");
        request.good()
    });
    let mut plan = plan(address);
    plan.pace = open(1000.0, 1.2);
    (plan.threads, plan.connections) = (2, 8);
    plan.traffic = mix(&[Operation::Call(call("echo")), Operation::List]);
    let report = run(&plan);
    assert_eq!((report.ended, report.total.calls), (Ended::Completed, 1200));
    assert_eq!(report.total.succeeded, 1200, "{:?}", report.errors);
    // And the probe's.
    assert_eq!(ids.lock().unwrap().len(), 1201);
    let names: HashSet<&str> = report.operations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, HashSet::from(["tools/call echo", "tools/list"]));
    assert!(report.operations.iter().all(|one| one.measured.calls > 400));
    assert!((report.total.succeeded_per_second - 1000.0).abs() < 1.0);
    assert_eq!(report.plan.threads, 2);
    assert!(report.seconds[0].harness_busy > 0.0, "{:?}", report.seconds);
}

#[test]
fn what_is_drawn_depends_on_the_seed_alone() {
    let sent = |seed| {
        let order: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&order);
        let address = serve_bytes(move |request| {
            seen.lock().unwrap().push(request.method().to_owned());
            request.good()
        });
        // One connection, so that the server sees the order in which they were sent.
        let mut plan = Plan { connections: 1, seed, ..plan(address) };
        plan.pace = open(200.0, 0.5);
        plan.traffic = mix(&[Operation::List, Operation::Call(call("echo"))]);
        assert_eq!(run(&plan).total.succeeded, 100);
        Arc::try_unwrap(order)
            .map_or_else(|shared| shared.lock().unwrap().clone(), |own| own.into_inner().unwrap())
    };
    assert_eq!(sent(1), sent(1));
    assert_ne!(sent(1), sent(2));
}

#[test]
fn a_server_that_stalls_is_charged_for_every_call_that_became_due_meanwhile() {
    let stalled = Arc::new(AtomicBool::new(false));
    let gate = Arc::new(Mutex::new(()));
    let began = Instant::now();
    let address = serve(move |request, stream| {
        let pass = gate.lock().unwrap();
        if began.elapsed() > Duration::from_millis(700) && !stalled.swap(true, Ordering::SeqCst) {
            sleep(Duration::from_millis(500));
        }
        drop(pass);
        stream.write_all(&request.good())?;
        Ok(Then::GoOn)
    });
    let mut plan = plan(address);
    plan.pace = open(1000.0, 2.0);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.succeeded), (2000, 2000), "{:?}", report.errors);
    let latencies = decode(&report.total.latency.histogram).unwrap().unwrap();
    // 500 calls became due while nothing was answered, one a millisecond; so 250 of them took
    // 250 ms or more, although no more than four were sent. A call or two lie on the boundary.
    let long = latencies.count_between(250_000_000, u64::MAX / 2);
    assert!(long >= 250 - 5, "{long}");
    let some = latencies.count_between(50_000_000, u64::MAX / 2);
    assert!(some >= 450 - 5, "{some}");
    assert!(report.total.latency.p90_us >= 250_000.0, "{:?}", report.total.latency);
    assert!(report.harness.waited_for_connection >= 490, "{:?}", report.harness);
    assert!(report.harness.warnings.iter().any(|one| one.contains("found every connection busy")));
}

#[test]
fn what_was_due_at_the_end_is_still_sent_and_its_latency_is_known() {
    // The server stalls from the middle of the run until after its end.
    let began = Instant::now();
    let address = serve(move |request, stream| {
        let until = Duration::from_secs(1);
        let now = began.elapsed();
        if now > Duration::from_millis(400) && now < until {
            sleep(until.saturating_sub(now));
        }
        stream.write_all(&request.good())?;
        Ok(Then::GoOn)
    });
    let mut plan = plan(address);
    plan.pace = open(1000.0, 0.7);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.unfinished), (700, 0));
    assert!(report.total.latency.p99_us > 250_000.0, "{:?}", report.total.latency);
    // The rate is over the time that it took.
    assert!(report.total.seconds > 0.75, "{:?}", report.total);
}

#[test]
fn a_closed_loop_keeps_its_concurrency() {
    let address = serve(|request, stream| {
        sleep(Duration::from_millis(10));
        stream.write_all(&request.good())?;
        Ok(Then::GoOn)
    });
    let mut plan = plan(address);
    plan.pace = Pace::Closed { concurrency: 3, duration: Duration::from_millis(600) };
    let report = run(&plan);
    assert_eq!(report.total.succeeded, report.total.calls);
    // Three at a time, of 10 ms or more each.
    assert!((3..=183).contains(&report.total.calls), "{:?}", report.total);
    assert!(report.total.latency.min_us >= 10_000.0);
    assert_eq!(report.harness.sent_late, 0);
}

#[test]
fn the_warm_up_is_not_in_the_numbers() {
    let began = Instant::now();
    let address = serve_bytes(move |request| {
        let early = began.elapsed() < Duration::from_millis(300);
        if early && request.number > 0 {
            whole("503 Service Unavailable", "text/plain", b"warming up")
        } else {
            request.good()
        }
    });
    let mut plan = plan(address);
    plan.warm_up = Duration::from_millis(900);
    let report = run(&plan);
    assert_eq!((report.total.calls, report.total.failed), (200, 0), "{:?}", report.errors);
    let said = report.harness.warnings.join("\n");
    assert!(said.contains("before the measuring began") && said.contains("HTTP 503"), "{said}");
}

#[test]
fn steps_are_told_one_by_one() {
    let step = |from_per_second, to_per_second| Step {
        from_per_second,
        to_per_second,
        duration: Duration::from_millis(500),
    };
    let steps = vec![step(0.0, 400.0), step(400.0, 400.0), step(100.0, 100.0)];
    let mut plan = plan(serve_bytes(Request::good));
    plan.pace = Pace::Open { steps, arrival: Arrival::Even };
    let report = run(&plan);
    let calls: Vec<u64> = report.steps.iter().map(|one| one.measured.calls).collect();
    assert_eq!(calls, [100, 200, 50]);
    let starts: Vec<f64> = report.steps.iter().map(|one| one.start_seconds).collect();
    assert_eq!(starts, [0.0, 0.5, 1.0]);
    assert_eq!(report.total.calls, 350);
    assert!(report.steps.iter().all(|one| one.held.is_none()));
}

#[test]
fn a_run_that_is_stopped_reports_what_it_has() {
    let mut plan = plan(serve_bytes(Request::good));
    plan.pace = open(500.0, 60.0);
    let began = Instant::now();
    let mut once = false;
    let stop = || {
        !once && began.elapsed() > Duration::from_millis(900) && {
            once = true;
            true
        }
    };
    let report = run_until(&plan, stop, |_| {}).unwrap();
    check(&report);
    assert_eq!(report.ended, Ended::Interrupted);
    assert!(report.total.calls > 0 && report.total.calls < 20_000, "{:?}", report.total);
    assert_eq!(report.total.succeeded, report.total.calls - report.total.unfinished);
    assert!(report.total.seconds < 40.0, "{:?}", report.total);
}

#[test]
fn a_run_that_is_stopped_before_it_began_has_nothing_to_report() {
    let mut plan = Plan { era: crate::plan::Era::Legacy, ..plan(serve_bytes(Request::good)) };
    plan.pace = open(500.0, 60.0);
    let mut signals = 1;
    let stop = || std::mem::take(&mut signals) > 0;
    let report = run_until(&plan, stop, |_| {}).unwrap();
    check(&report);
    assert_eq!((report.ended, report.total.calls), (Ended::Interrupted, 0));
}

#[test]
fn a_second_signal_does_not_wait_for_answers() {
    let address = serve(|request, stream| {
        if request.number > 20 {
            sleep(Duration::from_mins(1));
        }
        stream.write_all(&request.good())?;
        Ok(Then::GoOn)
    });
    let mut plan = plan(address);
    plan.pace = open(100.0, 60.0);
    plan.timeout = Duration::from_secs(100);
    let began = Instant::now();
    let mut signals = 0;
    let stop = || {
        let due = u64::try_from(began.elapsed().as_millis()).unwrap() / 700;
        let came = due > signals && signals < 2;
        signals += u64::from(came);
        came
    };
    let report = run_until(&plan, stop, |_| {}).unwrap();
    check(&report);
    assert_eq!(report.ended, Ended::Interrupted);
    assert_eq!(report.total.succeeded, 20);
    // Those on the four connections, and those that waited for one.
    assert!(report.total.unfinished >= 4, "{:?}", report.total);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_recording_is_sent_as_it_was_with_what_the_era_asks_for() {
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let all = Arc::clone(&seen);
    let address = serve_bytes(move |request| {
        let copy = Request {
            verb: request.verb.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            number: request.number,
        };
        all.lock().unwrap().push(copy);
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

#[test]
fn the_time_of_a_search_goes_on_from_step_to_step() {
    let address = serve_bytes(Request::good);
    let mut plan = plan(address);
    plan.pace = Pace::Search(Search {
        bounds: Vec::new(),
        from_per_second: 20.0,
        to_per_second: Some(80.0),
        duration: Duration::from_millis(300),
        arrival: Arrival::Even,
        precision: 0.5,
    });
    let mut told: Vec<(Option<usize>, f64)> = Vec::new();
    let watch = |now: &crate::progress::Snapshot| told.push((now.step, now.elapsed_seconds));
    let report = run_until(&plan, || false, watch).unwrap();
    assert!(report.steps.len() > 1, "{:?}", report.steps);
    let steps: HashSet<_> = told.iter().map(|(step, _)| *step).collect();
    assert!(steps.len() > 1, "{told:?}");
    assert!(told.is_sorted_by_key(|(_, elapsed)| *elapsed), "{told:?}");
}

#[test]
fn a_search_doubles_until_a_bound_breaks_and_tells_its_steps() {
    // Two connections of 10 ms a call carry 200 calls a second and no more.
    let address = serve(|request, stream| {
        sleep(Duration::from_millis(10));
        stream.write_all(&request.good())?;
        Ok(Then::GoOn)
    });
    let mut plan = Plan { connections: 2, ..plan(address) };
    let bound = Bound {
        value: BoundValue::Percentile(99.0),
        relation: Relation::Less,
        limit: 150_000.0,
        text: "p99<150ms".to_owned(),
    };
    plan.pace = Pace::Search(Search {
        bounds: vec![bound],
        from_per_second: 50.0,
        to_per_second: None,
        duration: Duration::from_secs(1),
        arrival: Arrival::Even,
        precision: 0.3,
    });
    let report = run(&plan);
    let search = report.search.clone().expect("it searched");
    assert_eq!(search.bounds, ["p99<150ms"]);
    assert!(!report.steps.is_empty());
    assert_eq!(report.steps[0].from_per_second.to_bits(), 50_f64.to_bits());
    if report.harness.bottleneck {
        // A machine that is too busy for this: then it says so, and blames nobody.
        let said = report.harness.reasons.join("\n");
        assert!(said.contains("the target may carry more"), "{said}");
        return;
    }
    let broken = search.broken_per_second.expect("it cannot carry any rate");
    assert!(search.highest_per_second.is_none_or(|held| held < broken), "{search:?}");
    assert!(broken <= 400.0, "{search:?}");
    let last_broken = |step: &&crate::report::model::StepReport| step.held == Some(false);
    let step = report.steps.iter().rfind(last_broken).expect("one broke");
    assert!(!step.broken.is_empty());
    let in_order =
        |report: &Report| report.steps.is_sorted_by(|a, b| a.start_seconds < b.start_seconds);
    assert!(in_order(&report));
}

#[test]
fn padding_is_as_long_as_was_asked_for() {
    let address = serve_bytes(|request| {
        let padding = request.body["params"]["arguments"]["padding"].as_str().unwrap_or_default();
        let a = &request.body["params"]["arguments"]["a"];
        if padding.len() == 5000 && *a == 1 {
            request.good()
        } else {
            whole("400 Bad Request", "text/plain", b"")
        }
    });
    let mut plan = plan(address);
    let padded = Call { padding_bytes: crate::plan::Size::Fixed(5000), ..call("echo") };
    plan.traffic = mix(&[Operation::Call(padded)]);
    assert_eq!(run(&plan).total.succeeded, 200);
}

#[test]
fn whoever_watches_is_told_how_it_stands() {
    let mut plan = plan(serve_bytes(Request::good));
    plan.pace = open(200.0, 2.0);
    plan.warm_up = Duration::from_millis(1200);
    plan.pid = Some(std::process::id());
    let mut told = Vec::new();
    let report = run_until(&plan, || false, |progress| told.push(progress.clone())).unwrap();
    check(&report);
    assert!(told.len() >= 4, "{told:?}");
    assert!(told.iter().any(|one| one.phase == Phase::WarmUp));
    let last = told.iter().rfind(|one| one.phase == Phase::Measuring).unwrap();
    assert!(last.succeeded > 200 && last.offered_per_second == Some(200.0), "{last:?}");
    assert!(last.planned_seconds == Some(3.2) && last.p99_us > 0.0);
    let process = report.process.expect("it was watched");
    assert!(
        process.cpu_seconds > 0.0
            && process.cpu_us_per_call > 0.0
            && process.gone_after_seconds.is_none()
    );
    assert!(!process.samples.is_empty() && process.rss_bytes_max > 1 << 20, "{process:?}");
    assert!(report.harness.warnings.iter().any(|one| one.contains("may both run on core")));
}

#[test]
fn a_step_says_what_the_target_managed_and_not_what_was_offered() {
    // One connection of 11 ms a call or more carries 91 calls a second at most.
    let address = serve(|request, stream| {
        sleep(Duration::from_millis(11));
        stream.write_all(&request.good())?;
        Ok(Then::GoOn)
    });
    let mut plan = Plan { connections: 1, ..plan(address) };
    let step = |rate| Step {
        from_per_second: rate,
        to_per_second: rate,
        duration: Duration::from_millis(500),
    };
    let steps = vec![step(50.0), step(300.0), step(50.0)];
    plan.pace = Pace::Open { steps, arrival: Arrival::Even };
    let report = run(&plan);
    assert_eq!(report.total.succeeded, 200, "{:?}", report.errors);
    let rates: Vec<f64> =
        report.steps.iter().map(|step| step.measured.succeeded_per_second).collect();
    assert!(rates.iter().all(|rate| *rate <= 95.0), "{rates:?}");
    let said = report.harness.warnings.join("\n");
    assert!(said.contains("calls of step 2 were answered until"), "{said}");
}

#[test]
fn a_search_that_is_interrupted_says_so_and_judges_no_step() {
    let mut plan = plan(serve_bytes(Request::good));
    plan.pace = Pace::Search(Search {
        bounds: Vec::new(),
        from_per_second: 50.0,
        to_per_second: None,
        duration: Duration::from_mins(1),
        arrival: Arrival::Even,
        precision: 0.3,
    });
    let began = Instant::now();
    let mut signals = 1;
    let stop = || began.elapsed() > Duration::from_secs(3) && std::mem::take(&mut signals) > 0;
    let report = run_until(&plan, stop, |_| {}).unwrap();
    assert_eq!(report.ended, Ended::Interrupted);
    assert_eq!(report.search.unwrap().ended, SearchEnded::Interrupted);
    let last = report.steps.last().expect("it had begun");
    assert_eq!((last.held, last.unjudged), (None, Some(Unjudged::Interrupted)));
}
