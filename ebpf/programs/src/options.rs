//! Options of sockets that have the kernel send something in nobody's name, which no hook of packets
//! sees: whoever joins a group has it tell the network's routers (IGMP, MLD), and may choose the
//! group's address as he likes to say something by it.

use aya_ebpf::bindings::bpf_sockopt;
use aya_ebpf::helpers::bpf_get_current_cgroup_id;
use aya_ebpf::macros::cgroup_sockopt;
use aya_ebpf::programs::SockoptContext;
use penstock_ebpf_abi::{Endpoint, Hook, Reason};

use crate::policy::PASS;
use crate::report::{Refusal, Who, refuse};

const IPPROTO_IP: i32 = 0;
const IPPROTO_IPV6: i32 = 41;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `IP_ADD_MEMBERSHIP`, `IP_ADD_SOURCE_MEMBERSHIP`
const JOIN4: [i32; 2] = [35, 39];
/// `IPV6_ADD_MEMBERSHIP`, `IPV6_JOIN_ANYCAST`
const JOIN6: [i32; 2] = [20, 27];
/// `MCAST_JOIN_GROUP`, `MCAST_JOIN_SOURCE_GROUP`, of either protocol.
const JOIN: [i32; 2] = [42, 46];

#[cgroup_sockopt(setsockopt)]
pub fn setsockopt(context: SockoptContext) -> i32 {
    let options: *mut bpf_sockopt = context.sockopt;
    // SAFETY: the kernel's context.
    let (level, name) = unsafe { ((*options).level, (*options).optname) };
    let family = match level {
        IPPROTO_IP if JOIN4.contains(&name) || JOIN.contains(&name) => AF_INET,
        IPPROTO_IPV6 if JOIN6.contains(&name) || JOIN.contains(&name) => AF_INET6,
        _ => return passed(options, PASS),
    };
    let verdict = refuse(&Refusal {
        hook: Hook::Setsockopt,
        reason: Reason::Group,
        // So that an event of one option does not stand for those of another.
        to: Endpoint { protocol: level as u16, port: name as u16, address: [0; 16] },
        family,
        cookie: 0,
        // Which process it is the oldest kernels do not tell here.
        // SAFETY: no arguments.
        who: Who::Socket { cgroup: unsafe { bpf_get_current_cgroup_id() } },
    });
    passed(options, verdict)
}

/// Of an option longer than a page the kernel takes no copy back: told of none, it goes on with what
/// the process gave.
#[inline(always)]
fn passed(options: *mut bpf_sockopt, verdict: i32) -> i32 {
    // SAFETY: the kernel's context.
    unsafe { core::ptr::write_volatile(&raw mut (*options).optlen, 0) };
    verdict
}
