//! How parts of a report are called, in the terminal as on the page.

use super::model::{
    ErrorKind, Machine, Measured, PlanSummary, ProcessReport, SearchReport, StepReport,
};
use super::units::{Unit, count, counted, real, seconds};

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
    let to = Unit::PerSecond.show(step.to_per_second);
    if (step.from_per_second - step.to_per_second).abs() < f64::EPSILON {
        return to;
    }
    format!("{} to {to}", Unit::PerSecond.show(step.from_per_second))
}

/// What became of the bounds of a search in a step.
pub(crate) fn verdict(step: &StepReport) -> String {
    match step.held {
        None => String::new(),
        Some(true) => "held".to_owned(),
        Some(false) => format!("broke {}", step.broken.join(", ")),
    }
}

/// What a search found.
pub(crate) fn found(search: &SearchReport) -> String {
    let bounds = search.bounds.join(", ");
    let rate = |rate: f64| Unit::PerSecond.show(rate);
    match (search.highest_per_second, search.broken_per_second) {
        (Some(held), Some(broke)) => {
            let held = rate(held);
            let broke = rate(broke);
            format!("{held} is the highest rate at which {bounds} held; at {broke} it broke.")
        }
        (Some(held), None) => format!(
            "{bounds} held at {}, where the search was to end: the target carries more.",
            rate(held)
        ),
        (None, Some(broke)) => {
            format!("{bounds} broke at {}, the lowest rate that was tried.", rate(broke))
        }
        (None, None) => format!("No rate was found at which {bounds} held."),
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

/// Cores that the process used over what was measured.
pub(crate) fn cores(process: &ProcessReport, total: &Measured) -> f64 {
    if total.seconds > 0.0 { process.cpu_seconds / total.seconds } else { 0.0 }
}
