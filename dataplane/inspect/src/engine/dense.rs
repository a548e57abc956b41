//! Bytes of a kind that stand close together in every match of a regex.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::marks::RUN_MIN;

/// Repetitions are counted up to here.
pub(super) const COUNT_MAX: usize = 256;

/// Bytes that are seldom close together in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Letters and digits, and what keys and tokens are written with beside them; without a gap.
    Token,
    /// Digits, of which no two have more than four other bytes between them.
    Digit,
    /// Capital letters and digits, with no more than one other byte between two.
    Capital,
    /// Hex digits, with no more than one other byte between two.
    Hex,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Token, Self::Digit, Self::Capital, Self::Hex];
    /// Those with a gap.
    pub(super) const APART: [Self; 3] = [Self::Digit, Self::Capital, Self::Hex];

    pub(super) const fn has(self, byte: u8) -> bool {
        match self {
            Self::Token => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=')
            }
            Self::Digit => byte.is_ascii_digit(),
            Self::Capital => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
        }
    }

    pub(super) const fn gap(self) -> usize {
        match self {
            Self::Token => 0,
            Self::Digit => 4,
            Self::Capital | Self::Hex => 1,
        }
    }

    /// Fewer are everywhere.
    pub(super) const fn fewest(self) -> usize {
        match self {
            Self::Token => RUN_MIN,
            Self::Digit => 4,
            Self::Capital => 9,
            Self::Hex => 12,
        }
    }
}

/// Bytes of a kind that stand together, with no more than its gap between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cluster {
    /// So many,
    pub(crate) bytes: usize,
    /// in so many groups that others stand between.
    pub(crate) groups: usize,
}

impl Cluster {
    /// Whether it has all of another.
    pub(super) fn has(self, other: Self) -> bool {
        self.bytes >= other.bytes && self.groups >= other.groups
    }

    /// The most that every match of a regex has.
    pub(super) fn of(hir: &Hir, kind: Kind) -> Self {
        let close = |gap: Option<usize>| gap.is_some_and(|gap| gap <= kind.gap());
        let whole = Counted::of(hir, kind);
        if close(whole.inner) {
            return whole.cluster();
        }
        match hir.kind() {
            HirKind::Capture(capture) => Self::of(&capture.sub, kind),
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                Self::of(&repetition.sub, kind)
            }
            HirKind::Alternation(parts) => {
                let fewest = |one: Self, other: Self| Self {
                    bytes: one.bytes.min(other.bytes),
                    groups: one.groups.min(other.groups),
                };
                parts.iter().map(|part| Self::of(part, kind)).reduce(fewest).unwrap_or_default()
            }
            HirKind::Concat(parts) => {
                let each: Vec<Counted> = parts.iter().map(|part| Counted::of(part, kind)).collect();
                let mut best = Self::default();
                for start in 0..each.len() {
                    let mut joined = Counted::EMPTY;
                    for part in each.iter().skip(start) {
                        joined = joined.then(*part);
                        if !close(joined.inner) {
                            break;
                        }
                        best = best.more(joined.cluster());
                    }
                }
                parts.iter().map(|part| Self::of(part, kind)).fold(best, Self::more)
            }
            _ => Self::default(),
        }
    }

    /// How many bytes of a kind are in every match of a regex, close together from the first of them on, and how many
    /// others may stand before that; `None` where that may be more than `lead_max`.
    pub(super) fn leading(hir: &Hir, kind: Kind, lead_max: usize) -> Option<(usize, usize)> {
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(hir),
        };
        let mut lead: usize = 0;
        let mut all = Counted::EMPTY;
        for part in parts {
            let next = Counted::of(part, kind);
            // What has none for certain is before the first.
            if all.none && next.none {
                lead = lead.saturating_add(part.properties().maximum_len()?);
                if lead > lead_max {
                    return None;
                }
            } else if all.none {
                all = next;
            } else if all.then(next).inner.is_some_and(|inner| inner <= kind.gap()) {
                all = all.then(next);
            } else {
                break;
            }
        }
        let close = all.inner.is_some_and(|inner| inner <= kind.gap());
        let head = all.head.filter(|_| close && !all.none)?;
        Some((all.count, lead.saturating_add(head))).filter(|(_, lead)| *lead <= lead_max)
    }

    fn more(self, other: Self) -> Self {
        let rank = |one: &Self| (one.bytes, one.groups);
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// How many bytes of a kind every match has, and how far they stand apart.
#[derive(Debug, Clone, Copy)]
struct Counted {
    count: usize,
    groups: usize,
    /// Other bytes before the first, between two, and behind the last, at most; `None` is any number. Where
    /// it may have none at all, `head` and `tail` are its length.
    head: Option<usize>,
    inner: Option<usize>,
    tail: Option<usize>,
    /// The same at least.
    head_min: usize,
    tail_min: usize,
    /// It may have none,
    none: bool,
    /// and it never has one.
    never: bool,
}

impl Counted {
    const EMPTY: Self = Self::other(0, 0);
    const ONE: Self = Self { count: 1, groups: 1, none: false, never: false, ..Self::EMPTY };

    /// A piece of so many bytes that has none for certain.
    const fn other(fewest: usize, most: usize) -> Self {
        Self {
            count: 0,
            groups: 0,
            head: Some(most),
            inner: Some(0),
            tail: Some(most),
            head_min: fewest,
            tail_min: fewest,
            none: true,
            never: true,
        }
    }

    fn of(hir: &Hir, kind: Kind) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::EMPTY,
            HirKind::Literal(literal) => {
                let byte = |byte: &u8| {
                    if kind.has(*byte) { Self::ONE } else { Self::other(1, 1) }
                };
                literal.0.iter().map(byte).fold(Self::EMPTY, Self::then)
            }
            HirKind::Class(class) => {
                if all(class, |byte| kind.has(byte)) {
                    Self::ONE
                } else if all(class, |byte| !kind.has(byte)) {
                    Self::other(1, 1)
                } else {
                    // It may be one, or a character of several bytes.
                    Self {
                        never: false,
                        ..Self::other(0, hir.properties().maximum_len().unwrap_or(4))
                    }
                }
            }
            HirKind::Capture(capture) => Self::of(&capture.sub, kind),
            HirKind::Repetition(repetition) => {
                let one = Self::of(&repetition.sub, kind);
                let min = usize::try_from(repetition.min).unwrap_or(usize::MAX).min(COUNT_MAX);
                let max = repetition.max.and_then(|max| usize::try_from(max).ok());
                let max = max.filter(|max| *max <= COUNT_MAX);
                let fewest = (0..min).fold(Self::EMPTY, |all, _| all.then(one));
                match max {
                    Some(max) => {
                        let most = (min..max).fold(fewest, |all, _| all.then(one));
                        fewest.or(most)
                    }
                    None if one.none => Self { head: None, inner: None, tail: None, ..fewest },
                    None => fewest.then(one).then(one).or(fewest),
                }
            }
            HirKind::Concat(parts) => {
                parts.iter().map(|part| Self::of(part, kind)).fold(Self::EMPTY, Self::then)
            }
            HirKind::Alternation(parts) => parts
                .iter()
                .map(|part| Self::of(part, kind))
                .reduce(Self::or)
                .unwrap_or(Self::EMPTY),
        }
    }

    fn then(self, next: Self) -> Self {
        let sum = |one: Option<usize>, other: Option<usize>| Some(one? + other?);
        let most = |one: Option<usize>, other: Option<usize>| Some(one?.max(other?));
        let between = sum(self.tail, next.head);
        let apart = self.tail_min + next.head_min > 0;
        let joined = usize::from(!apart && self.groups > 0 && next.groups > 0);
        // Of a piece that may have some, and may have none, nothing is known for certain.
        let before = match (self.never, self.none) {
            (true, _) => self.head_min + next.head_min,
            (false, true) => 0,
            (false, false) => self.head_min,
        };
        let behind = match (next.never, next.none) {
            (true, _) => self.tail_min + next.tail_min,
            (false, true) => 0,
            (false, false) => next.tail_min,
        };
        Self {
            count: (self.count + next.count).min(COUNT_MAX),
            groups: (self.groups + next.groups - joined).min(COUNT_MAX),
            head: if self.none { most(self.head, sum(self.head, next.head)) } else { self.head },
            inner: most(most(self.inner, next.inner), between),
            tail: if next.none { most(next.tail, sum(next.tail, self.tail)) } else { next.tail },
            head_min: before,
            tail_min: behind,
            none: self.none && next.none,
            never: self.never && next.never,
        }
    }

    fn cluster(self) -> Cluster {
        Cluster { bytes: self.count, groups: self.groups }
    }

    fn or(self, other: Self) -> Self {
        let most = |one: Option<usize>, other: Option<usize>| Some(one?.max(other?));
        Self {
            count: self.count.min(other.count),
            groups: self.groups.min(other.groups),
            head: most(self.head, other.head),
            inner: most(self.inner, other.inner),
            tail: most(self.tail, other.tail),
            head_min: self.head_min.min(other.head_min),
            tail_min: self.tail_min.min(other.tail_min),
            none: self.none || other.none,
            never: self.never && other.never,
        }
    }
}

/// Whether every byte of a class is of a kind.
fn all(class: &Class, kind: impl Fn(u8) -> bool) -> bool {
    let ascii = |one: char| u8::try_from(u32::from(one)).ok().filter(u8::is_ascii);
    match class {
        Class::Bytes(class) => {
            let mut ranges = class.ranges().iter();
            ranges.all(|range| (range.start()..=range.end()).all(&kind))
        }
        Class::Unicode(class) => {
            class.ranges().iter().all(|range| match (ascii(range.start()), ascii(range.end())) {
                (Some(start), Some(end)) => (start..=end).all(&kind),
                _ => false,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Pattern;

    fn cluster(kind: Kind, regex: &str) -> (usize, usize) {
        let Cluster { bytes, groups } =
            Cluster::of(Pattern::parse(regex).expect("a regex").hir(), kind);
        (bytes, groups)
    }

    #[test]
    fn the_run_of_token_bytes_is_the_shortest_that_can_be() {
        let run = |regex| cluster(Kind::Token, regex).0;
        assert_eq!(run("ghp_[0-9a-z]{36}"), 40);
        assert_eq!(run("[a-f0-9]{32}(?:[a-f0-9]{8})?"), 32);
        assert_eq!(run(r"key\s?=\s?[a-z]{20}"), 20);
        assert_eq!(run("[a-z]{3}(?:-|:)[a-z]{5}"), 5);
        assert_eq!(run("(?:[a-z]{4},){2,}"), 4);
        assert_eq!(run("(?:[a-z]{40}|[a-z]{20}:x)"), 20);
        assert_eq!(run("[a-z]*"), 0);
    }

    #[test]
    fn digits_that_stand_together_are_counted_with_their_groups() {
        let digits = |regex| cluster(Kind::Digit, regex);
        assert_eq!(digits(r"\d{3}-\d{2}-\d{4}"), (9, 3));
        assert_eq!(digits(r"\d{3}[ -]{0,2}\d{3}"), (6, 1));
        assert_eq!(digits(r"(?:\d{4} ?){3}\d{4}"), (16, 1));
        assert_eq!(digits(r"\d+(?:\.\d+){3,5}"), (4, 4));
        assert_eq!(digits(r"\d{3}x*\d{4}"), (4, 1));
        assert_eq!(digits(r"\d{3}(?:-\d{3})?"), (3, 1));
        assert_eq!(digits(r"(?:^|[^\w])(\d{3}-\d{3})\b(?:[./]\w{1,24})?"), (6, 2));
        assert_eq!(digits(r"ab\d{3}|\d{2}-\d{4}"), (3, 1));
    }

    #[test]
    fn other_kinds_stand_closer() {
        assert_eq!(cluster(Kind::Hex, "[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}"), (12, 6));
        assert_eq!(cluster(Kind::Capital, r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3}"), (16, 1));
        assert_eq!(cluster(Kind::Capital, "(?i)[A-Z]{9}"), (0, 0));
    }
}
