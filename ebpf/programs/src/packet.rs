//! Every packet that leaves a socket of the agent's: what it says of itself is all that counts here,
//! whichever call made it, and whenever its socket was connected.

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

#[cgroup_skb]
pub fn egress(context: SkBuffContext) -> i32 {
    // SAFETY: the kernel's context.
    let protocol = unsafe { core::ptr::read_volatile(&raw const (*context.skb.skb).protocol) };
    let bytes = u64::from(context.len());
    let (parsed, family) = match u16::from_be(protocol as u16) {
        ETH_P_IP => (ipv4(&context), AF_INET),
        ETH_P_IPV6 => (ipv6(&context), AF_INET6),
        _ => (Err((Reason::Header, NOWHERE)), 0),
    };
    match parsed {
        Ok(to) => decide(&to, Some(bytes), |reason| refusal(&context, reason, to, family)),
        Err((reason, to)) => refuse(&refusal(&context, reason, to, family)),
    }
}

const NOWHERE: Endpoint = Endpoint { protocol: 0, port: 0, address: [0; 16] };

/// The destination, or why there is none to trust, with as much of it as could be read.
type Parsed = Result<Endpoint, (Reason, Endpoint)>;

#[inline(always)]
fn ipv4(context: &SkBuffContext) -> Parsed {
    let Ok(header) = context.load::<[u8; HEADER4_BYTES]>(0) else {
        return Err((Reason::Header, NOWHERE));
    };
    let address = u32::from_ne_bytes([header[16], header[17], header[18], header[19]]);
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
    with_port(context, HEADER4_BYTES, to)
}

#[inline(always)]
fn ipv6(context: &SkBuffContext) -> Parsed {
    let Ok(header) = context.load::<[u8; HEADER6_BYTES]>(0) else {
        return Err((Reason::Header, NOWHERE));
    };
    let mut address = [0; 16];
    address.copy_from_slice(&header[24..40]);
    let to = Endpoint { protocol: u16::from(header[6]), port: 0, address };
    if header[0] >> 4 != 6 {
        return Err((Reason::Header, to));
    }
    match to.protocol {
        // Hop-by-hop, routing, fragment, destination options, mobility, HIP, shim6.
        0 | 43 | 60 | 135 | 139 | 140 => Err((Reason::Options, to)),
        44 => Err((Reason::Fragment, to)),
        _ => with_port(context, HEADER6_BYTES, to),
    }
}

#[inline(always)]
fn with_port(context: &SkBuffContext, at: usize, to: Endpoint) -> Parsed {
    let whole = match to.protocol {
        TCP => 20,
        UDP => 8,
        // Without ports no rule is for it.
        _ => return Ok(to),
    };
    if (context.len() as usize) < at + whole {
        return Err((Reason::Header, to));
    }
    let Ok(ports) = context.load::<[u8; PORTS_BYTES]>(at) else {
        return Err((Reason::Header, to));
    };
    Ok(Endpoint { port: u16::from_be_bytes([ports[2], ports[3]]), ..to })
}

#[inline(always)]
fn refusal(context: &SkBuffContext, reason: Reason, to: Endpoint, family: u16) -> Refusal {
    // SAFETY: the kernel's context.
    let cgroup = unsafe { bpf_skb_cgroup_id(context.skb.skb) };
    let who = Who::Socket { cgroup };
    Refusal { hook: Hook::Egress, reason, to, family, cookie: cookie(context), who }
}
