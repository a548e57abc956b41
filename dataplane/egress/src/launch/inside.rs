//! Process 1 of the agent's PID namespace: from its birth to the start of the command, and then the
//! one that reaps, passes signals on and tells outside how the command ended.
//!
//! It is a copy of the launching process and stays one: it has the agent's user id, but not a
//! capability, is filtered like the command, and is closed to it (not dumpable). When it ends, the
//! kernel kills whatever else is in the namespace.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, kill_process, set_dumpable_behavior,
    set_parent_process_death_signal, wait,
};
use seccompiler::BpfProgram;

use super::cgroup::Leaf;
use super::report::{Report, Reporter};
use super::signals::Signals;
use super::{Launch, privilege, scope, view};

/// Why the command was not started.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error("cannot close the descriptors that the agent must not have: {0}")]
    Descriptors(io::Error),
    #[error("cannot arrange for the agent to end with penstock: {0}")]
    Death(io::Error),
    #[error("cannot join {}: {source}", path.display())]
    Join { path: std::path::PathBuf, source: io::Error },
    #[error(
        "the kernel refuses a cgroup namespace: {0}; `sysctl user.max_cgroup_namespaces` must not be 0"
    )]
    CgroupNamespace(io::Error),
    #[error(transparent)]
    View(#[from] view::Blocked),
    #[error("cannot become user {name}: {source}")]
    User { name: String, source: io::Error },
    #[error("cannot enter {} as user {user}: {source}; start in a directory that this user may enter", path.display())]
    Directory { path: std::path::PathBuf, user: String, source: io::Error },
    #[error("cannot shut abstract Unix sockets of others out: {0}")]
    Scope(io::Error),
    #[error("cannot install the filter of system calls: {0}")]
    Filter(seccompiler::Error),
    #[error("cannot take over signals: {0}")]
    Signals(io::Error),
    #[error("cannot start a process: {0}")]
    Fork(io::Error),
    #[error("penstock is gone")]
    Alone,
}

/// Never returns: what called [`super::launch`] must go on in one process only.
pub(super) fn run(
    launch: &Launch,
    leaf: &Leaf,
    filters: &[BpfProgram],
    reporter: &Reporter,
    outer: &Signals,
) -> ! {
    let life = || {
        if let Err(obstacle) = live(launch, leaf, filters, reporter, outer) {
            reporter.say(&Report::Failed(obstacle.to_string()));
        }
    };
    let lived = catch_unwind(AssertUnwindSafe(life));
    let status = if lived.is_ok() { libc::EXIT_SUCCESS } else { libc::EXIT_FAILURE };
    // SAFETY: no code of this copy runs after it.
    unsafe { libc::_exit(status) }
}

fn live(
    launch: &Launch,
    leaf: &Leaf,
    filters: &[BpfProgram],
    reporter: &Reporter,
    outer: &Signals,
) -> Result<(), Obstacle> {
    close_all_but(reporter).map_err(Obstacle::Descriptors)?;
    // Already now, for the time until the user changes: that takes it back.
    end_with_parent(reporter)?;
    leaf.join_limited().map_err(|(path, source)| Obstacle::Join { path, source })?;
    // Only now: the root of the namespace is the cgroup of who asks for it.
    // SAFETY: it changes how this process sees cgroups, and nothing of its memory or descriptors.
    if unsafe { libc::unshare(libc::CLONE_NEWCGROUP) } != 0 {
        return Err(Obstacle::CgroupNamespace(io::Error::last_os_error()));
    }
    view::make(launch)?;
    let user = &launch.user;
    privilege::give_up(user)
        .map_err(|source| Obstacle::User { name: user.name.clone(), source })?;
    end_with_parent(reporter)?;
    // The copy of the launching process's memory is not the agent's to read.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| Obstacle::Death(error.into()))?;
    std::env::set_current_dir(&launch.directory).map_err(|source| Obstacle::Directory {
        path: launch.directory.clone(),
        user: user.name.clone(),
        source,
    })?;
    let signals = Signals::block_all().map_err(Obstacle::Signals)?;
    scope::restrict().map_err(Obstacle::Scope)?;
    for filter in filters {
        seccompiler::apply_filter(filter).map_err(Obstacle::Filter)?;
    }
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(Obstacle::Fork(io::Error::last_os_error())),
        0 => {
            outer.put_back();
            let error = become_command(launch);
            reporter.say(&Report::Exec(error.raw_os_error().unwrap_or(libc::EINVAL)));
            Ok(())
        }
        child => {
            look_after(child, &signals, reporter);
            Ok(())
        }
    }
}

/// Links of the enforcement, the cgroup, and whatever penstock itself was given.
fn close_all_but(reporter: &Reporter) -> io::Result<()> {
    let kept = reporter.number();
    for (first, last) in [(3, kept.saturating_sub(1)), (kept.saturating_add(1), u32::MAX)] {
        if first > last {
            continue;
        }
        // SAFETY: values that own these descriptors are never used or dropped in this process, which
        // ends by _exit or exec.
        if unsafe { libc::close_range(first, last, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn end_with_parent(reporter: &Reporter) -> Result<(), Obstacle> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Obstacle::Death(error.into()))?;
    // It may have died just before; there is no parent id to compare across namespaces.
    if reporter.unheard() { Err(Obstacle::Alone) } else { Ok(()) }
}

/// Returns only what kept it from that.
fn become_command(launch: &Launch) -> io::Error {
    // std makes SIGPIPE, which it ignores itself, what it was.
    let error = Command::new(&launch.program)
        .args(&launch.arguments)
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .exec();
    // execvp(3) tells of a directory that may not be searched as of a command that may not be run.
    if error.kind() == io::ErrorKind::PermissionDenied && !is_found(launch) {
        return io::Error::from_raw_os_error(libc::ENOENT);
    }
    error
}

/// Whether the user sees the program, as a path or in `PATH`.
fn is_found(launch: &Launch) -> bool {
    let program = Path::new(&launch.program);
    let path = launch.environment.iter().find(|(name, _)| name == "PATH");
    program.components().count() > 1
        || path.is_some_and(|(_, path)| {
            std::env::split_paths(path).any(|directory| directory.join(program).exists())
        })
}

/// Until the command has ended.
fn look_after(child: libc::pid_t, signals: &Signals, reporter: &Reporter) {
    let Some(child) = Pid::from_raw(child) else { return };
    // Errors of reading: nothing that could be waited for any more.
    while let Ok(signal) = signals.next() {
        if signal.number == libc::SIGCHLD {
            if let Some(end) = reap(child, reporter) {
                reporter.say(&end);
                return;
            }
        } else if signal.is_from_outside()
            && let Some(signal) = Signal::from_named_raw(signal.number)
        {
            // What the terminal sends, the command has got; what is sent from inside was not meant
            // for it. It may have ended: then nobody is there to hear.
            let _ = kill_process(child, signal);
        }
    }
}

/// Buries the dead. How the command ended, if it has; that it was stopped is told at once.
fn reap(child: Pid, reporter: &Reporter) -> Option<Report> {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
        if pid != child {
            continue;
        }
        if let Some(signal) = status.stopping_signal() {
            reporter.say(&Report::Stopped(signal));
        } else if let Some(signal) = status.terminating_signal() {
            return Some(Report::Killed(signal));
        } else if let Some(status) = status.exit_status() {
            return Some(Report::Exited(status));
        }
    }
    None
}

/// For messages.
pub(super) fn shown(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}
