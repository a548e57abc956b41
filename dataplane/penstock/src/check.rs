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
    let loaded = penstock_config::load(&path);
    if args.json {
        return as_json(&path, loaded);
    }
    let Loaded { snapshot, warnings } =
        loaded.map_err(|errors| report::refusal(&errors, Paint::for_stderr(color)))?;
    let compiled = compile(&path, &snapshot)?;
    let paint = Paint::for_stdout(color);
    let ok = paint.paint(Style::Good, "ok");
    let mut text = report::render(&warnings, paint);
    text.push_str(&report::render(&compiled.warnings, paint));
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

/// What `serve` makes of a valid file before it listens: certificates must be some, and fit, and rules be such.
pub(crate) fn compile(path: &Path, snapshot: &Snapshot) -> Result<Compiled, Failure> {
    let inside = Inside { control: "control.sock".into(), front: "front.sock".into() };
    let refused = |error: String| {
        Failure::new(Exit::Config, format!("{} cannot be served: {error}", path.display()))
    };
    let prepared = Prepared::new(snapshot, path, None).map_err(refused)?;
    let guards = prepared.as_ref().map(|prepared| prepared.guards(snapshot));
    let guards = guards.transpose().map_err(refused)?.unwrap_or_default();
    let said = prepared.map_or_else(Compiled::default, |prepared| {
        let (of, all) = (guards.iter().flatten().count(), count(guards.len(), "server"));
        let looked_into =
            format!("{of} of {all}, {} rules, {}", prepared.rules(), prepared.engine().name());
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
    compiled.map(|_| said).map_err(|error| refused(error.to_string()))
}

fn as_json(path: &Path, loaded: Result<Loaded, Errors>) -> Result<Exit, Failure> {
    let (snapshot, mut problems, exit) = match loaded {
        Ok(Loaded { snapshot, warnings }) => (Some(snapshot), warnings, Exit::Done),
        Err(Errors::Invalid { problems }) => (None, problems, Exit::Config),
        Err(errors @ Errors::Unreadable { .. }) => {
            return Err(report::refusal(&errors, Paint::for_stderr(Color::Never)));
        }
    };
    let mut notes = Vec::new();
    if let Some(snapshot) = &snapshot {
        let compiled = compile(path, snapshot)?;
        problems.extend(compiled.warnings);
        notes = compiled.notes;
    }
    let counts = snapshot.map(|snapshot| {
        json!({
            "listeners": snapshot.listeners.len(),
            "upstreams": snapshot.upstreams.len(),
            "servers": snapshot.servers.len(),
            "agents": snapshot.agents.len(),
        })
    });
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
