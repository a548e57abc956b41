//! Who is where: the agent's host and, at the other end of a veth pair, the world.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) const HOST4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(crate) const HOST6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const PEER4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
pub(crate) const PEER6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2);
/// Where clouds keep the credentials of their machines.
pub(crate) const METADATA4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
pub(crate) const METADATA6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
pub(crate) const GROUP4: Ipv4Addr = Ipv4Addr::new(239, 7, 7, 7);
pub(crate) const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 7, 7);
pub(crate) const BROADCAST4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 255);

/// Where the gateway listens, on loopback and on the host's own address.
pub(crate) const GATEWAY: u16 = 8808;
/// Something else that listens on the address of the gateway.
pub(crate) const WRONG: u16 = 8809;
/// Something else that listens on loopback.
pub(crate) const OTHER: u16 = 9999;
/// What the peer offers to whoever reaches it.
pub(crate) const SERVICE: u16 = 7777;
/// What the peer offers and a rule allows, over UDP.
pub(crate) const ALLOWED: u16 = 5353;
/// Where a packet goes that says only that those before it have come.
pub(crate) const FENCE: u16 = 4444;
/// Of the metadata service.
pub(crate) const HTTP: u16 = 80;

pub(crate) fn v4(ip: Ipv4Addr, port: u16) -> SocketAddr {
    (ip, port).into()
}

pub(crate) fn v6(ip: Ipv6Addr, port: u16) -> SocketAddr {
    (ip, port).into()
}

/// How an address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    V4,
    V6,
    Mapped,
    Any4,
    Any6,
}

impl Form {
    pub(crate) const ALL: [Self; 5] = [Self::V4, Self::V6, Self::Mapped, Self::Any4, Self::Any6];
    pub(crate) const PLAIN: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
            Self::Mapped => "mapped",
            Self::Any4 => "any4",
            Self::Any6 => "any6",
        }
    }
}

/// Over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// Somewhere to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) at: SocketAddr,
    /// Whether the policy allows it.
    pub(crate) allowed: bool,
    /// Whether it lies beyond the host.
    pub(crate) outside: bool,
}

/// Everywhere that a form can name.
pub(crate) fn targets(form: Form, transport: Transport) -> Vec<Target> {
    let target = |name, at, allowed, outside| Target { name, at, allowed, outside };
    let tcp = transport == Transport::Tcp;
    match form {
        Form::Any4 | Form::Any6 => {
            let ip: IpAddr = match form {
                Form::Any4 => Ipv4Addr::UNSPECIFIED.into(),
                _ => Ipv6Addr::UNSPECIFIED.into(),
            };
            let gateway = (ip, GATEWAY).into();
            let other = target("loopback", (ip, OTHER).into(), false, false);
            // No rule names the unspecified address, though it leads to the gateway.
            let first = tcp.then(|| target("gateway", gateway, false, false));
            first.into_iter().chain([other]).collect()
        }
        Form::V4 | Form::Mapped => {
            let at = |ip: Ipv4Addr, port| match form {
                Form::V4 => v4(ip, port),
                _ => v6(ip.to_ipv6_mapped(), port),
            };
            let allowed = match transport {
                Transport::Tcp => target("gateway", at(Ipv4Addr::LOCALHOST, GATEWAY), true, false),
                Transport::Udp => target("allowed", at(PEER4, ALLOWED), true, true),
            };
            vec![
                allowed,
                target("wrong-port", at(HOST4, WRONG), false, false),
                target("loopback", at(Ipv4Addr::LOCALHOST, OTHER), false, false),
                target("metadata", at(METADATA4, HTTP), false, true),
                target("peer", at(PEER4, SERVICE), false, true),
            ]
        }
        Form::V6 => {
            let allowed = match transport {
                Transport::Tcp => target("gateway", v6(Ipv6Addr::LOCALHOST, GATEWAY), true, false),
                Transport::Udp => target("allowed", v6(PEER6, ALLOWED), true, true),
            };
            vec![
                allowed,
                target("wrong-port", v6(HOST6, WRONG), false, false),
                target("loopback", v6(Ipv6Addr::LOCALHOST, OTHER), false, false),
                target("metadata", v6(METADATA6, HTTP), false, true),
                target("peer", v6(PEER6, SERVICE), false, true),
            ]
        }
    }
}
