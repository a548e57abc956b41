//! `penstock egress`: what the kernel holds agents to.

mod apply;
mod check;
mod events;
mod remove;
mod status;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_config::{Agent, BPFFS_DEFAULT, Snapshot};
use penstock_egress::EgressError;

use crate::cli::{EgressCommand, PinsArgs};
use crate::exit::{Exit, Failure};
use crate::terminal::{Color, Paint};
use crate::{locate, report};

pub(crate) fn run(
    command: &EgressCommand,
    config: Option<&Path>,
    color: Color,
) -> Result<Exit, Failure> {
    if let EgressCommand::Probe { gateways } = command {
        penstock_egress::probe(gateways);
        return Ok(Exit::Done);
    }
    match command {
        EgressCommand::Apply(args) => {
            let (path, snapshot) = load(config, color)?;
            apply::run(args, &path, &snapshot)
        }
        EgressCommand::Test(args) => check::run(args, &load(config, color)?.1, color),
        EgressCommand::Status(args) => {
            with_or_without(config, color, |known| status::run(args, known, color))
        }
        EgressCommand::Events(args) => {
            with_or_without(config, color, |known| events::run(args, known))
        }
        EgressCommand::Remove(args) => {
            with_or_without(config, color, |known| remove::run(args, known))
        }
        EgressCommand::Probe { .. } => Ok(Exit::Done),
    }
}

/// What the kernel holds is to be seen, and ended, however broken the configuration is: then without it,
/// at the default place of pins, and the fault of the configuration is the command's.
fn with_or_without(
    config: Option<&Path>,
    color: Color,
    command: impl FnOnce(Option<&Snapshot>) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    match load(config, color) {
        Ok((_, snapshot)) => command(Some(&snapshot)),
        // A name that was mistyped says nothing of which pins are meant.
        Err(fault) if config.is_some() && fault.exit == Exit::NoInput => Err(fault),
        Err(fault) => {
            command(None)?;
            Err(fault)
        }
    }
}

fn bpffs<'a>(pins: &'a PinsArgs, snapshot: Option<&'a Snapshot>) -> &'a Path {
    let configured = snapshot.map(|snapshot| snapshot.egress.bpffs.as_path());
    pins.bpffs.as_deref().or(configured).unwrap_or(Path::new(BPFFS_DEFAULT))
}

fn load(config: Option<&Path>, color: Color) -> Result<(PathBuf, Snapshot), Failure> {
    let path = locate::configuration(config)?;
    let loaded = penstock_config::load(&path)
        .map_err(|errors| report::refusal(&path, &errors, Paint::for_stderr(color)))?;
    Ok((path, loaded.snapshot))
}

/// The agents that are meant: the one that is named, or all.
pub(crate) fn agents(snapshot: &Snapshot, named: Option<&str>) -> Result<Vec<Arc<Agent>>, Failure> {
    match named {
        Some(name) => agent(snapshot, name).map(|agent| vec![agent]),
        None if snapshot.agents.is_empty() => Err(no_agents()),
        None => Ok(snapshot.agents.clone()),
    }
}

/// The agent of that name.
pub(crate) fn agent(snapshot: &Snapshot, name: &str) -> Result<Arc<Agent>, Failure> {
    if snapshot.agents.is_empty() {
        return Err(no_agents());
    }
    let found = snapshot.agents.iter().find(|agent| agent.name == name);
    found.cloned().ok_or_else(|| {
        let known: Vec<_> =
            snapshot.agents.iter().map(|agent| format!("`{}`", agent.name)).collect();
        Failure::new(Exit::Usage, format!("the configuration has no agent `{name}`"))
            .help(format!("it has {}", known.join(", ")))
    })
}

fn no_agents() -> Failure {
    Failure::new(Exit::Config, "the configuration has no `agents`")
        .help("write `agents: { claude: {} }`, and listeners that it may reach")
}

pub(crate) fn failure(error: &EgressError) -> Failure {
    let exit = match error {
        EgressError::NotRoot { .. } => Exit::NoPermission,
        EgressError::TooMany { .. } => Exit::Config,
        _ => Exit::Unavailable,
    };
    Failure::new(exit, error.to_string())
}
