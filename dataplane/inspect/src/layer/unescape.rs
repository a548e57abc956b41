//! A JSON text with its escapes decoded, wherever they stand.
//!
//! Between strings JSON has no backslash, so that nothing has to know where strings begin: what is copied
//! is the whole text, and its quotes, commas and braces keep values apart for whoever scans it. A text that
//! is not JSON is decoded in the same way, as JSON within it will be.

use std::ops::Range;

use memchr::memchr;

use super::Layer;
use super::fold::{Folded, fold, may_fold};

/// So many bytes are looked at at once.
const STEP: usize = 32;
/// A domain of Windows has no shorter name that says anything,
const DOMAIN_BYTES_MIN: usize = 2;
/// and none has a longer one.
const DOMAIN_BYTES_MAX: usize = 15;

/// Appends `source` to `layer`, decoded and folded.
pub(crate) fn unescape(source: &[u8], layer: &mut Layer) {
    if source.is_ascii() {
        ascii(source, layer);
    } else {
        any(source, layer);
    }
}

/// Appends `source` folded, and no more.
pub(crate) fn folded(mut source: &[u8], layer: &mut Layer) {
    while let Some(at) = position(source, may_fold) {
        let (plain, rest) = source.split_at(at);
        layer.copy(plain);
        let (character, bytes) = first_character(rest);
        put(character, bytes, rest, layer);
        source = rest.get(bytes..).unwrap_or_default();
    }
    layer.copy(source);
}

/// The same part of a text without the half of an escape that it begins or ends with: in JSON that is two strings
/// deep a name is written behind the end of a line as `\\nname`, and its first letter is none of it. In how many
/// strings the escape is does not matter: each has more backslashes.
pub(crate) fn without_halves(text: &[u8], part: Range<usize>) -> Range<usize> {
    let before = |at: usize| text.get(..at).unwrap_or_default();
    let hex = |at: usize, digits: usize| {
        text.get(at..at + digits).is_some_and(|all| all.iter().all(u8::is_ascii_hexdigit))
    };
    let Range { mut start, mut end } = part.clone();
    start += match (before(start).last(), text.get(start)) {
        (Some(b'%'), _) if hex(start, 2) => 2,
        (Some(b'\\'), Some(b'u')) if hex(start + 1, 4) => 5,
        (Some(b'\\'), Some(b'x')) if hex(start + 1, 2) => 3,
        (Some(b'\\'), Some(b'b' | b'f')) if ends_domain(before(start)) => 0,
        (Some(b'\\'), Some(b'n' | b't' | b'r' | b'b' | b'f' | b'"' | b'\'' | b'/')) => 1,
        _ => 0,
    };
    let escapes = before(end).iter().rev().take_while(|byte| **byte == b'\\').count();
    let goes_on = match text.get(end) {
        Some(b'n' | b't' | b'r' | b'b' | b'f' | b'u' | b'x' | b'/') => true,
        // What stands for a backslash may stand at the end of a string.
        Some(b'"' | b'\'') => escapes % 2 == 1,
        _ => false,
    };
    if goes_on {
        end -= escapes;
    }
    if start < end { start..end } else { part }
}

/// Whether a text ends as a domain of Windows does before the name of a user, in capitals. What follows that is no
/// backspace and no end of a page; it may well be the end of a line.
fn ends_domain(text: &[u8]) -> bool {
    let end = text.iter().rposition(|byte| *byte != b'\\').map_or(0, |at| at + 1);
    let near = text.get(end.saturating_sub(DOMAIN_BYTES_MAX + 1)..end).unwrap_or_default();
    let of_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'-';
    let name = near.iter().rev().take_while(|byte| of_name(byte)).count();
    let apart = near.iter().rev().nth(name).is_none_or(|byte| !byte.is_ascii_lowercase());
    (DOMAIN_BYTES_MIN..=DOMAIN_BYTES_MAX).contains(&name) && apart
}

fn ascii(mut source: &[u8], layer: &mut Layer) {
    while let Some(at) = memchr(b'\\', source) {
        let (plain, rest) = source.split_at(at);
        layer.copy(plain);
        source = escape(rest, layer);
    }
    layer.copy(source);
}

fn any(mut source: &[u8], layer: &mut Layer) {
    let looked_at = |byte| byte == b'\\' || may_fold(byte);
    while let Some(at) = position(source, looked_at) {
        let (plain, rest) = source.split_at(at);
        layer.copy(plain);
        source = if rest.first() == Some(&b'\\') {
            escape(rest, layer)
        } else {
            let (character, bytes) = first_character(rest);
            put(character, bytes, rest, layer);
            rest.get(bytes..).unwrap_or_default()
        };
    }
    layer.copy(source);
}

/// Where the first of these bytes is: many are looked at at once.
fn position(source: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let any = |step: &[u8]| step.iter().fold(false, |any, byte| any | wanted(*byte));
    let (number, step) = source.chunks(STEP).enumerate().find(|(_, step)| any(step))?;
    step.iter().position(|byte| wanted(*byte)).map(|at| number * STEP + at)
}

/// Takes the escape that `source` begins with; what follows it.
fn escape<'s>(source: &'s [u8], layer: &mut Layer) -> &'s [u8] {
    let short = match source.get(1) {
        Some(byte @ (b'"' | b'\\' | b'/')) => Some(*byte),
        Some(b'n') => Some(b'\n'),
        Some(b't') => Some(b'\t'),
        Some(b'r') => Some(b'\r'),
        Some(b'b') => Some(0x8),
        Some(b'f') => Some(0xc),
        _ => None,
    };
    if let Some(byte) = short {
        layer.decoded_byte(byte, 2);
        return source.get(2..).unwrap_or_default();
    }
    let decoded = if source.get(1) == Some(&b'u') { unicode(source) } else { None };
    let Some((character, bytes)) = decoded else {
        // No escape: it stands for itself.
        layer.copy(source.get(..1).unwrap_or_default());
        return source.get(1..).unwrap_or_default();
    };
    match fold(character) {
        Folded::Nothing => layer.hide(character, bytes),
        Folded::Ascii(byte) => layer.decoded(&[byte], bytes),
        Folded::Itself => layer.decoded(character.encode_utf8(&mut [0; 4]).as_bytes(), bytes),
    }
    source.get(bytes..).unwrap_or_default()
}

/// `\uXXXX`, or two that are a surrogate pair; half of one is no character.
fn unicode(source: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = source.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits
            .iter()
            .try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let pair = unit(6).filter(|second| first < 0xdc00 && (0xdc00..0xe000).contains(second));
    let Some(second) = pair else { return Some((char::REPLACEMENT_CHARACTER, 6)) };
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12))
}

/// The character that `source` begins with and its length; of what is no UTF-8, a byte.
fn first_character(source: &[u8]) -> (Option<char>, usize) {
    let window = source.get(..4).unwrap_or(source);
    let valid = match std::str::from_utf8(window) {
        Ok(text) => text,
        Err(error) => {
            let valid = window.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    valid.chars().next().map_or((None, 1), |first| (Some(first), first.len_utf8()))
}

fn put(character: Option<char>, bytes: usize, source: &[u8], layer: &mut Layer) {
    match character.map(|one| (one, fold(one))) {
        Some((one, Folded::Nothing)) => layer.hide(one, bytes),
        Some((_, Folded::Ascii(byte))) => layer.decoded(&[byte], bytes),
        _ => layer.copy(source.get(..bytes).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(source: &[u8]) -> Layer {
        let mut layer = Layer::default();
        layer.reset(0, usize::MAX);
        unescape(source, &mut layer);
        layer
    }

    #[test]
    fn escapes_are_decoded_and_lead_back() {
        let source = br#"{"a\u0062":"x\n\"y\\z\/\ud83d\ude00"}"#;
        let layer = decoded(source);
        assert_eq!(layer.text(), "{\"ab\":\"x\n\"y\\z/😀\"}".as_bytes());
        let at = layer.text().iter().position(|byte| *byte == b'z').expect("it is there");
        assert_eq!(&source[layer.source(at - 1..at + 2)], br"\\z\/");
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for source in [&br"C:\Users\x"[..], br"\", br"\u12", br"\uZZZZ", b"\xff\\n\xe2"] {
            let layer = decoded(source);
            assert_eq!(layer.source(0..layer.text().len()), 0..source.len());
        }
        assert_eq!(decoded(br"\ud800x").text(), "\u{fffd}x".as_bytes());
    }

    #[test]
    fn no_part_begins_or_ends_with_half_an_escape() {
        let part = |text: &str, part: &str| {
            let at = text.find(part).expect("it is there");
            text[without_halves(text.as_bytes(), at..at + part.len())].to_owned()
        };
        for (text, found, whole) in [
            (r"to:\nada@x.org", "nada@x.org", "ada@x.org"),
            (r"<\u003cada@x.org\u003e", "u003cada@x.org", "ada@x.org"),
            (r"to:\x22ada@x.org", "x22ada@x.org", "ada@x.org"),
            ("to=%3Cada@x.org%3E", "3Cada@x.org", "ada@x.org"),
            (r#"{\"k\":\"Kestrel-8\"}"#, r"Kestrel-8\", "Kestrel-8"),
            (r"to:\\\\nada@x.org\\\\n", r"nada@x.org\\\\", "ada@x.org"),
            (r#"{\\\"k\\\":\\\"Kestrel-8\\\"}"#, r"Kestrel-8\\\", "Kestrel-8"),
            (r"C:\users", "users", "users"),
            (r#""Kestrel-8\\""#, r"Kestrel-8\\", r"Kestrel-8\\"),
            (r"Kestrel-8\", r"Kestrel-8\", r"Kestrel-8\"),
            (r"\n", "n", "n"),
            (r"DOM\bob@x.org", "bob@x.org", "bob@x.org"),
            (r"as DOM-1\\fred@x.org", "fred@x.org", "fred@x.org"),
            (r"DOM\nina@x.org", "nina@x.org", "ina@x.org"),
            (r"unit\bob@x.org", "bob@x.org", "ob@x.org"),
            (r"iPHONE\bob@x.org", "bob@x.org", "ob@x.org"),
            (r"X\bob@x.org", "bob@x.org", "ob@x.org"),
            (r"SIXTEEN-LETTERS-\bob@x.org", "bob@x.org", "ob@x.org"),
        ] {
            assert_eq!(part(text, found), whole, "{text}");
        }
    }

    #[test]
    fn what_is_not_seen_is_not_scanned() {
        let token = "gh\u{200b}p_\u{ad}ａｂｃ\\u200d1";
        let layer = decoded(token.as_bytes());
        assert_eq!(layer.text(), b"ghp_abc1");
        assert_eq!(layer.source(0..8), 0..token.len());
    }

    proptest! {
        #[test]
        fn any_string_reads_back_as_serde_wrote_it(text: String, spaces in 0_usize..3) {
            let source = format!("{}{}", " ".repeat(spaces), serde_json::to_string(&text).expect("JSON"));
            let expected: String = text
                .chars()
                .filter_map(|one| match fold(one) {
                    Folded::Nothing => None,
                    Folded::Ascii(byte) => Some(char::from(byte)),
                    Folded::Itself => Some(one),
                })
                .collect();
            let layer = decoded(source.as_bytes());
            let inner = &layer.text()[spaces + 1..layer.text().len() - 1];
            prop_assert_eq!(inner, expected.as_bytes());
        }

        #[test]
        fn every_span_leads_into_the_source_and_in_order(source: Vec<u8>) {
            let layer = decoded(&source);
            let mut before = 0;
            for at in 0..layer.text().len() {
                let span = layer.source(at..at + 1);
                prop_assert!(span.start >= before && span.end <= source.len() && !span.is_empty());
                before = span.start;
            }
        }
    }
}
