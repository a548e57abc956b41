//! The launching process while the command runs.
//!
//! The command is in this process's session and process group: the terminal is its own, and what the
//! terminal sends (Ctrl-C, Ctrl-Z, a new size) reaches it directly. What others send to this process
//! is passed on; when the command stops, this process stops, so that the shell takes over.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, pidfd_send_signal, test_kill_process_group, waitid,
};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

use super::cgroup::Leaf;
use super::error::LaunchError;
use super::report::{Report, Reports};
use super::signals::{self, Arrived, Signals};
use super::{Exit, Launch, inside};

/// Process 1 of the agent's namespace; killed with all others there when dropped.
pub(super) struct Init(OwnedFd);

impl Init {
    pub(super) fn new(pidfd: OwnedFd) -> Self {
        Self(pidfd)
    }

    fn signal(&self, number: i32) {
        if let Some(signal) = Signal::from_named_raw(number) {
            // It has ended: that is about to be read.
            let _ = pidfd_send_signal(&self.0, signal);
        }
    }

    /// The signal that ended it, once it has ended.
    fn wait(&self) -> io::Result<Option<i32>> {
        loop {
            match waitid(WaitId::PidFd(self.0.as_fd()), WaitIdOptions::EXITED) {
                Ok(status) => return Ok(status.and_then(|status| status.terminating_signal())),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
        // Not a child any more where it has been waited for.
        let _ = self.wait();
    }
}

/// Until the command has ended, and with it everything in its namespace.
pub(super) fn supervise(
    launch: &Launch,
    leaf: &Leaf,
    init: &Init,
    reports: &Reports,
    signals: &Signals,
) -> Result<Exit, LaunchError> {
    let terminal = Terminal::open();
    let end = follow(leaf, init, reports, signals, terminal.as_ref()).map_err(LaunchError::Lost)?;
    let signal = init.wait().map_err(LaunchError::Lost)?;
    if let Some(terminal) = terminal {
        terminal.take_back();
    }
    match end {
        Some(Report::Failed(reason)) => Err(LaunchError::Inside(reason)),
        Some(Report::Exec(error)) => Err(not_executed(launch, error)),
        // The kernel gives no more than these bits.
        Some(Report::Exited(status)) => Ok(Exit::Status(u8::try_from(status & 0xff).unwrap_or(1))),
        Some(Report::Killed(signal)) => Ok(Exit::Signal(signal)),
        // Process 1 was killed, as by the kernel for want of memory.
        Some(Report::Stopped(_)) | None => Ok(Exit::Signal(signal.unwrap_or(libc::SIGKILL))),
    }
}

fn not_executed(launch: &Launch, error: i32) -> LaunchError {
    let program = inside::shown(&launch.program);
    if error == libc::ENOENT {
        return LaunchError::NotFound(program);
    }
    LaunchError::NotExecutable { program, source: io::Error::from_raw_os_error(error) }
}

/// The last report; none where process 1 ended without one.
fn follow(
    leaf: &Leaf,
    init: &Init,
    reports: &Reports,
    signals: &Signals,
    terminal: Option<&Terminal>,
) -> io::Result<Option<Report>> {
    loop {
        let mut watched =
            [PollFd::new(signals, PollFlags::IN), PollFd::new(reports, PollFlags::IN)];
        match poll(&mut watched, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [came, told] = watched.map(|one| !one.revents().is_empty());
        if came {
            let signal = signals.next()?;
            if is_news(signal) {
                init.signal(signal.number);
            }
        }
        if told {
            match reports.next()? {
                Some(Report::Stopped(signal)) => {
                    stop(signal, leaf, terminal);
                    init.signal(libc::SIGCONT);
                }
                end => return Ok(end),
            }
        }
    }
}

/// Whether the command has not got it from the terminal already. A hang-up reaches no more than the
/// leader of the session, which may be this process.
fn is_news(signal: Arrived) -> bool {
    !signal.is_from_kernel() || signal.number == libc::SIGHUP
}

/// With the command stops whatever else it started: a process that went on could take the terminal, and
/// read what is typed for the shell.
fn stop(signal: i32, leaf: &Leaf, terminal: Option<&Terminal>) {
    let foreground = terminal.and_then(Terminal::foreground);
    leaf.freeze(true);
    signals::stop_by(signal);
    leaf.freeze(false);
    // The shell has given the terminal to this process's group; the command may have had another.
    if let (Some(terminal), Some(group)) = (terminal, foreground) {
        terminal.hand_to(group);
    }
}

/// The controlling terminal.
struct Terminal(File);

impl Terminal {
    fn open() -> Option<Self> {
        File::options().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// The group in the foreground.
    fn foreground(&self) -> Option<Pid> {
        tcgetpgrp(&self.0).ok()
    }

    /// If it is this process's to give.
    fn hand_to(&self, group: Pid) {
        if group != getpgrp() && self.foreground() == Some(getpgrp()) {
            // The group may be gone; then it stays as it is.
            let _ = tcsetpgrp(&self.0, group);
        }
    }

    /// From a group of the command's that is dead. SIGTTOU is blocked, so that this does not stop.
    fn take_back(&self) {
        let dead = |group: Pid| test_kill_process_group(group) == Err(rustix::io::Errno::SRCH);
        if self.foreground().is_some_and(|group| group != getpgrp() && dead(group)) {
            let _ = tcsetpgrp(&self.0, getpgrp());
        }
    }
}
