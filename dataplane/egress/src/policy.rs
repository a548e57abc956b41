//! What one agent may reach, in the form that its set is filled from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use penstock_config::{Agent, Bind, EgressMode, EgressRule, Snapshot, Transport};
use penstock_ebpf_abi::{Endpoint, GATEWAYS_MAX, RULES_MAX, Settings, TCP, UDP};

use crate::EgressError;

/// What one agent may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The agent's name.
    pub agent: String,
    /// What the kernel knows it by.
    pub id: u64,
    /// Whether what nothing allows is refused or only reported.
    pub mode: EgressMode,
    /// Where penstock listens.
    pub gateways: Vec<SocketAddr>,
    /// What may be reached without it.
    pub rules: Vec<EgressRule>,
    /// Whether it may have Unix sockets, where the kernel can tell.
    pub unix_sockets: bool,
    /// Whether it may have netlink sockets, where the kernel can tell.
    pub netlink: bool,
}

impl Policy {
    /// The policy that a configuration has for one of its agents.
    pub fn of(snapshot: &Snapshot, agent: &Agent) -> Self {
        let binds = snapshot.listeners.iter().filter_map(|listener| match listener.bind {
            Bind::Tcp(address) => Some(address),
            Bind::Unix { .. } => None,
        });
        Self {
            agent: agent.name.clone(),
            id: agent.id,
            mode: snapshot.egress.mode,
            gateways: once(binds.flat_map(reached_at)),
            rules: once(agent.egress.iter().cloned()),
            unix_sockets: agent.unix_sockets,
            netlink: agent.netlink,
        }
    }

    /// What a set is told beside its rules; `build` tells its programs.
    pub(crate) fn settings(&self, build: u32) -> Settings {
        Settings {
            agent: self.id,
            audit: u32::from(self.mode == EgressMode::Audit),
            unix: u32::from(self.unix_sockets),
            netlink: u32::from(self.netlink),
            build,
        }
    }

    /// Each endpoint of the gateway, which is the rule of its place.
    pub(crate) fn endpoints(&self) -> Result<Vec<Endpoint>, EgressError> {
        self.within(self.gateways.len(), "listeners", GATEWAYS_MAX)?;
        let endpoint = |address: &SocketAddr| Endpoint {
            protocol: TCP,
            port: address.port(),
            address: mapped(address.ip()),
        };
        Ok(self.gateways.iter().map(endpoint).collect())
    }

    /// Each rule with the length of its prefix; they follow upon the endpoints.
    pub(crate) fn networks(&self) -> Result<Vec<(u32, Endpoint)>, EgressError> {
        self.within(self.gateways.len() + self.rules.len(), "rules", RULES_MAX)?;
        let network = |rule: &EgressRule| {
            let before =
                Endpoint::BITS_BEFORE_ADDRESS + if rule.address.is_ipv4() { 96 } else { 0 };
            let protocol = match rule.protocol {
                Transport::Tcp => TCP,
                Transport::Udp => UDP,
            };
            let port = rule.port.unwrap_or(0);
            (
                before + u32::from(rule.prefix),
                Endpoint { protocol, port, address: mapped(rule.address) },
            )
        };
        Ok(self.rules.iter().map(network).collect())
    }

    fn within(&self, count: usize, what: &'static str, max: u32) -> Result<(), EgressError> {
        if u32::try_from(count).is_ok_and(|count| count <= max) {
            return Ok(());
        }
        Err(EgressError::TooMany { agent: self.agent.clone(), count, what, max })
    }
}

/// Each of them once, in their order: a rule that stands twice counts for itself alone.
fn once<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

/// By which addresses a local process reaches a listener: never a whole network.
fn reached_at(bind: SocketAddr) -> Vec<SocketAddr> {
    let port = bind.port();
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![v4],
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![SocketAddr::from((Ipv6Addr::LOCALHOST, port)), v4]
        }
        _ => vec![bind],
    }
}

/// The rule that allows one endpoint over TCP and nothing else.
pub(crate) fn only(at: SocketAddr) -> EgressRule {
    let address = at.ip().to_canonical();
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    EgressRule { address, prefix, port: Some(at.port()), protocol: Transport::Tcp }
}

/// The form in which the kernel's side compares addresses.
pub(crate) fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The other way.
pub(crate) fn unmapped(address: [u8; 16]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(address)).to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rules: usize) -> Policy {
        let rule = EgressRule {
            address: [10, 0, 0, 0].into(),
            prefix: 8,
            port: Some(5432),
            protocol: Transport::Tcp,
        };
        Policy {
            agent: "one".into(),
            id: 1,
            mode: EgressMode::Enforce,
            gateways: vec!["127.0.0.1:8808".parse().expect("an address")],
            rules: vec![rule; rules],
            unix_sockets: false,
            netlink: false,
        }
    }

    #[test]
    fn a_network_of_ipv4_is_one_of_mapped_addresses() {
        let networks = policy(1).networks().expect("it fits");
        let [(prefix, endpoint)] = networks[..] else { panic!("{networks:?}") };
        assert_eq!(prefix, 32 + 96 + 8);
        assert_eq!(unmapped(endpoint.address), IpAddr::from([10, 0, 0, 0]));
    }

    #[test]
    fn no_more_rules_are_taken_than_a_set_holds() {
        let max = RULES_MAX as usize - 1;
        assert!(policy(max).networks().is_ok());
        let refused = policy(max + 1).networks().expect_err("it is one too many").to_string();
        assert!(refused.contains("4097 rules, of which 4096"), "{refused}");
    }

    #[test]
    fn a_listener_of_all_addresses_is_reached_on_loopback_alone() {
        let at = |text: &str| reached_at(text.parse().expect("an address"));
        assert_eq!(at("0.0.0.0:1"), ["127.0.0.1:1".parse().expect("an address")]);
        assert_eq!(at("[::]:1").len(), 2);
        assert_eq!(at("192.0.2.1:1"), ["192.0.2.1:1".parse().expect("an address")]);
    }
}
