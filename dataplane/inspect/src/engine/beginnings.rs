//! What matches may begin with: of most places the bytes about them say that none begins there.

use std::ops::BitAnd;

use regex_syntax::hir::{Class, Hir, HirKind};

use super::alike::READ;
use super::bytes::Bytes;

/// So many bytes are looked at before a place,
pub(super) const BEFORE: usize = 2;
/// and so many from there on,
const AHEAD: usize = 8;
/// so that all of them are these.
const WINDOW: usize = BEFORE + AHEAD;

/// What one form may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Beginning {
    ahead: [Bytes; AHEAD],
    /// The last byte before it, and the one before that.
    before: [Bytes; BEFORE],
}

/// The beginnings of many forms, in as many groups as a number has bits.
#[derive(Debug)]
pub(super) struct Beginnings {
    /// For each byte, by where in the window it stands, the groups that may have it there.
    groups: Box<[[u32; WINDOW]; 256]>,
}

/// What of a regex is known byte by byte.
#[derive(Debug, Clone, Copy)]
struct Known {
    bytes: [Bytes; AHEAD],
    /// In how many bytes it may end, a bit each; the last one for what has as many as are looked at, or more.
    ends: u32,
}

impl Beginning {
    /// Of a regex over what bytes are read as, with what may stand before it.
    pub(super) fn of(read: &Hir, before: [Bytes; BEFORE]) -> Self {
        Self { ahead: Known::of(read).with_any_behind().bytes, before }
    }
}

impl Beginnings {
    pub(super) fn of(mut forms: Vec<Beginning>) -> Self {
        // Those that are alike stand together.
        forms.sort_unstable();
        forms.dedup();
        let mut groups = Box::new([[0; WINDOW]; 256]);
        let bits = 0..u32::BITS;
        let in_one = forms.len().div_ceil(bits.len()).max(1);
        for (bit, forms) in bits.zip(forms.chunks(in_one)) {
            for (byte, row) in (0..=u8::MAX).zip(groups.iter_mut()) {
                let read = READ[usize::from(byte)];
                let any = |holds: &dyn Fn(&Beginning) -> bool| u32::from(forms.iter().any(holds));
                let (before, ahead) = row.split_at_mut(BEFORE);
                for (place, groups) in before.iter_mut().rev().enumerate() {
                    *groups |= any(&|one| one.before[place].has(byte)) << bit;
                }
                for (place, groups) in ahead.iter_mut().enumerate() {
                    *groups |= any(&|one| one.ahead[place].has(read)) << bit;
                }
            }
        }
        Self { groups }
    }

    /// Whether any may begin here.
    pub(super) fn may_be(&self, text: &[u8], at: usize) -> bool {
        let first = at.checked_sub(BEFORE);
        let window = first.and_then(|first| text.get(first..)?.first_chunk::<WINDOW>());
        let groups = |(place, byte): (usize, &u8)| self.groups[usize::from(*byte)][place];
        let left = match window {
            Some(window) => window.iter().enumerate().map(groups).fold(u32::MAX, BitAnd::bitand),
            // What is not there says nothing.
            None => (0..WINDOW)
                .filter_map(|place| Some((place, text.get((at + place).checked_sub(BEFORE)?)?)))
                .map(groups)
                .fold(u32::MAX, BitAnd::bitand),
        };
        left != 0 && at < text.len()
    }
}

impl Known {
    const EMPTY: Self = Self { bytes: [Bytes::NONE; AHEAD], ends: 1 };
    const ENDS: u32 = (1 << (AHEAD + 1)) - 1;

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::EMPTY,
            HirKind::Literal(literal) => {
                let bytes = literal.0.iter().map(|byte| Self::byte(Bytes::only(Some(byte))));
                bytes.fold(Self::EMPTY, Self::then)
            }
            HirKind::Class(Class::Bytes(class)) => {
                let ranges = class.ranges().iter();
                Self::byte(Bytes::of_ranges(ranges.map(|range| (range.start(), range.end()))))
            }
            HirKind::Class(Class::Unicode(_)) => {
                Self { bytes: [Bytes::ALL; AHEAD], ends: Self::ENDS }
            }
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Concat(parts) => parts.iter().map(Self::of).fold(Self::EMPTY, Self::then),
            HirKind::Alternation(forms) => {
                let none = Self { ends: 0, ..Self::EMPTY };
                forms.iter().map(Self::of).fold(none, Self::or)
            }
            HirKind::Repetition(repetition) => {
                let sub = Self::of(&repetition.sub);
                let times = |times: u32| usize::try_from(times).unwrap_or(AHEAD).min(AHEAD);
                let fewest = times(repetition.min);
                let most = repetition.max.map_or(AHEAD, times);
                let once_more = |all: Self, _| all.then(sub);
                let all = (0..fewest).fold(Self::EMPTY, once_more);
                (fewest..most)
                    .fold((all, all), |(all, one), _| (all.or(one.then(sub)), one.then(sub)))
                    .0
            }
        }
    }

    fn byte(set: Bytes) -> Self {
        let mut bytes = [Bytes::NONE; AHEAD];
        bytes[0] = set;
        Self { bytes, ends: 1 << 1 }
    }

    fn then(self, next: Self) -> Self {
        let mut all = Self { ends: 0, ..self };
        for first in (0..=AHEAD).filter(|first| self.ends >> first & 1 == 1) {
            for (own, other) in all.bytes.iter_mut().skip(first).zip(next.bytes) {
                *own = own.and(other);
            }
            let ends = next.ends << first;
            all.ends |= ends & Self::ENDS | u32::from(ends > Self::ENDS) << AHEAD;
        }
        all
    }

    fn or(self, other: Self) -> Self {
        let bytes = std::array::from_fn(|place| self.bytes[place].and(other.bytes[place]));
        Self { bytes, ends: self.ends | other.ends }
    }

    /// Behind its end there may be any byte.
    fn with_any_behind(self) -> Self {
        self.then(Self { bytes: [Bytes::ALL; AHEAD], ends: Self::ENDS })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::Input;
    use regex_automata::meta::Regex;

    use super::super::alike::over_read;
    use super::super::atoms::tests::any_regex;
    use super::*;
    use crate::rule::Pattern;

    fn read(regex: &str) -> Hir {
        over_read(Pattern::parse(regex).expect("a regex").hir())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_place_is_left_out_at_which_one_begins(
            regexes in prop::collection::vec(any_regex(), 1..80),
            text in "[a-c0-2 ,:@.+\"-]{0,24}",
        ) {
            let all: Vec<Hir> = regexes.iter().map(|regex| read(regex)).collect();
            let before = [Bytes::of(|byte| byte != b'a'), Bytes::of(|byte| byte != b'0')];
            let beginnings = Beginnings::of(all.iter().map(|read| Beginning::of(read, before)).collect());
            let any = Regex::builder().build_from_hir(&Hir::alternation(all)).expect("a regex");
            let seen: Vec<u8> = text.bytes().map(|byte| READ[usize::from(byte)]).collect();
            for at in 0..seen.len() {
                let input = Input::new(&seen).range(at..).anchored(regex_automata::Anchored::Yes);
                let fits = text[..at].chars().rev().zip(['a', '0']).all(|(byte, none)| byte != none);
                if fits && any.is_match(input) {
                    prop_assert!(beginnings.may_be(text.as_bytes(), at), "{regexes:?} at {at} of {text:?}");
                }
            }
        }
    }

    #[test]
    fn bytes_before_and_behind_say_where_none_begins() {
        let dates = Beginning::of(
            &read(r"\d{1,4}[./-]\d\d[./-]\d{2,4}"),
            [Bytes::of(|byte| byte != b'.'), Bytes::ALL],
        );
        let name = Beginning::of(&read("key[0-9]+"), [Bytes::ALL; BEFORE]);
        let beginnings = Beginnings::of(vec![dates, name]);
        let places = |text: &str| -> Vec<usize> {
            (0..text.len()).filter(|at| beginnings.may_be(text.as_bytes(), *at)).collect()
        };
        assert_eq!(places("on 2024-11-22 at noon"), [3, 4, 5, 6]);
        assert_eq!(places("on 2024:11:22 at noon, 10.00.10.00 more"), [23, 24, 27]);
        assert_eq!(places("a keyed key1 of many"), [8]);
        assert_eq!(places("a keen one of many"), Vec::<usize>::new());
        assert!(!beginnings.may_be(b"", 0));
    }
}
