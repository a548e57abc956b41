//! The field names that mean something here, and the grammar of a field line.

/// What a field is to the codec, told from its name alone.
///
/// The order matters only in that [`Kind::bit`] numbers the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Other,
    // Framing and routing.
    Host,
    ContentLength,
    TransferEncoding,
    Expect,
    // Of this hop.
    Connection,
    KeepAlive,
    Te,
    Trailer,
    Upgrade,
    Proxy,
    // Relied on by the gateway.
    Accept,
    Authorization,
    ContentType,
    Cookie,
    LastEventId,
    Origin,
    McpMethod,
    McpName,
    McpProtocolVersion,
    McpSessionId,
    McpOther,
}

/// A name classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    As(Kind),
    /// The name of a field relied on, but with `_` for `-`.
    Lookalike(Kind),
}

impl Kind {
    /// Length and first byte leave one candidate, so a name costs one comparison at most.
    #[inline]
    pub(crate) fn of(name: &[u8]) -> Named {
        let Some(first) = name.first() else { return Named::As(Self::Other) };
        let kind = match (name.len(), first | 0x20) {
            (2, b't') => Self::Te,
            (4, b'h') => Self::Host,
            (6, b'a') => Self::Accept,
            (6, b'c') => Self::Cookie,
            (6, b'e') => Self::Expect,
            (6, b'o') => Self::Origin,
            (7, b't') => Self::Trailer,
            (7, b'u') => Self::Upgrade,
            (8, b'm') => Self::McpName,
            (10, b'c') => Self::Connection,
            (10, b'k') => Self::KeepAlive,
            (10, b'm') => Self::McpMethod,
            (12, b'c') => Self::ContentType,
            (13, b'a') => Self::Authorization,
            (13, b'l') => Self::LastEventId,
            (14, b'c') => Self::ContentLength,
            (14, b'm') => Self::McpSessionId,
            (17, b't') => Self::TransferEncoding,
            (20, b'm') => Self::McpProtocolVersion,
            (_, b'm') => return Self::of_prefix(name, Self::McpOther),
            (_, b'p') => return Self::of_prefix(name, Self::Proxy),
            _ => return Named::As(Self::Other),
        };
        if is_spelt(name, kind.name().as_bytes()) {
            Named::As(kind)
        } else if eq_with_underscores(name, kind.name().as_bytes()) {
            Named::Lookalike(kind)
        } else if first | 0x20 == b'm' {
            Self::of_prefix(name, Self::McpOther)
        } else {
            Named::As(Self::Other)
        }
    }

    fn of_prefix(name: &[u8], kind: Self) -> Named {
        let prefix = kind.name().as_bytes();
        match name.get(..prefix.len()) {
            Some(start) if start.eq_ignore_ascii_case(prefix) => Named::As(kind),
            Some(start) if eq_with_underscores(start, prefix) => Named::Lookalike(kind),
            _ => Named::As(Self::Other),
        }
    }

    /// In lower case; the shared prefix for the kinds that are many fields.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Other => "",
            Self::Host => "host",
            Self::ContentLength => "content-length",
            Self::TransferEncoding => "transfer-encoding",
            Self::Expect => "expect",
            Self::Connection => "connection",
            Self::KeepAlive => "keep-alive",
            Self::Te => "te",
            Self::Trailer => "trailer",
            Self::Upgrade => "upgrade",
            Self::Proxy => "proxy-",
            Self::Accept => "accept",
            Self::Authorization => "authorization",
            Self::ContentType => "content-type",
            Self::Cookie => "cookie",
            Self::LastEventId => "last-event-id",
            Self::Origin => "origin",
            Self::McpMethod => "mcp-method",
            Self::McpName => "mcp-name",
            Self::McpProtocolVersion => "mcp-protocol-version",
            Self::McpSessionId => "mcp-session-id",
            Self::McpOther => "mcp-",
        }
    }

    /// One bit a kind, for sets of them.
    #[inline]
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u8
    }

    /// Never forwarded, whatever Connection says; Trailer is decided by the framing.
    #[inline]
    pub(crate) const fn is_hop(self) -> bool {
        const HOP: u32 = Kind::ContentLength.bit()
            | Kind::TransferEncoding.bit()
            | Kind::Connection.bit()
            | Kind::KeepAlive.bit()
            | Kind::Te.bit()
            | Kind::Upgrade.bit()
            | Kind::Proxy.bit();
        HOP & self.bit() != 0
    }

    /// Connection may not remove it: what the gateway decided by would not reach the upstream.
    pub(crate) const fn is_relied_on(self) -> bool {
        const RELIED: u32 = Kind::Host.bit()
            | Kind::ContentLength.bit()
            | Kind::TransferEncoding.bit()
            | Kind::Accept.bit()
            | Kind::Authorization.bit()
            | Kind::ContentType.bit()
            | Kind::Cookie.bit()
            | Kind::LastEventId.bit()
            | Kind::Origin.bit()
            | Kind::McpMethod.bit()
            | Kind::McpName.bit()
            | Kind::McpProtocolVersion.bit()
            | Kind::McpSessionId.bit()
            | Kind::McpOther.bit();
        RELIED & self.bit() != 0
    }

    /// Says where the body ends, so that there can be only one in any message.
    #[inline]
    pub(crate) const fn is_framing(self) -> bool {
        matches!(self, Self::ContentLength | Self::TransferEncoding)
    }

    /// At most one of these in a request: of two, one reader takes the first, another the last.
    #[inline]
    pub(crate) const fn is_single(self) -> bool {
        const SINGLE: u32 = Kind::Host.bit()
            | Kind::Expect.bit()
            | Kind::Authorization.bit()
            | Kind::ContentType.bit()
            | Kind::LastEventId.bit()
            | Kind::Origin.bit()
            | Kind::McpMethod.bit()
            | Kind::McpName.bit()
            | Kind::McpProtocolVersion.bit()
            | Kind::McpSessionId.bit();
        SINGLE & self.bit() != 0
    }
}

/// Whether a token is `canonical`, which is of small letters and hyphens and as long.
///
/// Setting the bit that tells small letters from capitals leaves hyphens alone, and no other byte of
/// a token becomes one of them by it. In words, as std's comparison without case goes by bytes.
#[inline]
fn is_spelt(name: &[u8], canonical: &[u8]) -> bool {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let differ = |name: [u8; 8], canonical: [u8; 8]| {
        (u64::from_le_bytes(name) | CASE) ^ u64::from_le_bytes(canonical)
    };
    let (Some(end), Some(canonical_end)) = (name.last_chunk(), canonical.last_chunk()) else {
        return name.eq_ignore_ascii_case(canonical);
    };
    let words = name.as_chunks().0.iter().zip(canonical.as_chunks().0);
    let before = words.fold(0, |all, (name, canonical)| all | differ(*name, *canonical));
    // The last eight bytes overlap the word before, which costs less than a loop over the rest.
    before | differ(*end, *canonical_end) == 0
}

fn eq_with_underscores(name: &[u8], canonical: &[u8]) -> bool {
    name.len() == canonical.len()
        && name.iter().zip(canonical).all(|(byte, canon)| {
            byte.eq_ignore_ascii_case(canon) || (*byte == b'_' && *canon == b'-')
        })
}

/// Whether a byte may stand in a token (RFC 9110 5.6.2).
#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte: u8 = 0;
        while byte < 128 {
            table[byte as usize] = byte.is_ascii_alphanumeric();
            byte += 1;
        }
        let others = b"!#$%&'*+-.^_`|~";
        let mut at = 0;
        while at < others.len() {
            table[others[at] as usize] = true;
            at += 1;
        }
        table
    };
    TOKEN[byte as usize]
}

/// Whether a byte may not stand in a field value (RFC 9110 5.5): controls other than tab.
#[inline]
pub(crate) fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Without the white space that may surround a field value (OWS: spaces and tabs only).
#[inline]
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// What is wrong with a field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineFault {
    Folded,
    SpaceBeforeColon,
    Name,
    Value,
}

/// The name in a field line, given without its CRLF, when the whole line is well-formed.
pub(crate) fn field_name(line: &[u8]) -> Result<&[u8], LineFault> {
    if let Some(b' ' | b'\t') = line.first() {
        return Err(LineFault::Folded);
    }
    let Some((name, value)) =
        memchr::memchr(b':', line).and_then(|colon| line.split_at_checked(colon))
    else {
        return Err(LineFault::Name);
    };
    if let Some(b' ' | b'\t') = name.last() {
        return Err(LineFault::SpaceBeforeColon);
    }
    if name.is_empty() || !name.iter().all(|&byte| is_token_byte(byte)) {
        return Err(LineFault::Name);
    }
    if value.iter().any(|&byte| is_control(byte)) {
        return Err(LineFault::Value);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for (name, kind) in [
            ("Host", Kind::Host),
            ("TE", Kind::Te),
            ("content-LENGTH", Kind::ContentLength),
            ("Transfer-Encoding", Kind::TransferEncoding),
            ("Proxy-Connection", Kind::Proxy),
            ("Mcp-Session-Id", Kind::McpSessionId),
            ("MCP-Protocol-Version", Kind::McpProtocolVersion),
            ("Mcp-Method", Kind::McpMethod),
            ("mcp-name", Kind::McpName),
            ("Mcp-Param-Region", Kind::McpOther),
            ("Mcp-Abcd", Kind::McpOther),
            ("Last-Event-ID", Kind::LastEventId),
            ("User-Agent", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(Kind::of(name.as_bytes()), Named::As(kind), "{name}");
        }
    }

    #[test]
    fn a_name_with_any_byte_of_a_token_changed_is_itself_only_in_another_case() {
        for name in ["te", "cookie", "upgrade", "mcp-name", "mcp-method", "mcp-protocol-version"] {
            for at in 0..name.len() {
                for byte in (0..=u8::MAX).filter(|byte| is_token_byte(*byte)) {
                    let mut changed = name.as_bytes().to_vec();
                    changed[at] = byte;
                    let same = changed.eq_ignore_ascii_case(name.as_bytes());
                    assert_eq!(is_spelt(&changed, name.as_bytes()), same, "{changed:?}");
                }
            }
        }
    }

    #[test]
    fn an_underscore_does_not_hide_a_name() {
        for (name, kind) in [
            ("Content_Length", Kind::ContentLength),
            ("transfer_encoding", Kind::TransferEncoding),
            ("mcp-session_id", Kind::McpSessionId),
            ("Mcp_Param-Region", Kind::McpOther),
            ("Proxy_Authorization", Kind::Proxy),
        ] {
            assert_eq!(Kind::of(name.as_bytes()), Named::Lookalike(kind), "{name}");
        }
        assert_eq!(Kind::of(b"content_lengths"), Named::As(Kind::Other));
    }

    #[test]
    fn every_kind_is_found_by_its_own_name() {
        for kind in [
            Kind::Host,
            Kind::ContentLength,
            Kind::TransferEncoding,
            Kind::Expect,
            Kind::Connection,
            Kind::KeepAlive,
            Kind::Te,
            Kind::Trailer,
            Kind::Upgrade,
            Kind::Proxy,
            Kind::Accept,
            Kind::Authorization,
            Kind::ContentType,
            Kind::Cookie,
            Kind::LastEventId,
            Kind::Origin,
            Kind::McpMethod,
            Kind::McpName,
            Kind::McpProtocolVersion,
            Kind::McpSessionId,
            Kind::McpOther,
        ] {
            assert_eq!(Kind::of(kind.name().as_bytes()), Named::As(kind));
        }
    }

    #[test]
    fn a_field_line_is_judged_by_its_first_fault() {
        assert_eq!(field_name(b"A: b\t\xff"), Ok(&b"A"[..]));
        assert_eq!(field_name(b" A: b"), Err(LineFault::Folded));
        assert_eq!(field_name(b"A : b"), Err(LineFault::SpaceBeforeColon));
        assert_eq!(field_name(b": b"), Err(LineFault::Name));
        assert_eq!(field_name(b"A b"), Err(LineFault::Name));
        assert_eq!(field_name(b"A\x0b: b"), Err(LineFault::Name));
        assert_eq!(field_name(b"A: b\x0b"), Err(LineFault::Value));
    }

    #[test]
    fn only_spaces_and_tabs_are_trimmed() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \x0b"), b"\x0b");
        assert_eq!(trim(b" \t "), b"");
    }
}
