//! `penstock egress test`: proves from within an agent's cgroup that every way past is shut.

use std::fmt::Write as _;

use penstock_config::{EgressMode, Snapshot};
use penstock_egress::{Host, Outcome, State, Status, Tried};
use serde_json::json;

use super::{agents, failure};
use crate::cli::TestArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::{Color, Paint, Style, print};

pub(crate) fn run(args: &TestArgs, snapshot: &Snapshot, color: Color) -> Result<Exit, Failure> {
    let agents = agents(snapshot, args.agent.as_deref())?;
    let host = Host::find(&snapshot.egress.bpffs).map_err(|error| failure(&error))?;
    let found = penstock_egress::status(&host).map_err(|error| failure(&error))?;
    let mut results = Vec::new();
    for agent in &agents {
        let own = found.iter().filter(|status| status.agent == agent.name);
        // Where a cgroup is gone there is nobody to be held.
        let own: Vec<_> = own.filter(|status| status.state != State::Gone).collect();
        if own.is_empty() {
            return Err(failure(&penstock_egress::EgressError::NotApplied(agent.name.clone())));
        }
        for status in own {
            let tried = penstock_egress::check(status).map_err(|error| failure(&error))?;
            results.push((status, tried));
        }
    }
    let shut = results.iter().all(|(_, tried)| tried.iter().all(|one| fine(&one.outcome)));
    if args.json {
        print(&as_json(&results, shut))?;
    } else {
        print(&render(&results, Paint::for_stdout(color)))?;
    }
    Ok(if shut { Exit::Done } else { Exit::Unavailable })
}

fn fine(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Open(_) | Outcome::Refused)
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Shut => "shut",
        Outcome::Allowed => "allowed",
        Outcome::Absent(_) => "absent",
        Outcome::Unheld => "unheld",
        Outcome::Open(_) => "OPEN",
        Outcome::Refused => "REFUSED",
    }
}

fn note(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Shut | Outcome::Allowed => String::new(),
        Outcome::Absent(why) => why.clone(),
        Outcome::Unheld => "no BPF LSM here: `penstock run` shuts it, a unit by \
                            RestrictAddressFamilies=AF_INET AF_INET6"
            .into(),
        Outcome::Open(what) => format!("{what}, and should have been refused"),
        Outcome::Refused => "penstock itself cannot be reached".into(),
    }
}

fn render(results: &[(&Status, Vec<Tried>)], paint: Paint) -> String {
    let mut text = String::new();
    for (status, tried) in results {
        let at = status.cgroup.as_deref().map(|path| path.display().to_string());
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} on {}", status.agent, at.unwrap_or_default());
        if status.mode == EgressMode::Audit {
            let _ = writeln!(text, "  `egress.mode` is `audit`: nothing is refused");
        }
        for one in tried {
            let word = word(&one.outcome);
            let style = match &one.outcome {
                Outcome::Open(_) | Outcome::Refused => Style::Error,
                Outcome::Unheld => Style::Warning,
                Outcome::Shut | Outcome::Allowed => Style::Good,
                Outcome::Absent(_) => Style::Quiet,
            };
            let word = paint.paint(style, &format!("{word:<8}"));
            let _ = writeln!(text, "  {word} {:<48} {}", one.way, note(&one.outcome));
        }
        let bad = tried.iter().filter(|one| !fine(&one.outcome)).count();
        let _ = writeln!(text, "  {} ways tried, {bad} not as they should be", tried.len());
    }
    text
}

fn as_json(results: &[(&Status, Vec<Tried>)], ok: bool) -> String {
    let one = |(status, tried): &(&Status, Vec<Tried>)| {
        let ways = tried.iter().map(|one| {
            json!({
                "way": one.way,
                "outcome": word(&one.outcome).to_lowercase(),
                "note": note(&one.outcome),
            })
        });
        json!({
            "agent": status.agent,
            "cgroup": status.cgroup,
            "ways": ways.collect::<Vec<_>>(),
        })
    };
    let agents: Vec<_> = results.iter().map(one).collect();
    format!("{:#}\n", json!({ "ok": ok, "agents": agents }))
}
