//! `penstock egress apply`: puts the configuration in force.

use std::collections::BTreeMap;
use std::path::Path;

use penstock_config::{Agent, EgressMode, Place, Snapshot};
use penstock_egress::launch::User;
use penstock_egress::{Cgroup, EgressError, Host, Policy, State, Status};

use super::{agents, failure};
use crate::cli::ApplyArgs;
use crate::exit::{Exit, Failure};
use crate::report::count;
use crate::run::trust;
use crate::terminal::print;

pub(crate) fn run(
    args: &ApplyArgs,
    configuration: &Path,
    snapshot: &Snapshot,
) -> Result<Exit, Failure> {
    let agents = agents(snapshot, args.agent.as_deref())?;
    penstock_egress::may_apply().map_err(|error| failure(&error))?;
    for user in agents.iter().filter_map(|agent| user(agent)) {
        trust::check(configuration, &user)?;
    }
    let host = Host::prepare(&snapshot.egress.bpffs).map_err(|error| failure(&error))?;
    let before = penstock_egress::status(&host).map_err(|error| failure(&error))?;
    let mut failed = None;
    for agent in &agents {
        let targets = match named(args, &host) {
            Some(place) => place.map(|cgroup| vec![cgroup]),
            None => targets(agent, &before, &host),
        };
        let applied = targets.and_then(|targets| {
            targets.iter().try_for_each(|cgroup| apply(&host, snapshot, agent, cgroup, &before))
        });
        if let Err(error) = applied {
            // The others are not left open for it.
            let text = error.to_string();
            let named = text.contains(&format!("agent `{}`", agent.name));
            let whose = if named { String::new() } else { format!("agent `{}`: ", agent.name) };
            eprintln!("error: {whose}{text}");
            failed = Some(failure(&error));
        }
    }
    warn_of_others(snapshot, &before);
    match failed {
        None => Ok(Exit::Done),
        Some(failure) => Err(Failure::new(failure.exit, "not all of it is in force")),
    }
}

/// Whom the agent runs as, where the configuration says and the host knows.
fn user(agent: &Agent) -> Option<User> {
    let of_place = match &agent.place {
        Place::User(user) => Some(user),
        Place::Cgroup(_) | Place::Unit(_) => None,
    };
    User::parse(agent.run_as.as_ref().or(of_place)?).ok()
}

/// The cgroup that the command line names.
fn named(args: &ApplyArgs, host: &Host) -> Option<Result<Cgroup, EgressError>> {
    if let Some(path) = &args.cgroup {
        return Some(Cgroup::at(host, path));
    }
    if let Some(unit) = &args.unit {
        return Some(Cgroup::of(host, &Place::Unit(unit.clone())));
    }
    if args.here {
        return Some(Cgroup::here(host));
    }
    args.pid.map(|pid| Cgroup::of_process(host, pid))
}

/// The agent's own cgroup, and each other to which its policy was applied before and that still lives.
fn targets(agent: &Agent, before: &[Status], host: &Host) -> Result<Vec<Cgroup>, EgressError> {
    let mut targets = BTreeMap::new();
    let own = Cgroup::of(host, &agent.place)?;
    for status in before.iter().filter(|status| status.agent == agent.name) {
        if let Some(path) = status.cgroup.as_deref().filter(|_| status.state != State::Gone) {
            let cgroup = Cgroup::at(host, path)?;
            targets.insert(cgroup.id, cgroup);
        }
    }
    targets.insert(own.id, own);
    Ok(targets.into_values().collect())
}

fn apply(
    host: &Host,
    snapshot: &Snapshot,
    agent: &Agent,
    cgroup: &Cgroup,
    before: &[Status],
) -> Result<(), EgressError> {
    let policy = Policy::of(snapshot, agent);
    // Whoever was held there already has made no socket elsewhere that this could be told of.
    let held_before = before.iter().any(|status| {
        status.cgroup_id == cgroup.id && status.agent == agent.name && status.state == State::Live
    });
    let own = std::process::id();
    let running = cgroup.processes().into_iter().filter(|process| *process != own).count();
    penstock_egress::apply(host, &policy, cgroup)?;
    let held = match policy.mode {
        EgressMode::Enforce => "enforced",
        EgressMode::Audit => "audited, and not enforced,",
    };
    // Who does not read what is in force has it in force all the same.
    let _ = print(&format!(
        "{}: {held} on {}: {} of penstock, {}\n",
        agent.name,
        cgroup.path.display(),
        count(policy.gateways.len(), "endpoint"),
        count(policy.rules.len(), "rule"),
    ));
    if let Some((above, user)) = cgroup.delegated_above() {
        eprintln!(
            "warning: user {user} may move processes out of {} to others below {}, and is not held there; \
             hold that one, or run the agent as somebody else",
            cgroup.path.display(),
            above.display(),
        );
    }
    if running > 0 && !held_before {
        let noun = if running == 1 { "process" } else { "processes" };
        eprintln!(
            "warning: {running} {noun} ran in {} already; sockets that were made in another cgroup \
             are not held. Start what runs there anew to be sure",
            cgroup.path.display(),
        );
    }
    Ok(())
}

/// What is in force and nobody's any more.
fn warn_of_others(snapshot: &Snapshot, before: &[Status]) {
    for status in before {
        let configured = snapshot.agents.iter().any(|agent| agent.name == status.agent);
        let at = status.cgroup.as_deref().unwrap_or(Path::new("a cgroup that is gone"));
        if !configured {
            eprintln!(
                "warning: agent `{}` is not configured any more and is still held on {}; `penstock \
                 egress remove --agent {0}` ends it",
                status.agent,
                at.display(),
            );
        }
    }
}
