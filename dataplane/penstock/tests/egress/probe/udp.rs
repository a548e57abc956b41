//! Ways over UDP.

use std::io::{IoSlice, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use socket2::{Domain, MsgHdr, Protocol, Socket, Type};

use super::{Failure, TOKEN, Tried, at, limit, packets};
use crate::places::{ALLOWED, GROUP4, GROUP6, HOST4, METADATA4, METADATA6, PEER4, PEER6, v4, v6};
use crate::{sys, world};

/// `UDP_SEGMENT`, `UDP_CORK` (udp(7)), and whose options they are.
const SEGMENT: i32 = 103;
const SOL_UDP: i32 = 17;
/// `IPPROTO_UDPLITE`
const LITE: i32 = 136;
const MCAST_JOIN_GROUP: i32 = 42;

pub(crate) fn datagram(to: SocketAddr) -> Result<Socket, Failure> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))
        .map_err(at("socket"))?;
    socket.set_read_timeout(Some(limit())).map_err(at("option"))?;
    Ok(socket)
}

fn hear(socket: &Socket) -> Tried {
    let started = Instant::now();
    // An ICMP error of an earlier try is no answer.
    while started.elapsed() < limit() {
        match (&*socket).read(&mut [0; 9000]) {
            Ok(bytes) if bytes > 0 => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(at("receive")(error)),
        }
    }
    Err(Failure { step: "receive", errno: libc::ETIMEDOUT })
}

pub(crate) fn connect(to: SocketAddr) -> Tried {
    let mut socket = datagram(to)?;
    socket.connect(&to.into()).map_err(at("connect"))?;
    socket.write_all(TOKEN).map_err(at("send"))?;
    hear(&socket)
}

pub(crate) fn send_to(to: SocketAddr) -> Tried {
    flagged(to, 0)
}

fn flagged(to: SocketAddr, flags: i32) -> Tried {
    let socket = datagram(to)?;
    socket.send_to_with_flags(TOKEN, &to.into(), flags).map_err(at("send"))?;
    hear(&socket)
}

pub(crate) fn send_message(to: SocketAddr) -> Tried {
    message(&datagram(to)?, to, &[])
}

fn message(socket: &Socket, to: SocketAddr, control: &[u8]) -> Tried {
    let (address, parts) = (to.into(), [IoSlice::new(TOKEN)]);
    let message = MsgHdr::new().with_addr(&address).with_buffers(&parts);
    let message = if control.is_empty() { message } else { message.with_control(control) };
    socket.sendmsg(&message, 0).map_err(at("send"))?;
    hear(socket)
}

pub(crate) fn send_messages(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    sys::sendmmsg(&socket, &to.into(), TOKEN).map_err(at("send"))?;
    hear(&socket)
}

/// The family says nothing; the kernel takes it for IPv4.
pub(crate) fn unspecified(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    let address = sys::unspecified(&to.into());
    socket.send_to(TOKEN, &address).map_err(at("send"))?;
    hear(&socket)
}

/// An IPv4 address on an IPv6 socket.
pub(crate) fn crossed(to: SocketAddr) -> Tried {
    let socket =
        Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP)).map_err(at("socket"))?;
    socket.set_read_timeout(Some(limit())).map_err(at("option"))?;
    socket.send_to(TOKEN, &to.into()).map_err(at("send"))?;
    hear(&socket)
}

/// The same of a connect.
pub(crate) fn crossed_connect(to: SocketAddr) -> Tried {
    let mut socket =
        Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP)).map_err(at("socket"))?;
    socket.set_read_timeout(Some(limit())).map_err(at("option"))?;
    socket.connect(&to.into()).map_err(at("connect"))?;
    socket.write_all(TOKEN).map_err(at("send"))?;
    hear(&socket)
}

/// First where it may, then elsewhere with the same socket.
pub(crate) fn reconnect(to: SocketAddr) -> Tried {
    let mut socket = datagram(to)?;
    socket.connect(&allowed_like(to).into()).map_err(at("allowed"))?;
    sys::disconnect(&socket).map_err(at("disconnect"))?;
    socket.connect(&to.into()).map_err(at("connect"))?;
    socket.write_all(TOKEN).map_err(at("send"))?;
    hear(&socket)
}

/// Connected where it may, and an address on the message that says otherwise.
pub(crate) fn redirected(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    socket.connect(&allowed_like(to).into()).map_err(at("allowed"))?;
    socket.send_to(TOKEN, &to.into()).map_err(at("send"))?;
    // What answers is not where the socket is connected to: that it went is all that is seen.
    Ok(())
}

fn allowed_like(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(_) => v4(PEER4, ALLOWED),
        SocketAddr::V6(to) if to.ip().to_ipv4_mapped().is_some() => {
            v6(PEER4.to_ipv6_mapped(), ALLOWED)
        }
        SocketAddr::V6(_) => v6(PEER6, ALLOWED),
    }
}

pub(crate) fn lite(to: SocketAddr) -> Tried {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(LITE.into()))
        .map_err(at("socket"))?;
    socket.send_to(TOKEN, &to.into()).map(drop).map_err(at("send"))
}

/// One call, many datagrams.
pub(crate) fn segmented(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    sys::set_number(&socket, SOL_UDP, SEGMENT, 4).map_err(at("option"))?;
    socket.send_to(TOKEN, &to.into()).map_err(at("send"))?;
    hear(&socket)
}

/// Many calls, one datagram.
pub(crate) fn corked(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    socket.send_to_with_flags(TOKEN, &to.into(), libc::MSG_MORE).map_err(at("send"))?;
    socket.send_to(TOKEN, &to.into()).map_err(at("send"))?;
    hear(&socket)
}

/// More than a packet holds.
pub(crate) fn large(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    socket.send_to(&[7; 4000], &to.into()).map_err(at("send"))?;
    hear(&socket)
}

pub(crate) fn zero_copy(to: SocketAddr) -> Tried {
    const SO_ZEROCOPY: i32 = 60;
    let socket = datagram(to)?;
    sys::set_number(&socket, libc::SOL_SOCKET, SO_ZEROCOPY, 1).map_err(at("option"))?;
    socket.send_to_with_flags(TOKEN, &to.into(), libc::MSG_ZEROCOPY).map_err(at("send"))?;
    hear(&socket)
}

/// From an address of the sender's choice.
pub(crate) fn packet_info(to: SocketAddr) -> Tried {
    message(&datagram(to)?, to, &packets::packet_info(HOST4))
}

/// By a device of the sender's choice.
pub(crate) fn device(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    socket.bind_device(Some(world::DEVICE.as_bytes())).map_err(at("option"))?;
    socket.send_to(TOKEN, &to.into()).map_err(at("send"))?;
    hear(&socket)
}

pub(crate) fn everybody(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    socket.set_broadcast(true).map_err(at("option"))?;
    if to.is_ipv4() {
        socket.set_multicast_if_v4(&HOST4).map_err(at("option"))?;
    }
    socket.send_to(TOKEN, &to.into()).map(drop).map_err(at("send"))
}

/// Sends nothing; the kernel tells the network's routers who listens to what.
pub(crate) fn join(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    if to.is_ipv4() {
        socket.join_multicast_v4(&GROUP4, &HOST4).map_err(at("join"))?;
    } else {
        socket.join_multicast_v6(&GROUP6, world::device_index()).map_err(at("join"))?;
    }
    reported();
    Ok(())
}

/// The same by the option that is of both protocols (RFC 3678).
pub(crate) fn join_group(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    let level = if to.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
    let request = packets::group_request(world::device_index(), to.ip());
    sys::set(&socket, level, MCAST_JOIN_GROUP, &request).map_err(at("join"))?;
    reported();
    Ok(())
}

/// Reports are sent with a delay of chance (RFC 3810 section 9.11), here a short one.
fn reported() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

/// To an address that is allowed, by way of one that is not.
pub(crate) fn loose_route(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    let route = packets::source_route(packets::LOOSE, METADATA4);
    sys::set(&socket, libc::IPPROTO_IP, libc::IP_OPTIONS, &route).map_err(at("option"))?;
    socket.send_to(TOKEN, &to.into()).map(drop).map_err(at("send"))
}

/// The same by a control message, on one packet.
pub(crate) fn loose_route_once(to: SocketAddr) -> Tried {
    let route = packets::source_route(packets::LOOSE, METADATA4);
    let control = packets::control(libc::IPPROTO_IP, libc::IP_RETOPTS, &route);
    let socket = datagram(to)?;
    let (address, parts) = (to.into(), [IoSlice::new(TOKEN)]);
    let message = MsgHdr::new().with_addr(&address).with_buffers(&parts).with_control(&control);
    socket.sendmsg(&message, 0).map(drop).map_err(at("send"))
}

pub(crate) fn routing_header(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    let route = packets::segment_route(METADATA6);
    sys::set(&socket, libc::IPPROTO_IPV6, libc::IPV6_RTHDR, &route).map_err(at("route"))?;
    socket.send_to(TOKEN, &to.into()).map(drop).map_err(at("send"))
}

pub(crate) fn hop_options(to: SocketAddr) -> Tried {
    extended(to, libc::IPV6_HOPOPTS)
}

pub(crate) fn destination_options(to: SocketAddr) -> Tried {
    extended(to, libc::IPV6_DSTOPTS)
}

fn extended(to: SocketAddr, option: i32) -> Tried {
    let socket = datagram(to)?;
    sys::set(&socket, libc::IPPROTO_IPV6, option, &packets::PADDING).map_err(at("option"))?;
    socket.send_to(TOKEN, &to.into()).map_err(at("send"))?;
    hear(&socket)
}

/// What a pipe holds, into a connected socket.
pub(crate) fn spliced(to: SocketAddr) -> Tried {
    let socket = datagram(to)?;
    socket.connect(&to.into()).map_err(at("connect"))?;
    let (read, write) = std::io::pipe().map_err(at("pipe"))?;
    sys::vmsplice(&write, TOKEN).map_err(at("vmsplice"))?;
    sys::splice(&read, &socket, TOKEN.len()).map_err(at("send"))?;
    hear(&socket)
}

/// Stands where somebody else stood, or might.
pub(crate) fn bind(to: SocketAddr) -> Tried {
    datagram(to)?.bind(&to.into()).map_err(at("bind"))
}
