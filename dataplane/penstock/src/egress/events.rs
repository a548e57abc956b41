//! `penstock egress events`: what the kernel refused, as it happens.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use penstock_config::{Snapshot, agent_id};
use penstock_egress::{Event, Events, Hook, Host, Reason, hook_name};
use serde_json::json;

use super::{bpffs, failure};
use crate::cli::EventsArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::print;

/// How long one wait lasts, so that a signal is not waited for.
const WAIT: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &EventsArgs, snapshot: Option<&Snapshot>) -> Result<Exit, Failure> {
    let host = Host::find(bpffs(&args.pins, snapshot)).map_err(|error| failure(&error))?;
    let mut names = penstock_egress::pinned(&host);
    names.extend(snapshot.iter().flat_map(|s| s.agents.iter().map(|agent| agent.name.clone())));
    if let Some(name) = args.agent.as_ref().filter(|name| !names.contains(*name)) {
        // Before anything is read, for what is read is gone.
        let known: Vec<_> = names.into_iter().collect();
        return Err(Failure::new(Exit::Usage, format!("there is no agent `{name}`"))
            .help(format!("there is: {}", known.join(", "))));
    }
    let mut events = Events::open(&host).map_err(|error| failure(&error))?;
    let wanted = args.agent.as_deref().map(agent_id);
    let wait = if args.follow { WAIT } else { Duration::ZERO };
    loop {
        let next = events.next(wait);
        let next = next.map_err(|error| {
            Failure::new(Exit::OsError, format!("events cannot be waited for: {error}"))
        })?;
        match next {
            None if args.follow => {}
            None => return Ok(Exit::Done),
            Some(event) if wanted.is_some_and(|id| id != event.agent) => {}
            Some(event) => {
                let name = name(&names, &event);
                let line = if args.json {
                    as_json(&event, &name, &events)
                } else {
                    as_text(&event, &name)
                };
                print(&line)?;
            }
        }
    }
}

/// The agent's name, or its number where nobody knows it any more.
fn name(names: &BTreeSet<String>, event: &Event) -> String {
    let known = names.iter().find(|name| agent_id(name) == event.agent);
    known.map_or_else(|| format!("{:016x}", event.agent), Clone::clone)
}

fn as_text(event: &Event, agent: &str) -> String {
    let who = match &event.process {
        // A process gives itself the name that it likes.
        Some(process) => {
            format!("{}[{}] uid {}", process.comm.escape_debug(), process.pid, process.uid)
        }
        None if event.hook == Hook::Setsockopt => "a process".to_owned(),
        None => "a packet".to_owned(),
    };
    let verdict = if event.refused { "refused" } else { "would refuse" };
    let way = if event.hook == Hook::Ingress { "from" } else { "to" };
    let to = match event.to {
        Some((ip, port)) => format!(" {way} {}", std::net::SocketAddr::new(ip, port)),
        None => format!(" of family {}", event.family),
    };
    format!(
        "{} {agent}: {verdict} {} {}{to}: {} ({who})\n",
        humantime::format_rfc3339_millis(when(event)),
        hook_name(event.hook),
        protocol(event.protocol),
        reason(event.reason),
    )
}

fn as_json(event: &Event, agent: &str, events: &Events) -> String {
    let process = event.process.as_ref();
    let document = json!({
        "time": humantime::format_rfc3339_millis(when(event)).to_string(),
        "agent": agent,
        "verdict": if event.refused { "refused" } else { "audited" },
        "hook": hook_name(event.hook),
        "reason": reason_code(event.reason),
        "protocol": event.protocol,
        "family": event.family,
        "address": event.to.map(|(ip, _)| ip.to_string()),
        "port": event.to.map(|(_, port)| port),
        "pid": process.map(|process| process.pid),
        "uid": process.map(|process| process.uid),
        "comm": process.map(|process| process.comm.as_str()),
        "cgroup_id": event.cgroup_id,
        "cgroup": events.cgroup(event),
    });
    format!("{document}\n")
}

/// The wall's time of an event, by how long the host has been up.
fn when(event: &Event) -> SystemTime {
    let up = penstock_egress::since_boot();
    SystemTime::now() - up.saturating_sub(event.since_boot)
}

fn protocol(number: u16) -> String {
    match number {
        0 => String::new(),
        1 => "icmp".into(),
        6 => "tcp".into(),
        17 => "udp".into(),
        41 => "ipv6".into(),
        58 => "icmpv6".into(),
        132 => "sctp".into(),
        136 => "udp-lite".into(),
        255 => "raw".into(),
        262 => "mptcp".into(),
        other => format!("protocol {other}"),
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::NoRule => "no rule allows it",
        Reason::Bind => "agents do not listen",
        Reason::Protocol => "only TCP and UDP are allowed",
        Reason::Family => "its family is not allowed",
        Reason::Options => "options or extension headers can send it elsewhere",
        Reason::Fragment => "a fragment hides its ports",
        Reason::Header => "its header is not whole",
        Reason::Group => "joining a group has the kernel tell the network",
    }
}

fn reason_code(reason: Reason) -> &'static str {
    match reason {
        Reason::NoRule => "no_rule",
        Reason::Bind => "bind",
        Reason::Protocol => "protocol",
        Reason::Family => "family",
        Reason::Options => "options",
        Reason::Fragment => "fragment",
        Reason::Header => "header",
        Reason::Group => "group",
    }
}
