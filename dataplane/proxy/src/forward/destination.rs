//! Where a request wants to go, in one spelling.
//!
//! A resolver may take `0x7f.1` or `2130706433` for 127.0.0.1, and one reader's name is another's
//! address: only what every reader takes for the same thing is accepted.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use penstock_http1::{RequestHead, Verb};

use super::refused::{Refused, shown};

/// The longest name and label (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// A DNS name, in lower case and without a trailing dot.
    Name(String),
    Address(IpAddr),
}

impl Destination {
    /// Of a `CONNECT`, or of a request for an `http://` URL.
    pub(super) fn of(head: &RequestHead, buffer: &[u8]) -> Result<Self, Refused> {
        let authority = head.authority.ok_or(Refused::Form)?.of(buffer);
        if head.verb == Verb::Connect {
            return Self::parse(authority, None);
        }
        // The codec knows two schemes.
        let scheme = head.target.of(buffer).get(..6).unwrap_or_default();
        if scheme.eq_ignore_ascii_case(b"https:") {
            return Err(Refused::Https(shown(authority)));
        }
        Self::parse(authority, Some(80))
    }

    /// Reads `host[:port]`.
    fn parse(authority: &[u8], default: Option<u16>) -> Result<Self, Refused> {
        let bad = || Refused::Host(shown(authority));
        let text = std::str::from_utf8(authority).map_err(|_| bad())?;
        let colon = text.rfind(':').filter(|colon| !text[*colon..].contains(']'));
        let (host, port) = match colon {
            Some(colon) => (&text[..colon], port(&text[colon + 1..])),
            None => (text, default),
        };
        let port = port.filter(|port| *port != 0).ok_or_else(bad)?;
        Ok(Self { host: Host::parse(host).ok_or_else(bad)?, port })
    }
}

/// A number in digits alone, where the standard library would take a sign.
fn port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let address: Ipv6Addr = inside.parse().ok()?;
            // An IPv4 address in the clothes of an IPv6 one has a spelling of its own.
            let usual = address.to_ipv4_mapped().is_none()
                && address.to_string().eq_ignore_ascii_case(inside);
            return usual.then_some(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse() {
            // Without brackets only IPv4 gets past the colon.
            return Some(Self::Address(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        is_name(&name).then_some(Self::Name(name))
    }
}

/// Whether it is a DNS name that nobody takes for an address: those that end in a number are read as
/// IPv4 by some (WHATWG URL, "ends in a number").
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = digits(last) || last.strip_prefix("0x").is_some_and(hex);
    name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label) && !number
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authority: &str) -> Option<String> {
        Destination::parse(authority.as_bytes(), None).ok().map(|to| to.to_string())
    }

    #[test]
    fn a_name_has_one_spelling() {
        for (asked, means) in [
            ("PyPI.org:443", "pypi.org:443"),
            ("pypi.org.:443", "pypi.org:443"),
            ("_dmarc.a-b.example:0443", "_dmarc.a-b.example:443"),
            ("xn--bcher-kva.example:80", "xn--bcher-kva.example:80"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[2001:DB8::1]:443", "[2001:db8::1]:443"),
            ("[::1]:443", "[::1]:443"),
        ] {
            assert_eq!(read(asked).as_deref(), Some(means), "{asked}");
        }
    }

    #[test]
    fn what_some_reader_takes_for_an_address_is_no_name() {
        for odd in [
            "127.1:80",
            "2130706433:80",
            "0x7f000001:80",
            "0x7f.1:80",
            "0x7f.0.0.0x1:80",
            "0x:80",
            "017700000001:80",
            "127.0.0.1.:80",
            "127.0.0.01:80",
            "1.2.3.4.5:80",
            "256.0.0.1:80",
            "a.1:80",
            "[::ffff:127.0.0.1]:80",
            "[::FFFF:7f00:1]:80",
            "[0:0:0:0:0:0:0:1]:80",
            "[fe80::1%25eth0]:80",
            "::1:80",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        let long = format!("{}.example:443", "a".repeat(64));
        let longer = format!("{}example:443", "a.".repeat(124));
        for bad in [
            "",
            ":443",
            "pypi.org",
            "pypi.org:0",
            "pypi.org:65536",
            "pypi.org:+443",
            "pypi.org:443:443",
            "allowed@evil.example:443",
            "pypi..org:443",
            "pypi.org..:443",
            ".pypi.org:443",
            "*.pypi.org:443",
            "-a.example:443",
            "a-.example:443",
            "b\u{fc}cher.example:443",
            "a%2eb:443",
            "a b:443",
            &long,
            &longer,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
