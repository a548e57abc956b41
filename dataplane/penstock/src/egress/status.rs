//! `penstock egress status`: what is in force, as the kernel tells it.

use std::fmt::Write as _;

use penstock_config::{EgressMode, Snapshot};
use penstock_egress::{Allowed, EgressError, Host, Policy, State, Status, hook_name};
use serde_json::{Value, json};

use super::{bpffs, failure};
use crate::cli::StatusArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::{Color, Paint, Style, print};

pub(crate) fn run(
    args: &StatusArgs,
    snapshot: Option<&Snapshot>,
    color: Color,
) -> Result<Exit, Failure> {
    let found = match Host::find(bpffs(&args.pins, snapshot)) {
        Ok(host) => penstock_egress::status(&host).map_err(|error| failure(&error))?,
        // Nothing was ever applied: that is an answer too.
        Err(EgressError::NotMounted(_)) => Vec::new(),
        Err(error) => return Err(failure(&error)),
    };
    let faults = faults(snapshot, &found);
    if args.json {
        print(&as_json(&found, &faults))?;
    } else {
        print(&render(&found, &faults, Paint::for_stdout(color)))?;
    }
    Ok(if faults.is_empty() { Exit::Done } else { Exit::Unavailable })
}

/// What is not as the configuration says, each with what to do.
fn faults(snapshot: Option<&Snapshot>, found: &[Status]) -> Vec<String> {
    let mut faults = Vec::new();
    let agents =
        snapshot.iter().flat_map(|snapshot| snapshot.agents.iter().map(move |a| (a, snapshot)));
    for (agent, snapshot) in agents {
        let own: Vec<_> = found.iter().filter(|status| status.agent == agent.name).collect();
        let name = &agent.name;
        if own.is_empty() {
            faults.push(format!(
                "{name}: nothing is enforced; run `penstock egress apply --agent {name}`"
            ));
        }
        let policy = Policy::of(snapshot, agent);
        for status in own.iter().filter(|status| status.state == State::Live && !status.is(&policy))
        {
            let at = place(status);
            faults.push(format!(
                "{name}: what is in force on {at} is not what the configuration says; run `penstock egress apply --agent {name}`"
            ));
        }
    }
    for status in found {
        let (name, at) = (&status.agent, place(status));
        match &status.state {
            State::Live => {}
            State::Gone => faults.push(format!(
                "{name}: {at} was removed, and with it what held it; a new one is not held until `penstock egress apply --agent {name}`"
            )),
            State::Broken { missing } => faults.push(format!(
                "{name}: on {at} the kernel does not run {}; run `penstock egress apply --agent {name}`",
                missing.join(", ")
            )),
        }
    }
    faults
}

fn place(status: &Status) -> String {
    match &status.cgroup {
        Some(path) => path.display().to_string(),
        None => format!("cgroup {}", status.cgroup_id),
    }
}

fn render(found: &[Status], faults: &[String], paint: Paint) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    for status in found {
        let state = match (&status.state, status.mode) {
            (State::Live, EgressMode::Enforce) => paint.paint(Style::Good, "enforced"),
            (State::Live, EgressMode::Audit) => paint.paint(Style::Warning, "audited"),
            (State::Gone, _) => paint.paint(Style::Error, "gone"),
            (State::Broken { .. }, _) => paint.paint(Style::Error, "broken"),
        };
        let _ = writeln!(text, "{}: {state} on {}", status.agent, place(status));
        for rule in &status.rules {
            let _ = writeln!(
                text,
                "  {:<40} {:>8} calls {:>10} packets {:>14} bytes",
                shown(rule),
                rule.calls,
                rule.packets,
                rule.bytes
            );
        }
        let refused: Vec<_> = status
            .refused
            .iter()
            .map(|(hook, count)| format!("{} {count}", hook_name(*hook)))
            .collect();
        if !refused.is_empty() {
            let verdict = match status.mode {
                EgressMode::Enforce => "refused",
                EgressMode::Audit => "would refuse",
            };
            let _ = writeln!(text, "  {verdict}: {}", refused.join(", "));
        }
        if !status.lsm {
            let note =
                "  without BPF LSM: families other than IP are for what starts the agent to refuse";
            let _ = writeln!(text, "{}", paint.paint(Style::Quiet, note));
        }
        if status.events_lost > 0 {
            let _ = writeln!(text, "  {} events were not read in time", status.events_lost);
        }
        if status.callers_lost > 0 {
            let _ = writeln!(text, "  {} connections were too many to attest", status.callers_lost);
        }
    }
    for fault in faults {
        let _ = writeln!(text, "{} {fault}", paint.paint(Style::Error, "fault:"));
    }
    if text.is_empty() { "no agent is configured, and nothing is in force\n".into() } else { text }
}

/// `penstock tcp 127.0.0.1:8808`, `tcp 10.0.0.0/8:5432`: as the configuration writes it.
fn shown(allowed: &Allowed) -> String {
    let owner = if allowed.gateway { "penstock " } else { "" };
    format!("{owner}{}", allowed.rule)
}

fn as_json(found: &[Status], faults: &[String]) -> String {
    let agents: Vec<_> = found.iter().map(one_as_json).collect();
    format!("{:#}\n", json!({ "ok": faults.is_empty(), "agents": agents, "faults": faults }))
}

fn one_as_json(status: &Status) -> Value {
    let rules = status.rules.iter().map(|rule| {
        json!({
            "rule": shown(rule),
            "penstock": rule.gateway,
            "calls": rule.calls,
            "packets": rule.packets,
            "bytes": rule.bytes,
        })
    });
    let refused =
        status.refused.iter().map(|(hook, count)| (hook_name(*hook).to_owned(), json!(count)));
    json!({
        "agent": status.agent,
        "cgroup": status.cgroup,
        "cgroup_id": status.cgroup_id,
        "state": match &status.state {
            State::Live => "live",
            State::Gone => "gone",
            State::Broken { .. } => "broken",
        },
        "missing": match &status.state {
            State::Broken { missing } => missing.clone(),
            _ => Vec::new(),
        },
        "mode": match status.mode {
            EgressMode::Enforce => "enforce",
            EgressMode::Audit => "audit",
        },
        "bpf_lsm": status.lsm,
        "rules": rules.collect::<Vec<_>>(),
        "refused": refused.collect::<serde_json::Map<_, _>>(),
        "events_lost": status.events_lost,
        "callers_lost": status.callers_lost,
    })
}
