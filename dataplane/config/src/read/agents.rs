//! The agents that the kernel holds to penstock.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::places::{Overlap, Placed, user};
use super::{destinations, listeners, named};
use crate::agents::{Agent, BPFFS_DEFAULT, Egress, EgressMode, ForwardLimits, Resources, agent_id};
use crate::fields::Fields;
use crate::keys;
use crate::snapshot::Bind;

const EXAMPLE: &str = "write `agents:` and below it `claude: {}`, or remove it";

/// Agents of one file.
const AGENTS_MAX: usize = 256;

pub(super) fn egress(file: &Fields<'_>) -> Egress {
    let Some(egress) = file.section("egress") else {
        return Egress { mode: EgressMode::default(), bpffs: BPFFS_DEFAULT.into() };
    };
    let mode = match egress.choice("mode") {
        "audit" => EgressMode::Audit,
        _ => EgressMode::Enforce,
    };
    Egress { mode, bpffs: bpffs(&egress).unwrap_or_else(|| BPFFS_DEFAULT.into()) }
}

/// Not relative to the file: whoever reads the pins finds them whatever file it was given.
fn bpffs(egress: &Fields<'_>) -> Option<PathBuf> {
    let text = egress.text("bpffs")?;
    let path = Path::new(&text.value);
    let names = |component| matches!(component, Component::RootDir | Component::Normal(_));
    if path.is_absolute()
        && path.parent().is_some()
        && path.components().all(names)
        && !text.value.contains('\0')
    {
        return Some(path.to_path_buf());
    }
    let message = format!("`{}` cannot be {}", egress.named("bpffs"), text.shown());
    let help = "write an absolute path without `..`, as in /run/penstock/bpf";
    egress.cx.error(&text.span, message, help);
    None
}

/// Every agent; none where the file has no `agents`. Where listeners are wrong, `listeners` is none.
pub(super) fn read(
    file: &Fields<'_>,
    listeners: Option<&[listeners::Read]>,
) -> Option<Vec<Arc<Agent>>> {
    let cx = file.cx;
    let entries = if file.has("agents") { named(file, "agents", EXAMPLE)? } else { Vec::new() };
    if entries.len() > AGENTS_MAX {
        let message = format!("`agents` holds {} agents", entries.len());
        let help = format!("write at most {AGENTS_MAX}; one agent may be many processes");
        cx.error(&file.key_span("agents"), message, &help);
        return None;
    }
    let mut agents: Vec<Arc<Agent>> = Vec::with_capacity(entries.len());
    let mut taken: Vec<(&str, Placed)> = Vec::with_capacity(entries.len());
    let mut ids = HashMap::new();
    for entry in &entries {
        let name = entry.key.as_str();
        if let Some(other) = ids.insert(agent_id(name), name) {
            let message = format!("the kernel could not tell `{name}` from `{other}`");
            cx.error(&entry.span, message, "their names have one hash: give one another name");
        }
        let place = format!("agents.{name}");
        let Some(fields) = Fields::open(cx, &keys::AGENT, &entry.value, &entry.span, &place) else {
            continue;
        };
        let Some((agent, placed)) = agent(&fields, name) else { continue };
        if let Some(listeners) = listeners {
            check_listeners(&fields, &agent, listeners);
        }
        check_place(&fields, name, &placed, &taken);
        taken.push((name, placed));
        agents.push(Arc::new(agent));
    }
    // Where agents are wrong, what they forward is not known.
    if agents.len() == entries.len() && agents.iter().all(|agent| agent.forward.is_empty()) {
        for (span, _) in listeners.into_iter().flatten().filter(|(_, read)| read.forward) {
            let help = "list what an agent may reach through it, as in `forward: \
                        [\"api.example:443\"]`, or remove the listener";
            cx.warn(span, "a listener forwards, and no agent has a `forward`", help);
        }
    }
    Some(agents)
}

fn agent(fields: &Fields<'_>, name: &str) -> Option<(Agent, Placed)> {
    let placed = Placed::read(fields, name);
    // Read even where there is no place, for the problems these keys may have.
    let egress = destinations::egress(fields);
    let forward = destinations::forward(fields);
    if !fields.has("forward") {
        let help = "list what it may reach, as in `forward: [\"api.example:443\"]`, or remove it";
        let keys = ["forward_connections", "forward_bytes"];
        fields.refuse(&keys, "means nothing without `forward`", help);
    }
    let forward_limits = ForwardLimits {
        connections: fields.count("forward_connections"),
        bytes: fields.has("forward_bytes").then(|| fields.size("forward_bytes")),
    };
    let resources = Resources {
        memory: fields.has("memory").then(|| fields.size("memory")),
        cpu_millis: fields.has("cpus").then(|| fields.decimal("cpus")),
        pids: fields.has("pids").then(|| fields.count("pids")),
    };
    let (unix_sockets, netlink) = (fields.flag("unix_sockets"), fields.flag("netlink"));
    let run_as = user(fields, "run_as").map(|text| text.value);
    let placed = placed?;
    let agent = Agent {
        name: name.to_owned(),
        id: agent_id(name),
        place: placed.place.clone(),
        egress,
        forward,
        forward_limits,
        resources,
        unix_sockets,
        netlink,
        run_as,
    };
    Some((agent, placed))
}

/// Refuses an agent some of whose processes are another one too.
fn check_place(fields: &Fields<'_>, name: &str, placed: &Placed, others: &[(&str, Placed)]) {
    for (other, at) in others {
        let (message, help) = match placed.overlap(at) {
            Overlap::None => continue,
            Overlap::Same => (
                format!("`agents.{name}` is where `agents.{other}` is: {}", placed.shown),
                "give each agent a place of its own, or make them one agent",
            ),
            Overlap::Within => (
                format!(
                    "`agents.{name}`, {}, is within `agents.{other}`, {}",
                    placed.shown, at.shown
                ),
                NESTED,
            ),
            Overlap::Around => (
                format!(
                    "`agents.{name}`, {}, is around `agents.{other}`, {}",
                    placed.shown, at.shown
                ),
                NESTED,
            ),
        };
        fields.cx.error(&placed.span, message, help);
        return;
    }
}

const NESTED: &str =
    "a process is one agent, so that its calls are that one's: put them beside each other";

/// Whether an agent finds the listeners that it needs.
fn check_listeners(fields: &Fields<'_>, agent: &Agent, listeners: &[listeners::Read]) {
    let cx = fields.cx;
    if !agent.forward.is_empty() && !listeners.iter().any(|(_, listener)| listener.forward) {
        let message =
            format!("`{}` means nothing without a listener that forwards", fields.named("forward"));
        let help = "add `{ address: 127.0.0.1:3128, forward: true }` to `listeners`";
        cx.error(&fields.key_span("forward"), message, help);
    }
    let over_tcp = |(_, listener): &listeners::Read| matches!(listener.bind, Bind::Tcp(_));
    if !agent.unix_sockets && !listeners.iter().any(over_tcp) {
        let message = format!(
            "every listener is a Unix socket, and `agents.{}` may not make one",
            agent.name
        );
        let help = "add a listener with an `address`, or write `unix_sockets: true`";
        cx.warn(&fields.span, message, help);
    }
}
