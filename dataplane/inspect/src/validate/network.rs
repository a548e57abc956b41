//! Addresses of machines.

use std::net::{Ipv4Addr, Ipv6Addr};

/// An IPv4 address of a host (RFC 791; the ranges of RFC 6890): neither a netmask nor the number of
/// a network, not this host, not everybody.
pub(super) fn ipv4(text: &[u8]) -> bool {
    let Some(address) = parsed::<Ipv4Addr>(text) else { return false };
    let [first, .., last] = address.octets();
    let mask = address.to_bits();
    let netmask = mask.leading_ones() >= 8 && mask.leading_ones() + mask.trailing_zeros() >= 32;
    first != 0 && last != 0 && !netmask && !address.is_loopback() && !address.is_broadcast()
}

/// An IPv6 address of a host in any of its spellings (RFC 4291, section 2.2), with or without a
/// zone (RFC 4007).
pub(super) fn ipv6(text: &[u8]) -> bool {
    let address = text.split(|byte| *byte == b'%').next().unwrap_or_default();
    let Some(address) = parsed::<Ipv6Addr>(address) else { return false };
    // What ends in zeros is a network; a single group is rather a piece of code or of a time. On a link (RFC 4291,
    // section 2.5.6) a single one says nothing of a host: each has `fe80::1` on its loopback interface.
    let groups = address.segments();
    let set = groups.iter().filter(|group| **group != 0).count();
    set > 1
        && !matches!(groups, [.., 0, 0, 0, 0])
        && !(address.is_unicast_link_local() && matches!(groups, [.., 0, 0, 0, _]))
}

fn parsed<Address: std::str::FromStr>(text: &[u8]) -> Option<Address> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A MAC address of one interface (IEEE 802, EUI-48 and EUI-64): not all zeros, nobody's, a group's,
/// or bytes that count.
pub(super) fn mac(text: &[u8]) -> bool {
    let digits: Option<Vec<u32>> = text
        .iter()
        .filter(|byte| !matches!(byte, b':' | b'-' | b'.'))
        .map(|byte| char::from(*byte).to_digit(16))
        .collect();
    let Some(digits) = digits else { return false };
    let group = digits.get(1).is_some_and(|digit| digit % 2 == 1);
    let varied = digits.windows(2).any(|pair| matches!(pair, [a, b] if a != b));
    matches!(digits.len(), 12 | 16) && varied && !group && !counts(&digits)
}

/// Whether each byte is as much more than the one before it, as in `10:20:30:40:50:60`.
fn counts(digits: &[u32]) -> bool {
    let bytes =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit));
    let steps: Vec<Option<u32>> = bytes
        .clone()
        .zip(bytes.skip(1))
        .map(|(byte, next): (u32, u32)| next.checked_sub(byte))
        .collect();
    steps.windows(2).all(|pair| matches!(pair, [Some(a), Some(b)] if a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_by_ipv4() {
        assert!(ipv4(b"192.168.1.10"));
        assert!(ipv4(b"8.8.8.8"));
        assert!(ipv4(b"203.0.113.77"));
        assert!(!ipv4(b"0.0.0.0"));
        assert!(!ipv4(b"127.0.0.1"));
        assert!(!ipv4(b"255.255.255.0"));
        assert!(!ipv4(b"255.255.255.255"));
        assert!(!ipv4(b"255.255.255.252"));
        assert!(!ipv4(b"10.0.0.0"));
        assert!(!ipv4(b"256.1.1.1"));
        assert!(!ipv4(b"1.2.3"));
        assert!(!ipv4(b"1.2.3.4.5"));
    }

    #[test]
    fn hosts_by_ipv6() {
        assert!(ipv6(b"2001:db8:85a3::8a2e:370:7334"));
        assert!(ipv6(b"fe80::1ff:fe23:4567:890a%eth0"));
        assert!(ipv6(b"::ffff:192.0.2.128"));
        assert!(!ipv6(b"::"));
        assert!(!ipv6(b"::1"));
        assert!(!ipv6(b"2001:db8::"));
        assert!(ipv6(b"2001:db8::1"));
        assert!(!ipv6(b"fe80::1%lo0"));
        assert!(!ipv6(b"12:34:56"));
        assert!(!ipv6(b"00:1b:44:11:3a:b7"));
        assert!(!ipv6(b""));
    }

    #[test]
    fn interfaces() {
        assert!(mac(b"00:1b:44:11:3a:b7"));
        assert!(mac(b"001b.4411.3ab7"));
        assert!(mac(b"00-1B-44-FF-FE-11-3A-B7"));
        assert!(!mac(b"00:00:00:00:00:00"));
        assert!(!mac(b"ff:ff:ff:ff:ff:ff"));
        assert!(!mac(b"01:00:5e:00:00:fb"));
        assert!(!mac(b"10:20:30:40:50:60"));
        assert!(!mac(b"00-11-22-33-44-55"));
        assert!(mac(b"10:20:30:40:50:61"));
        assert!(!mac(b"00:1b:44:11:3a"));
        assert!(!mac(b"00:1b:44:11:3a:g7"));
    }
}
