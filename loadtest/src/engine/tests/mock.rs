//! The engine against the mock server, on io_uring as it is.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{sleep, spawn};
use std::time::Duration;

use super::rig::{call, mix, open, plan, run};
use crate::plan::{Arrival, Call, Era, Operation, Pace, Plan, Step};

/// A mock that answers with 4 KiB, and serves until the tests end.
fn mock() -> SocketAddr {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = address.to_string();
    let flags = ["--listen", &listen, "--answer-bytes", "4096", "--event-every", "1s"];
    let mock = crate::mock::Mock::from_flags(&flags);
    spawn(move || crate::mock::serve(&mock));
    while TcpStream::connect(address).is_err() {
        sleep(Duration::from_millis(10));
    }
    address
}

#[test]
fn both_eras_with_everything_that_the_mock_answers() {
    let address = mock();
    let progress = Operation::Call(Call { progress: true, ..call("progress") });
    let stream = Operation::Stream { hold: Duration::from_millis(300) };
    for era in [Era::Modern, Era::Legacy] {
        let mut plan = Plan { era, sessions: 8, threads: 2, ..plan(address) };
        plan.pace = open(500.0, 1.5);
        let mut all = vec![
            Operation::Call(call("echo")),
            progress.clone(),
            stream.clone(),
            Operation::List,
            Operation::Initialize,
        ];
        if era == Era::Legacy {
            all.push(Operation::Ping);
        }
        plan.traffic = mix(&all);
        let report = run(&plan);
        assert_eq!((report.total.calls, report.total.succeeded), (750, 750), "{:?}", report.errors);
        assert_eq!(report.operations.len(), all.len(), "{:?}", report.operations);
        assert!(report.total.events > 200);
    }
}

#[test]
fn random_arrivals_and_a_closed_loop() {
    let address = mock();
    let mut plan = plan(address);
    let step =
        Step { from_per_second: 1000.0, to_per_second: 2000.0, duration: Duration::from_secs(1) };
    plan.pace = Pace::Open { steps: vec![step], arrival: Arrival::Poisson };
    let report = run(&plan);
    assert_eq!(report.total.succeeded, report.total.calls, "{:?}", report.errors);
    // 1500, give or take five standard deviations.
    assert!((1300..1700).contains(&report.total.calls), "{}", report.total.calls);
    // The same seed, the same calls.
    assert_eq!(run(&plan).total.calls, report.total.calls);
    plan.pace = Pace::Closed { concurrency: 4, duration: Duration::from_millis(500) };
    let report = run(&plan);
    assert!(report.total.succeeded > 50 && report.total.failed == 0, "{:?}", report.errors);
}
