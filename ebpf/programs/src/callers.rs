//! Whose connection it is, for the gateway to ask.
//!
//! Told when the connection is established, before the kernel acknowledges it to the other end: so
//! the gateway cannot accept it before. Not when it is begun, for what is only begun could bear the
//! addresses of another connection that the gateway still has. Taken back when it is closed, before
//! its port can be used again.

use aya_ebpf::helpers::bpf_get_netns_cookie;
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use aya_ebpf::{EbpfContext as _, bindings::bpf_sock_ops};
use penstock_ebpf_abi::{Caller, Connection, counter};

use crate::maps::CALLERS;
use crate::policy::{joined, mapped, settings};
use crate::report::{cookie, count};

/// `BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB`
const ESTABLISHED: u32 = 4;
/// `BPF_SOCK_OPS_STATE_CB`
const STATE: u32 = 10;
/// `BPF_SOCK_OPS_STATE_CB_FLAG`
const STATE_FLAG: u32 = 1 << 2;
/// `BPF_TCP_CLOSE`
const CLOSED: u32 = 7;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;

#[sock_ops]
pub fn sock_ops(context: SockOpsContext) -> u32 {
    match context.op() {
        ESTABLISHED => established(&context),
        STATE if context.arg(1) == CLOSED => {
            if let Some(connection) = connection(&context) {
                let _ = CALLERS.remove(&connection);
            }
        }
        _ => {}
    }
    1
}

#[inline(always)]
fn established(context: &SockOpsContext) {
    let Some(connection) = connection(context) else { return };
    // Without word of its end it is not told of at all.
    let flags = context.cb_flags() | STATE_FLAG;
    if context.set_cb_flags(flags as i32).is_err() {
        return;
    }
    let caller = Caller { agent: settings().agent, cookie: cookie(context) };
    if CALLERS.insert(&connection, &caller, 0).is_err() {
        count(counter::CALLERS_FULL);
    }
}

#[inline(always)]
fn connection(context: &SockOpsContext) -> Option<Connection> {
    let ops: *mut bpf_sock_ops = context.ops;
    let (local, remote) = match context.family() {
        AF_INET => (mapped(context.local_ip4()), mapped(context.remote_ip4())),
        AF_INET6 => {
            // SAFETY: the kernel's context; word by word, because it allows no wider read.
            let local =
                |at: usize| unsafe { core::ptr::read_volatile(&raw const (*ops).local_ip6[at]) };
            // SAFETY: likewise.
            let remote =
                |at: usize| unsafe { core::ptr::read_volatile(&raw const (*ops).remote_ip6[at]) };
            (
                joined([local(0), local(1), local(2), local(3)]),
                joined([remote(0), remote(1), remote(2), remote(3)]),
            )
        }
        _ => return None,
    };
    Some(Connection {
        // SAFETY: the kernel's context.
        netns: unsafe { bpf_get_netns_cookie(context.as_ptr()) },
        local,
        remote,
        local_port: context.local_port(),
        remote_port: u32::from_be(context.remote_port()),
    })
}
