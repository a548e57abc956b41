//! Every packet that leaves a socket of the agent's or comes in to one: what it says of itself is all
//! that counts here, whichever call made it, and whenever its socket was connected.
//!
//! What comes in must come from where the agent may go. So nobody from outside speaks to a socket of
//! the agent's that listens, which the kernel would answer with SYN cookies in no socket's name.

use aya_ebpf::helpers::bpf_skb_cgroup_id;
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;
use penstock_ebpf_abi::{Endpoint, Hook, Reason, TCP, UDP};

use crate::policy::{decide, mapped};
use crate::report::{Refusal, Who, cookie, refuse};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// An IPv4 header without options (RFC 791).
const HEADER4_BYTES: usize = 20;
/// An IPv6 header (RFC 8200).
const HEADER6_BYTES: usize = 40;
/// Source and destination port, of TCP and of UDP.
const PORTS_BYTES: usize = 4;
/// More fragments follow, or this is not the first.
const FRAGMENT: u16 = 0x3fff;

/// Which end of a packet is the other one, and where its address and port stand.
struct End {
    hook: Hook,
    address4: usize,
    address6: usize,
    port: usize,
}

const DESTINATION: End = End { hook: Hook::Egress, address4: 16, address6: 24, port: 2 };
const SOURCE: End = End { hook: Hook::Ingress, address4: 12, address6: 8, port: 0 };

#[cgroup_skb]
pub fn egress(context: SkBuffContext) -> i32 {
    judge(&context, &DESTINATION)
}

#[cgroup_skb]
pub fn ingress(context: SkBuffContext) -> i32 {
    judge(&context, &SOURCE)
}

#[inline(always)]
fn judge(context: &SkBuffContext, end: &End) -> i32 {
    // SAFETY: the kernel's context.
    let protocol = unsafe { core::ptr::read_volatile(&raw const (*context.skb.skb).protocol) };
    let bytes = u64::from(context.len());
    let (parsed, family) = match u16::from_be(protocol as u16) {
        ETH_P_IP => (ipv4(context, end), AF_INET),
        ETH_P_IPV6 => (ipv6(context, end), AF_INET6),
        _ => (Err((Reason::Header, NOWHERE)), 0),
    };
    match parsed {
        Ok(to) => decide(&to, Some(bytes), |reason| refusal(context, end.hook, reason, to, family)),
        Err((reason, to)) => refuse(&refusal(context, end.hook, reason, to, family)),
    }
}

const NOWHERE: Endpoint = Endpoint { protocol: 0, port: 0, address: [0; 16] };

/// The other end, or why there is none to trust, with as much of it as could be read.
type Parsed = Result<Endpoint, (Reason, Endpoint)>;

#[inline(always)]
fn ipv4(context: &SkBuffContext, end: &End) -> Parsed {
    let Some(header) = bytes::<HEADER4_BYTES>(context, 0) else {
        return Err((Reason::Header, NOWHERE));
    };
    let at = end.address4;
    let address = u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let to = Endpoint { protocol: u16::from(header[9]), port: 0, address: mapped(address) };
    if header[0] >> 4 != 4 || header[0] & 0xf < 5 {
        return Err((Reason::Header, to));
    }
    // Source routes send a packet elsewhere than its address says.
    if header[0] & 0xf > 5 {
        return Err((Reason::Options, to));
    }
    if u16::from_be_bytes([header[6], header[7]]) & FRAGMENT != 0 {
        return Err((Reason::Fragment, to));
    }
    with_port(context, end, HEADER4_BYTES, to)
}

#[inline(always)]
fn ipv6(context: &SkBuffContext, end: &End) -> Parsed {
    let Some(header) = bytes::<HEADER6_BYTES>(context, 0) else {
        return Err((Reason::Header, NOWHERE));
    };
    let mut address = [0; 16];
    address.copy_from_slice(&header[end.address6..end.address6 + 16]);
    let to = Endpoint { protocol: u16::from(header[6]), port: 0, address };
    if header[0] >> 4 != 6 {
        return Err((Reason::Header, to));
    }
    match to.protocol {
        // Hop-by-hop, routing, fragment, destination options, mobility, HIP, shim6.
        0 | 43 | 60 | 135 | 139 | 140 => Err((Reason::Options, to)),
        44 => Err((Reason::Fragment, to)),
        _ => with_port(context, end, HEADER6_BYTES, to),
    }
}

#[inline(always)]
fn with_port(context: &SkBuffContext, end: &End, at: usize, to: Endpoint) -> Parsed {
    let whole = match to.protocol {
        TCP => 20,
        UDP => 8,
        // Without ports no rule is for it.
        _ => return Ok(to),
    };
    if (context.len() as usize) < at + whole {
        return Err((Reason::Header, to));
    }
    let Some(ports) = bytes::<PORTS_BYTES>(context, at) else {
        return Err((Reason::Header, to));
    };
    Ok(Endpoint { port: u16::from_be_bytes([ports[end.port], ports[end.port + 1]]), ..to })
}

/// Some bytes of the packet: where the kernel has them at hand, by a look; else by asking for them.
#[inline(always)]
fn bytes<const N: usize>(context: &SkBuffContext, at: usize) -> Option<[u8; N]> {
    let skb = context.skb.skb;
    // SAFETY: the kernel's context.
    let (data, end) = unsafe { ((*skb).data as usize, (*skb).data_end as usize) };
    if data + at + N <= end {
        // SAFETY: within the packet, as the verifier sees too.
        return Some(unsafe { *((data + at) as *const [u8; N]) });
    }
    context.load(at).ok()
}

#[inline(always)]
fn refusal(
    context: &SkBuffContext,
    hook: Hook,
    reason: Reason,
    to: Endpoint,
    family: u16,
) -> Refusal {
    // SAFETY: the kernel's context.
    let cgroup = unsafe { bpf_skb_cgroup_id(context.skb.skb) };
    let who = Who::Socket { cgroup };
    Refusal { hook, reason, to, family, cookie: cookie(context), who }
}
