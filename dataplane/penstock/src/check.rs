//! `penstock check`.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use penstock_config::{
    Agent, Bind, EgressMode, Endpoint, Errors, Hosts, HttpTarget, Listener, Loaded, Problem,
    Severity, Snapshot, Target,
};
use penstock_inspect::EngineKind;
use penstock_proxy::{Addresses, Inside, World};
use serde_json::{Value, json};

use crate::cli::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::locate;
use crate::prepare::Prepared;
use crate::report::{self, count};
use crate::terminal::{Color, Paint, Style, print};

pub(crate) fn run(args: &CheckArgs, config: Option<&Path>, color: Color) -> Result<Exit, Failure> {
    let path = locate::configuration(args.file.as_deref().or(config))?;
    let checked = checked(&path);
    if args.json {
        return as_json(&path, checked);
    }
    let (snapshot, compiled) =
        checked.map_err(|errors| report::refusal(&path, &errors, Paint::for_stderr(color)))?;
    let paint = Paint::for_stdout(color);
    let ok = paint.paint(Style::Good, "ok");
    let mut text = report::render(&compiled.warnings, paint);
    for note in &compiled.notes {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} {note}", paint.paint(Style::Help, "note:"));
    }
    // Writing to a String does not fail.
    let _ = writeln!(text, "{}: {ok}: {}", path.display(), summary(&snapshot));
    for listener in &snapshot.listeners {
        if listener.forward {
            let _ = writeln!(text, "  {} forwards", base(listener));
            continue;
        }
        for server in &snapshot.servers {
            let upstream = snapshot.upstreams.get(server.upstream).map(|upstream| &upstream.target);
            let target = upstream.map(reached).unwrap_or_default();
            let _ = writeln!(text, "  {}{} -> {target}", base(listener), server.path);
        }
    }
    if let Some(looked_into) = compiled.looked_into {
        let _ = writeln!(text, "  looks into {looked_into}");
    }
    for agent in &snapshot.agents {
        let _ = writeln!(text, "  {}", confined(agent, snapshot.egress.mode));
    }
    print(&text)?;
    Ok(Exit::Done)
}

/// What is to be said of a valid file that `serve` takes.
#[derive(Default)]
pub(crate) struct Compiled {
    /// What of servers is looked into, and by what.
    looked_into: Option<String>,
    /// How many rules are looked for, and by what, where any are.
    pub(crate) rules: Option<(usize, EngineKind)>,
    /// What the file says of rules and probably does not mean, and rules that do not do what they say.
    pub(crate) warnings: Vec<Problem>,
    /// What of files of rules cannot be kept.
    notes: Vec<String>,
}

/// What a file says, and what is to be said of it.
fn checked(path: &Path) -> Result<(Snapshot, Compiled), Errors> {
    let Loaded { snapshot, warnings } = penstock_config::load(path)?;
    match compile(path, &snapshot) {
        Ok(compiled) => {
            let warnings = [warnings, compiled.warnings].concat();
            Ok((snapshot, Compiled { warnings, ..compiled }))
        }
        Err(problems) => Err(Errors::Invalid { problems: [warnings, problems].concat() }),
    }
}

/// What `serve` makes of a valid file before it listens: certificates must be some, and fit, and rules be such.
pub(crate) fn compile(path: &Path, snapshot: &Snapshot) -> Result<Compiled, Vec<Problem>> {
    let inside = Inside { control: "control.sock".into(), front: "front.sock".into() };
    let prepared = Prepared::new(snapshot, path, None)?;
    let guards = prepared.as_ref().map(|prepared| prepared.guards(snapshot, path));
    let guards = guards.transpose()?.unwrap_or_default();
    let said = prepared.map_or_else(Compiled::default, |prepared| {
        let (of, all) = (guards.iter().flatten().count(), count(guards.len(), "server"));
        let (rules, engine) = (count(prepared.rules(), "rule"), prepared.engine().name());
        let looked_into = format!("{of} of {all}, {rules}, {engine}");
        let mut warnings = prepared.warnings(snapshot, path);
        warnings.extend(prepared.failures());
        Compiled {
            looked_into: Some(looked_into),
            rules: Some((prepared.rules(), prepared.engine())),
            warnings,
            notes: prepared.notes().to_vec(),
        }
    });
    let unresolved = &mut |host: &str, _| Addresses::unresolved(host);
    let compiled = World::new(snapshot.clone(), &inside, &guards, unresolved);
    compiled.map(|_| said).map_err(|error| vec![report::error(path, (1, 1), error.to_string())])
}

fn as_json(path: &Path, checked: Result<(Snapshot, Compiled), Errors>) -> Result<Exit, Failure> {
    let (counts, problems, notes, exit) = match checked {
        Ok((snapshot, Compiled { warnings, notes, .. })) => {
            let counts = json!({
                "listeners": snapshot.listeners.len(),
                "upstreams": snapshot.upstreams.len(),
                "servers": snapshot.servers.len(),
                "agents": snapshot.agents.len(),
            });
            (counts, warnings, notes, Exit::Done)
        }
        Err(Errors::Invalid { problems }) => (Value::Null, problems, Vec::new(), Exit::Config),
        Err(Errors::Unreadable { path, source }) => {
            let problem = report::unreadable(&path, &source);
            let exit = Failure::of_io(&source, Exit::NoInput, String::new()).exit;
            (Value::Null, vec![problem], Vec::new(), exit)
        }
    };
    let document = json!({
        "file": path.display().to_string(),
        "ok": exit == Exit::Done,
        "problems": problems.iter().map(problem_as_json).collect::<Vec<_>>(),
        "notes": notes,
        "counts": counts,
    });
    print(&format!("{document:#}\n"))?;
    Ok(exit)
}

fn problem_as_json(problem: &Problem) -> Value {
    json!({
        "severity": match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "file": problem.file.display().to_string(),
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "help": problem.help,
    })
}

fn summary(snapshot: &Snapshot) -> String {
    let mut counts = vec![
        count(snapshot.listeners.len(), "listener"),
        count(snapshot.upstreams.len(), "upstream"),
        count(snapshot.servers.len(), "server"),
    ];
    if !snapshot.agents.is_empty() {
        counts.push(count(snapshot.agents.len(), "agent"));
    }
    counts.join(", ")
}

/// An agent, and how many rules it has.
fn confined(agent: &Agent, mode: EgressMode) -> String {
    let Agent { name, place, egress, forward, .. } = agent;
    let audited = if mode == EgressMode::Audit { ", audited only" } else { "" };
    format!("agent {name}: {place}, {} direct, {} forwarded{audited}", egress.len(), forward.len())
}

/// What stands before a server's path in the URL that agents use.
pub(crate) fn base(listener: &Listener) -> String {
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    match &listener.bind {
        Bind::Tcp(address) => match &listener.hosts {
            Hosts::These(names) if !served(names, address) => {
                let name = names.first().map_or("", String::as_str);
                let port =
                    if name.contains(':') && !name.ends_with(']') { "" } else { &port(address) };
                format!("{scheme}://{name}{port}")
            }
            Hosts::Any | Hosts::These(_) => format!("{scheme}://{address}"),
        },
        Bind::Unix { path, .. } => format!("{}: {scheme}://localhost", path.display()),
    }
}

/// Whether the address itself is served as `Host`.
fn served(names: &[String], address: &SocketAddr) -> bool {
    let with_port = address.to_string();
    let without = with_port.trim_end_matches(&port(address));
    names.iter().any(|name| *name == with_port || name == without)
}

fn port(address: &SocketAddr) -> String {
    format!(":{}", address.port())
}

/// Where an upstream is, without what may be a secret: a query, arguments.
fn reached(target: &Target) -> String {
    match target {
        Target::Http(http) => url(http),
        Target::Sse(http) => format!("{} (HTTP+SSE)", url(http)),
        Target::Command(command) => format!("{} (stdio)", command.program),
    }
}

fn url(http: &HttpTarget) -> String {
    let scheme = if http.tls.is_some() { "https" } else { "http" };
    let path = http.path.split('?').next().unwrap_or_default();
    match &http.endpoint {
        Endpoint::Unix(socket) => {
            format!("{}: {scheme}://{}{path}", socket.display(), http.authority)
        }
        Endpoint::Address(_) | Endpoint::Name(..) => format!("{scheme}://{}{path}", http.authority),
    }
}
