//! The system calls of a process: making, binding, connecting a socket, and sending on one that is
//! not connected. The address is judged as given, never by `user_family`, which a process chooses.

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::macros::{cgroup_sock, cgroup_sock_addr};
use aya_ebpf::programs::{SockAddrContext, SockContext};
use penstock_ebpf_abi::{Endpoint, Hook, Reason, TCP, UDP};

use crate::policy::{PASS, decide, joined, mapped};
use crate::report::{Refusal, Who, cookie, refuse};

const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;

#[cgroup_sock_addr(connect4)]
pub fn connect4(context: SockAddrContext) -> i32 {
    destination(&context, Hook::Connect4, address4(&context))
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(context: SockAddrContext) -> i32 {
    destination(&context, Hook::Connect6, address6(&context))
}

#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(context: SockAddrContext) -> i32 {
    destination(&context, Hook::Sendmsg4, address4(&context))
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(context: SockAddrContext) -> i32 {
    destination(&context, Hook::Sendmsg6, address6(&context))
}

/// Agents accept no connections, and nothing of theirs may stand where the gateway stood.
#[cgroup_sock_addr(bind4)]
pub fn bind4(context: SockAddrContext) -> i32 {
    let to = endpoint(&context, address4(&context));
    refuse(&refusal(&context, Hook::Bind4, Reason::Bind, to))
}

#[cgroup_sock_addr(bind6)]
pub fn bind6(context: SockAddrContext) -> i32 {
    let to = endpoint(&context, address6(&context));
    refuse(&refusal(&context, Hook::Bind6, Reason::Bind, to))
}

/// TCP and UDP and nothing else: raw, ICMP, SCTP, UDP-Lite, MPTCP … have no rule to go by.
#[cgroup_sock(sock_create)]
pub fn sock_create(context: SockContext) -> i32 {
    // SAFETY: the kernel's context; each field is read as the four bytes that it allows.
    let (kind, protocol, family) = unsafe {
        let sock = context.sock;
        (
            core::ptr::read_volatile(&raw const (*sock).type_),
            core::ptr::read_volatile(&raw const (*sock).protocol),
            core::ptr::read_volatile(&raw const (*sock).family),
        )
    };
    let tcp = kind == SOCK_STREAM && protocol == u32::from(TCP);
    let udp = kind == SOCK_DGRAM && protocol == u32::from(UDP);
    if tcp || udp {
        return PASS;
    }
    refuse(&Refusal {
        hook: Hook::SockCreate,
        reason: Reason::Protocol,
        to: Endpoint { protocol: protocol as u16, port: 0, address: [0; 16] },
        family: family as u16,
        cookie: cookie(&context),
        who: Who::Process,
    })
}

#[inline(always)]
fn destination(context: &SockAddrContext, hook: Hook, address: [u8; 16]) -> i32 {
    let to = endpoint(context, address);
    decide(&to, None, |reason| refusal(context, hook, reason, to))
}

#[inline(always)]
fn refusal(context: &SockAddrContext, hook: Hook, reason: Reason, to: Endpoint) -> Refusal {
    // SAFETY: the kernel's context.
    let family = unsafe { core::ptr::read_volatile(&raw const (*context.sock_addr).family) };
    let who = Who::Process;
    Refusal { hook, reason, to, family: family as u16, cookie: cookie(context), who }
}

#[inline(always)]
fn endpoint(context: &SockAddrContext, address: [u8; 16]) -> Endpoint {
    let sock_addr: *mut bpf_sock_addr = context.sock_addr;
    // SAFETY: the kernel's context.
    let (protocol, port) = unsafe {
        (
            core::ptr::read_volatile(&raw const (*sock_addr).protocol),
            core::ptr::read_volatile(&raw const (*sock_addr).user_port),
        )
    };
    Endpoint { protocol: protocol as u16, port: u16::from_be(port as u16), address }
}

#[inline(always)]
fn address4(context: &SockAddrContext) -> [u8; 16] {
    // SAFETY: the kernel's context.
    mapped(unsafe { core::ptr::read_volatile(&raw const (*context.sock_addr).user_ip4) })
}

#[inline(always)]
fn address6(context: &SockAddrContext) -> [u8; 16] {
    let sock_addr = context.sock_addr;
    // SAFETY: the kernel's context; word by word, because the kernel allows no wider read.
    let word =
        |index: usize| unsafe { core::ptr::read_volatile(&raw const (*sock_addr).user_ip6[index]) };
    joined([word(0), word(1), word(2), word(3)])
}
