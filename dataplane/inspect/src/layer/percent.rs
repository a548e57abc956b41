//! URL-encoded text.

use memchr::memchr2;

use super::Layer;

/// Between two `+` or `/` of base64 there are some 32 letters, and never so few on average; words are shorter.
const BASE64_RUN_MIN: usize = 8;

/// Appends `source` to `layer` with each `%XX` decoded, and each `+` of a form.
pub(crate) fn unpercent(source: &[u8], layer: &mut Layer) {
    let mut forms = Forms::default();
    let mut at = 0;
    while let Some(next) = source.get(at..).and_then(|rest| memchr2(b'%', b'+', rest)) {
        let (plain, rest) = source.get(at..).unwrap_or_default().split_at(next);
        layer.copy(plain);
        at += next;
        let decoded = match byte(rest) {
            Some(byte) => Some((byte, 3)),
            None => forms.has_blank(source, at).then_some((b' ', 1)),
        };
        let bytes = decoded.map_or(1, |(_, bytes)| bytes);
        match decoded {
            Some((byte, bytes)) => layer.decoded_byte(byte, bytes),
            None => layer.copy(rest.get(..bytes).unwrap_or_default()),
        }
        at += bytes;
    }
    layer.copy(source.get(at..).unwrap_or_default());
}

/// The values of a form or of a query, in which blanks are written as `+` (WHATWG URL, 5.1).
#[derive(Debug, Default)]
pub(crate) struct Forms {
    /// The end of the value that was looked at last,
    end: usize,
    /// and whether it is one.
    is_value: bool,
}

impl Forms {
    /// Whether a blank is written at a place; places are asked for in their order.
    pub(crate) fn has_blank(&mut self, text: &[u8], at: usize) -> bool {
        if text.get(at) != Some(&b'+') {
            return false;
        }
        if at >= self.end {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"<>\\&=;#".contains(byte);
            let before = text.get(self.end..at).unwrap_or_default();
            let start = self.end + before.iter().rposition(ends).map_or(0, |last| last + 1);
            let rest = text.get(at..).unwrap_or_default();
            self.end = at + rest.iter().position(ends).unwrap_or(rest.len());
            let key = text.get(..start).and_then(|before| before.strip_suffix(b"="));
            let key = key.and_then(<[u8]>::last);
            let key = key.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-]".contains(byte));
            let value = text.get(start..self.end).unwrap_or_default();
            self.is_value = key && !is_base64(value);
        }
        self.is_value
    }
}

/// Whether a value looks like base64 rather than like words between blanks. Where it has no `/` its reader decides, and
/// that of a form reads blanks.
fn is_base64(value: &[u8]) -> bool {
    let is_sign = |byte: &&u8| matches!(byte, b'+' | b'/');
    let signs = value.iter().filter(is_sign).count();
    value.contains(&b'/')
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || is_sign(&byte))
        && value.len() / (signs + 1) >= BASE64_RUN_MIN
}

/// What the `%XX` stands for that `text` begins with.
pub(crate) fn byte(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_of_a_form_is_read_as_one() {
        for (source, read) in [
            ("text=my+card+is+4111", "text=my card is 4111"),
            ("?q=a%2Fb+c&x[]=d+e#f+g", "?q=a/b c&x[]=d e#f+g"),
            ("a+b=c+d e+f", "a+b=c d e+f"),
            ("key=q7Zr4LwX9bTn+2KcVf8Ys/3HdMpE6u", "key=q7Zr4LwX9bTn+2KcVf8Ys/3HdMpE6u"),
            ("text=hello,+my+card", "text=hello, my card"),
            ("text=a/b+my+card+is+4111", "text=a/b my card is 4111"),
            ("q=see?+4111&r='a'+{b}+`c`", "q=see? 4111&r='a' {b} `c`"),
            ("q=http://x.example/a+4111", "q=http://x.example/a 4111"),
            ("+49 = +1, x==+2", "+49 = +1, x==+2"),
        ] {
            let mut layer = Layer::default();
            layer.reset(0, 1024);
            unpercent(source.as_bytes(), &mut layer);
            assert_eq!(String::from_utf8_lossy(layer.text()), read);
            assert_eq!(layer.source(0..read.len()), 0..source.len());
        }
    }

    #[test]
    fn escapes_are_decoded_and_lead_back() {
        let source = b"a%2fb%20%zz%4";
        let mut layer = Layer::default();
        layer.reset(0, 1024);
        unpercent(source, &mut layer);
        assert_eq!(layer.text(), b"a/b %zz%4");
        assert_eq!(layer.source(1..3), 1..5);
        assert_eq!(layer.source(0..9), 0..source.len());
    }
}
