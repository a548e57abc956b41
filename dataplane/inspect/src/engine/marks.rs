//! What each byte of a text is, a bit a byte: places that are worth a look are told 64 bytes at a time.

use std::ops::Range;

use wide::u8x16;

/// A block has so many bytes,
const BLOCK: usize = 64;
/// which are looked at so many at once.
const LANES: usize = 16;
/// Signs with which some forms begin.
pub(super) const SIGNS: [u8; 5] = *b":.-@+";
/// Of tokens only longer runs are told.
pub(super) const RUN_MIN: usize = 16;
/// A place is before a digit where that is no further behind.
pub(super) const LEAD_MAX: usize = 10;

/// Of 64 bytes, which are what.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    digits: u64,
    /// Letters, digits and `_`.
    words: u64,
    /// As [`Kind::Token`](super::dense::Kind::Token) has it.
    tokens: u64,
    signs: u64,
}

/// The marks of a text.
#[derive(Debug, Default)]
pub(super) struct Marks {
    blocks: Vec<Block>,
    bytes: usize,
}

impl Marks {
    pub(super) fn read(&mut self, text: &[u8]) {
        self.bytes = text.len();
        self.blocks.clear();
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        self.blocks.extend(blocks.iter().map(Block::of));
        if !rest.is_empty() {
            let mut last = [0; BLOCK];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.blocks.push(Block::of(&last));
        }
    }

    /// Tells the places of [`SIGNS`].
    pub(super) fn signs(&self, mut found: impl FnMut(usize)) {
        for (number, block) in self.blocks.iter().enumerate() {
            each(block.signs, |place| found(number * BLOCK + place));
        }
    }

    /// Tells the places before digits, or at one, that no letter, digit or `_` is before.
    pub(super) fn before_digits(&self, mut found: impl FnMut(usize)) {
        for number in 0..self.blocks.len() {
            let digits = self.two(number, |block| block.digits);
            if digits == 0 {
                continue;
            }
            // As far back as the lead is long.
            let near = digits | digits >> 1;
            let near = near | near >> 2;
            let near = near | near >> 4;
            let near = low(near | near >> (LEAD_MAX - 7));
            each(near & !self.behind_words(number), |place| found(number * BLOCK + place));
        }
    }

    /// Tells the places within a part of the text that no letter, digit or `_` is before.
    pub(super) fn apart(&self, part: Range<usize>, mut found: impl FnMut(usize)) {
        for number in part.start / BLOCK..part.end.div_ceil(BLOCK) {
            let base = number * BLOCK;
            let within = from(part.start.saturating_sub(base)) & !from(part.end - base);
            each(!self.behind_words(number) & within, |place| found(base + place));
        }
    }

    /// Tells the runs of token bytes, [`RUN_MIN`] or longer.
    pub(super) fn runs(&self, mut found: impl FnMut(Range<usize>)) {
        let mut next = 0;
        for number in 0..self.blocks.len() {
            // Where as many follow each other.
            let all = self.two(number, |block| block.tokens);
            let all = all & all >> 1;
            let all = all & all >> 2;
            let all = all & all >> 4;
            let mut begin = low(all & all >> 8);
            let base = number * BLOCK;
            while begin != 0 {
                let start = base + places(begin.trailing_zeros());
                if start >= next {
                    next = self.run_end(start);
                    found(start..next);
                }
                begin &= from(next.saturating_sub(base));
            }
        }
    }

    /// Where the run that has this place ends.
    fn run_end(&self, at: usize) -> usize {
        let mut number = at / BLOCK;
        let mut other = !self.block(number).tokens & from(at % BLOCK);
        while other == 0 && number < self.blocks.len() {
            number += 1;
            other = !self.block(number).tokens;
        }
        (number * BLOCK + places(other.trailing_zeros())).min(self.bytes)
    }

    fn block(&self, number: usize) -> Block {
        self.blocks.get(number).copied().unwrap_or_default()
    }

    /// Of a block the bytes that stand behind one that words are written with.
    fn behind_words(&self, number: usize) -> u64 {
        let before = number.checked_sub(1).map_or(0, |before| self.block(before).words);
        self.block(number).words << 1 | before >> (BLOCK - 1)
    }

    /// Of a block and of the next the bytes that are something.
    fn two(&self, number: usize, are: impl Fn(Block) -> u64) -> u128 {
        u128::from(are(self.block(number))) | u128::from(are(self.block(number + 1))) << BLOCK
    }
}

impl Block {
    fn of(bytes: &[u8; BLOCK]) -> Self {
        let (parts, _) = bytes.as_chunks::<LANES>();
        let mut all = Self::default();
        for (number, part) in parts.iter().enumerate() {
            let bytes = u8x16::new(*part);
            let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            let among = |bytes: u8x16, first: u8, last: u8| {
                let from = bytes - u8x16::splat(first);
                from.simd_eq(from.min(u8x16::splat(last - first)))
            };
            let digits = among(bytes, b'0', b'9');
            let letters = among(bytes | u8x16::splat(0x20), b'a', b'z');
            let words = digits | letters | is(b'_');
            let tokens = words | is(b'-') | is(b'+') | is(b'/') | is(b'=');
            let signs = SIGNS.map(is).into_iter().fold(u8x16::splat(0), |all, one| all | one);
            let put = |marks: u8x16| u64::from(marks.to_bitmask()) << (number * LANES);
            all.digits |= put(digits);
            all.words |= put(words);
            all.tokens |= put(tokens);
            all.signs |= put(signs);
        }
        all
    }
}

/// The bits from this one on.
fn from(place: usize) -> u64 {
    u32::try_from(place).ok().and_then(|place| u64::MAX.checked_shl(place)).unwrap_or(0)
}

fn low(all: u128) -> u64 {
    u64::try_from(all & u128::from(u64::MAX)).unwrap_or(0)
}

fn places(bits: u32) -> usize {
    usize::try_from(bits).unwrap_or(0)
}

/// Tells which bits are set.
fn each(mut bits: u64, mut found: impl FnMut(usize)) {
    while bits != 0 {
        found(places(bits.trailing_zeros()));
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dense::Kind;
    use super::*;

    fn is_word(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || byte == b'_'
    }

    fn marks(text: &[u8]) -> Marks {
        let mut marks = Marks::default();
        marks.read(b"what was read before");
        marks.read(text);
        marks
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn every_byte_is_marked_as_it_is(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut signs = Vec::new();
            marks(&text).signs(|at| signs.push(at));
            let expected: Vec<usize> = (0..text.len()).filter(|at| SIGNS.contains(&text[*at])).collect();
            prop_assert_eq!(signs, expected);
            let mut apart = Vec::new();
            marks(&text).apart(0..text.len(), |at| apart.push(at));
            let first = |at: &usize| at.checked_sub(1).is_none_or(|before| !is_word(text[before]));
            let expected: Vec<usize> = (0..text.len()).filter(first).collect();
            prop_assert_eq!(apart, expected);
        }

        #[test]
        fn places_are_told_as_byte_by_byte(text in "[0a_ .=/\u{e9}-]{0,240}|[0-9a-z]{0,80}[ .][a-z+=/]{0,150}", cut in 0_usize..200, length in 0_usize..80) {
            let text = text.as_bytes();
            let first = |at: &usize| at.checked_sub(1).is_none_or(|before| !is_word(text[before]));
            let mut digits = Vec::new();
            marks(text).before_digits(|at| digits.push(at));
            let near = |at: &usize| text[*at..].iter().take(LEAD_MAX + 1).any(u8::is_ascii_digit);
            let expected: Vec<usize> = (0..text.len()).filter(first).filter(near).collect();
            prop_assert_eq!(digits, expected);
            let part = cut.min(text.len())..(cut + length).min(text.len());
            let mut apart = Vec::new();
            marks(text).apart(part.clone(), |at| apart.push(at));
            prop_assert_eq!(apart, part.filter(first).collect::<Vec<_>>());
            let mut runs = Vec::new();
            marks(text).runs(|run| runs.push(run));
            let mut expected = Vec::new();
            let mut at = 0;
            for piece in text.split(|byte| !Kind::Token.has(*byte)) {
                if piece.len() >= RUN_MIN {
                    expected.push(at..at + piece.len());
                }
                at += piece.len() + 1;
            }
            prop_assert_eq!(runs, expected);
        }
    }
}
