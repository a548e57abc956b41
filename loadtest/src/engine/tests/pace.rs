//! When calls go out, what their latency is, and how a run ends.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::rig::{Request, call, check, level, mix, open, plan, run, serve_bytes, whole};
use crate::engine::run_until;
use crate::plan::{Arrival, Operation, Pace, Plan, Step};
use crate::progress::Phase;
use crate::report::histogram::decode;
use crate::report::model::Ended;

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
    let address = serve_bytes(move |request| {
        let pass = gate.lock().unwrap();
        if began.elapsed() > Duration::from_millis(700) && !stalled.swap(true, Ordering::SeqCst) {
            sleep(Duration::from_millis(500));
        }
        drop(pass);
        request.good()
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
    let address = serve_bytes(move |request| {
        let until = Duration::from_secs(1);
        let now = began.elapsed();
        if now > Duration::from_millis(400) && now < until {
            sleep(until.saturating_sub(now));
        }
        request.good()
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
    let address = serve_bytes(|request| {
        sleep(Duration::from_millis(10));
        request.good()
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
    let ramp = Step { from_per_second: 0.0, ..level(400.0, 0.5) };
    let steps = vec![ramp, level(400.0, 0.5), level(100.0, 0.5)];
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
    let address = serve_bytes(|request| {
        if request.number > 20 {
            sleep(Duration::from_mins(1));
        }
        request.good()
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
    let address = serve_bytes(|request| {
        sleep(Duration::from_millis(11));
        request.good()
    });
    let mut plan = Plan { connections: 1, ..plan(address) };
    let steps = vec![level(50.0, 0.5), level(300.0, 0.5), level(50.0, 0.5)];
    plan.pace = Pace::Open { steps, arrival: Arrival::Even };
    let report = run(&plan);
    assert_eq!(report.total.succeeded, 200, "{:?}", report.errors);
    let rates: Vec<f64> =
        report.steps.iter().map(|step| step.measured.succeeded_per_second).collect();
    assert!(rates.iter().all(|rate| *rate <= 95.0), "{rates:?}");
    let said = report.harness.warnings.join("\n");
    assert!(said.contains("calls of step 2 were answered until"), "{said}");
}
