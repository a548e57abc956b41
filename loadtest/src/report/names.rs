//! How parts of a report are called, in the terminal as on the page.

use super::model::{
    ErrorKind, Latency, Machine, Measured, PlanSummary, ProcessReport, SearchEnded, SearchReport,
    StepReport, Unjudged,
};
use super::units::{Unit, count, counted, rates, real, seconds};

/// A latency that tables show.
pub(crate) struct Column {
    pub(crate) head: &'static str,
    /// Which percentile it is, if it is one.
    percent: Option<f64>,
    /// In microseconds.
    of: fn(&Latency) -> f64,
}

impl Column {
    /// In microseconds; none where it was not measured, or of too few calls.
    pub(crate) fn of(&self, measured: &Measured) -> Option<f64> {
        let us = (self.of)(&measured.latency);
        (us > 0.0 && self.percent.is_none_or(|percent| enough(measured, percent))).then_some(us)
    }

    /// As it stands in a table.
    pub(crate) fn show(&self, measured: &Measured) -> String {
        self.of(measured).map_or_else(|| "–".to_owned(), |us| Unit::Microseconds.show(us))
    }
}

/// A percentile wants as many calls as have one beyond it: of fewer it is the slowest call.
pub(crate) fn enough(measured: &Measured, percent: f64) -> bool {
    let ended = real(measured.succeeded.saturating_add(measured.failed));
    // 99.9 has no exact form in binary.
    ended * (100.0 - percent) / 100.0 >= 1.0 - 1e-6
}

/// What the first dash in a table of latencies means, where there is one among percentiles.
pub(crate) fn too_few(all: &[&Measured]) -> Option<String> {
    let is_short = |column: &&Column| {
        let missing = |one: &&&Measured| one.latency.max_us > 0.0 && column.of(one).is_none();
        all.iter().any(|one| missing(&one))
    };
    let first = LATENCIES.iter().find(is_short)?;
    let calls = 100.0 / (100.0 - first.percent?);
    let calls = Unit::Count.show(calls.round());
    Some(format!("– is a percentile of too few calls: {} takes {calls}.", first.head))
}

const fn column(head: &'static str, percent: Option<f64>, of: fn(&Latency) -> f64) -> Column {
    Column { head, percent, of }
}

/// What the tables say of latency.
pub(crate) const LATENCIES: [Column; 7] =
    [column("mean", None, |latency| latency.mean_us), P50, P90, P99, P999, P9999, MAX];
pub(crate) const P50: Column = column("p50", Some(50.0), |latency| latency.p50_us);
pub(crate) const P90: Column = column("p90", Some(90.0), |latency| latency.p90_us);
pub(crate) const P99: Column = column("p99", Some(99.0), |latency| latency.p99_us);
pub(crate) const P999: Column = column("p99.9", Some(99.9), |latency| latency.p999_us);
pub(crate) const P9999: Column = column("p99.99", Some(99.99), |latency| latency.p9999_us);
pub(crate) const MAX: Column = column("max", None, |latency| latency.max_us);

/// How much of everything: `32 connections, 4 agents, …`.
pub(crate) fn scale(plan: &PlanSummary) -> String {
    let number = |value: usize, noun| counted(value as u64, noun);
    let mut parts = vec![number(plan.connections, "connection"), number(plan.agents, "agent")];
    // The modern era has none on the wire: they are turns of the agents.
    if plan.era == "legacy" || plan.sessions != plan.agents {
        parts.push(number(plan.sessions, "session"));
    }
    if let Some(calls) = plan.session_calls {
        parts.push(format!("each for {}", counted(calls, "call")));
    }
    parts.extend([
        number(plan.threads, "thread"),
        format!("warm-up {}", seconds(real(plan.warm_up_ms) / 1e3)),
        format!("timeout {}", seconds(real(plan.timeout_ms) / 1e3)),
        format!("seed {}", plan.seed),
    ]);
    parts.join(", ")
}

/// What was asked for, by name.
pub(crate) fn plan(plan: &PlanSummary) -> Vec<(&'static str, String)> {
    let number = |value: usize| count(value as u64);
    vec![
        ("Target", plan.url.clone()),
        ("Era", plan.era.clone()),
        ("Pace", plan.pace.clone()),
        ("Traffic", plan.traffic.clone()),
        ("Connections", number(plan.connections)),
        ("Agents", number(plan.agents)),
        ("Sessions", number(plan.sessions)),
        ("Calls a session", plan.session_calls.map_or_else(|| "no limit".to_owned(), count)),
        ("Threads", number(plan.threads)),
        ("Warm-up", seconds(real(plan.warm_up_ms) / 1e3)),
        ("Timeout", seconds(real(plan.timeout_ms) / 1e3)),
        ("Seed", plan.seed.to_string()),
    ]
}

pub(crate) fn machine(machine: &Machine) -> Vec<(&'static str, String)> {
    vec![
        ("CPU", machine.cpu.clone()),
        ("Cores for the harness", count(machine.cores as u64)),
        ("Kernel", machine.kernel.clone()),
    ]
}

pub(crate) fn step(step: &StepReport) -> String {
    rates(step.from_per_second, step.to_per_second)
}

/// What became of the bounds of a search in a step.
pub(crate) fn verdict(step: &StepReport) -> String {
    match (step.held, step.unjudged) {
        (None, None) => String::new(),
        (None, Some(Unjudged::Harness)) => "not judged: the harness was the limit".to_owned(),
        (None, Some(Unjudged::Interrupted)) => "not judged: interrupted".to_owned(),
        (Some(true), _) => "held".to_owned(),
        (Some(false), _) => format!("broke {}", step.broken.join(", ")),
    }
}

/// What a search found.
pub(crate) fn found(search: &SearchReport) -> String {
    let bounds = search.bounds.join(", ");
    let rate = |rate: f64| Unit::PerSecond.show(rate);
    let held = search.highest_per_second.map(rate);
    let broke = search.broken_per_second.map(rate);
    let cut_short = match search.ended {
        SearchEnded::Found | SearchEnded::UpperEnd => None,
        SearchEnded::Steps => Some("the search had as many steps as it may have"),
        SearchEnded::Harness => Some("the harness was the limit above that"),
        SearchEnded::Interrupted => Some("the search was interrupted"),
    };
    match (held, broke, cut_short) {
        (Some(held), Some(broke), None) => {
            format!("{held} is the highest rate at which {bounds} held; at {broke} it broke.")
        }
        (Some(held), None, None) => {
            format!(
                "{bounds} held at {held}, where the search was to end: the target carries more."
            )
        }
        (None, Some(broke), _) => {
            format!("{bounds} broke at {broke}, the lowest rate that was tried.")
        }
        (Some(held), Some(broke), Some(why)) => format!(
            "{bounds} held at {held} and broke at {broke}; {why}, so the highest rate lies between."
        ),
        (Some(held), None, Some(why)) => {
            format!("{bounds} held at {held}; {why}, so the target may carry more.")
        }
        (None, None, Some(why)) => {
            format!("No rate was found at which {bounds} held: {why}.")
        }
        (None, None, None) => format!("No rate was found at which {bounds} held."),
    }
}

pub(crate) fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Connect => "no connection",
        ErrorKind::Disconnected => "disconnected",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Http => "not HTTP",
        ErrorKind::Status => "status",
        ErrorKind::Shape => "wrong shape",
        ErrorKind::Id => "wrong id",
        ErrorKind::Error => "JSON-RPC error",
        ErrorKind::ToolError => "tool error",
        ErrorKind::Unrefused => "not refused",
    }
}

/// Why nobody knows what the process used, where it ended before the run.
pub(crate) fn gone(process: &ProcessReport) -> Option<String> {
    let after = process.gone_after_seconds?;
    Some(format!("the process {} was gone after {}", process.pid, seconds(after)))
}

/// Cores that the process used over what was measured.
pub(crate) fn cores(process: &ProcessReport, total: &Measured) -> f64 {
    if total.seconds > 0.0 { process.cpu_seconds / total.seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn sessions_are_told_where_they_mean_something() {
        let mut plan = sample::steady().plan;
        assert!(scale(&plan).contains("64 sessions"));
        plan.era = "modern".to_owned();
        assert!(scale(&plan).contains("64 sessions"));
        plan.sessions = plan.agents;
        assert!(!scale(&plan).contains("session,"), "{}", scale(&plan));
        assert!(!scale(&plan).contains("sessions"), "{}", scale(&plan));
    }

    #[test]
    fn a_percentile_wants_a_call_beyond_it() {
        let mut measured = sample::steady().total;
        for (percent, calls) in [(50.0, 2), (90.0, 10), (99.0, 100), (99.9, 1000), (99.99, 10_000)]
        {
            (measured.succeeded, measured.failed) = (calls - 1, 0);
            assert!(!enough(&measured, percent), "p{percent} of {calls} less one");
            measured.failed = 1;
            assert!(enough(&measured, percent), "p{percent} of {calls}");
        }
        measured.succeeded = 999;
        assert_eq!((P999.of(&measured).is_some(), P9999.show(&measured)), (true, "–".to_owned()));
        let said = "– is a percentile of too few calls: p99.99 takes 10,000.";
        assert_eq!(too_few(&[&measured]).as_deref(), Some(said));
        measured.succeeded = 10_000;
        assert_eq!(too_few(&[&measured]), None);
        assert_eq!(too_few(&[&sample::nothing().total]), None, "that nothing is there is said");
    }

    #[test]
    fn a_search_claims_no_more_than_it_found() {
        let mut search = sample::searched().search.unwrap();
        search.broken_per_second = None;
        let mut said = |ended| {
            search.ended = ended;
            found(&search)
        };
        assert!(said(SearchEnded::UpperEnd).contains("the target carries more"));
        for (ended, why) in [
            (SearchEnded::Steps, "as many steps"),
            (SearchEnded::Harness, "the harness was the limit"),
            (SearchEnded::Interrupted, "interrupted"),
        ] {
            let said = said(ended);
            assert!(said.contains(why) && said.contains("may carry more"), "{said}");
        }
        search.broken_per_second = Some(5500.0);
        assert!(found(&search).contains("lies between"), "{}", found(&search));
    }

    #[test]
    fn a_step_that_was_not_judged_says_so() {
        let mut step = sample::searched().steps.remove(0);
        step.held = None;
        assert_eq!(verdict(&step), "");
        step.unjudged = Some(Unjudged::Harness);
        assert_eq!(verdict(&step), "not judged: the harness was the limit");
        step.unjudged = Some(Unjudged::Interrupted);
        assert_eq!(verdict(&step), "not judged: interrupted");
    }
}
