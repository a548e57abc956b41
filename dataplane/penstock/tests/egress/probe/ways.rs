//! Every way past that a process has by itself: how it goes, where, and what closes it.

use std::net::SocketAddr;

use penstock_egress::Reason;

use super::{Tried, raw, ring, tcp, udp};
use crate::places::{Form, Transport};

/// One way past.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) transport: Transport,
    pub(crate) forms: &'static [Form],
    pub(crate) to: To,
    pub(crate) arrives: Arrives,
    pub(crate) refused: Refused,
    pub(crate) run: fn(SocketAddr) -> Tried,
}

/// Which destinations a way is tried with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// All of them, the allowed one included.
    All,
    /// Those beyond the host.
    Outside,
    /// One that is allowed on the host's own address, so that only what the packet says tells.
    Gateway,
    /// One that is allowed beyond the host.
    Allowed,
    /// Everybody on the network.
    Group,
    Broadcast,
    /// An address of the host's own to stand at.
    Local,
}

/// How it is known that a way works where nothing is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrives {
    /// The probe has its token back.
    Echo,
    /// The peer sees a packet.
    Seen,
    /// The call succeeds, and sends nothing.
    Made,
}

/// What closes a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Connect,
    Sendmsg,
    /// On an IPv6 socket with an IPv4 address: the hook of IPv4 is asked.
    Sendmsg4,
    Connect4,
    Create,
    Bind,
    /// The option is; of which process the kernel does not say.
    Option,
    /// The calls go through and the packet does not; with what errno they end.
    Packet(Reason, i32),
}

use Arrives::{Echo, Made, Seen};
use Form::{Mapped, V4, V6};
use To::{All, Allowed, Broadcast, Gateway, Group, Local, Outside};
use Transport::{Tcp, Udp};

const EVERY: &[Form] = &Form::ALL;
const PLAIN: &[Form] = &Form::PLAIN;
const NAMED: &[Form] = &[V4, V6, Mapped];
const ONLY4: &[Form] = &[V4];
const ONLY6: &[Form] = &[V6];
const WITH4: &[Form] = &[V4, Form::Any4];

const fn way(
    name: &'static str,
    transport: Transport,
    forms: &'static [Form],
    to: To,
    arrives: Arrives,
    refused: Refused,
    run: fn(SocketAddr) -> Tried,
) -> Way {
    Way { name, transport, forms, to, arrives, refused, run }
}

const SENT: Refused = Refused::Sendmsg;
const CONNECTED: Refused = Refused::Connect;
const OPTIONS: Reason = Reason::Options;
/// How a TCP socket learns that its SYN did not leave: not at all.
const UNHEARD: Refused = Refused::Packet(OPTIONS, libc::ETIMEDOUT);
const UNSENT: Refused = Refused::Packet(OPTIONS, libc::EPERM);

#[rustfmt::skip]
pub(crate) static WAYS: &[Way] = &[
    way("tcp-connect", Tcp, EVERY, All, Echo, CONNECTED, tcp::connect),
    way("tcp-reconnect", Tcp, NAMED, All, Echo, CONNECTED, tcp::reconnect),
    way("tcp-fastopen", Tcp, EVERY, All, Echo, CONNECTED, tcp::fast_open),
    way("tcp-fastopen-connect", Tcp, EVERY, All, Echo, CONNECTED, tcp::fast_open_connect),
    way("tcp-device", Tcp, PLAIN, Outside, Echo, CONNECTED, tcp::device),
    way("tcp-repair", Tcp, PLAIN, Outside, Seen, CONNECTED, tcp::repaired),
    way("tcp-freebind", Tcp, ONLY4, Local, Made, Refused::Bind, tcp::free_bind),
    way("tcp-transparent", Tcp, ONLY4, Outside, Seen, Refused::Bind, tcp::transparent),
    way("tcp-loose-route", Tcp, ONLY4, Gateway, Seen, UNHEARD, tcp::loose_route),
    way("tcp-strict-route", Tcp, ONLY4, Gateway, Seen, UNHEARD, tcp::strict_route),
    way("tcp-routing-header", Tcp, ONLY6, Gateway, Seen, UNHEARD, tcp::routing_header),
    way("tcp-listen", Tcp, PLAIN, Local, Made, Refused::Bind, tcp::listen),
    way("mptcp", Tcp, EVERY, All, Echo, Refused::Create, tcp::multipath),
    way("uring-connect", Tcp, EVERY, All, Echo, CONNECTED, ring::connect),
    way("uring-socket", Tcp, NAMED, All, Echo, CONNECTED, ring::socket),
    way("uring-raw-socket", Udp, PLAIN, Local, Made, Refused::Create, ring::raw),
    way("uring-connected-udp", Udp, NAMED, All, Echo, CONNECTED, ring::connected),
    way("uring-send", Udp, EVERY, All, Echo, SENT, ring::send),
    way("uring-sendmsg", Udp, EVERY, All, Echo, SENT, ring::send_message),
    way("udp-connect", Udp, EVERY, All, Echo, CONNECTED, udp::connect),
    way("udp-reconnect", Udp, NAMED, All, Echo, CONNECTED, udp::reconnect),
    way("udp-redirected", Udp, NAMED, Outside, Seen, SENT, udp::redirected),
    way("udp-sendto", Udp, EVERY, All, Echo, SENT, udp::send_to),
    way("udp-sendmsg", Udp, EVERY, All, Echo, SENT, udp::send_message),
    way("udp-sendmmsg", Udp, EVERY, All, Echo, SENT, udp::send_messages),
    way("udp-unspec", Udp, WITH4, All, Echo, SENT, udp::unspecified),
    way("udp-v4-on-v6", Udp, ONLY4, All, Echo, Refused::Sendmsg4, udp::crossed),
    way("udp-v4-on-v6-connect", Udp, ONLY4, All, Echo, Refused::Connect4, udp::crossed_connect),
    way("udp-gso", Udp, NAMED, All, Echo, SENT, udp::segmented),
    way("udp-cork", Udp, NAMED, All, Echo, SENT, udp::corked),
    way("udp-large", Udp, NAMED, All, Echo, SENT, udp::large),
    way("udp-zerocopy", Udp, NAMED, All, Echo, SENT, udp::zero_copy),
    way("udp-splice", Udp, NAMED, All, Echo, CONNECTED, udp::spliced),
    way("udp-pktinfo", Udp, ONLY4, All, Echo, SENT, udp::packet_info),
    way("udp-device", Udp, PLAIN, Outside, Echo, SENT, udp::device),
    way("udp-multicast", Udp, PLAIN, Group, Seen, SENT, udp::everybody),
    way("udp-join", Udp, PLAIN, Group, Seen, Refused::Option, udp::join),
    way("udp-join-group", Udp, PLAIN, Group, Seen, Refused::Option, udp::join_group),
    way("udp-broadcast", Udp, ONLY4, Broadcast, Seen, SENT, udp::everybody),
    way("udp-loose-route", Udp, ONLY4, Allowed, Seen, UNSENT, udp::loose_route),
    way("udp-loose-route-once", Udp, ONLY4, Allowed, Seen, UNSENT, udp::loose_route_once),
    way("udp-routing-header", Udp, ONLY6, Allowed, Seen, UNSENT, udp::routing_header),
    way("udp-hop-options", Udp, ONLY6, Allowed, Echo, UNSENT, udp::hop_options),
    way("udp-destination-options", Udp, ONLY6, Allowed, Echo, UNSENT, udp::destination_options),
    way("udp-bind", Udp, PLAIN, Local, Made, Refused::Bind, udp::bind),
    way("udp-lite", Udp, PLAIN, Outside, Seen, Refused::Create, udp::lite),
    way("raw-header", Udp, ONLY4, Outside, Seen, Refused::Create, raw::header),
    way("raw-first-fragment", Udp, ONLY4, Outside, Seen, Refused::Create, raw::first_fragment),
    way("raw-later-fragment", Udp, ONLY4, Outside, Seen, Refused::Create, raw::later_fragment),
    way("raw-options", Udp, ONLY4, Outside, Seen, Refused::Create, raw::options),
    way("raw-tunnel", Udp, ONLY4, Outside, Seen, Refused::Create, raw::tunnel),
    way("raw-udp", Udp, PLAIN, Outside, Seen, Refused::Create, raw::datagram),
    way("raw-icmp", Udp, PLAIN, Outside, Seen, Refused::Create, raw::icmp),
    way("ping", Udp, PLAIN, Outside, Seen, Refused::Create, raw::ping),
    way("sctp", Udp, PLAIN, Local, Made, Refused::Create, raw::sctp),
    way("sctp-stream", Udp, PLAIN, Local, Made, Refused::Create, raw::sctp_stream),
    way("dccp", Udp, PLAIN, Local, Made, Refused::Create, raw::dccp),
    way("l2tp", Udp, PLAIN, Local, Made, Refused::Create, raw::l2tp),
];
