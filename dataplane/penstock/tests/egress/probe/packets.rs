//! Bytes of headers and options, written by hand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Options that name the routers to pass (RFC 791).
pub(crate) const LOOSE: u8 = 0x83;
pub(crate) const STRICT: u8 = 0x89;

/// An extension header of nothing but padding (RFC 8200): next header, length, `PadN` of four bytes.
pub(crate) const PADDING: [u8; 8] = [0, 0, 1, 4, 0, 0, 0, 0];

/// A source route by one router: the packet is addressed to it, whatever the socket says.
pub(crate) fn source_route(kind: u8, by: Ipv4Addr) -> [u8; 8] {
    let [a, b, c, d] = by.octets();
    [kind, 7, 4, a, b, c, d, 0]
}

/// A segment routing header (RFC 8754) with one segment before the destination.
pub(crate) fn segment_route(by: Ipv6Addr) -> Vec<u8> {
    let mut header = vec![0, 4, 4, 1, 1, 0, 0, 0];
    header.extend([0; 16]);
    header.extend(by.octets());
    header
}

/// A control message (cmsg(3)), padded.
pub(crate) fn control(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend((16 + data.len()).to_ne_bytes());
    message.extend(level.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(data);
    message.resize(message.len().next_multiple_of(8), 0);
    message
}

/// A group to join at a device (`group_req`, RFC 3678 section 5.1.1).
pub(crate) fn group_request(device: u32, group: IpAddr) -> Vec<u8> {
    let mut request = u64::from(device).to_ne_bytes().to_vec();
    match group {
        IpAddr::V4(ip) => {
            request.extend(2_u16.to_ne_bytes());
            request.extend([0, 0]);
            request.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            request.extend(10_u16.to_ne_bytes());
            request.extend([0; 6]);
            request.extend(ip.octets());
        }
    }
    request.resize(8 + 128, 0);
    request
}

/// The source of one packet (`IP_PKTINFO`).
pub(crate) fn packet_info(from: Ipv4Addr) -> Vec<u8> {
    let mut info = vec![0; 4];
    info.extend(from.octets());
    info.extend([0; 4]);
    control(libc::IPPROTO_IP, libc::IP_PKTINFO, &info)
}

/// An IPv4 packet of one UDP datagram.
pub(crate) struct Datagram4 {
    pub(crate) from: Ipv4Addr,
    pub(crate) to: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) protocol: u8,
    /// Flags and offset of fragments.
    pub(crate) fragment: u16,
    pub(crate) options: Vec<u8>,
}

impl Datagram4 {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let header = 20 + self.options.len();
        let total = u16::try_from(header + 16).unwrap_or_default();
        let mut packet = vec![0x40 | u8::try_from(header / 4).unwrap_or_default(), 0];
        packet.extend(total.to_be_bytes());
        packet.extend([0x12, 0x34]);
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([64, self.protocol, 0, 0]);
        packet.extend(self.from.octets());
        packet.extend(self.to.octets());
        packet.extend(&self.options);
        packet.extend(40_000_u16.to_be_bytes());
        packet.extend(self.port.to_be_bytes());
        packet.extend(16_u16.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(super::TOKEN);
        packet
    }
}

/// An ICMP echo request, which the kernel completes.
pub(crate) fn echo_request(v6: bool) -> [u8; 16] {
    let mut message = [0; 16];
    message[0] = if v6 { 128 } else { 8 };
    if !v6 {
        // RFC 792: the complement of the sum, of which the type is all there is.
        message[2..4].copy_from_slice(&(!0x0800_u16).to_be_bytes());
    }
    message
}
