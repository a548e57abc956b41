//! The header fields of a head: what they say about framing and the connection.

use crate::error::HeadError;
use crate::message::{FIELDS_MAX, HeadLimits, Version};
use crate::names::{Kind, LineFault, Named, field_name, is_token_byte, trim};
use crate::span::Span;

/// Most options that Connection is read for: each may cost a look at every field.
const CONNECTION_OPTIONS_MAX: usize = 32;

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name as it was sent.
    pub name: Span,
    /// Its value without surrounding white space.
    pub value: Span,
    /// Never forwarded: Connection and what it names, Keep-Alive, TE, Upgrade, Proxy-*,
    /// Transfer-Encoding and Content-Length (re-made by framing), and Trailer where the body is
    /// not chunked. May be set by the caller to drop a field.
    pub hop: bool,
    pub(crate) kind: Kind,
    /// Offset just past the CRLF of its line.
    pub(crate) end: u32,
}

impl Field {
    /// One whose name was not looked at yet.
    #[inline]
    pub(crate) fn new(name: Span, value: Span, end: u32) -> Self {
        Self { name, value, hop: false, kind: Kind::Other, end }
    }
}

/// Which side of an exchange a head is from; a few rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// What the fields say together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) host: Option<Span>,
    pub(crate) content_length: Option<u64>,
    pub(crate) chunked: bool,
    pub(crate) keep_alive: bool,
    pub(crate) expect_continue: bool,
}

/// Takes the parsed headers of the head that ends at `end` in `buf` into `fields`.
pub(crate) fn take(
    buf: &[u8],
    end: usize,
    parsed: &[httparse::Header<'_>],
    fields: &mut Vec<Field>,
) {
    fields.clear();
    fields.reserve(parsed.len());
    for header in parsed {
        let name = Span::locate(buf, header.name.as_bytes());
        // A line ends where the next one begins.
        if let Some(last) = fields.last_mut() {
            last.end = name.start;
        }
        fields.push(Field::new(name, Span::locate(buf, header.value), 0));
    }
    if let Some(last) = fields.last_mut() {
        // The closing blank line follows the last field.
        last.end = Span::new(0, end.saturating_sub(2)).end;
    }
}

/// What the fields say together; marks those of the hop.
pub(crate) fn read(
    buf: &[u8],
    version: Version,
    side: Side,
    fields: &mut [Field],
) -> Result<Facts, HeadError> {
    let mut facts = Facts { keep_alive: version == Version::Http11, ..Facts::default() };
    let mut seen: u32 = 0;

    for field in &mut *fields {
        let kind = match Kind::of(field.name.of(buf)) {
            Named::As(kind) => kind,
            Named::Lookalike(kind) if side == Side::Request => {
                return Err(HeadError::Lookalike { name: kind.name() });
            }
            Named::Lookalike(_) => Kind::Other,
        };
        if seen & kind.bit() != 0
            && (kind.is_framing() || (side == Side::Request && kind.is_single()))
        {
            return Err(HeadError::Repeated { name: kind.name() });
        }
        seen |= kind.bit();
        (field.kind, field.hop) = (kind, kind.is_hop());
        let value = || field.value.of(buf);
        match kind {
            Kind::Host => facts.host = Some(field.value),
            Kind::ContentLength => facts.content_length = Some(content_length(value())?),
            Kind::TransferEncoding => {
                if !value().eq_ignore_ascii_case(b"chunked") {
                    return Err(HeadError::TransferEncoding);
                }
                facts.chunked = true;
            }
            Kind::Expect if side == Side::Request && version == Version::Http11 => {
                if !value().eq_ignore_ascii_case(b"100-continue") {
                    return Err(HeadError::Expectation);
                }
                facts.expect_continue = true;
            }
            _ => {}
        }
    }

    if facts.chunked && version == Version::Http10 {
        return Err(HeadError::EncodingInHttp10);
    }
    if facts.chunked && facts.content_length.is_some() {
        return Err(HeadError::LengthAndEncoding);
    }
    if seen & Kind::Connection.bit() != 0 {
        facts.keep_alive = read_connection(buf, version, fields)?;
    }
    if seen & Kind::Trailer.bit() != 0 && !facts.chunked {
        fields.iter_mut().filter(|field| field.kind == Kind::Trailer).for_each(|f| f.hop = true);
    }
    Ok(facts)
}

/// RFC 9110 8.6, digits only; the bound is what the narrowest common reader can hold.
fn content_length(value: &[u8]) -> Result<u64, HeadError> {
    const MAX: u64 = i64::MAX.unsigned_abs();
    let mut length: u64 = 0;
    for byte in value {
        if !byte.is_ascii_digit() {
            return Err(HeadError::ContentLength);
        }
        length = length
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(byte - b'0')))
            .filter(|length| *length <= MAX)
            .ok_or(HeadError::ContentLength)?;
    }
    if value.is_empty() { Err(HeadError::ContentLength) } else { Ok(length) }
}

/// Whether the connection is kept; marks the fields that Connection names (RFC 9110 7.6.1).
fn read_connection(buf: &[u8], version: Version, fields: &mut [Field]) -> Result<bool, HeadError> {
    let malformed = HeadError::ConnectionOption { limit: CONNECTION_OPTIONS_MAX };
    let (mut close, mut keep, mut options) = (false, false, 0);
    for at in 0..fields.len() {
        let Some(Field { value, kind: Kind::Connection, .. }) = fields.get(at).copied() else {
            continue;
        };
        for option in value.of(buf).split(|byte| *byte == b',') {
            options += 1;
            let option = trim(option);
            if options > CONNECTION_OPTIONS_MAX || !option.iter().all(|b| is_token_byte(*b)) {
                return Err(malformed);
            }
            if option.eq_ignore_ascii_case(b"keep-alive") {
                keep = true;
            } else if option.eq_ignore_ascii_case(b"close") {
                close = true;
            } else if !option.is_empty() {
                remove_named(buf, option, fields)?;
            }
        }
    }
    Ok(!close && (keep || version == Version::Http11))
}

fn remove_named(buf: &[u8], option: &[u8], fields: &mut [Field]) -> Result<(), HeadError> {
    let (Named::As(kind) | Named::Lookalike(kind)) = Kind::of(option);
    if kind.is_relied_on() {
        return Err(HeadError::ConnectionNames { name: kind.name() });
    }
    for field in fields {
        field.hop |= field.name.of(buf).eq_ignore_ascii_case(option);
    }
    Ok(())
}

/// The most fields that a head is parsed for.
pub(crate) fn fields_max(limits: &HeadLimits) -> usize {
    limits.fields.min(FIELDS_MAX)
}

/// Says which line httparse stumbled over. `head` is a whole head, lines ended by CRLF.
#[cold]
pub(crate) fn diagnose(head: &[u8], otherwise: HeadError) -> HeadError {
    for (at, line) in head.split(|byte| *byte == b'\n').enumerate().skip(1) {
        let number = at + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        match field_name(line) {
            Ok(_) => {}
            Err(LineFault::Folded) => return HeadError::Folded { line: number },
            Err(LineFault::SpaceBeforeColon) => {
                return HeadError::SpaceBeforeColon { line: number };
            }
            Err(LineFault::Name) => return HeadError::FieldName { line: number },
            Err(LineFault::Value) => return HeadError::FieldValue { line: number },
        }
    }
    otherwise
}

/// The value of the first field called `name`.
pub(crate) fn value<'a>(fields: &[Field], buf: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let is_it = |field: &&Field| field.name.of(buf).eq_ignore_ascii_case(name.as_bytes());
    fields.iter().find(is_it).map(|field| field.value.of(buf))
}

/// The values of the fields called `name`, in order.
pub(crate) fn values<'a>(
    fields: &'a [Field],
    buf: &'a [u8],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    fields
        .iter()
        .filter(move |field| field.name.of(buf).eq_ignore_ascii_case(name.as_bytes()))
        .map(move |field| field.value.of(buf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_length_is_plain_digits_below_2_63() {
        assert_eq!(content_length(b"0"), Ok(0));
        assert_eq!(content_length(b"0042"), Ok(42));
        assert_eq!(content_length(b"9223372036854775807"), Ok(9_223_372_036_854_775_807));
        for bad in ["", "+5", "-5", "5,5", "5 5", "0x5", "9223372036854775808", "5.0", "5\u{b2}"] {
            assert_eq!(content_length(bad.as_bytes()), Err(HeadError::ContentLength), "{bad}");
        }
        assert_eq!(content_length(&[b'9'; 400]), Err(HeadError::ContentLength));
    }
}
