//! Places in a body: a span of bytes, and a span that is a JSON string.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

/// A range of bytes of the body that was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// Offsets saturate; [`crate::Message::scan`] refuses bodies that they could not address.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let offset = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(start), end: offset(end) }
    }

    /// The bytes of this span, or none where `body` is not the body that was scanned.
    pub fn of(self, body: &[u8]) -> &[u8] {
        body.get(self.range()).unwrap_or_default()
    }

    /// The span as a range, for splicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.range().len()
    }

    /// Whether the span has no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A JSON string in the body, still as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Text {
    /// What stands between the quotes.
    pub raw: Span,
    /// Whether it has escapes, so that [`raw`](Self::raw) is not yet its value.
    pub escaped: bool,
}

impl Text {
    /// The string's value; it is copied only where it has escapes.
    pub fn decode(self, body: &[u8]) -> Cow<'_, str> {
        let raw = String::from_utf8_lossy(self.raw.of(body));
        if self.escaped { Cow::Owned(Decoded::new(&raw).collect()) } else { raw }
    }

    /// Whether the string's value is `expected`, escapes decoded; nothing is copied.
    pub fn eq(self, body: &[u8], expected: &[u8]) -> bool {
        if !self.escaped {
            return self.raw.of(body) == expected;
        }
        match (str::from_utf8(self.raw.of(body)), str::from_utf8(expected)) {
            (Ok(raw), Ok(expected)) => Decoded::new(raw).eq(expected.chars()),
            _ => false,
        }
    }

    /// Orders two strings of one body by their values.
    pub(crate) fn cmp(self, other: Self, body: &[u8]) -> Ordering {
        let (a, b) = (self.raw.of(body), other.raw.of(body));
        if !self.escaped && !other.escaped {
            return a.cmp(b);
        }
        // UTF-8 orders as its characters do, so this agrees with the comparison of bytes above.
        match (str::from_utf8(a), str::from_utf8(b)) {
            (Ok(a), Ok(b)) => Decoded::new(a).cmp(Decoded::new(b)),
            _ => a.cmp(b),
        }
    }

    /// Whether two strings of one body have the same value.
    pub(crate) fn same(self, other: Self, body: &[u8]) -> bool {
        if self.escaped || other.escaped {
            self.cmp(other, body).is_eq()
        } else {
            self.raw.of(body) == other.raw.of(body)
        }
    }
}

/// The characters of a JSON string's raw text (RFC 8259 section 7). The scanner has validated
/// the escapes; what it would have refused reads as U+FFFD.
struct Decoded<'a> {
    rest: std::str::Chars<'a>,
}

impl<'a> Decoded<'a> {
    fn new(raw: &'a str) -> Self {
        Self { rest: raw.chars() }
    }

    fn code_unit(&mut self) -> u32 {
        let digits = self.rest.as_str();
        let unit = digits.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        self.rest = digits.get(4..).unwrap_or_default().chars();
        unit.unwrap_or(0xFFFD)
    }

    fn unicode(&mut self) -> char {
        let first = self.code_unit();
        let code = if (0xD800..0xDC00).contains(&first) && self.rest.as_str().starts_with("\\u") {
            self.rest.nth(1);
            let second = self.code_unit();
            0x1_0000 + ((first - 0xD800) << 10) + (second.wrapping_sub(0xDC00) & 0x3FF)
        } else {
            first
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let plain = self.rest.next()?;
        if plain != '\\' {
            return Some(plain);
        }
        Some(match self.rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode(),
            quoted => quoted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> Text {
        Text { raw: Span::new(0, raw.len()), escaped: raw.contains('\\') }
    }

    #[test]
    fn a_foreign_body_gives_no_bytes_rather_than_a_panic() {
        let span = Span { start: 5, end: 9 };
        assert_eq!(span.of(b"abc"), b"");
        assert_eq!(Span { start: 9, end: 5 }.of(b"0123456789"), b"");
        assert_eq!(Span { start: 9, end: 5 }.len(), 0);
    }

    #[test]
    fn escapes_decode_to_the_value_that_json_gives_them() {
        let raw = r#"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00 é"#;
        let value = "\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{1f600} é";
        assert_eq!(text(raw).decode(raw.as_bytes()), value);
        assert!(text(raw).eq(raw.as_bytes(), value.as_bytes()));
        assert!(!text(raw).eq(raw.as_bytes(), b"other"));
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        assert!(matches!(text("tools/call").decode(b"tools/call"), Cow::Borrowed("tools/call")));
    }

    #[test]
    fn spellings_of_one_value_are_the_same_text() {
        let body = br"method|meth\u006fd|methoe";
        let plain = Text { raw: Span::new(0, 6), escaped: false };
        let spelt = Text { raw: Span::new(7, 18), escaped: true };
        let other = Text { raw: Span::new(19, 25), escaped: false };
        assert!(plain.same(spelt, body));
        assert!(!other.same(spelt, body));
        assert_eq!(spelt.cmp(other, body), Ordering::Less);
    }
}
