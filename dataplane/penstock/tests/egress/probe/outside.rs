//! Processes that have something from outside when they enter an agent's cgroup.

use std::fs;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;

use io_uring::{IoUring, opcode, types};
use socket2::Socket;

use super::{TOKEN, Tried, WAIT, at, tcp, unknown};
use crate::sys;

/// `WHAT PROCS TO`: connects outside, then enters the cgroup of `PROCS`.
pub(crate) fn run(words: &[&str]) -> Tried {
    let [what, procs, to] = words else { return Err(unknown()) };
    let to: SocketAddr = to.parse().map_err(|_| unknown())?;
    let socket = tcp::stream(to)?;
    socket.connect_timeout(&to.into(), WAIT).map_err(at("connect"))?;
    match *what {
        "moves-in" => {
            fs::write(procs, "0").map_err(at("move"))?;
            tcp::talk(socket)
        }
        "ring" => ring(&socket, procs),
        _ => Err(unknown()),
    }
}

/// A ring with the socket registered: the child that has the ring has no descriptor of the socket.
fn ring(socket: &Socket, procs: &str) -> Tried {
    let mut ring = IoUring::new(4).map_err(at("ring"))?;
    ring.submitter().register_files(&[socket.as_raw_fd()]).map_err(at("register"))?;
    let status = sys::in_child(|| {
        if fs::write(procs, "0").is_err() {
            return 1;
        }
        let length = u32::try_from(TOKEN.len()).unwrap_or_default();
        let mut answer = [0_u8; 64];
        let send = opcode::Send::new(types::Fixed(0), TOKEN.as_ptr(), length).build();
        let hear = opcode::Recv::new(types::Fixed(0), answer.as_mut_ptr(), 64).build();
        for entry in [send, hear] {
            // SAFETY: what the entries point to lives until they are complete.
            if unsafe { ring.submission().push(&entry) }.is_err()
                || ring.submit_and_wait(1).is_err()
                || ring.completion().next().is_none_or(|done| done.result() <= 0)
            {
                return 1;
            }
        }
        i32::from(!answer.starts_with(TOKEN))
    })
    .map_err(at("fork"))?;
    if status == 0 { Ok(()) } else { Err(super::Failure { step: "child", errno: status }) }
}
