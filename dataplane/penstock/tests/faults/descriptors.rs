//! A full descriptor table.

use std::thread::sleep;
use std::time::Duration;

use crate::common::{Client, Setup, always, call, eventually, ok};

/// Enough to start with; few enough to be used up at once.
const LIMIT: u32 = 64;

fn fills_up(engine: &'static str) {
    let setup = Setup::to(always(ok("{}"))).backend(engine).descriptors(LIMIT);
    let penstock = setup.start();
    let before = penstock.descriptors();
    let mut kept = penstock.connect();
    assert_eq!(kept.ask(&call(1)).0, 200);

    let crowd: Vec<Client> = (0..2 * LIMIT).map(|_| penstock.connect()).collect();
    let full = LIMIT as usize;
    eventually("the table is full", || penstock.descriptors() >= full - 1);
    let spent = penstock.processor_time();
    sleep(Duration::from_secs(2));
    let spent = penstock.processor_time().saturating_sub(spent);
    assert!(spent < Duration::from_millis(400), "{spent:?} of processor time in 2 s");
    // Who was there before is served on.
    assert_eq!(kept.ask(&call(2)).0, 200);
    penstock.logs("cannot accept");

    drop(crowd);
    eventually("the next call works", || penstock.connect().ask(&call(3)).0 == 200);
    drop(kept);
    eventually("every descriptor is back", || penstock.descriptors() <= before + 1);
}

#[test]
fn connections_wait_and_nothing_spins_on_io_uring() {
    fills_up("io_uring");
}

#[test]
fn connections_wait_and_nothing_spins_on_epoll() {
    fills_up("epoll");
}

#[test]
fn a_call_that_gets_no_descriptor_for_its_upstream_is_a_502() {
    let setup = Setup::to(always(ok("{}"))).descriptors(LIMIT);
    let penstock = setup.start();
    let before = penstock.descriptors();
    let mut caller = penstock.connect();
    let crowd: Vec<Client> = (0..2 * LIMIT).map(|_| penstock.connect()).collect();
    eventually("the table is full", || penstock.descriptors() >= LIMIT as usize - 1);
    sleep(Duration::from_millis(300));
    let (status, body) = caller.ask(&call(7));
    assert_eq!(status, 502, "{body}");
    assert!(body.contains("\"id\":7") && body.contains("open files"), "{body}");
    drop(crowd);
    eventually("the next call works", || caller.ask(&call(8)).0 == 200);
    drop(caller);
    eventually("every descriptor is back", || penstock.descriptors() <= before + 1);
}
