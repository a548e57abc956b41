//! The headers that repeat parts of a modern message, and how their values compare to it.

use crate::Text;

pub(crate) const PROTOCOL_VERSION: &str = "MCP-Protocol-Version";
pub(crate) const METHOD: &str = "Mcp-Method";
pub(crate) const NAME: &str = "Mcp-Name";

const SENTINEL_START: &[u8] = b"=?base64?";
const SENTINEL_END: &[u8] = b"?=";

/// A header that must not stand twice: peers differ on whether the first or the last counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Field<'h> {
    #[default]
    Absent,
    Once(&'h [u8]),
    Repeated,
}

impl<'h> Field<'h> {
    fn add(&mut self, value: &'h [u8]) {
        *self = match self {
            Self::Absent => Self::Once(trim(value)),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        };
    }
}

/// The routing headers of one POST.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Routing<'h> {
    pub(crate) protocol_version: Field<'h>,
    pub(crate) method: Field<'h>,
    pub(crate) name: Field<'h>,
}

impl<'h> Routing<'h> {
    pub(crate) fn read(headers: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> Self {
        let mut routing = Self::default();
        for (name, value) in headers {
            if name.eq_ignore_ascii_case(PROTOCOL_VERSION.as_bytes()) {
                routing.protocol_version.add(value);
            } else if name.eq_ignore_ascii_case(METHOD.as_bytes()) {
                routing.method.add(value);
            } else if name.eq_ignore_ascii_case(NAME.as_bytes()) {
                routing.name.add(value);
            }
        }
        routing
    }
}

/// How a header's value stands to the member that it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    Same,
    Different,
    /// Has bytes that a header value must not have.
    Malformed,
}

/// Compares a plain value.
pub(crate) fn plain(value: &[u8], member: Text, body: &[u8]) -> Agreement {
    // RFC 9110 section 5.5, less obs-text: what the specification allows unencoded.
    let allowed = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
    if !value.iter().all(allowed) {
        Agreement::Malformed
    } else if member.eq(body, value) {
        Agreement::Same
    } else {
        Agreement::Different
    }
}

/// Compares a value that may be wrapped as `=?base64?…?=`.
///
/// The member is encoded rather than the header decoded: that leaves one spelling of each value,
/// and wrong padding, loose bits and foreign alphabets disagree by themselves.
pub(crate) fn maybe_encoded(value: &[u8], member: Text, body: &[u8]) -> Agreement {
    let wrapped =
        value.strip_prefix(SENTINEL_START).and_then(|rest| rest.strip_suffix(SENTINEL_END));
    match wrapped {
        Some(encoded) if is_base64_of(encoded, member.decode(body).as_bytes()) => Agreement::Same,
        Some(_) => Agreement::Different,
        None => plain(value, member, body),
    }
}

/// Whether `encoded` is the padded standard encoding of `value` (RFC 4648 section 4).
fn is_base64_of(encoded: &[u8], value: &[u8]) -> bool {
    encoded.len() == value.len().div_ceil(3) * 4
        && encoded.chunks(4).zip(value.chunks(3)).all(|(four, three)| four == base64(three))
}

/// One to three bytes as four characters.
fn base64(bytes: &[u8]) -> [u8; 4] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let byte = |index| u32::from(bytes.get(index).copied().unwrap_or_default());
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    let mut out = [b'='; 4];
    for (index, character) in out.iter_mut().enumerate().take(bytes.len() + 1) {
        let sextet = bits >> (18 - 6 * index) & 0x3F;
        *character = ALPHABET.get(sextet as usize).copied().unwrap_or(b'=');
    }
    out
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    fn compare(value: &str, member: &str) -> Agreement {
        let text = Text { raw: Span::new(0, member.len()), escaped: false };
        maybe_encoded(value.as_bytes(), text, member.as_bytes())
    }

    #[test]
    fn the_specifications_own_encodings_agree() {
        for (member, header) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("", "=?base64??="),
        ] {
            assert_eq!(compare(header, member), Agreement::Same, "{header} for {member:?}");
        }
    }

    #[test]
    fn every_other_spelling_disagrees() {
        for (member, header) in [
            ("Hello", "=?base64?SGVsbG8?="),
            ("Hello", "=?base64?SGVsbG9=?="),
            ("Hello", "=?base64?SGVs!G8=?="),
            ("Hello", "=?BASE64?SGVsbG8=?="),
            ("Hello", "hello"),
            ("Hello", "Hello Hello"),
            ("=?base64?literal?=", "=?base64?literal?="),
            ("\u{3ff}\u{3ff}", "=?base64?z7_Pvw==?="),
        ] {
            assert_eq!(compare(header, member), Agreement::Different, "{header} for {member:?}");
        }
    }

    #[test]
    fn what_had_to_be_encoded_is_malformed_when_it_was_not() {
        assert_eq!(compare("世界", "世界"), Agreement::Malformed);
        assert_eq!(compare("a\u{7f}", "a\u{7f}"), Agreement::Malformed);
    }

    #[test]
    fn a_sentinel_whose_ends_overlap_is_a_plain_value() {
        assert_eq!(compare("=?base64?=", "=?base64?="), Agreement::Same);
    }

    #[test]
    fn names_are_found_in_any_case_and_counted() {
        let headers: [(&[u8], &[u8]); 4] = [
            (b"mcp-METHOD", b" tools/call\t"),
            (b"Mcp-Name", b"a"),
            (b"MCP-NAME", b"a"),
            (b"Mcp-Name-Not", b"x"),
        ];
        let routing = Routing::read(headers.into_iter());
        assert_eq!(routing.method, Field::Once(b"tools/call"));
        assert_eq!(routing.name, Field::Repeated);
        assert_eq!(routing.protocol_version, Field::Absent);
    }
}
