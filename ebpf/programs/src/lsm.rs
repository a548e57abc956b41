//! The sockets that no hook of IP sees, where the kernel has BPF LSM: other families, and Unix
//! sockets by which a process outside could be asked to do what an agent may not.
//!
//! Unix sockets themselves may be made, for the kernel asks the same of `socketpair(2)`, without which
//! programs do not work; to connect them or send from them to another is what is refused.

use aya_ebpf::macros::lsm_cgroup;
use aya_ebpf::programs::LsmContext;
use penstock_ebpf_abi::{Endpoint, Hook, Reason};

use crate::policy::{PASS, settings};
use crate::report::{Refusal, Who, refuse};

const AF_UNIX: i32 = 1;
const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;
const AF_NETLINK: i32 = 16;

#[lsm_cgroup(hook = "socket_create")]
pub fn lsm_socket_create(context: LsmContext) -> i32 {
    let (family, kernel): (i32, i32) = (context.arg(0), context.arg(3));
    let allowed = match family {
        AF_INET | AF_INET6 | AF_UNIX => true,
        AF_NETLINK => settings().netlink != 0,
        _ => false,
    };
    if allowed || kernel != 0 {
        return PASS;
    }
    refused(Hook::LsmSocketCreate, family)
}

#[lsm_cgroup(hook = "unix_stream_connect")]
pub fn lsm_unix_connect(_context: LsmContext) -> i32 {
    unix()
}

/// Datagrams, each of them.
#[lsm_cgroup(hook = "unix_may_send")]
pub fn lsm_unix_send(_context: LsmContext) -> i32 {
    unix()
}

#[inline(always)]
fn unix() -> i32 {
    if settings().unix != 0 {
        return PASS;
    }
    refused(Hook::LsmUnixConnect, AF_UNIX)
}

#[inline(always)]
fn refused(hook: Hook, family: i32) -> i32 {
    refuse(&Refusal {
        hook,
        reason: Reason::Family,
        to: Endpoint { protocol: 0, port: 0, address: [0; 16] },
        family: family as u16,
        cookie: 0,
        who: Who::Process,
    })
}
