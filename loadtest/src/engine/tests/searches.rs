//! The search for the highest rate.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::rig::{Request, plan, run, serve_bytes};
use crate::engine::run_until;
use crate::plan::{Arrival, Bound, BoundValue, Pace, Plan, Relation, Search};
use crate::report::model::{Ended, Report, SearchEnded, StepReport, Unjudged};

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
    let address = serve_bytes(|request| {
        sleep(Duration::from_millis(10));
        request.good()
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
    // On a machine that is too busy for this it says so, and blames nobody: then once more.
    let is_told = |report: &Report| {
        assert_eq!(report.steps[0].from_per_second.to_bits(), 50_f64.to_bits());
        let spoilt = report.search.as_ref().expect("it searched").ended == SearchEnded::Harness;
        let said = report.harness.reasons.join("\n");
        assert!(!spoilt || said.contains("the target may carry more"), "{said}");
        !spoilt
    };
    let report = (0..3).map(|_| run(&plan)).find(is_told);
    let report = report.expect("three times this machine was too busy for the harness");
    let search = report.search.expect("it searched");
    assert_eq!(search.bounds, ["p99<150ms"]);
    let broken = search.broken_per_second.expect("it cannot carry any rate");
    assert!(search.highest_per_second.is_none_or(|held| held < broken), "{search:?}");
    assert!(broken <= 400.0, "{search:?}");
    let last_broken = |step: &&StepReport| step.held == Some(false);
    let step = report.steps.iter().rfind(last_broken).expect("one broke");
    assert!(!step.broken.is_empty());
    assert!(report.steps.is_sorted_by(|a, b| a.start_seconds < b.start_seconds));
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
