//! Signals as things to read: blocked, and taken from a descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};

use rustix::process::{Signal, getpid, kill_process};

/// What the launching process passes on, or stops with. Others do to it what they always do.
const FOLLOWED: [i32; 11] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// A signal that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived {
    pub(super) number: i32,
    /// `si_code`.
    code: i32,
    /// Who sent it, as this process's PID namespace sees them.
    sender: u32,
}

impl Arrived {
    /// Whether the kernel sent it: the terminal, which has told the command by itself.
    pub(super) fn is_from_kernel(self) -> bool {
        self.code == SI_KERNEL
    }

    /// Whether a process outside the PID namespace of this one sent it.
    pub(super) fn is_from_outside(self) -> bool {
        !self.is_from_kernel() && self.code <= 0 && self.sender == 0
    }
}

/// `SI_KERNEL` of <asm-generic/siginfo.h>.
const SI_KERNEL: i32 = 0x80;

/// Signals are blocked and read from here for as long as this lives.
pub(super) struct Signals {
    descriptor: OwnedFd,
    before: libc::sigset_t,
}

impl Signals {
    /// For the launching process.
    pub(super) fn block() -> io::Result<Self> {
        // Where it is ignored the kernel buries children itself, and nobody learns how they ended.
        // SAFETY: the default disposition takes no handler.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
        Self::of(&set(&FOLLOWED))
    }

    /// For process 1 of a namespace: all that can be blocked.
    pub(super) fn block_all() -> io::Result<Self> {
        let mut all = set(&[]);
        // SAFETY: `all` is an initialised set.
        unsafe { libc::sigfillset(&raw mut all) };
        Self::of(&all)
    }

    fn of(wanted: &libc::sigset_t) -> io::Result<Self> {
        let mut before = set(&[]);
        // SAFETY: both are initialised sets that outlive the call.
        let refused = unsafe { libc::sigprocmask(libc::SIG_BLOCK, wanted, &raw mut before) };
        if refused != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor of an initialised set.
        let descriptor = unsafe { libc::signalfd(-1, wanted, libc::SFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it for us.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) }, before })
    }

    /// Waits for the next.
    pub(super) fn next(&self) -> io::Result<Arrived> {
        let mut packet = [0; size_of::<libc::signalfd_siginfo>()];
        let read = rustix::io::read(&self.descriptor, &mut packet)?;
        // signalfd(2): ssi_signo, ssi_errno, ssi_code and ssi_pid come first, four bytes each.
        let field = |place: usize| packet.get(place..place + 4)?.try_into().ok();
        match (field(0), field(8), field(12)) {
            (Some(number), Some(code), Some(sender)) if read == packet.len() => Ok(Arrived {
                number: i32::from_ne_bytes(number),
                code: i32::from_ne_bytes(code),
                sender: u32::from_ne_bytes(sender),
            }),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.put_back();
    }
}

impl Signals {
    /// Makes the mask what it was before, in this process or a copy of it.
    pub(super) fn put_back(&self) {
        // SAFETY: the set was filled in by the kernel.
        unsafe {
            libc::sigprocmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut())
        };
    }
}

/// Stops this process by `signal`, as if it were not blocked. Returns once it is continued; at
/// once where it cannot stop, there being no shell that would continue it.
pub(super) fn stop_by(signal: i32) {
    let one = set(&[signal]);
    // SAFETY: an initialised set; the mask is put back below.
    unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const one, std::ptr::null_mut()) };
    if let Some(signal) = Signal::from_named_raw(signal) {
        let _ = kill_process(getpid(), signal);
    }
    // SAFETY: as above.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const one, std::ptr::null_mut()) };
}

fn set(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: plain numbers, made a valid set by sigemptyset.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is ours.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in signals {
        // SAFETY: `set` is initialised.
        unsafe { libc::sigaddset(&raw mut set, *signal) };
    }
    set
}

/// Ends this process by `signal`, without a core dump of its own; returns where it does not kill.
pub(super) fn die_of(signal: i32) {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let one = set(&[signal]);
    // SAFETY: the default disposition takes no handler, and the set is initialised.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const one, std::ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
}
