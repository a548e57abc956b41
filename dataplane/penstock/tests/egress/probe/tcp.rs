//! Ways over TCP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::{TOKEN, Tried, at, limit, packets};
use crate::places::{GATEWAY, METADATA4, METADATA6, PEER4, v4, v6};
use crate::sys;

pub(crate) fn stream(to: SocketAddr) -> Result<Socket, super::Failure> {
    Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP)).map_err(at("socket"))
}

pub(crate) fn connect(to: SocketAddr) -> Tried {
    connected(stream(to)?, to)
}

pub(crate) fn connected(socket: Socket, to: SocketAddr) -> Tried {
    socket.connect_timeout(&to.into(), limit()).map_err(at("connect"))?;
    talk(socket)
}

/// Sends a token and waits until it is back.
pub(crate) fn talk(socket: Socket) -> Tried {
    talk_within(socket, limit())
}

pub(crate) fn talk_within(mut socket: Socket, limit: Duration) -> Tried {
    socket.set_read_timeout(Some(limit)).map_err(at("option"))?;
    socket.set_write_timeout(Some(limit)).map_err(at("option"))?;
    socket.write_all(TOKEN).map_err(at("send"))?;
    socket.read_exact(&mut [0; TOKEN.len()]).map_err(at("receive"))
}

/// Data with the SYN (RFC 7413), by which a connection needs no `connect`.
pub(crate) fn fast_open(to: SocketAddr) -> Tried {
    let mut socket = stream(to)?;
    socket.set_read_timeout(Some(limit())).map_err(at("option"))?;
    socket.set_write_timeout(Some(limit())).map_err(at("option"))?;
    socket.send_to_with_flags(TOKEN, &to.into(), libc::MSG_FASTOPEN).map_err(at("send"))?;
    socket.read_exact(&mut [0; TOKEN.len()]).map_err(at("receive"))
}

/// The same by a `connect` that sends nothing yet.
pub(crate) fn fast_open_connect(to: SocketAddr) -> Tried {
    let socket = stream(to)?;
    sys::set_number(&socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1)
        .map_err(at("option"))?;
    connected(socket, to)
}

pub(crate) fn multipath(to: SocketAddr) -> Tried {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::MPTCP))
        .map_err(at("socket"))?;
    connected(socket, to)
}

/// First where it may, then elsewhere with the same socket.
pub(crate) fn reconnect(to: SocketAddr) -> Tried {
    let socket = stream(to)?;
    let gateway = match to {
        SocketAddr::V4(_) => v4(Ipv4Addr::LOCALHOST, GATEWAY),
        SocketAddr::V6(to) if to.ip().to_ipv4_mapped().is_some() => {
            v6(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), GATEWAY)
        }
        SocketAddr::V6(_) => v6(Ipv6Addr::LOCALHOST, GATEWAY),
    };
    socket.connect_timeout(&gateway.into(), limit()).map_err(at("gateway"))?;
    sys::disconnect(&socket).map_err(at("disconnect"))?;
    connected(socket, to)
}

/// Out by a device of its own choice.
pub(crate) fn device(to: SocketAddr) -> Tried {
    let socket = stream(to)?;
    socket.bind_device(Some(crate::world::DEVICE.as_bytes())).map_err(at("option"))?;
    connected(socket, to)
}

/// From an address that is not the host's.
pub(crate) fn free_bind(to: SocketAddr) -> Tried {
    let socket = stream(to)?;
    socket.set_freebind_v4(true).map_err(at("option"))?;
    foreign(&socket)
}

pub(crate) fn transparent(to: SocketAddr) -> Tried {
    let socket = stream(to)?;
    socket.set_ip_transparent_v4(true).map_err(at("option"))?;
    foreign(&socket)?;
    connected(socket, to)
}

fn foreign(socket: &Socket) -> Tried {
    let from = v4(Ipv4Addr::new(192, 0, 2, 77), 0);
    socket.bind(&from.into()).map_err(at("bind"))
}

/// A connection that is there without a handshake (`TCP_REPAIR`).
pub(crate) fn repaired(to: SocketAddr) -> Tried {
    const REPAIR: i32 = 19;
    let mut socket = stream(to)?;
    sys::set_number(&socket, libc::IPPROTO_TCP, REPAIR, 1).map_err(at("option"))?;
    socket.connect(&to.into()).map_err(at("connect"))?;
    sys::set_number(&socket, libc::IPPROTO_TCP, REPAIR, 0).map_err(at("option"))?;
    socket.write_all(TOKEN).map_err(at("send"))
}

/// To an address that is allowed, by way of one that is not.
pub(crate) fn loose_route(to: SocketAddr) -> Tried {
    routed(to, packets::source_route(packets::LOOSE, METADATA4))
}

pub(crate) fn strict_route(to: SocketAddr) -> Tried {
    routed(to, packets::source_route(packets::STRICT, PEER4))
}

fn routed(to: SocketAddr, route: [u8; 8]) -> Tried {
    let socket = stream(to)?;
    sys::set(&socket, libc::IPPROTO_IP, libc::IP_OPTIONS, &route).map_err(at("option"))?;
    connected(socket, to)
}

pub(crate) fn routing_header(to: SocketAddr) -> Tried {
    let socket = stream(to)?;
    let route = packets::segment_route(METADATA6);
    sys::set(&socket, libc::IPPROTO_IPV6, libc::IPV6_RTHDR, &route).map_err(at("route"))?;
    connected(socket, to)
}

/// Without an address: the kernel finds a port, and no `bind` is seen.
pub(crate) fn listen(to: SocketAddr) -> Tried {
    let socket = stream(to)?;
    socket.bind(&to.into()).map_err(at("bind"))?;
    socket.listen(1).map_err(at("listen"))
}
