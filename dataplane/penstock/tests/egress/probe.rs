//! Processes that try to get past: this program again, in a cgroup that it enters before all else.

mod applier;
mod held;
mod outside;
mod packets;
mod posture;
mod raw;
mod ring;
mod tcp;
mod udp;
mod ways;

use std::env;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

pub(crate) use ways::{Arrives, Refused, To, WAYS, Way};

/// Names the `cgroup.procs` that a probe enters; that it is set makes a process one.
pub(crate) const CGROUP: &str = "PENSTOCK_TEST_PROBE";
/// Names the network namespace of the peer.
pub(crate) const PEER: &str = "PENSTOCK_TEST_PEER";

/// No answer here takes longer, for all of it is one machine.
pub(crate) const WAIT: Duration = Duration::from_millis(200);
/// What is sent, and comes back.
pub(crate) const TOKEN: &[u8] = b"penstock";

/// How a try went.
pub(crate) type Tried = Result<(), Failure>;

/// The step that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: &'static str,
    pub(crate) errno: i32,
}

/// For `map_err`.
pub(crate) fn at(step: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| {
        let timed_out = matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        let errno = error.raw_os_error().unwrap_or(if timed_out { libc::ETIMEDOUT } else { 0 });
        // What a receive timeout says is no other thing than what a connect timeout says.
        let errno = if errno == libc::EAGAIN { libc::ETIMEDOUT } else { errno };
        Failure { step, errno }
    }
}

/// The probe's own `main`: it says how it went in one line, `ok` or `STEP ERRNO`.
pub(crate) fn main() -> ExitCode {
    let procs = env::var_os(CGROUP).unwrap_or_default();
    if !procs.is_empty()
        && let Err(error) = fs::write(&procs, "0")
    {
        println!("cgroup {}", error.raw_os_error().unwrap_or(0));
        return ExitCode::FAILURE;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => println!("ok"),
        Err(Failure { step, errno }) => println!("{step} {errno}"),
    }
    ExitCode::SUCCESS
}

fn run(words: &[&str]) -> Tried {
    match words {
        ["way", name, to] => {
            let to: SocketAddr = to.parse().map_err(|_| unknown())?;
            let way = WAYS.iter().find(|way| way.name == *name).ok_or_else(unknown)?;
            (way.run)(to)
        }
        ["posture", rest @ ..] => posture::run(rest),
        ["held", rest @ ..] => held::run(rest),
        ["apply", rest @ ..] => applier::run(rest),
        ["outside", rest @ ..] => outside::run(rest),
        _ => Err(unknown()),
    }
}

pub(crate) fn unknown() -> Failure {
    Failure { step: "arguments", errno: libc::EINVAL }
}
