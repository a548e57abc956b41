//! The agents that the kernel holds to the proxy, as the snapshot tells them.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where links and maps are pinned unless the file says otherwise. `/sys/fs/bpf` is closed to all but
/// root on most hosts, and `penstock serve` does not run as root.
pub const BPFFS_DEFAULT: &str = "/run/penstock/bpf";

/// How the kernel holds agents to the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    /// What becomes of a packet that no rule allows.
    pub mode: EgressMode,
    /// Where links and maps are pinned: a BPF filesystem, mounted there if none is.
    pub bpffs: PathBuf,
}

/// What becomes of a packet that no rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EgressMode {
    /// It is refused, counted and reported.
    #[default]
    Enforce,
    /// It is counted and reported.
    Audit,
}

/// One agent, or all agents that one policy holds for.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its name in logs, metrics and on the command line.
    pub name: String,
    /// What the kernel knows it by: [`agent_id`] of its name, different from every other agent's.
    pub id: u64,
    /// Which processes are the agent.
    pub place: Place,
    /// What it may reach directly, beside the listeners of penstock.
    pub egress: Vec<EgressRule>,
    /// What it may reach through a forward listener.
    pub forward: Vec<ForwardRule>,
    /// What it may use of a forward listener.
    pub forward_limits: ForwardLimits,
    /// What its processes may use of the host.
    pub resources: Resources,
    /// Whether `penstock run` lets it make Unix sockets; `socketpair` works in any case.
    pub unix_sockets: bool,
    /// Whether `penstock run` lets it make netlink sockets.
    pub netlink: bool,
    /// The user that `penstock run` switches to where its command line names none.
    pub run_as: Option<String>,
}

/// Which processes are an agent: those of a cgroup and of all cgroups below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A cgroup, as its path below the root of the cgroup v2 hierarchy; without a leading slash.
    Cgroup(PathBuf),
    /// A unit of systemd, as in `claude.service` or `agents.slice`.
    Unit(String),
    /// All sessions of a user: their slice.
    User(String),
}

/// A destination that an agent may reach without the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRule {
    /// The first address of the network; bits behind the prefix are zero.
    pub address: IpAddr,
    /// Length of the prefix: 0 to 32, or to 128.
    pub prefix: u8,
    /// The port, or any.
    pub port: Option<u16>,
    /// The transport.
    pub protocol: Transport,
}

/// What egress rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A destination that an agent may reach through a forward listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardRule {
    /// Which hosts.
    pub host: HostPattern,
    /// The port.
    pub port: u16,
}

/// Hosts of a forward rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name, in lower case and without a trailing dot.
    Name(String),
    /// Every name below this one, at any depth, and not the name itself (`*.example.com`).
    Below(String),
    /// This address, literally. Private and loopback addresses only by this.
    Address(IpAddr),
}

/// What an agent may use of forward listeners, by shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardLimits {
    /// Connections open at once (503).
    pub connections: u32,
    /// Bytes that one connection may carry, both ways together; it is ended past it.
    pub bytes: Option<u64>,
}

/// What an agent's processes may use of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Thousandths of a CPU.
    pub cpu_millis: Option<u32>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cgroup(path) => write!(f, "cgroup {}", path.display()),
            Self::Unit(unit) => write!(f, "unit {unit}"),
            Self::User(user) => write!(f, "user {user}"),
        }
    }
}

/// As the configuration writes it.
impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close, whole) =
            if self.address.is_ipv6() { ("[", "]", 128) } else { ("", "", 32) };
        write!(f, "{} {open}{}{close}", self.protocol, self.address)?;
        if self.prefix != whole {
            write!(f, "/{}", self.prefix)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// As the configuration writes it.
impl fmt::Display for ForwardRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// As the configuration writes it.
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// What the kernel knows an agent by: the FNV-1a hash of its name, the same in every process and
/// after every reload.
pub fn agent_id(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::agent_id;

    #[test]
    fn the_id_of_a_name_is_its_fnv_1a_hash() {
        // Test vectors of the algorithm's authors.
        assert_eq!(agent_id(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(agent_id("foobar"), 0x8594_4171_f739_67e8);
    }
}
