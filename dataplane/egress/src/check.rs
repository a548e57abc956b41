//! The self-check: a process in the agent's cgroup tries the ways past, and none may be open.
//!
//! Destinations are those that are nobody's (RFC 5737, RFC 3849), the host's own and the metadata
//! address of clouds. What is refused as it should be sends no packet.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use penstock_config::Transport;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::{Allowed, EgressError, State, Status};

/// A way out that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What was tried.
    pub way: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The kernel refused it, as it should.
    Shut,
    /// It is penstock itself, or a rule allows it.
    Allowed,
    /// The host has no such thing to try.
    Absent(String),
    /// No hook of a cgroup sees it, and this kernel has no BPF LSM: what starts the agent must shut it.
    Unheld,
    /// It is open and should not be.
    Open(String),
    /// It should be open and is not.
    Refused,
}

/// Tries every way from within a cgroup. Needs root.
pub fn check(status: &Status) -> Result<Vec<Tried>, EgressError> {
    let Some(cgroup) = &status.cgroup else {
        return Err(EgressError::NotApplied(status.agent.clone()));
    };
    if status.state != State::Live {
        let (agent, cgroup) = (status.agent.clone(), cgroup.clone());
        return Err(EgressError::Broken { agent, cgroup });
    }
    let leaf = cgroup.join(format!("check-{}", std::process::id()));
    fs::create_dir(&leaf).map_err(EgressError::file("cannot create", &leaf))?;
    let gateways = status.gateways();
    let output = probe_in(&leaf, &gateways);
    let _ = fs::remove_dir(&leaf);
    let output = output.map_err(EgressError::file("cannot run a process in", &leaf))?;
    let ways = ways(&gateways);
    let results = output.lines().map(|line| line.parse::<i32>().unwrap_or(-1));
    let tried: Vec<_> = ways
        .iter()
        .zip(results)
        .map(|(way, errno)| Tried { way: way.name.clone(), outcome: way.judge(errno, status) })
        .collect();
    if tried.len() < ways.len() {
        let error = io::Error::other("it ended before it had tried everything");
        return Err(EgressError::file("a process in", &leaf)(error));
    }
    Ok(tried)
}

/// Runs this very program as [`probe`] in a cgroup; what it printed.
fn probe_in(cgroup: &Path, gateways: &[SocketAddr]) -> io::Result<String> {
    let procs = OpenOptions::new().write(true).open(cgroup.join("cgroup.procs"))?;
    let gateways = gateways.iter().map(SocketAddr::to_string);
    let mut command = Command::new("/proc/self/exe");
    command.args(["egress", "probe"]).args(gateways).stdin(Stdio::null());
    // SAFETY: between fork and exec it writes to a descriptor and does nothing else.
    unsafe { command.pre_exec(move || (&procs).write_all(b"0")) };
    let output = command.stderr(Stdio::inherit()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Tries every way and prints a line for each: the error's number, or 0. For a process in the cgroup.
pub fn probe(gateways: &[SocketAddr]) {
    // By this name the events of it are known.
    let _ = rustix::thread::set_name(c"penstock-test");
    for way in ways(gateways) {
        let errno = match (way.attempt)() {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap_or(-1),
        };
        println!("{errno}");
    }
}

struct Way {
    name: String,
    /// Where it leads, where the rules have a say in it.
    to: Option<(Transport, SocketAddr)>,
    /// Whether a hook of IP sees it.
    held: bool,
    attempt: Box<dyn Fn() -> io::Result<()>>,
}

impl Way {
    fn judge(&self, errno: i32, status: &Status) -> Outcome {
        let allowed = self.to.is_some_and(|(protocol, to)| {
            status.rules.iter().any(|rule| rule.allows(protocol, to))
        });
        match errno {
            libc::EPERM if allowed => Outcome::Refused,
            libc::EPERM => Outcome::Shut,
            _ if allowed => Outcome::Allowed,
            libc::EPROTONOSUPPORT
            | libc::EAFNOSUPPORT
            | libc::ESOCKTNOSUPPORT
            | libc::ENOPROTOOPT => Outcome::Absent(io::Error::from_raw_os_error(errno).to_string()),
            // Of a socket to be made, what is asked before any hook: ping_group_range.
            libc::EACCES if self.to.is_none() => {
                Outcome::Absent(io::Error::from_raw_os_error(errno).to_string())
            }
            _ if !self.held && !status.lsm => Outcome::Unheld,
            0 => Outcome::Open("it succeeded".into()),
            errno => Outcome::Open(io::Error::from_raw_os_error(errno).to_string()),
        }
    }
}

impl Allowed {
    /// Whether it allows a destination.
    pub fn allows(&self, protocol: Transport, to: SocketAddr) -> bool {
        let rule = &self.rule;
        let prefix = u32::from(rule.prefix) + if rule.address.is_ipv4() { 96 } else { 0 };
        let network = |address| bits(address).checked_shr(128 - prefix).unwrap_or(0);
        protocol == rule.protocol
            && rule.port.is_none_or(|port| port == to.port())
            && network(rule.address) == network(to.ip())
    }
}

fn bits(address: IpAddr) -> u128 {
    u128::from_be_bytes(crate::policy::mapped(address))
}

const NOBODY4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const NOBODY6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
const STUB_RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53));
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOOPBACK6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// `discard`: where nobody listens, and where it does no harm where somebody does.
const PORT: u16 = 9;

fn ways(gateways: &[SocketAddr]) -> Vec<Way> {
    let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
    let any = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let mut ways = vec![
        tcp("TCP, IPv4", NOBODY4, 443),
        tcp("TCP, IPv6", NOBODY6, 443),
        tcp("TCP, IPv4 written as IPv6", mapped, 443),
        tcp("TCP to 0.0.0.0", any.0, PORT),
        tcp("TCP to ::", any.1, PORT),
        tcp("another port of this host", LOOPBACK, PORT),
        tcp("another port of this host, IPv6", LOOPBACK6, PORT),
        tcp("the metadata address", METADATA, 80),
        fast_open(NOBODY4),
        connected("UDP, IPv4", NOBODY4, 443),
        connected("UDP, IPv6", NOBODY6, 443),
        sent("UDP without connecting, IPv4", NOBODY4, 443),
        sent("UDP without connecting, IPv6", NOBODY6, 443),
        sent("DNS", NOBODY4, 53),
        sent("DNS to the stub resolver", STUB_RESOLVER, 53),
        unspecified_family(NOBODY4),
        bind("listening, IPv4", LOOPBACK, 0),
        bind("listening, IPv6", LOOPBACK6, 0),
    ];
    for (name, domain, kind, protocol) in [
        ("raw packets, IPv4", Domain::IPV4, Type::RAW, libc::IPPROTO_RAW),
        ("raw packets, IPv6", Domain::IPV6, Type::RAW, libc::IPPROTO_RAW),
        ("ping", Domain::IPV4, Type::DGRAM, libc::IPPROTO_ICMP),
        ("UDP-Lite", Domain::IPV4, Type::DGRAM, libc::IPPROTO_UDPLITE),
        ("MPTCP", Domain::IPV4, Type::STREAM, libc::IPPROTO_MPTCP),
        ("SCTP", Domain::IPV4, Type::STREAM, libc::IPPROTO_SCTP),
    ] {
        ways.push(made(name, true, domain, kind, protocol));
    }
    for (name, family, kind) in [
        ("AF_VSOCK", libc::AF_VSOCK, Type::STREAM),
        ("AF_PACKET", libc::AF_PACKET, Type::RAW),
        ("AF_ALG", libc::AF_ALG, Type::SEQPACKET),
        ("AF_TIPC", libc::AF_TIPC, Type::SEQPACKET),
    ] {
        ways.push(made(name, false, Domain::from(family), kind, 0));
    }
    for at in gateways {
        ways.push(tcp(&format!("penstock at {at}"), at.ip(), at.port()));
        ways.push(bind(&format!("listening in penstock's place at {at}"), at.ip(), at.port()));
    }
    ways
}

fn way(
    name: &str,
    to: Option<(Transport, SocketAddr)>,
    attempt: impl Fn() -> io::Result<()> + 'static,
) -> Way {
    Way { name: name.to_owned(), to, held: true, attempt: Box::new(attempt) }
}

fn tcp(name: &str, ip: IpAddr, port: u16) -> Way {
    let to = SocketAddr::new(ip, port);
    way(name, Some((Transport::Tcp, to)), move || {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        // Where it is open after all nobody waits for an answer.
        socket.set_nonblocking(true)?;
        socket.connect(&to.into())
    })
}

fn connected(name: &str, ip: IpAddr, port: u16) -> Way {
    let to = SocketAddr::new(ip, port);
    way(name, Some((Transport::Udp, to)), move || udp(to)?.connect(&to.into()))
}

fn sent(name: &str, ip: IpAddr, port: u16) -> Way {
    let to = SocketAddr::new(ip, port);
    way(name, Some((Transport::Udp, to)), move || udp(to)?.send_to(&[0], &to.into()).map(|_| ()))
}

fn udp(to: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))
}

/// The kernel asks its hooks whatever family the address claims to be of.
fn unspecified_family(ip: IpAddr) -> Way {
    let to = SocketAddr::new(ip, PORT);
    way("UDP to an address of no family", Some((Transport::Udp, to)), move || {
        let whole = SockAddr::from(to);
        let (length, mut storage) = (whole.len(), whole.as_storage());
        // SAFETY: the storage is initialised and stays so: only its family is changed, to one that the
        // kernel takes for IPv4.
        let address = unsafe {
            storage.view_as::<libc::sockaddr>().sa_family = 0;
            SockAddr::new(storage, length)
        };
        udp(to)?.send_to(&[0], &address).map(|_| ())
    })
}

/// Data with the first segment (RFC 7413).
fn fast_open(ip: IpAddr) -> Way {
    let to = SocketAddr::new(ip, 443);
    way("TCP Fast Open", Some((Transport::Tcp, to)), move || {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.send_to_with_flags(&[0], &to.into(), libc::MSG_FASTOPEN).map(|_| ())
    })
}

fn bind(name: &str, ip: IpAddr, port: u16) -> Way {
    way(name, None, move || {
        let at = SocketAddr::new(ip, port);
        Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?.bind(&at.into())
    })
}

fn made(name: &str, held: bool, domain: Domain, kind: Type, protocol: i32) -> Way {
    let protocol = (protocol != 0).then(|| Protocol::from(protocol));
    let attempt = move || Socket::new(domain, kind, protocol).map(|_| ());
    Way { name: name.to_owned(), to: None, held, attempt: Box::new(attempt) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use penstock_config::EgressRule;

    fn rule(address: &str, prefix: u8, port: Option<u16>) -> Allowed {
        let (address, protocol) = (address.parse().expect("an address"), Transport::Tcp);
        let rule = EgressRule { address, prefix, port, protocol };
        Allowed { gateway: false, rule, calls: 0, packets: 0, bytes: 0 }
    }

    #[test]
    fn rules_are_read_as_the_kernel_reads_them() {
        let to = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let ten = rule("10.0.0.0", 8, Some(443));
        assert!(ten.allows(Transport::Tcp, to("10.1.2.3:443")));
        assert!(ten.allows(Transport::Tcp, to("[::ffff:10.1.2.3]:443")));
        for other in ["11.0.0.1:443", "10.1.2.3:80", "[::10.1.2.3]:443"] {
            assert!(!ten.allows(Transport::Tcp, to(other)), "{other}");
        }
        assert!(!ten.allows(Transport::Udp, to("10.1.2.3:443")));
        assert!(rule("::", 0, None).allows(Transport::Tcp, to("192.0.2.1:1")), "mapped ones too");
        assert!(!rule("0.0.0.0", 0, None).allows(Transport::Tcp, to("[2001:db8::1]:1")));
    }
}
