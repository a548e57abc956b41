//! What the eBPF programs and their loader both read: keys, values and events of the maps.
//!
//! Every type is plain data without padding, so that it has one representation in bytes. Numbers are
//! in the host's byte order, addresses in the network's; an IPv4 address is written as the IPv6
//! address that it maps to (RFC 4291 section 2.5.5.2), so that one rule holds for both ways to name it.

#![no_std]

/// Changes whenever a type here, a map or what a program does with one changes in a way that a reader
/// of the maps sees. Pins carry it, so that two versions never share a map.
pub const VERSION: u32 = 1;

/// `IPPROTO_TCP`.
pub const TCP: u16 = 6;
/// `IPPROTO_UDP`.
pub const UDP: u16 = 17;

/// Endpoints of the gateway that one agent may have.
pub const GATEWAYS_MAX: u32 = 256;
/// Rules that one agent may have, endpoints of the gateway included.
pub const RULES_MAX: u32 = 4096;
/// Connections of all agents together that are known at once.
pub const CALLERS_MAX: u32 = 65_536;
/// Bytes of events that may wait for a reader.
pub const EVENTS_BYTES: u32 = 1 << 20;
/// Destinations between which the limit of events tells apart.
pub const RECENT_MAX: u32 = 8192;
/// How long an event of the same socket, hook and destination is not repeated.
pub const EVENT_PAUSE_NANOS: u64 = 1_000_000_000;

/// `0.0.0.0` to `255.255.255.255` lie behind this.
pub const MAPPED_PREFIX: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// What a set is told beside its rules.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The agent that it is for.
    pub agent: u64,
    /// 1 where refusals are only reported: zeros, which an array has where nobody wrote, enforce.
    pub audit: u32,
    /// Whether the agent may have Unix sockets.
    pub unix: u32,
    /// Whether it may have netlink sockets.
    pub netlink: u32,
    /// Which build of the programs it is, for the loader.
    pub build: u32,
}

impl Settings {
    /// What a set does that was told nothing.
    pub const STRICTEST: Self = Self { agent: 0, audit: 0, unix: 0, netlink: 0, build: 0 };
}

/// An address and port of one transport.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// [`TCP`] or [`UDP`].
    pub protocol: u16,
    /// The port; in a rule 0 for any.
    pub port: u16,
    /// The address, IPv4 as mapped.
    pub address: [u8; 16],
}

impl Endpoint {
    /// Bits before the address in the key of a rule.
    pub const BITS_BEFORE_ADDRESS: u32 = 32;
}

/// A TCP connection as the agent's end of it has it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The network namespace (`SO_NETNS_COOKIE`).
    pub netns: u64,
    /// The agent's own address.
    pub local: [u8; 16],
    /// The other end's.
    pub remote: [u8; 16],
    /// The agent's own port.
    pub local_port: u32,
    /// The other end's.
    pub remote_port: u32,
}

/// Whose connection it is.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The agent.
    pub agent: u64,
    /// Its socket, as `SO_COOKIE` tells.
    pub cookie: u64,
}

/// What a rule has let through, on one CPU.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Connects and messages of unconnected sockets.
    pub calls: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes of those, from the IP header on.
    pub bytes: u64,
}

/// Where a verdict was reached; also the place of its count in the map of counters.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// `connect(2)` over IPv4.
    Connect4 = 0,
    /// `connect(2)` over IPv6.
    Connect6 = 1,
    /// `sendmsg(2)` and the like on an unconnected IPv4 socket.
    Sendmsg4 = 2,
    /// The same over IPv6.
    Sendmsg6 = 3,
    /// `bind(2)` over IPv4.
    Bind4 = 4,
    /// `bind(2)` over IPv6.
    Bind6 = 5,
    /// `socket(2)` of an IP family.
    SockCreate = 6,
    /// A packet that leaves.
    Egress = 7,
    /// `socket(2)` of any family, where the kernel has BPF LSM.
    LsmSocketCreate = 8,
    /// `connect(2)` of a Unix socket or a datagram from one, where the kernel has BPF LSM.
    LsmUnixConnect = 9,
    /// A packet that comes in.
    Ingress = 10,
    /// `setsockopt(2)`.
    Setsockopt = 11,
}

impl Hook {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Connect4,
        Self::Connect6,
        Self::Sendmsg4,
        Self::Sendmsg6,
        Self::Bind4,
        Self::Bind6,
        Self::SockCreate,
        Self::Egress,
        Self::LsmSocketCreate,
        Self::LsmUnixConnect,
        Self::Ingress,
        Self::Setsockopt,
    ];
}

/// Places in the map of counters behind those of the hooks.
pub mod counter {
    /// Events for which the ring buffer had no room.
    pub const EVENTS_LOST: u32 = 16;
    /// Events not written because one like it was just before.
    pub const EVENTS_LIMITED: u32 = 17;
    /// Connections that are not attested because the map of callers was full.
    pub const CALLERS_FULL: u32 = 18;
    /// How many places there are.
    pub const COUNT: u32 = 32;
}

/// Why nothing lets it through.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No rule names the destination.
    NoRule = 0,
    /// Agents accept no connections.
    Bind = 1,
    /// A transport other than TCP and UDP.
    Protocol = 2,
    /// A family of sockets that agents are not given.
    Family = 3,
    /// IPv4 options or IPv6 extension headers, which can send a packet elsewhere than its address says.
    Options = 4,
    /// A fragment, which hides its ports.
    Fragment = 5,
    /// No whole header of IP, TCP or UDP.
    Header = 6,
    /// Joining a group makes the kernel tell the network so.
    Group = 7,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::NoRule,
        Self::Bind,
        Self::Protocol,
        Self::Family,
        Self::Options,
        Self::Fragment,
        Self::Header,
        Self::Group,
    ];
}

/// Something that no rule allows.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds since boot, suspended time included (`CLOCK_BOOTTIME`).
    pub nanos: u64,
    /// The agent.
    pub agent: u64,
    /// The cgroup of the process, or of the socket where a packet was refused.
    pub cgroup: u64,
    /// The socket, as `SO_COOKIE` tells; 0 where it has none yet.
    pub cookie: u64,
    /// The process; 0 for a packet, which the kernel may send in any process's time.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// The other end: where it would go, or of a packet that comes in, whence it came. Of a socket just
    /// made only the protocol is known.
    pub to: Endpoint,
    /// The family of the socket.
    pub family: u16,
    /// A [`Hook`].
    pub hook: u8,
    /// A [`Reason`].
    pub reason: u8,
    /// 1 where it was refused, 0 where it was only reported.
    pub refused: u8,
    /// Zero.
    pub zero: [u8; 7],
    /// The name of the process, padded with zeros.
    pub comm: [u8; 16],
}

// The kernel reads and writes these byte by byte: padding would be uninitialised there.
const _: () = assert!(size_of::<Endpoint>() == 20);
const _: () = assert!(size_of::<Connection>() == 48);
const _: () = assert!(size_of::<Event>() == 88);
