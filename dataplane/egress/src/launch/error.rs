use std::io;
use std::path::PathBuf;

use crate::EgressError;

/// Why a command was not launched, or no longer followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The process may not do what launching takes.
    #[error("needs root ({}): run it with sudo", .0.join(", "))]
    Privileges(Vec<&'static str>),
    /// The process has threads.
    #[error("a command is launched from a process of one thread, and this one has {0}")]
    Threads(usize),
    /// A standard descriptor would carry the agent past the enforcement.
    #[error(
        "{stream} is {found}, which was opened outside the agent's cgroup and so is not held to the proxy; redirect it from or to a file, a pipe or a terminal"
    )]
    Stdio {
        /// `stdin`, `stdout` or `stderr`.
        stream: &'static str,
        /// What it is.
        found: String,
    },
    /// A file that must be readable is not.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The host has not what confinement takes.
    #[error(transparent)]
    Host(#[from] EgressError),
    /// The cgroup of the launch cannot be made.
    #[error("cannot make the cgroup {}: {source}", path.display())]
    Cgroup {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A limit is configured for which the host has no controller.
    #[error(
        "the agent's {what} is limited, but this host has no cgroup controller `{controller}`: neither does {} list it, nor is a v1 hierarchy of it mounted; enable it on the kernel command line, or remove the limit",
        looked.display()
    )]
    NoController {
        /// The resource.
        what: &'static str,
        /// The controller.
        controller: &'static str,
        /// The v2 file that would list it.
        looked: PathBuf,
    },
    /// The controller is there but cannot be used for the agent's cgroup.
    #[error(
        "cannot enable the cgroup controller `{controller}` in {}: {source}; a cgroup that holds processes itself cannot hand controllers down",
        path.display()
    )]
    Controller {
        /// The controller.
        controller: &'static str,
        /// The v2 file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refuses a limit.
    #[error("cannot write the limit `{value}` to {}: {source}", path.display())]
    Limit {
        /// The control file.
        path: PathBuf,
        /// What was written.
        value: String,
        /// Why.
        source: io::Error,
    },
    /// The filter of system calls cannot be made.
    #[error("cannot compile the filter of system calls: {0}")]
    Filter(#[from] seccompiler::BackendError),
    /// There is no filter for this machine.
    #[error("no filter of system calls is known for the architecture `{0}`")]
    Architecture(&'static str),
    /// Signals cannot be taken over.
    #[error("cannot take over signals: {0}")]
    Signals(io::Error),
    /// The pipe from inside cannot be made.
    #[error("cannot make a pipe: {0}")]
    Pipe(io::Error),
    /// The kernel refuses the first process.
    #[error(
        "the kernel refuses a process in new PID, mount and IPC namespaces inside the agent's cgroup: {0}; without them an agent cannot be confined. In a container it takes CAP_SYS_ADMIN and a seccomp profile that allows clone3; `sysctl user.max_pid_namespaces user.max_mnt_namespaces user.max_ipc_namespaces` must not be 0"
    )]
    Clone(io::Error),
    /// A step between birth and exec failed; nothing was launched.
    #[error("{0}; nothing was launched")]
    Inside(String),
    /// The command is not there.
    #[error(
        "`{0}` is not found by the agent's user; under sudo, PATH is sudo's own: name the command by its path, or keep yours with `sudo env \"PATH=$PATH\" penstock run …`"
    )]
    NotFound(String),
    /// The command is there but cannot be run.
    #[error("`{program}` cannot be run by the agent's user: {source}")]
    NotExecutable {
        /// The command.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The running command can no longer be followed; it was killed.
    #[error("lost sight of the command, and killed it: {0}")]
    Lost(io::Error),
}
