//! How parts of a report are called, in the terminal as on the page.

use super::model::{
    ErrorKind, Latency, Machine, Measured, PlanSummary, ProcessReport, SearchEnded, SearchReport,
    StepReport, Unjudged,
};
use super::units::{Unit, count, counted, rates, real, seconds};

/// A column: its head, and what stands in it, in microseconds.
type Column = (&'static str, fn(&Latency) -> f64);

/// What the tables of calls say of latency.
pub(crate) const LATENCIES: [Column; 7] = [
    ("mean", |latency| latency.mean_us),
    ("p50", |latency| latency.p50_us),
    ("p90", |latency| latency.p90_us),
    ("p99", |latency| latency.p99_us),
    ("p99.9", |latency| latency.p999_us),
    ("p99.99", |latency| latency.p9999_us),
    ("max", |latency| latency.max_us),
];

/// How much of everything: `32 connections, 4 agents, …`.
pub(crate) fn scale(plan: &PlanSummary) -> String {
    let number = |value: usize, noun| counted(value as u64, noun);
    let mut parts = vec![
        number(plan.connections, "connection"),
        number(plan.agents, "agent"),
        number(plan.sessions, "session"),
    ];
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
