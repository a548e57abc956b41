//! Runs that are text in base64.

use std::ops::Range;

use memchr::memchr_iter;

/// Shorter ones hold nothing that would be worth hiding: 18 bytes.
pub(crate) const RUN_MIN: usize = 24;
/// So much of a run is decoded to see whether it is text.
const TASTE: usize = 32;

/// How a run was written, so that it can be written like this again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alphabet {
    /// `-` and `_` in the place of `+` and `/`.
    pub(crate) url_safe: bool,
    /// How many `=` stood behind it.
    pub(crate) padding: usize,
}

fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Whether a byte may stand in a run.
pub(crate) fn is_base64(byte: u8) -> bool {
    value(byte).is_some()
}

/// Appends what a run stands for to `out`; what is left of an odd end is no whole byte, and dropped.
pub(crate) fn decode(run: &[u8], out: &mut Vec<u8>) {
    for four in run.chunks(4) {
        let mut bits = 0_u32;
        for byte in four {
            bits = bits << 6 | u32::from(value(*byte).unwrap_or(0));
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
    if alphabet.padding > 0 {
        while !out.len().is_multiple_of(4) {
            out.push(b'=');
        }
    }
    out
}

/// Where in a run text begins that is worth looking at, if anywhere: its groups of four may begin at any of four places,
/// as other letters may stand before it.
pub(crate) fn text_in(run: &[u8]) -> Option<usize> {
    (0..4).find(|skipped| {
        let taste = run.get(*skipped..).unwrap_or_default();
        let taste = taste.get(..TASTE.min(taste.len())).unwrap_or_default();
        let mut decoded = Vec::with_capacity(TASTE);
        decode(taste, &mut decoded);
        // In random bytes two of five are printable.
        let printable = |byte: &&u8| matches!(**byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
        decoded.len() >= RUN_MIN / 2
            && (decoded.iter().filter(printable).count() * 8 >= decoded.len() * 7
                || is_utf8(&decoded))
    })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STANDARD: Alphabet = Alphabet { url_safe: false, padding: 1 };

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
        fn what_is_encoded_is_decoded(bytes: Vec<u8>, url_safe: bool, padding in 0_usize..2) {
            let text = encode(&bytes, Alphabet { url_safe, padding });
            let run: Vec<u8> = text.into_iter().filter(|byte| *byte != b'=').collect();
            let mut decoded = Vec::new();
            decode(&run, &mut decoded);
            prop_assert_eq!(decoded, bytes);
        }
    }
}
