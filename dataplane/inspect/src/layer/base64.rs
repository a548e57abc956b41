//! Runs that are text in base64.

use std::ops::Range;

use memchr::memchr_iter;

use super::wide::Order;

/// Shorter ones hold nothing that would be worth hiding: 18 bytes.
pub(crate) const RUN_MIN: usize = 24;
/// So much of a run is decoded to see whether it is text,
const TASTE: usize = 32;
/// of which no more is unprintable,
const UNPRINTABLE_MAX: u8 = 3;
/// behind each of so many marks that a path has,
const MARKS_MAX: usize = 8;
/// no further in than this,
const MARKS_BYTES_MAX: usize = 256;
/// and in the middle and at the end of a run that is longer than a digest.
const LONG_MIN: usize = 160;
/// Lines of base64 that is wrapped are not shorter, but for the last.
const LINE_MIN: usize = 40;
/// They are indented by no more.
const INDENT_MAX: usize = 16;

/// How a run was written, so that it can be written like this again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alphabet {
    /// `-` and `_` in the place of `+` and `/`.
    pub(crate) url_safe: bool,
    /// Whether `=` is written behind it where that is needed.
    pub(crate) padded: bool,
    /// How it was wrapped, if it was.
    pub(crate) wrapped: Option<Wrapped>,
}

/// Lines of so many letters, with this between them: the end of a line and an indent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrapped {
    line: usize,
    returns: bool,
    indent: usize,
}

const fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// What each byte stands for, and 0 for what may stand in no run.
static VALUES: [u8; 256] = {
    let mut all = [0; 256];
    let mut byte = 0_u8;
    loop {
        if let Some(value) = value(byte) {
            all[byte as usize] = value;
        }
        if byte == u8::MAX {
            break all;
        }
        byte += 1;
    }
};

/// Whether a byte may stand in a run.
pub(crate) fn is_base64(byte: u8) -> bool {
    value(byte).is_some()
}

/// Appends what a run stands for to `out`; what is left of an odd end is no whole byte, and dropped.
pub(crate) fn decode(run: &[u8], out: &mut Vec<u8>) {
    for four in run.chunks(4) {
        let mut bits = 0_u32;
        for byte in four {
            bits = bits << 6 | u32::from(VALUES[usize::from(*byte)]);
        }
        bits <<= 6 * (4 - four.len());
        let [_, first, second, third] = bits.to_be_bytes();
        let bytes = [first, second, third];
        out.extend_from_slice(bytes.get(..four.len().saturating_sub(1)).unwrap_or_default());
    }
}

/// Writes `bytes` as they were written.
pub(crate) fn encode(bytes: &[u8], alphabet: Alphabet) -> Vec<u8> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter = |value: u32| match (value, alphabet.url_safe) {
        (62, false) => b'+',
        (63, false) => b'/',
        (62, true) => b'-',
        (63, true) => b'_',
        (value, _) => {
            usize::try_from(value).ok().and_then(|at| LETTERS.get(at).copied()).unwrap_or(b'A')
        }
    };
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let letters = [bits >> 18, bits >> 12 & 63, bits >> 6 & 63, bits & 63].map(letter);
        out.extend_from_slice(letters.get(..=three.len()).unwrap_or_default());
    }
    if alphabet.padded {
        while !out.len().is_multiple_of(4) {
            out.push(b'=');
        }
    }
    match alphabet.wrapped {
        None => out,
        Some(Wrapped { line, returns, indent }) => {
            let mut end = if returns { b"\r\n".to_vec() } else { b"\n".to_vec() };
            end.resize(end.len() + indent, b' ');
            out.chunks(line.max(1)).collect::<Vec<_>>().join(end.as_slice())
        }
    }
}

/// Where in a run text begins that is worth looking at, if anywhere: its groups of four may begin at any of four places,
/// as other letters may stand before it, or a path, or bytes that are no text.
pub(crate) fn text_in(run: &[u8]) -> Option<usize> {
    let is_text = |from: &usize| is_text(run.get(*from..).unwrap_or_default());
    let mark = |at: &usize| run.get(*at).is_some_and(|byte| !byte.is_ascii_alphanumeric());
    let marks = (4..run.len().min(MARKS_BYTES_MAX)).filter(mark).take(MARKS_MAX);
    let first = (0..4).chain(marks.map(|at| at + 1)).find(is_text);
    if first.is_some() || run.len() < LONG_MIN {
        return first;
    }
    let places = [run.len() / 8 * 4, (run.len() - TASTE) / 4 * 4 - 4];
    (0..4).find(|skipped| places.iter().any(|place| is_text(&(place + skipped))))
}

/// Whether a run is text as far as it is tasted.
fn is_text(run: &[u8]) -> bool {
    let taste = run.get(..TASTE.min(run.len())).unwrap_or_default();
    if !may_be_text(taste) {
        return false;
    }
    let mut decoded = Vec::with_capacity(TASTE);
    decode(taste, &mut decoded);
    is_text_decoded(&decoded)
}

fn is_text_decoded(decoded: &[u8]) -> bool {
    decoded.len() >= RUN_MIN / 2
        && (decoded.iter().filter(|byte| is_printable(**byte)).count() * 8 >= decoded.len() * 7
            || is_utf8(decoded)
            || Order::of(decoded).is_some())
}

/// In random bytes two of five are.
const fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')
}

/// What is counted of a byte: whether it is printable, in no text, a zero.
static COUNTED: [[u8; 3]; 256] = {
    let mut all = [[0; 3]; 256];
    let mut byte = 0_u8;
    loop {
        let control = !is_printable(byte) && byte.is_ascii();
        all[byte as usize] = [!is_printable(byte) as u8, control as u8, (byte == 0) as u8];
        if byte == u8::MAX {
            break all;
        }
        byte += 1;
    }
};

/// A quick look that says of most of what is no text that it is none.
fn may_be_text(taste: &[u8]) -> bool {
    let mut counted = [0; 3];
    for four in taste.as_chunks::<4>().0 {
        let bits =
            four.iter().fold(0, |bits, byte| bits << 6 | u32::from(VALUES[usize::from(*byte)]));
        let [_, first, second, third] = bits.to_be_bytes();
        for byte in [first, second, third] {
            let one = COUNTED[usize::from(byte)];
            counted = std::array::from_fn(|at| counted[at] + one[at]);
        }
        let [unprintable, controls, zeros] = counted;
        // Text of any script has no controls, and UTF-16 has zeros.
        if unprintable > UNPRINTABLE_MAX && controls > 0 && zeros == 0 {
            return false;
        }
    }
    true
}

/// Whether bytes are text in whatever script, which may begin and end within a character.
fn is_utf8(bytes: &[u8]) -> bool {
    let start = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let bytes = bytes.get(start..).unwrap_or_default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|text| std::str::from_utf8(text).ok())
        }
        Err(_) => None,
    };
    let control = |one: char| one.is_control() && !matches!(one, '\n' | '\r' | '\t');
    text.is_some_and(|text| !text.chars().any(control))
}

/// The runs that are long enough in a part of a text in which nothing stands but what a run has and its padding; they are
/// told without that.
pub(crate) fn runs(text: &[u8], part: &Range<usize>, mut found: impl FnMut(Range<usize>)) {
    let mut start = part.start;
    let bytes = text.get(part.clone()).unwrap_or_default();
    for end in memchr_iter(b'=', bytes).chain([bytes.len()]) {
        let end = part.start + end;
        if end - start >= RUN_MIN {
            found(start..end);
        }
        start = end + 1;
    }
}

/// The lines on which a run goes on that begins with `first`, which is not among them, and how they are wrapped.
pub(crate) fn lines_behind(
    text: &[u8],
    first: &Range<usize>,
) -> Option<(Vec<Range<usize>>, Wrapped)> {
    let line = first.len();
    if line < LINE_MIN || !line.is_multiple_of(4) {
        return None;
    }
    let (next, wrapped) = next_line(text, first.end, line)?;
    let mut all = vec![next];
    while let Some(last) = all.last().filter(|last| last.len() == line) {
        match next_line(text, last.end, line) {
            Some((next, same)) if same == wrapped => all.push(next),
            _ => break,
        }
    }
    Some((all, wrapped))
}

/// What stands on the line below a place, if that is nothing else than a run and no longer than `line`.
fn next_line(text: &[u8], end: usize, line: usize) -> Option<(Range<usize>, Wrapped)> {
    let behind = text.get(end..)?;
    let (returns, rest) = match behind.strip_prefix(b"\r\n") {
        Some(rest) => (true, rest),
        None => (false, behind.strip_prefix(b"\n")?),
    };
    let indent = rest.iter().take(INDENT_MAX).take_while(|byte| **byte == b' ').count();
    let start = end + 1 + usize::from(returns) + indent;
    let letters = text.get(start..)?.iter().take(line + 1);
    let length = letters.take_while(|byte| is_base64(**byte)).count();
    let padding =
        text.get(start + length..)?.iter().take(2).take_while(|byte| **byte == b'=').count();
    // A word of prose is followed by others, and is no whole number of groups.
    let after = text.get(start + length + padding);
    let ends = after.is_none_or(|byte| !matches!(byte, b' ' | b'\t' | b',' | b'.' | b':' | b'-'));
    let whole = (1..=line).contains(&length) && (length + padding).is_multiple_of(4);
    (ends && whole).then_some((start..start + length, Wrapped { line, returns, indent }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STANDARD: Alphabet = Alphabet { url_safe: false, padded: true, wrapped: None };

    #[test]
    fn text_is_found_at_each_of_four_places() {
        let run = encode(b"a secret that stands in this text", STANDARD);
        let run = run.strip_suffix(b"=").unwrap_or(&run);
        for before in ["", "x", "xy", "xyz"] {
            let all = [before.as_bytes(), run].concat();
            assert_eq!(text_in(&all), Some(before.len()), "{before}");
        }
        let run = encode("テキストの中に秘密がある".as_bytes(), STANDARD);
        assert_eq!(text_in(&run), Some(0));
        assert_eq!(
            text_in(b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            None
        );
    }

    proptest! {
        #[test]
        fn a_quick_look_denies_no_text(
            bytes in "[a-z\\n\u{0}]{0,24}|[\u{80}-\u{7ff}a\u{1}]{0,12}|(a\u{0}){9,12}".prop_map(String::into_bytes),
            noise in prop::collection::vec((0_usize..24, any::<u8>()), 0..4),
        ) {
            let mut bytes = bytes;
            for (at, byte) in noise {
                bytes.get_mut(at).into_iter().for_each(|place| *place = byte);
            }
            bytes.truncate(24);
            let run = encode(&bytes, Alphabet { padded: false, ..STANDARD });
            let mut decoded = Vec::new();
            decode(&run, &mut decoded);
            prop_assert!(may_be_text(&run) || !is_text_decoded(&decoded), "{bytes:?}");
        }

        #[test]
        fn what_is_encoded_is_decoded(bytes: Vec<u8>, url_safe: bool, padded: bool) {
            let text = encode(&bytes, Alphabet { url_safe, padded, wrapped: None });
            let run: Vec<u8> = text.into_iter().filter(|byte| *byte != b'=').collect();
            let mut decoded = Vec::new();
            decode(&run, &mut decoded);
            prop_assert_eq!(decoded, bytes);
        }
    }
}
