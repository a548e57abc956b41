//! Runs that are text in base64.

use std::ops::Range;

use memchr::memchr_iter;

use super::wide::Order;

/// Shorter ones hold nothing that would be worth hiding: 18 bytes.
const RUN_MIN: usize = 24;
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
/// Lines of base64 that is wrapped are not shorter, but for the last;
const LINE_MIN: usize = 16;
/// below a single one that is not longer, no word is taken for the last.
const LINE_LONG: usize = 40;
/// It is tasted together so often before each line is by itself: a word may stand above it.
const TRIES_MAX: usize = 2;
/// No more blanks are behind each, and no more is before it,
const MARGIN_MAX: usize = 64;
/// of which a comment begins with so many signs.
const SIGNS_MAX: usize = 3;
/// Or with this.
const REMARK: &[u8] = b"rem ";

/// How a run was written, so that it can be written like this again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alphabet {
    /// `-` and `_` in the place of `+` and `/`.
    pub(crate) url_safe: bool,
    /// Whether `=` is written behind it.
    pub(crate) padded: bool,
    /// How it was wrapped, if it was.
    pub(crate) wrapped: Option<Wrapped>,
}

/// Lines of so many letters, the first of which may be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapped {
    pub(crate) first: usize,
    pub(crate) line: usize,
    /// What is between them: blanks, the end of a line, and what each begins with, as an indent or `> `.
    pub(crate) between: Vec<u8>,
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
pub(crate) fn encode(bytes: &[u8], alphabet: &Alphabet) -> Vec<u8> {
    let mut out = letters(bytes, alphabet.url_safe);
    if alphabet.padded {
        while !out.len().is_multiple_of(4) {
            out.push(b'=');
        }
    }
    let Some(Wrapped { first, line, between }) = &alphabet.wrapped else { return out };
    let (first, rest) = out.split_at((*first).min(out.len()));
    let lines = std::iter::once(first).chain(rest.chunks((*line).max(1)));
    lines.collect::<Vec<_>>().join(between.as_slice())
}

/// The letters of `bytes`, without padding.
pub(crate) fn letters(bytes: &[u8], url_safe: bool) -> Vec<u8> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter = |value: u32| match (value, url_safe) {
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
    out
}

/// A part of what a run stands for, up to where what was encoded ends: without padding the run goes on in a path over a
/// `/` or `-`, and what that stands for is no text. As the first of a group it begins a byte that no text has, as the
/// third it ends a 15, and as the fourth it is a `?` or `>` before what is none or nothing.
pub(crate) fn without_path(bytes: &[u8], part: Range<usize>) -> Range<usize> {
    let is_text = |group: &[u8]| match std::str::from_utf8(group) {
        Ok(text) => !text.contains(|one: char| one.is_control() && !one.is_whitespace()),
        Err(error) => error.error_len().is_none(),
    };
    let ends = |at: &usize| match (at % 3, bytes.get(*at..).unwrap_or_default()) {
        (0, [first, ..]) => *first >= 0xf8,
        (1, [first, rest @ ..]) => *first == 15 && rest.first().is_none_or(|next| *next >= 0x80),
        (2, [b'?' | b'>', rest @ ..]) => rest.is_empty() || !is_text(rest.get(..3).unwrap_or(rest)),
        _ => false,
    };
    let end = part.clone().skip(1).find(ends).unwrap_or(part.end);
    part.start..end
}

/// Where in a run text begins that is worth looking at, if anywhere: its groups of four may begin at any of four
/// places, as other letters may stand before it, or a path, or bytes that are no text.
fn text_in(run: &[u8]) -> Option<usize> {
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

/// Whether all that a run stands for is.
fn is_printable_all(run: &[u8]) -> bool {
    let mut decoded = Vec::with_capacity(run.len());
    decode(run, &mut decoded);
    !decoded.is_empty() && decoded.iter().all(|byte| is_printable(*byte))
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

/// The runs that are long enough for a line in a part of a text in which nothing stands but what a run has and its
/// padding; they are told without that.
pub(crate) fn runs(text: &[u8], part: &Range<usize>, mut found: impl FnMut(Range<usize>)) {
    let mut start = part.start;
    let bytes = text.get(part.clone()).unwrap_or_default();
    for end in memchr_iter(b'=', bytes).chain([bytes.len()]) {
        let end = part.start + end;
        if end - start >= LINE_MIN {
            found(start..end);
        }
        start = end + 1;
    }
}

/// A run by the lines that it is on: all of them but the first and the last have as many letters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) lines: Vec<Range<usize>>,
    /// What is between two of them, if there are two.
    between: Range<usize>,
}

impl Lines {
    /// The lines on which a run goes on that begins with `first`.
    pub(crate) fn of(text: &[u8], first: Range<usize>) -> Self {
        let mut all = Self { lines: vec![first.clone()], between: first.end..first.end };
        let Some(margin) = margin(text, first.end) else { return all };
        all.between = first.end..first.end + margin;
        // What a difference begins its lines with is a letter, too.
        let at = |at: usize| text.get(at).filter(|byte| matches!(byte, b'+' | b'-'));
        let begins = first.start == 0 || text.get(first.start - 1) == Some(&b'\n');
        if begins && at(first.start).is_some() && at(first.start) == at(all.between.end) {
            all.between.end += 1;
            all.lines.iter_mut().for_each(|line| line.start += 1);
        }
        let between = text.get(all.between.clone()).unwrap_or_default();
        let mut width = None;
        while let Some(last) = all.lines.last() {
            let start = last.end + between.len();
            if text.get(last.end..start) != Some(between) {
                break;
            }
            let most = width.unwrap_or(usize::MAX);
            let rest = text.get(start..).unwrap_or_default();
            let length = rest.iter().take(most).take_while(|byte| is_base64(**byte)).count();
            let next = start..start + length;
            let full = length >= width.unwrap_or(last.len());
            if text.get(next.end).is_some_and(|byte| is_base64(*byte))
                || !full && !all.ends_with(text, &next)
            {
                break;
            }
            all.lines.push(next);
            if !full {
                break;
            }
            width = Some(length);
        }
        all
    }

    /// Whether a line is the last of the run, which is shorter: a word of prose is followed by others, or is no whole
    /// number of groups.
    fn ends_with(&self, text: &[u8], line: &Range<usize>) -> bool {
        let behind = text.get(line.end..).unwrap_or_default();
        let padding = behind.iter().take(2).take_while(|byte| **byte == b'=').count();
        let behind = behind.get(padding..).unwrap_or_default().iter();
        let goes_on = |byte: &&u8| !matches!(byte, b' ' | b'\t' | b'\r' | b',' | b'.' | b';');
        let ends = behind.take(MARGIN_MAX).find(goes_on);
        let ends = ends.is_none_or(|byte| {
            !byte.is_ascii_alphanumeric() && !matches!(byte, b':' | b'-' | b'(')
        });
        let letters = text.get(line.clone()).unwrap_or_default();
        let first = self.lines.first().map_or(0, ExactSizeIterator::len);
        let short = first < LINE_LONG || !first.is_multiple_of(4);
        let word = padding == 0
            && self.lines.len() == 1
            && short
            && !letters.iter().any(u8::is_ascii_digit);
        let before = self.letters();
        let total = before + line.len();
        // Without padding the last group may be short; what the line goes on with is text then.
        let goes_on = letters.get((4 - before % 4) % 4..).unwrap_or_default();
        let whole = padding > 0
            || total.is_multiple_of(4)
            || total % 4 != 1 && first >= LINE_LONG && is_printable_all(goes_on);
        ends && !letters.is_empty() && !word && whole
    }

    /// What of it is text: all of it, or all but a word above it, or lines that are text by themselves.
    pub(crate) fn texts(self, text: &[u8]) -> Vec<Self> {
        let of =
            |lines: &[Range<usize>]| Self { lines: lines.to_vec(), between: self.between.clone() };
        let mut all = Vec::new();
        let mut tries = TRIES_MAX;
        for (at, line) in self.lines.iter().enumerate() {
            let rest = self.lines.get(at..).unwrap_or_default();
            if tries > 0 && !are_apart(text, rest) {
                tries -= 1;
                if let Some(run) = of(rest).tasted(text) {
                    all.push(run);
                    break;
                }
            }
            if rest.len() > 1 || at > 0 {
                all.extend(of(std::slice::from_ref(line)).tasted(text));
            }
        }
        all
    }

    /// From where it is text on, if it is.
    fn tasted(mut self, text: &[u8]) -> Option<Self> {
        let line = |line: &Range<usize>| text.get(line.clone()).unwrap_or_default();
        let mut skipped = match self.lines.as_slice() {
            _ if self.letters() < RUN_MIN => None,
            [one] => text_in(line(one)),
            all => text_in(&all.iter().map(line).collect::<Vec<_>>().concat()),
        }?;
        self.lines.retain_mut(|line| {
            let part = skipped.min(line.len());
            skipped -= part;
            line.start += part;
            line.start < line.end
        });
        Some(self)
    }

    /// How many letters there are.
    pub(crate) fn letters(&self) -> usize {
        self.lines.iter().map(ExactSizeIterator::len).sum()
    }

    /// The bytes of the text from its first letter to its last, with the padding behind that, which may be on a line of
    /// its own; and how many signs that has.
    pub(crate) fn run(&self, text: &[u8]) -> (Range<usize>, usize) {
        let start = self.lines.first().map_or(0, |first| first.start);
        let mut end = self.lines.last().map_or(0, |last| last.end);
        let between = text.get(self.between.clone()).unwrap_or_default();
        let mut signs = 0;
        while signs < 2 {
            let rest = text.get(end..).unwrap_or_default();
            let below = rest.strip_prefix(between).filter(|below| below.first() == Some(&b'='));
            match below {
                _ if rest.first() == Some(&b'=') => end += 1,
                Some(_) => end += between.len() + 1,
                None => break,
            }
            signs += 1;
        }
        (start..end, signs)
    }

    /// How it is wrapped, if it is.
    pub(crate) fn wrapped(&self, text: &[u8]) -> Option<Wrapped> {
        let [first, second, rest @ ..] = self.lines.as_slice() else { return None };
        let line = if rest.is_empty() { first.len().max(second.len()) } else { second.len() };
        let between = text.get(self.between.clone())?.to_vec();
        Some(Wrapped { first: first.len(), line, between })
    }
}

/// Whether lines are runs of their own: the second is text by itself, and none as what the first goes on with.
fn are_apart(text: &[u8], lines: &[Range<usize>]) -> bool {
    let [first, second, ..] = lines else { return false };
    let second = text.get(second.clone()).unwrap_or_default();
    let goes_on = second.get((4 - first.len() % 4) % 4..).unwrap_or_default();
    is_text(second) && !is_text(goes_on)
}

/// How much is between a line that ends here and the letters of the next: blanks, the end of the line, and what may
/// stand before a line of a quote, a comment or a list.
fn margin(text: &[u8], end: usize) -> Option<usize> {
    let rest = text.get(end..text.len().min(end + 2 * MARGIN_MAX))?;
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let blanks = rest.iter().take_while(blank).count();
    let returns = usize::from(rest.get(blanks) == Some(&b'\r'));
    let begins = blanks + returns + 1;
    let line = rest.get(begins..).filter(|_| rest.get(begins - 1) == Some(&b'\n'))?;
    let mark = |byte: &&u8| {
        matches!(byte, b' ' | b'\t' | b'>' | b'#' | b'*' | b'|' | b';' | b'%' | b'!' | b':')
    };
    let mut marks = line.iter().take_while(mark).count();
    let word = line.get(marks..marks + REMARK.len());
    if word.is_some_and(|word| word.eq_ignore_ascii_case(REMARK)) {
        marks += REMARK.len();
    }
    let behind = line.get(marks..)?;
    let signs = behind.iter().take_while(|byte| matches!(byte, b'/' | b'-' | b'+')).count();
    let blanks = behind.get(signs..)?.iter().take_while(blank).count();
    let signs = if (1..=SIGNS_MAX).contains(&signs) && blanks > 0 { signs + blanks } else { 0 };
    Some(begins + marks + signs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STANDARD: Alphabet = Alphabet { url_safe: false, padded: true, wrapped: None };

    #[test]
    fn text_is_found_at_each_of_four_places() {
        let run = encode(b"a secret that stands in this text", &STANDARD);
        let run = run.strip_suffix(b"=").unwrap_or(&run);
        for before in ["", "x", "xy", "xyz"] {
            let all = [before.as_bytes(), run].concat();
            assert_eq!(text_in(&all), Some(before.len()), "{before}");
        }
        let run = encode("テキストの中に秘密がある".as_bytes(), &STANDARD);
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
            let run = encode(&bytes, &Alphabet { padded: false, ..STANDARD });
            let mut decoded = Vec::new();
            decode(&run, &mut decoded);
            prop_assert!(may_be_text(&run) || !is_text_decoded(&decoded), "{bytes:?}");
        }

        #[test]
        fn what_is_encoded_is_decoded(bytes: Vec<u8>, url_safe: bool, padded: bool) {
            let text = encode(&bytes, &Alphabet { url_safe, padded, wrapped: None });
            let run: Vec<u8> = text.into_iter().filter(|byte| *byte != b'=').collect();
            let mut decoded = Vec::new();
            decode(&run, &mut decoded);
            prop_assert_eq!(decoded, bytes);
        }
    }
}
