//! Launches an agent's command, confined.
//!
//! The order is the security property. Enforcement is attached to the agent's cgroup before there is
//! a process in it; the first process is born inside (`CLONE_INTO_CGROUP`), with namespaces of its
//! own; it closes every descriptor that it was born with, takes away its own view of what could start
//! work outside, becomes the agent's user without a capability, shuts the system calls that lead past
//! the kernel's hooks, and only then starts the command.
//!
//! | file | what it does |
//! | --- | --- |
//! | `user` | who the agent runs as |
//! | `stdio` | refuses what must not be inherited as stdin, stdout or stderr |
//! | `cgroup`, `limits` | the cgroup of this launch, and what its processes may use |
//! | `inside` | process 1 of the agent's PID namespace: from birth to exec, and then the reaper |
//! | `view` | which mounts the agent sees |
//! | `privilege` | capabilities: what launching needs, how all are given up |
//! | `scope` | abstract Unix sockets of others |
//! | `seccomp` | the system calls that are refused |
//! | `outside` | the launching process while the command runs: signals, job control, the end |

mod cgroup;
mod error;
mod inside;
mod limits;
mod outside;
mod privilege;
mod report;
mod scope;
mod seccomp;
mod signals;
mod stdio;
mod user;
mod view;

use std::any::Any;
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::PathBuf;
use std::{fs, io};

pub use error::LaunchError;
pub use privilege::missing as missing_capabilities;
pub use user::{User, UserError};

use cgroup::Leaf;
use penstock_config::Resources;
use signals::Signals;

/// A command to be launched, and what it is launched into.
pub struct Launch {
    /// The agent's cgroup, in the v2 hierarchy; enforcement is attached to it already.
    pub cgroup: PathBuf,
    /// Who the command runs as.
    pub user: User,
    /// The program; looked up in `PATH` of `environment` where it has no slash.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory, entered as the user.
    pub directory: PathBuf,
    /// What its processes may use of the host.
    pub resources: Resources,
    /// Whether it may make Unix sockets; `socketpair` of streams works in any case.
    pub unix_sockets: bool,
    /// Whether it may make netlink sockets.
    pub netlink: bool,
    /// What stays of `/run`, which is otherwise empty for the agent; mounts below are not kept.
    pub keep: Vec<PathBuf>,
    /// Files and directories that the agent finds empty.
    pub hide: Vec<PathBuf>,
    /// Whatever must live as long as the command: the links of the enforcement.
    pub hold: Box<dyn Any>,
}

/// The end of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// How the command ended.
    pub exit: Exit,
    /// Processes of the agent that the kernel killed meanwhile for want of memory.
    pub killed_for_memory: u64,
}

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(u8),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Ends this process as the command ended: by the same signal, so that a shell sees what it would
    /// have seen without penstock; else returns the status to exit with.
    pub fn pass_on(self) -> u8 {
        match self {
            Self::Status(status) => status,
            Self::Signal(signal) => {
                signals::die_of(signal);
                // Still here: the signal is one that does not kill.
                u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128))
            }
        }
    }
}

/// Launches the command and returns when it has ended and nothing of it is left.
///
/// Needs the capabilities of [`missing_capabilities`], and a process of one thread: the new process
/// is made without exec, from a copy of this one.
pub fn launch(launch: &Launch) -> Result<End, LaunchError> {
    let missing = missing_capabilities();
    if !missing.is_empty() {
        return Err(LaunchError::Privileges(missing));
    }
    one_thread()?;
    stdio::check()?;
    let filters = seccomp::filters(launch.unix_sockets, launch.netlink)?;
    let leaf = Leaf::new(&launch.cgroup, &launch.resources)?;
    let killed_before = leaf.killed_for_memory();
    let signals = Signals::block().map_err(LaunchError::Signals)?;
    let (reports, reporter) = report::channel().map_err(LaunchError::Pipe)?;
    match clone_into(leaf.directory()).map_err(LaunchError::Clone)? {
        Side::Inside => inside::run(launch, &leaf, &filters, &reporter, &signals),
        Side::Outside(init) => {
            drop(reporter);
            let exit = outside::supervise(launch, &leaf, &init, &reports, &signals)?;
            let killed = leaf.killed_for_memory();
            Ok(End { exit, killed_for_memory: killed.saturating_sub(killed_before) })
        }
    }
}

/// A lock that another thread held would stay locked for ever in the copy of this process.
fn one_thread() -> Result<(), LaunchError> {
    match fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(1) => Ok(()),
        Ok(threads) => Err(LaunchError::Threads(threads)),
        Err(source) => Err(LaunchError::Read { path: "/proc/self/task".into(), source }),
    }
}

enum Side {
    Inside,
    Outside(outside::Init),
}

/// A copy of this process, as process 1 of a PID namespace, in a cgroup from its first instruction on.
fn clone_into(cgroup: BorrowedFd<'_>) -> io::Result<Side> {
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_PIDFD | libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC;
    // SAFETY: plain numbers, for which zero is a valid value.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = u64::from(flags.cast_unsigned()) | CLONE_INTO_CGROUP;
    arguments.pidfd = (&raw mut pidfd) as u64;
    arguments.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());
    arguments.cgroup = u64::from(cgroup.as_fd().as_raw_fd().cast_unsigned());
    // SAFETY: as fork(2), there being no CLONE_VM; this process has one thread, so that the copy can
    // go on with every lock free. `arguments` and `pidfd` outlive the call.
    let pid = unsafe {
        libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>())
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Inside),
        // SAFETY: the kernel has just made this descriptor for us.
        _ => Ok(Side::Outside(outside::Init::new(unsafe { OwnedFd::from_raw_fd(pidfd) }))),
    }
}

/// The constant of libc is an `int`, for which this is too large.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
