//! Marks around characters and in their place: colours of a terminal, entities of HTML, escapes of Markdown and of
//! programs.
//!
//! Whoever shows a text takes them back, and a token is one whichever colour it has.

use super::Layer;
use super::fold::{Folded, fold};

/// A sequence of a terminal is no longer.
const SEQUENCE_BYTES_MAX: usize = 512;
/// What a character may be called in HTML, of those that tokens and assignments are written in.
const ENTITIES: [(&[u8], char); 18] = [
    (b"quot", '"'),
    (b"QUOT", '"'),
    (b"amp", '&'),
    (b"AMP", '&'),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"apos", '\''),
    (b"nbsp", ' '),
    (b"lowbar", '_'),
    (b"equals", '='),
    (b"colon", ':'),
    (b"sol", '/'),
    (b"plus", '+'),
    (b"period", '.'),
    (b"commat", '@'),
    (b"num", '#'),
    (b"dollar", '$'),
    (b"hyphen", '-'),
];

/// What a mark stands for, and its length.
type Mark = (Option<char>, usize);

/// Whether a text begins with a mark.
pub(crate) fn is_mark(text: &[u8]) -> bool {
    mark(text).is_some()
}

/// Appends `source` with its marks taken back.
pub(crate) fn unmark(mut source: &[u8], layer: &mut Layer) {
    while let Some(at) = memchr::memchr3(b'\\', b'&', 0x1b, source) {
        let (plain, rest) = source.split_at(at);
        layer.copy(plain);
        let mark = mark(rest);
        let bytes = mark.map_or(1, |(_, bytes)| bytes);
        match mark {
            // What begins with it begins behind the backslash.
            Some((Some(_), 2)) if rest.starts_with(b"\\") => {
                layer.pass(1);
                layer.copy(rest.get(1..2).unwrap_or_default());
            }
            Some((Some(character), _)) => put(character, bytes, layer),
            Some((None, _)) => layer.pass(bytes),
            None => layer.copy(rest.get(..bytes).unwrap_or_default()),
        }
        source = rest.get(bytes..).unwrap_or_default();
    }
    layer.copy(source);
}

fn put(character: char, bytes: usize, layer: &mut Layer) {
    match fold(character) {
        Folded::Nothing => layer.hide(character, bytes),
        Folded::Ascii(byte) => layer.decoded(&[byte], bytes),
        Folded::Itself => {
            layer.decoded(character.encode_utf8(&mut [0; 4]).as_bytes(), bytes);
        }
    }
}

fn mark(text: &[u8]) -> Option<Mark> {
    match text.first()? {
        0x1b => Some((None, 1 + sequence(text.get(1..)?)?)),
        b'\\' => escape(text.get(1..)?).map(|(character, bytes)| (character, bytes + 1)),
        b'&' => entity(text.get(1..)?).map(|(character, bytes)| (Some(character), bytes + 1)),
        _ => None,
    }
}

/// The length of what follows ESC in a sequence that a terminal does not show (ECMA-48, 5.4 and 8.3.89).
fn sequence(text: &[u8]) -> Option<usize> {
    let rest = text.get(1..text.len().min(SEQUENCE_BYTES_MAX))?;
    match text.first()? {
        b'[' => {
            let parameters = rest.iter().take_while(|byte| matches!(byte, b' '..=b'?')).count();
            matches!(rest.get(parameters)?, b'@'..=b'~').then_some(parameters + 2)
        }
        b']' => {
            let end = rest.iter().position(|byte| matches!(byte, 0x07 | 0x1b))?;
            let two = rest.get(end..)?.starts_with(b"\x1b\\");
            (two || rest.get(end) == Some(&0x07)).then_some(end + 2 + usize::from(two))
        }
        b'(' | b')' => rest.first().map(|_| 2),
        _ => None,
    }
}

/// What follows a backslash, of what is no escape in JSON.
fn escape(text: &[u8]) -> Option<Mark> {
    // ESC as it is written in programs.
    for esc in [&b"e"[..], b"033", b"x1b", b"x1B"] {
        if let Some(bytes) = text.strip_prefix(esc).and_then(sequence) {
            return Some((None, esc.len() + bytes));
        }
    }
    match text.first()? {
        b'x' => {
            let digits = std::str::from_utf8(text.get(1..3)?).ok()?;
            let byte = u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?;
            Some((Some(char::from(byte)), 3))
        }
        // As Markdown writes what would be a mark of its own.
        byte if b"_*-+.~=!@#$&:'".contains(byte) => Some((Some(char::from(*byte)), 1)),
        _ => None,
    }
}

/// What follows `&`: by its name or by its number (HTML, 13.5).
fn entity(text: &[u8]) -> Option<(char, usize)> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let name = text.get(..end)?;
    let character = match name.strip_prefix(b"#") {
        Some(number) => {
            let number = std::str::from_utf8(number).ok()?;
            let hex = number.strip_prefix(['x', 'X']);
            let code = hex.map_or_else(|| number.parse(), |digits| u32::from_str_radix(digits, 16));
            char::from_u32(code.ok()?)?
        }
        None => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((character, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmarked(source: &str) -> (String, Layer) {
        let mut layer = Layer::default();
        layer.reset(0, 1024);
        unmark(source.as_bytes(), &mut layer);
        (String::from_utf8_lossy(layer.text()).into_owned(), layer)
    }

    #[test]
    fn marks_are_taken_back_and_lead_to_where_they_stand() {
        for (source, shown) in [
            ("\u{1b}[1;32mab\u{1b}[0mcd", "abcd"),
            ("\u{1b}]8;;https://x/\u{7}ab\u{1b}]8;;\u{1b}\\c\u{1b}(B", "abc"),
            (r"\e[31ma\033[0mb\x1b[mc", "abc"),
            (r"a\x22b\x41", "a\"bA"),
            (r"gh\_p\*\-", "gh_p*-"),
            ("a&quot;b&#65;c&#x41;d&amp;e&lowbar;", "a\"bAcAd&e_"),
            ("a&#8203;b", "ab"),
        ] {
            let (text, layer) = unmarked(source);
            assert_eq!(text, shown, "{source}");
            assert!(layer.source(0..text.len()).end <= source.len());
        }
        let (_, layer) = unmarked("\u{1b}[32mab&#65;c\u{1b}[0m");
        assert_eq!(layer.source(0..4), 5..13, "what stands around is not taken along");
        let (text, layer) = unmarked(r"a\-b\_c\-");
        assert_eq!((text.as_str(), layer.source(1..4)), ("a-b_c-", 2..6), "nor a backslash");
        assert_eq!((layer.source(0..1), layer.source(3..6)), (0..1, 5..9));
    }

    #[test]
    fn what_is_no_mark_stands_for_itself() {
        for source in
            ["a & b", "x&y=1;z", r"C:\n\d+\\", "\u{1b}", "\u{1b}[", "&#xZZ;", "&#1114112;"]
        {
            assert_eq!(unmarked(source).0, source);
        }
    }
}
