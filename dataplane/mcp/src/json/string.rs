//! Strings: most of the bytes of most bodies, so the walk takes them in words and runs.

use super::{byte, fault_at, unexpected, word};
use crate::{Fault, ScanError};

/// How much of a string is walked a word at a time before the walk turns to long runs. Names, those of
/// `_meta` with their prefix too, and short values end within it, and for them setting up a run costs
/// more than it saves.
const SHORT: usize = 48;

const EACH_BYTE: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// A string that was walked over.
#[derive(Clone, Copy)]
pub(super) struct Quoted {
    /// Behind its closing quote.
    pub(super) end: usize,
    /// Whether it has escapes.
    pub(super) escaped: bool,
    /// Whether it may have bytes that are not ASCII, and so not be UTF-8.
    pub(super) non_ascii: bool,
}

/// Walks over the string whose opening quote is at `start`, validating all but its UTF-8.
#[inline(always)]
pub(super) fn walk(body: &[u8], start: usize) -> Result<Quoted, ScanError> {
    let mut at = start + 1;
    // Most end within a few words and without an escape.
    let mut high = 0;
    while let Some(word) = word(body, at) {
        // May see past the end of the string; that costs at most a needless UTF-8 check.
        high |= word;
        let stops = stops(word);
        if stops != 0 {
            at += stops.trailing_zeros() as usize / 8;
            if byte(body, at) == b'"' {
                let non_ascii = high & HIGH_BITS != 0;
                return Ok(Quoted { end: at + 1, escaped: false, non_ascii });
            }
            break;
        }
        at += 8;
        if at - start > SHORT {
            break;
        }
    }
    walk_rest(body, at, high & HIGH_BITS != 0)
}

/// The same from the middle of a string.
#[inline(never)]
fn walk_rest(body: &[u8], mut at: usize, mut non_ascii: bool) -> Result<Quoted, ScanError> {
    let mut escaped = false;
    loop {
        at = plain(body, at, &mut non_ascii);
        match byte(body, at) {
            b'"' => return Ok(Quoted { end: at + 1, escaped, non_ascii }),
            b'\\' => {
                escaped = true;
                at = escape(body, at)?;
            }
            control if at < body.len() => {
                return Err(fault_at(at, Fault::ControlCharacter(control)));
            }
            _ => return Err(unexpected(body, at)),
        }
    }
}

/// Steps over what needs no decoding, up to a quote, a backslash, a control character or the
/// end of the body.
#[inline(always)]
fn plain(body: &[u8], mut at: usize, non_ascii: &mut bool) -> usize {
    let long_from = at + SHORT;
    while let Some(word) = word(body, at) {
        *non_ascii |= word & HIGH_BITS != 0;
        let stops = stops(word);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == long_from {
            at = plain_run(body, at, non_ascii);
        }
    }
    while let Some(&byte) = body.get(at) {
        if is_stop(byte) {
            break;
        }
        *non_ascii |= !byte.is_ascii();
        at += 1;
    }
    at
}

/// The same for what is likely to be long.
fn plain_run(body: &[u8], at: usize, non_ascii: &mut bool) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    let run = memchr::memchr2(b'"', b'\\', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
    // Without a branch, so that the compiler makes vector instructions of it.
    let gather = |(lowest, all): (u8, u8), &byte: &u8| (lowest.min(byte), all | byte);
    let (lowest, all) = run.iter().fold((u8::MAX, 0), gather);
    *non_ascii |= !all.is_ascii();
    let control = if lowest < b' ' { run.iter().position(|&byte| byte < b' ') } else { None };
    at + control.unwrap_or(run.len())
}

/// Behind the escape at `start`.
#[inline(always)]
fn escape(body: &[u8], start: usize) -> Result<usize, ScanError> {
    match byte(body, start + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(start + 2),
        b'u' => unicode_escape(body, start),
        _ if start + 1 < body.len() => Err(fault_at(start, Fault::BadEscape)),
        _ => Err(unexpected(body, start + 1)),
    }
}

fn unicode_escape(body: &[u8], start: usize) -> Result<usize, ScanError> {
    let end = start + 6;
    match code_unit(body, start)? {
        0xD800..=0xDBFF => {
            if byte(body, end) == b'\\'
                && byte(body, end + 1) == b'u'
                && (0xDC00..=0xDFFF).contains(&code_unit(body, end)?)
            {
                Ok(end + 6)
            } else {
                Err(fault_at(start, Fault::LoneSurrogate))
            }
        }
        0xDC00..=0xDFFF => Err(fault_at(start, Fault::LoneSurrogate)),
        _ => Ok(end),
    }
}

/// The code unit that the `\u` escape at `start` names.
fn code_unit(body: &[u8], start: usize) -> Result<u32, ScanError> {
    let Some(digits) = body.get(start + 2..).and_then(<[u8]>::first_chunk::<4>) else {
        return Err(unexpected(body, body.len()));
    };
    let mut unit = 0;
    for &digit in digits {
        let Some(value) = char::from(digit).to_digit(16) else {
            return Err(fault_at(start, Fault::BadEscape));
        };
        unit = unit << 4 | value;
    }
    Ok(unit)
}

#[inline]
fn is_stop(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

/// The high bit of the first byte of `word` that stops the walk is set, and none below it.
///
/// Each term is the classic test for a byte below n: exact up to its lowest hit, as borrows run
/// only upwards. (Hacker's Delight, section 6-1.)
#[inline]
fn stops(word: u64) -> u64 {
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH_BYTE * limit) & !word;
    let is = |wanted: u8| below(word ^ (EACH_BYTE * u64::from(wanted)), 1);
    (is(b'"') | is(b'\\') | below(word, b' '.into())) & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_of_a_word_stops_or_passes_as_alone() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                for filler in [b'a', b'!', b'#', 0xFF, 0x80, b' ', 0x7F] {
                    let mut word = [filler; 8];
                    word[place] = byte;
                    let stops = stops(u64::from_le_bytes(word));
                    let expected = is_stop(byte).then_some(place);
                    let found = (stops != 0).then(|| stops.trailing_zeros() as usize / 8);
                    assert_eq!(found, expected, "{byte:#x} at {place} among {filler:#x}");
                }
            }
        }
    }

    #[test]
    fn a_string_of_any_length_ends_at_its_quote_and_nowhere_else() {
        for length in 0..300 {
            let mut body = vec![b'x'; length + 2];
            body[0] = b'"';
            body[length + 1] = b'"';
            body.extend_from_slice(
                b"tail of other bytes, long enough for a word or two to follow it",
            );
            let quoted = walk(&body, 0).unwrap();
            assert_eq!((quoted.end, quoted.escaped), (length + 2, false));
            body[length + 1] = 0x1F;
            let error = walk(&body, 0).err().unwrap();
            assert_eq!(error.fault, Fault::ControlCharacter(0x1F));
            assert_eq!(error.at as usize, length + 1);
        }
    }
}
