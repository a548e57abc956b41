//! Ways that write their own packets, and transports that no rule knows.

use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Socket, Type};

use super::packets::{self, Datagram4};
use super::{Failure, TOKEN, Tried, at, unknown};
use crate::places::HOST4;

fn raw(to: SocketAddr, protocol: i32) -> Result<Socket, Failure> {
    Socket::new(Domain::for_address(to), Type::RAW, Some(protocol.into())).map_err(at("socket"))
}

/// Raw sockets take no ports.
fn send(socket: &Socket, to: SocketAddr, packet: &[u8]) -> Tried {
    let to = SocketAddr::new(to.ip(), 0);
    socket.send_to(packet, &to.into()).map(drop).map_err(at("send"))
}

fn written(to: SocketAddr, with: impl FnOnce(&mut Datagram4)) -> Tried {
    let IpAddr::V4(address) = to.ip() else { return Err(unknown()) };
    let socket = raw(to, libc::IPPROTO_RAW)?;
    let mut packet = Datagram4 {
        from: HOST4,
        to: address,
        port: to.port(),
        protocol: 17,
        fragment: 0,
        options: Vec::new(),
    };
    with(&mut packet);
    send(&socket, to, &packet.bytes())
}

pub(crate) fn header(to: SocketAddr) -> Tried {
    written(to, |_| {})
}

pub(crate) fn first_fragment(to: SocketAddr) -> Tried {
    written(to, |packet| packet.fragment = 0x2000)
}

pub(crate) fn later_fragment(to: SocketAddr) -> Tried {
    written(to, |packet| packet.fragment = 0x0040)
}

pub(crate) fn options(to: SocketAddr) -> Tried {
    written(to, |packet| packet.options = vec![1, 1, 1, 0])
}

pub(crate) fn tunnel(to: SocketAddr) -> Tried {
    written(to, |packet| packet.protocol = 4)
}

pub(crate) fn datagram(to: SocketAddr) -> Tried {
    let mut packet = 40_000_u16.to_be_bytes().to_vec();
    packet.extend(to.port().to_be_bytes());
    packet.extend(16_u16.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(TOKEN);
    send(&raw(to, libc::IPPROTO_UDP)?, to, &packet)
}

pub(crate) fn icmp(to: SocketAddr) -> Tried {
    let protocol = if to.is_ipv4() { libc::IPPROTO_ICMP } else { libc::IPPROTO_ICMPV6 };
    send(&raw(to, protocol)?, to, &packets::echo_request(to.is_ipv6()))
}

/// An ICMP socket that takes no privilege (icmp(7)).
pub(crate) fn ping(to: SocketAddr) -> Tried {
    let protocol = if to.is_ipv4() { libc::IPPROTO_ICMP } else { libc::IPPROTO_ICMPV6 };
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(protocol.into()))
        .map_err(at("socket"))?;
    send(&socket, to, &packets::echo_request(to.is_ipv6()))
}

fn made(to: SocketAddr, kind: Type, protocol: i32) -> Tried {
    Socket::new(Domain::for_address(to), kind, Some(protocol.into()))
        .map(drop)
        .map_err(at("socket"))
}

pub(crate) fn sctp(to: SocketAddr) -> Tried {
    made(to, Type::SEQPACKET, libc::IPPROTO_SCTP)
}

pub(crate) fn sctp_stream(to: SocketAddr) -> Tried {
    made(to, Type::STREAM, libc::IPPROTO_SCTP)
}

pub(crate) fn dccp(to: SocketAddr) -> Tried {
    made(to, libc::SOCK_DCCP.into(), libc::IPPROTO_DCCP)
}

pub(crate) fn l2tp(to: SocketAddr) -> Tried {
    made(to, Type::DGRAM, 115)
}
