//! `penstock run`: a command, confined as an agent of the configuration.

mod clients;
mod environment;
pub(crate) mod trust;

use std::any::Any;
use std::env;
use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use penstock_config::{Agent, Bind, EgressMode, Snapshot};
use penstock_egress::launch::{Launch, LaunchError, User, launch, missing_capabilities};
use penstock_egress::{Cgroup, EgressError, Host, Policy, Status};

use crate::cli::RunArgs;
use crate::egress;
use crate::exit::{Exit, Failure};
use crate::locate;
use crate::report;
use crate::terminal::{Paint, Style};

use clients::Clients;
use environment::Environment;

/// How long a listener of this host may take to be there.
const PROBE: Duration = Duration::from_millis(200);

pub(crate) fn run(
    args: &RunArgs,
    config: Option<&Path>,
    paint: Paint,
) -> Result<ExitCode, Failure> {
    // Before anything else: it is what most people hit first.
    let missing = missing_capabilities();
    if !missing.is_empty() {
        return Err(refused(&LaunchError::Privileges(missing)));
    }
    let path = locate::configuration(config)?;
    let loaded =
        penstock_config::load(&path).map_err(|errors| report::refusal(&path, &errors, paint))?;
    let snapshot = loaded.snapshot;
    let agent = egress::agent(&snapshot, &args.agent)?;
    let user = user(args, &agent)?;
    trust::check(&path, &user)?;
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::new(Exit::Usage, "no command to run"));
    };
    let directory = env::current_dir().map_err(|error| {
        Failure::of_io(&error, Exit::OsError, format!("cannot tell the working directory: {error}"))
    })?;

    let clients = Clients::write(&snapshot, &user)?;
    let environment = Environment {
        snapshot: &snapshot,
        agent: &agent.name,
        user: &user,
        clients: clients.file(),
    };
    let environment = environment.made_of(env::vars_os());
    let (cgroup, hold) = enforce(&snapshot, &agent, paint)?;
    warn_if_unserved(&snapshot, paint);
    let ended = launch(&Launch {
        cgroup,
        program: program.clone(),
        arguments: arguments.to_vec(),
        environment,
        directory,
        resources: agent.resources,
        unix_sockets: agent.unix_sockets,
        netlink: agent.netlink,
        keep: kept(&snapshot, &clients),
        hide: env::var_os("SSH_AUTH_SOCK").map(PathBuf::from).into_iter().collect(),
        hold,
        user,
    })
    .map_err(|error| refused(&error))?;
    if let (Some(limit), 1..) = (agent.resources.memory, ended.killed_for_memory) {
        let message = format!(
            "the kernel killed a process of agent `{}`, which may use {} of memory (`memory`)",
            agent.name,
            size(limit)
        );
        warn(paint, &message);
    }
    // Nothing is cleaned up behind the next line, for it may be the end of this process.
    drop(clients);
    Ok(ExitCode::from(ended.exit.pass_on()))
}

/// Who the command line says, else the configuration, else whoever called sudo.
fn user(args: &RunArgs, agent: &Agent) -> Result<User, Failure> {
    let refused = |error| Failure::new(Exit::Usage, format!("{error}"));
    if let Some(user) = args.user.as_ref().or(agent.run_as.as_ref()) {
        return User::parse(user).map_err(refused);
    }
    let id = |name| env::var(name).ok().and_then(|id| id.parse().ok());
    let Some(uid) = id("SUDO_UID") else {
        let message = format!("no user for agent `{}` to run as", agent.name);
        return Err(Failure::new(Exit::Usage, message)
            .help("give one with --user, as `run_as` in the configuration, or come by sudo"));
    };
    User::of_ids(uid, id("SUDO_GID")).map_err(refused)
}

/// The agent's cgroup with its policy in force, and what holds that policy while this process lives.
fn enforce(
    snapshot: &Snapshot,
    agent: &Agent,
    paint: Paint,
) -> Result<(PathBuf, Box<dyn Any>), Failure> {
    let failed = |error: EgressError| egress::failure(&error);
    let host = Host::prepare(&snapshot.egress.bpffs).map_err(failed)?;
    let cgroup = Cgroup::of(&host, &agent.place).map_err(failed)?;
    let policy = Policy::of(snapshot, agent);
    let running = cgroup.processes().len();
    if running > 0 && is_held_otherwise(&host, &cgroup, agent, &policy).map_err(failed)? {
        return Err(held_otherwise(running, &agent.name));
    }
    if snapshot.egress.mode == EgressMode::Audit {
        warn(
            paint,
            "`egress.mode` is `audit`: what the agent does past penstock is reported, not refused",
        );
    }
    let enforced = penstock_egress::apply(&host, &policy, &cgroup).map_err(failed)?;
    Ok((cgroup.path, Box::new(enforced)))
}

/// Whether something else than this policy is in force there. What runs there was started under it, and
/// a launch does not change that under its feet.
fn is_held_otherwise(
    host: &Host,
    cgroup: &Cgroup,
    agent: &Agent,
    policy: &Policy,
) -> Result<bool, EgressError> {
    let held = penstock_egress::status(host)?;
    let here = |status: &&Status| status.agent == agent.name && status.cgroup_id == cgroup.id;
    Ok(held.iter().find(here).is_some_and(|status| !status.is(policy)))
}

fn held_otherwise(running: usize, agent: &str) -> Failure {
    let run = if running == 1 { "process runs" } else { "processes run" };
    let message = format!("{running} {run} as agent `{agent}` under another policy");
    Failure::new(Exit::Unavailable, message).help(format!(
        "`penstock egress apply --agent {agent}` puts this one in force for all of them; then run again"
    ))
}

/// What the agent sees of `/run`: its list of servers, and penstock's own sockets.
fn kept(snapshot: &Snapshot, clients: &Clients) -> Vec<PathBuf> {
    let sockets = snapshot.listeners.iter().filter_map(|listener| match &listener.bind {
        // The directory: a socket is made anew whenever penstock starts.
        Bind::Unix { path, .. } => {
            path.parent().filter(|parent| !is_shared(parent)).or(Some(path)).map(Path::to_owned)
        }
        Bind::Tcp(_) => None,
    });
    sockets.chain(clients.file().and_then(Path::parent).map(Path::to_owned)).collect()
}

/// Whether others have sockets there: of a user's runtime directory it is D-Bus, by which systemd starts
/// things outside.
fn is_shared(directory: &Path) -> bool {
    let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    real == Path::new("/run") || real.parent() == Some(Path::new("/run/user"))
}

/// The command may be of use without penstock, or penstock may come up yet: no more than a warning.
fn warn_if_unserved(snapshot: &Snapshot, paint: Paint) {
    let Some(address) = clients::address(snapshot) else { return };
    let tried = TcpStream::connect_timeout(&address, PROBE);
    if tried.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        warn(paint, &format!("nobody listens at {address}: is `penstock serve` running?"));
    }
}

fn warn(paint: Paint, message: &str) {
    eprintln!("{} {message}", paint.paint(Style::Warning, "warning:"));
}

/// As the configuration would write it.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units.into_iter().find(|(bits, _)| bytes.trailing_zeros() >= *bits);
    whole.map_or_else(|| format!("{bytes}B"), |(bits, unit)| format!("{}{unit}", bytes >> bits))
}

fn refused(error: &LaunchError) -> Failure {
    let exit = match error {
        LaunchError::Privileges(_) => Exit::NoPermission,
        LaunchError::Stdio { .. } => Exit::Usage,
        LaunchError::NotFound(_) => Exit::CommandNotFound,
        LaunchError::NotExecutable { .. } => Exit::CommandNotExecutable,
        _ => Exit::OsError,
    };
    Failure::new(exit, error.to_string())
}
