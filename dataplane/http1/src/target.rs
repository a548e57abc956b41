//! The request target (RFC 9112 3.2) and the authority in it or in Host.

use std::net::Ipv6Addr;

use memchr::memchr;

use crate::error::HeadError;
use crate::message::Verb;
use crate::span::Span;

/// The parts of a target, as spans into the buffer it was parsed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
    pub(crate) authority: Option<Span>,
}

/// Splits `target`, a slice of `buf`.
#[inline]
pub(crate) fn read(buf: &[u8], target: &[u8], verb: Verb) -> Result<Target, HeadError> {
    check_bytes(target)?;
    if verb == Verb::Connect {
        let port = split_port(target).and_then(|(_, port)| port);
        return match port {
            Some(_) if is_authority(target) => {
                Ok(Target { authority: Some(Span::locate(buf, target)), ..Target::default() })
            }
            _ => Err(HeadError::TargetForm),
        };
    }
    match target {
        [b'/', ..] => origin(buf, target),
        b"*" if verb == Verb::Options => {
            Ok(Target { path: Span::locate(buf, target), ..Target::default() })
        }
        _ => absolute(buf, target),
    }
}

fn origin(buf: &[u8], target: &[u8]) -> Result<Target, HeadError> {
    let (path, query) = match memchr(b'?', target) {
        Some(at) => (target.get(..at), target.get(at + 1..)),
        None => (Some(target), None),
    };
    let path = path.unwrap_or_default();
    // Several servers take `\` for `/`, so a path with one is two paths.
    if let Some(at) = memchr(b'\\', path) {
        return Err(HeadError::TargetByte { byte: b'\\', at });
    }
    Ok(Target {
        path: Span::locate(buf, path),
        query: query.map(|query| Span::locate(buf, query)),
        authority: None,
    })
}

/// `http://authority/path?query`; an absent path is `/`, and its span one in `://`.
fn absolute(buf: &[u8], target: &[u8]) -> Result<Target, HeadError> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .ok_or(HeadError::TargetForm)?;
    let (scheme, rest) = target.split_at_checked(scheme.len()).ok_or(HeadError::TargetForm)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).ok_or(HeadError::TargetForm)?;
    if !is_authority(authority) {
        return Err(HeadError::HostInvalid);
    }
    let mut parts = origin(buf, rest)?;
    if parts.path.is_empty() {
        parts.path = Span::locate(buf, scheme.get(scheme.len() - 1..).unwrap_or_default());
    }
    parts.authority = Some(Span::locate(buf, authority));
    Ok(parts)
}

/// Visible ASCII less what RFC 3986 allows nowhere and cuts a URL (`#`) or ends a quoted one.
/// `{`, `|`, `}`, `^`, `` ` `` pass: browsers' URL parsers leave them in queries.
fn check_bytes(target: &[u8]) -> Result<(), HeadError> {
    let bad = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'#' | b'<' | b'>');
    match target.iter().position(bad) {
        None => Ok(()),
        Some(at) => {
            let byte = target.get(at).copied().unwrap_or_default();
            Err(HeadError::TargetByte { byte, at })
        }
    }
}

/// Whether `authority` is `name[:port]`: a host name, an IPv4 address or a bracketed IPv6
/// address. Userinfo, percent-encoding and other `reg-name` oddities are no host of ours.
#[inline]
pub(crate) fn is_authority(authority: &[u8]) -> bool {
    let Some((host, port)) = split_port(authority) else { return false };
    let port_is_good = port.is_none_or(|port| {
        !port.is_empty()
            && port.len() <= 5
            && port.iter().all(u8::is_ascii_digit)
            && port.iter().fold(0_u32, |n, digit| n * 10 + u32::from(digit - b'0')) <= 65_535
    });
    port_is_good && is_host(host)
}

/// Whether it is what stands behind the host in an authority.
pub(crate) fn is_port(behind: &[u8]) -> bool {
    matches!(behind, [b':', port @ ..] if port.iter().all(u8::is_ascii_digit))
}

fn is_host(host: &[u8]) -> bool {
    if let [b'[', address @ .., b']'] = host {
        return std::str::from_utf8(address).is_ok_and(|a| a.parse::<Ipv6Addr>().is_ok());
    }
    host.first().is_some_and(|first| *first != b'.')
        && host.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// Host and port text; `None` where brackets do not match.
fn split_port(authority: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let host_end = match authority.first() {
        Some(b'[') => memchr(b']', authority)? + 1,
        _ => memchr(b':', authority).unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at_checked(host_end)?;
    match rest {
        [] => Some((host, None)),
        [b':', port @ ..] => Some((host, Some(port))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(verb: Verb, target: &str) -> Result<(&str, Option<&str>, Option<&str>), HeadError> {
        let buf = target.as_bytes();
        let text = |span: Span| &target[span.range()];
        read(buf, buf, verb).map(|t| (text(t.path), t.query.map(text), t.authority.map(text)))
    }

    #[test]
    fn the_four_forms_are_told_apart() {
        assert_eq!(parts(Verb::Post, "/mcp/a?b=c?d"), Ok(("/mcp/a", Some("b=c?d"), None)));
        assert_eq!(parts(Verb::Get, "/?"), Ok(("/", Some(""), None)));
        assert_eq!(parts(Verb::Get, "HTTP://a:1/b?c"), Ok(("/b", Some("c"), Some("a:1"))));
        assert_eq!(parts(Verb::Get, "https://[::1]"), Ok(("/", None, Some("[::1]"))));
        assert_eq!(parts(Verb::Get, "http://a?b"), Ok(("/", Some("b"), Some("a"))));
        assert_eq!(parts(Verb::Options, "*"), Ok(("*", None, None)));
        assert_eq!(parts(Verb::Connect, "a:443"), Ok(("", None, Some("a:443"))));
    }

    #[test]
    fn a_form_of_another_method_is_refused() {
        for (verb, target) in [
            (Verb::Get, "*"),
            (Verb::Get, "a:443"),
            (Verb::Get, "mcp"),
            (Verb::Get, "ftp://a/"),
            (Verb::Get, "http:/a"),
            (Verb::Connect, "a"),
            (Verb::Connect, "/a"),
            (Verb::Connect, "http://a:80/"),
            (Verb::Connect, "u@a:80"),
        ] {
            assert_eq!(parts(verb, target), Err(HeadError::TargetForm), "{target}");
        }
    }

    #[test]
    fn bytes_that_two_readers_take_differently_are_refused() {
        for target in ["/a#b", "/a\"", "/<a>", "/a\\..\\b", "/\u{e9}", "/a\u{7f}", "/a\0"] {
            let result = parts(Verb::Get, target);
            assert!(matches!(result, Err(HeadError::TargetByte { .. })), "{target}: {result:?}");
        }
        assert!(parts(Verb::Get, "/a?{b|c\\d}").is_ok());
    }

    #[test]
    fn an_authority_is_a_name_and_a_port() {
        for good in ["a", "a.b-c_d", "127.0.0.1:80", "[::1]:65535", "[::ffff:1.2.3.4]", "a:0"] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a:",
            "a:65536",
            "a:+80",
            "a:80:80",
            "u@a",
            "a b",
            "a,b",
            "a/b",
            "a%41",
            "[::1",
            "[::1]80",
            "[a]",
            "::1",
            "a:000080",
            ".a",
            "[::1%25eth0]",
            "a\t",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
