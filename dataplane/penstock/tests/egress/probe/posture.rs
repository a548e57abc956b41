//! Ways to be somewhere else while trying: another namespace, session, or generation.

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;

use super::{Failure, PEER, Tried, WAYS, at, held, unknown};
use crate::sys;

/// `POSTURE… WAY TO`: takes each posture, then tries the way.
pub(crate) fn run(words: &[&str]) -> Tried {
    match words {
        ["held", rest @ ..] => held::run(rest),
        [way, to] => {
            let to: SocketAddr = to.parse().map_err(|_| unknown())?;
            let way = WAYS.iter().find(|other| other.name == *way).ok_or_else(unknown)?;
            (way.run)(to)
        }
        ["session", rest @ ..] => in_child(|| {
            sys::setsid().map_err(at("setsid"))?;
            run(rest)
        }),
        ["grandchild", rest @ ..] => in_child(|| in_child(|| run(rest))),
        ["peer-namespace", rest @ ..] => {
            let peer = File::open(env::var_os(PEER).unwrap_or_default()).map_err(at("open"))?;
            sys::setns(&peer).map_err(at("setns"))?;
            run(rest)
        }
        ["new-namespace", rest @ ..] => {
            sys::unshare(libc::CLONE_NEWNET).map_err(at("unshare"))?;
            run(rest)
        }
        ["all-namespaces", rest @ ..] => {
            let flags =
                libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWCGROUP;
            sys::unshare(flags).map_err(at("unshare"))?;
            run(rest)
        }
        // Into another cgroup, named by its `cgroup.procs`.
        ["moved", procs, rest @ ..] => {
            fs::write(procs, "0").map_err(at("move"))?;
            run(rest)
        }
        _ => Err(unknown()),
    }
}

/// What came of it in a child is what came of it.
fn in_child(work: impl FnOnce() -> Tried) -> Tried {
    const GOOD: i32 = 0;
    let status = sys::in_child(|| match work() {
        Ok(()) => GOOD,
        Err(failure) => failure.errno.clamp(1, 255),
    })
    .map_err(at("fork"))?;
    if status == GOOD { Ok(()) } else { Err(Failure { step: "child", errno: status }) }
}
