//! Sets of bytes.

use regex_syntax::hir::Class;

/// Which of the 256 are in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    pub(super) const NONE: Self = Self([0; 4]);
    pub(super) const ALL: Self = Self([u64::MAX; 4]);

    pub(super) fn of(holds: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::NONE;
        (0..=u8::MAX).filter(|byte| holds(*byte)).for_each(|byte| set.insert(byte));
        set
    }

    pub(super) fn of_ranges(ranges: impl Iterator<Item = (u8, u8)>) -> Self {
        let mut set = Self::NONE;
        for (start, end) in ranges {
            (start..=end).for_each(|byte| set.insert(byte));
        }
        set
    }

    pub(super) fn only(byte: Option<&u8>) -> Self {
        let mut set = Self::NONE;
        if let Some(byte) = byte {
            set.insert(*byte);
        }
        set
    }

    pub(super) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    pub(super) const fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 == 1
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    pub(super) fn is_within(self, other: Self) -> bool {
        self.and(other) == other
    }

    /// How many there are.
    pub(super) fn len(self) -> usize {
        (0..=u8::MAX).filter(|byte| self.has(*byte)).count()
    }

    /// The only one.
    pub(super) fn single(self) -> Option<u8> {
        (0..=u8::MAX).find(|byte| self.has(*byte)).filter(|_| self.len() == 1)
    }

    /// Whether a letter, a digit or `_` is one of them.
    pub(super) fn has_word(self) -> bool {
        (0..=u8::MAX).any(|byte| is_word(byte) && self.has(byte))
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Those of a class; of characters that are no ASCII all bytes that they are written with.
pub(super) fn of_class(class: &Class) -> Bytes {
    match class {
        Class::Bytes(class) => {
            let ranges = class.ranges().iter();
            Bytes::of_ranges(ranges.map(|range| (range.start(), range.end())))
        }
        Class::Unicode(class) => {
            let ascii = |one: char| u8::try_from(u32::from(one)).unwrap_or(u8::MAX);
            let ranges = class.ranges().iter();
            let ranges = ranges.map(|range| (ascii(range.start()), ascii(range.end())));
            Bytes::of_ranges(ranges.chain([(0x80, u8::MAX)]))
        }
    }
}
