//! Heads that came whole and have nothing odd in them, which nearly all are: read in one pass.
//!
//! Whatever is not plain is left to the careful way, which finds the end first and then lets httparse
//! read and says what is wrong. What is read here, that way reads the same.

use memchr::memchr;

use crate::fields::Field;
use crate::message::{FIELDS_MAX, HeadLimits, Version};
use crate::names::{is_control, is_token_byte, trim};
use crate::span::Span;

/// A start line: its parts, and its length with its end.
pub(crate) type StartLine<A, B> = (A, B, Version, usize);

/// Method and target (RFC 9112 3), parted by single spaces. Of the target only that it is one word.
#[inline]
pub(crate) fn request_line(head: &[u8]) -> Option<StartLine<&[u8], &[u8]>> {
    let (method, rest) = head.split_at_checked(token_length(head))?;
    let rest = rest.strip_prefix(b" ")?;
    let (target, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
    let version = match rest.first_chunk()? {
        b" HTTP/1.1\r\n" => Version::Http11,
        b" HTTP/1.0\r\n" => Version::Http10,
        _ => return None,
    };
    let length = method.len() + target.len() + " HTTP/1.1\r\n".len() + 1;
    (!method.is_empty() && !target.is_empty()).then_some((method, target, version, length))
}

/// Status code and reason phrase (RFC 9112 4).
#[inline]
pub(crate) fn status_line(head: &[u8]) -> Option<StartLine<u16, &[u8]>> {
    let (version, rest) = head.split_first_chunk()?;
    let version = match version {
        b"HTTP/1.1 " => Version::Http11,
        b"HTTP/1.0 " => Version::Http10,
        _ => return None,
    };
    let (code, rest) = rest.split_first_chunk::<3>()?;
    let rest = rest.strip_prefix(b" ")?;
    let (reason, rest) = rest.split_at_checked(value_length(rest))?;
    if !rest.starts_with(b"\r\n") || !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let decimal = |code, digit: &u8| code * 10 + u16::from(digit - b'0');
    let length = "HTTP/1.1 200 \r\n".len() + reason.len();
    Some((code.iter().fold(0, decimal), reason, version, length))
}

/// Takes the field lines that begin at `at` into `fields`; the place behind the blank line after them.
pub(crate) fn fields(
    buf: &[u8],
    mut at: usize,
    limits: &HeadLimits,
    fields: &mut Vec<Field>,
) -> Option<usize> {
    let fields_max = limits.fields.min(FIELDS_MAX);
    let window = buf.get(..limits.bytes.min(u32::MAX as usize)).unwrap_or(buf);
    fields.clear();
    loop {
        let line = window.get(at..)?;
        let name = token_length(line);
        if name == 0 {
            return line.starts_with(b"\r\n").then_some(at + 2);
        }
        let after_name = line.get(name..)?.strip_prefix(b":")?;
        let (value, after_value) = after_name.split_at_checked(value_length(after_name))?;
        if fields.len() >= fields_max || !after_value.starts_with(b"\r\n") {
            return None;
        }
        let next = at + name + 1 + value.len() + 2;
        let (name, value) = (Span::new(at, at + name), Span::locate(buf, trim(value)));
        fields.push(Field::new(name, value, Span::new(next, next).end));
        at = next;
    }
}

/// How many bytes at the beginning of `text` are of a token.
#[inline]
fn token_length(text: &[u8]) -> usize {
    text.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(text.len())
}

/// How many bytes at the beginning of `text` may stand in a field value.
#[inline]
fn value_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let controls = controls(u64::from_le_bytes(*word));
        at += controls.trailing_zeros() as usize / 8;
        if controls != 0 {
            if text.get(at) != Some(&b'\t') {
                return at;
            }
            at += 1;
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_control(*byte)).unwrap_or(rest.len())
}

/// The high bit of the first byte of `word` that is a control, tab or not, and none below it.
#[inline]
fn controls(word: u64) -> u64 {
    const EACH_BYTE: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    // The classic test for a byte below n, exact up to its lowest hit. (Hacker's Delight, 6-1.)
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH_BYTE * limit);
    (below(word, 0x20) | below(word ^ (EACH_BYTE * 0x7f), 1)) & !word & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_before_its_first_control_other_than_a_tab_wherever_that_stands() {
        for byte in 0..=u8::MAX {
            for filler in [b'a', b' ', b'~', b'\t', 0x80, 0xff] {
                for place in 0..20 {
                    let mut text = [filler; 20];
                    text[place] = byte;
                    let expected = if is_control(byte) { place } else { text.len() };
                    assert_eq!(
                        value_length(&text),
                        expected,
                        "{byte:#x} at {place} of {filler:#x}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_head_as_clients_and_servers_send_them_is_plain() {
        let head = b"POST /a?b HTTP/1.1\r\nHost: a\r\nx:\r\nX-1:\t b\tc \r\n\r\nbody";
        let limits = HeadLimits::default();
        let (method, target, version, length) = request_line(head).unwrap();
        assert_eq!(
            (method, target, version, length),
            (&b"POST"[..], &b"/a?b"[..], Version::Http11, 20)
        );
        let mut found = Vec::new();
        assert_eq!(fields(head, length, &limits, &mut found), Some(head.len() - 4));
        let values: Vec<_> = found.iter().map(|field| field.value.of(head)).collect();
        assert_eq!(values, [&b"a"[..], b"", b"b\tc"]);
        let (status, reason, version, length) = status_line(b"HTTP/1.0 404 Not Found\r\n").unwrap();
        assert_eq!(
            (status, reason, version, length),
            (404, &b"Not Found"[..], Version::Http10, 24)
        );
    }

    #[test]
    fn what_is_not_plain_is_left_alone() {
        let limits = HeadLimits { bytes: 16, fields: 2, target: 8 };
        for lines in [
            "a: b\r\n",
            "a: b\r\n\r",
            "a: b\n\r\n",
            "a: b\r\rc\r\n\r\n",
            "a : b\r\n\r\n",
            " a: b\r\n\r\n",
            ": b\r\n\r\n",
            "a\r\n\r\n",
            "a: \0\r\n\r\n",
            "a:\r\nb:\r\nc:\r\n\r\n",
            "a: 0123456789\r\n\r\n",
        ] {
            assert_eq!(fields(lines.as_bytes(), 0, &limits, &mut Vec::new()), None, "{lines:?}");
        }
        for line in
            ["GET  / HTTP/1.1\r\n", "GET / HTTP/1.2\r\n", "GET / HTTP/1.1 \r\n", " / HTTP/1.1\r\n"]
        {
            assert_eq!(request_line(line.as_bytes()), None, "{line:?}");
        }
        for line in
            ["HTTP/1.1 204\r\n", "HTTP/1.1 2O4 a\r\n", "HTTP/1.2 204 a\r\n", "HTTP/1.1 200 a\n"]
        {
            assert_eq!(status_line(line.as_bytes()), None, "{line:?}");
        }
    }
}
