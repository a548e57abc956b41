//! What every match of a regex has, so that a text without it need not be searched.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Sets of words grow by multiplication; past this many a set is given up.
const WORDS_MAX: usize = 128;
/// A class of more bytes than this says nothing as a part of a word.
const CLASS_MAX: usize = 4;
/// Digits are together where no more than so many other bytes are between two.
pub(crate) const GAP_MAX: usize = 4;
/// Repetitions are counted up to here.
const COUNT_MAX: usize = 256;

/// Of every match of a regex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// One of these is in it, in whatever case; they are in lower case. `None` where nothing is known.
    pub(crate) words: Option<Vec<Vec<u8>>>,
    /// So many bytes of a token ([`is_token`]) stand in it without another between them.
    pub(crate) run: usize,
    /// Digits that stand together in it.
    pub(crate) digits: Cluster,
    /// It is no longer.
    pub(crate) bytes_max: Option<usize>,
}

/// Letters and digits, and what keys and tokens are written with beside them.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=')
}

impl Need {
    pub(crate) fn of(hir: &Hir) -> Self {
        let words = Words::of(hir);
        let whole = words.exact.filter(|set| set.iter().all(|word| !word.is_empty()));
        Self {
            words: better(words.best, whole),
            run: Run::of(hir).best,
            digits: Cluster::of(hir),
            bytes_max: hir.properties().maximum_len(),
        }
    }
}

/// How seldom words are met: by the shortest of them, and less the more they are.
pub(crate) fn rarity(words: &[Vec<u8>]) -> f64 {
    let shortest = words.iter().map(Vec::len).min().unwrap_or(0);
    let count = words.len().max(1);
    let small = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    small(shortest) - 0.3 * small(count).log2()
}

fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if rarity(&other) > rarity(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// The bytes of a class, in lower case; `None` where they are too many or are no bytes.
fn bytes_of(class: &Class, at_most: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut take = |start: u8, end: u8| {
        // A letter in both its cases is one.
        if usize::from(end - start) > 2 * at_most {
            return None;
        }
        bytes.extend((start..=end).map(|byte| byte.to_ascii_lowercase()));
        Some(())
    };
    match class {
        Class::Bytes(class) => {
            for range in class.ranges() {
                take(range.start(), range.end())?;
            }
        }
        Class::Unicode(class) => {
            for range in class.ranges() {
                let ascii = |one: char| u8::try_from(u32::from(one)).ok().filter(u8::is_ascii);
                take(ascii(range.start())?, ascii(range.end())?)?;
            }
        }
    }
    bytes.sort_unstable();
    bytes.dedup();
    (bytes.len() <= at_most).then_some(bytes)
}

/// Whether every byte of a class is of a kind.
fn all(class: &Class, kind: fn(u8) -> bool) -> bool {
    let ascii = |one: char| u8::try_from(u32::from(one)).ok().filter(u8::is_ascii);
    match class {
        Class::Bytes(class) => {
            let mut ranges = class.ranges().iter();
            ranges.all(|range| (range.start()..=range.end()).all(kind))
        }
        Class::Unicode(class) => {
            class.ranges().iter().all(|range| match (ascii(range.start()), ascii(range.end())) {
                (Some(start), Some(end)) => (start..=end).all(kind),
                _ => false,
            })
        }
    }
}

/// Words of which one is in every match.
#[derive(Debug, Clone, Default)]
struct Words {
    /// Every match is one of these, whole.
    exact: Option<Vec<Vec<u8>>>,
    /// One of these is in every match.
    best: Option<Vec<Vec<u8>>>,
}

impl Words {
    fn exact(set: Vec<Vec<u8>>) -> Self {
        Self { exact: Some(unique(set)), best: None }
    }

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::exact(vec![Vec::new()]),
            HirKind::Literal(literal) => Self::exact(vec![literal.0.to_ascii_lowercase()]),
            HirKind::Class(class) => match bytes_of(class, CLASS_MAX) {
                Some(bytes) => Self::exact(bytes.into_iter().map(|byte| vec![byte]).collect()),
                None => Self::default(),
            },
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) => {
                let sub = Self::of(&repetition.sub);
                match (repetition.min, repetition.max) {
                    (0, Some(1)) => match sub.exact {
                        Some(mut set) if set.len() < WORDS_MAX / 4 => {
                            set.push(Vec::new());
                            Self::exact(set)
                        }
                        _ => Self::default(),
                    },
                    (0, _) => Self::default(),
                    (min, max) => {
                        let times = usize::try_from(min).unwrap_or(usize::MAX).min(COUNT_MAX);
                        let exact = sub.exact.as_ref().and_then(|set| power(set, times));
                        match exact {
                            Some(set) if Some(min) == max && times < COUNT_MAX => Self::exact(set),
                            set => Self {
                                exact: None,
                                best: better(
                                    sub.best,
                                    set.or(sub.exact).filter(|set| none_empty(set)),
                                ),
                            },
                        }
                    }
                }
            }
            HirKind::Concat(parts) => Self::of_concat(parts),
            HirKind::Alternation(parts) => Self::of_alternation(parts),
        }
    }

    fn of_concat(parts: &[Hir]) -> Self {
        let mut best = None;
        let mut whole = true;
        let mut joined = vec![Vec::new()];
        let mut end = |joined: &mut Vec<Vec<u8>>| {
            let words = std::mem::replace(joined, vec![Vec::new()]);
            if none_empty(&words) {
                best = better(best.take(), Some(unique(words)));
            }
        };
        let mut others = None;
        for part in parts {
            let words = Self::of(part);
            let longer = words.exact.as_ref().and_then(|set| product(&joined, set));
            if let Some(longer) = longer {
                joined = longer;
                continue;
            }
            whole = false;
            end(&mut joined);
            if let Some(set) = words.exact {
                joined = set;
            } else {
                others = better(others, words.best);
            }
        }
        if whole {
            return Self::exact(joined);
        }
        end(&mut joined);
        Self { exact: None, best: better(best, others) }
    }

    fn of_alternation(parts: &[Hir]) -> Self {
        let all: Vec<Self> = parts.iter().map(Self::of).collect();
        let exact: Option<Vec<Vec<Vec<u8>>>> = all.iter().map(|one| one.exact.clone()).collect();
        let exact = exact.map(|sets| unique(sets.concat())).filter(|set| set.len() <= WORDS_MAX);
        if let Some(set) = exact {
            return Self::exact(set);
        }
        let mut words = Vec::new();
        for one in all {
            match better(one.best, one.exact.filter(|set| none_empty(set))) {
                Some(set) => words.extend(set),
                None => return Self::default(),
            }
        }
        let words = unique(words);
        Self { exact: None, best: (words.len() <= WORDS_MAX).then_some(words) }
    }
}

fn none_empty(words: &[Vec<u8>]) -> bool {
    words.iter().all(|word| !word.is_empty())
}

fn unique(mut words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    words.sort_unstable();
    words.dedup();
    words
}

fn product(one: &[Vec<u8>], other: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if one.len() * other.len() > WORDS_MAX {
        return None;
    }
    let joined = |first: &Vec<u8>| -> Vec<Vec<u8>> {
        other.iter().map(|second| [first.as_slice(), second].concat()).collect()
    };
    Some(one.iter().flat_map(joined).collect())
}

fn power(set: &[Vec<u8>], times: usize) -> Option<Vec<Vec<u8>>> {
    (0..times).try_fold(vec![Vec::new()], |words, _| product(&words, set))
}

/// The longest run of token bytes that every match has.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// It is nothing but token bytes, and at least so many.
    whole: Option<usize>,
    /// So many at its beginning, at its end, and somewhere.
    head: usize,
    tail: usize,
    best: usize,
}

impl Run {
    fn whole(length: usize) -> Self {
        Self { whole: Some(length), head: length, tail: length, best: length }
    }

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::whole(0),
            HirKind::Literal(literal) => {
                let token =
                    |byte: &u8| if is_token(*byte) { Self::whole(1) } else { Self::default() };
                literal.0.iter().map(token).fold(Self::whole(0), Self::then)
            }
            HirKind::Class(class) if all(class, is_token) => Self::whole(1),
            HirKind::Class(_) => Self::default(),
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) => {
                let one = Self::of(&repetition.sub);
                let min = usize::try_from(repetition.min).unwrap_or(usize::MAX).min(COUNT_MAX);
                match (min, one.whole) {
                    (_, Some(length)) => Self::whole(length * min),
                    (0, None) => Self::default(),
                    (_, None) => {
                        let all = (1..min).fold(one, |all, _| all.then(one));
                        // More of them come behind these, perhaps.
                        Self { tail: all.tail.min(one.tail), ..all }
                    }
                }
            }
            HirKind::Concat(parts) => parts.iter().map(Self::of).fold(Self::whole(0), Self::then),
            HirKind::Alternation(parts) => {
                let either = |one: Self, other: Self| Self {
                    whole: one.whole.zip(other.whole).map(|(one, other)| one.min(other)),
                    head: one.head.min(other.head),
                    tail: one.tail.min(other.tail),
                    best: one.best.min(other.best),
                };
                parts.iter().map(Self::of).reduce(either).unwrap_or_default()
            }
        }
    }

    fn then(self, next: Self) -> Self {
        Self {
            whole: self.whole.zip(next.whole).map(|(one, other)| one + other),
            head: self.whole.map_or(self.head, |length| length + next.head),
            tail: next.whole.map_or(next.tail, |length| length + self.tail),
            best: self.best.max(next.best).max(self.tail + next.head),
        }
    }
}

/// The digits of every match that stand together, with no more than [`GAP_MAX`] other bytes between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cluster {
    /// So many, at least,
    pub(crate) digits: usize,
    /// in so many groups that others stand between.
    pub(crate) groups: usize,
}

impl Cluster {
    /// Whether it has all of another.
    pub(super) fn has(self, other: Self) -> bool {
        self.digits >= other.digits && self.groups >= other.groups
    }

    /// The most that a part of every match has.
    fn of(hir: &Hir) -> Self {
        let whole = Digits::of(hir);
        if whole.inner.is_some_and(|gap| gap <= GAP_MAX) {
            return Self { digits: whole.count, groups: whole.groups };
        }
        match hir.kind() {
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => Self::of(&repetition.sub),
            HirKind::Alternation(parts) => {
                let fewest = |one: Self, other: Self| Self {
                    digits: one.digits.min(other.digits),
                    groups: one.groups.min(other.groups),
                };
                parts.iter().map(Self::of).reduce(fewest).unwrap_or_default()
            }
            HirKind::Concat(parts) => {
                let each: Vec<Digits> = parts.iter().map(Digits::of).collect();
                let mut best = Self::default();
                for start in 0..each.len() {
                    let mut joined = Digits::EMPTY;
                    for part in each.iter().skip(start) {
                        joined = joined.then(*part);
                        if joined.inner.is_none_or(|gap| gap > GAP_MAX) {
                            break;
                        }
                        let here = Self { digits: joined.count, groups: joined.groups };
                        best = best.more(here);
                    }
                }
                parts.iter().map(Self::of).fold(best, Self::more)
            }
            _ => Self::default(),
        }
    }

    fn more(self, other: Self) -> Self {
        let rank = |one: &Self| (one.digits, one.groups);
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// How many digits every match has, and how far they stand apart.
#[derive(Debug, Clone, Copy)]
struct Digits {
    count: usize,
    groups: usize,
    /// Other bytes before the first digit, between two, and behind the last, at most; `None` is any number. Where
    /// it may have no digit at all, `head` and `tail` are its length.
    head: Option<usize>,
    inner: Option<usize>,
    tail: Option<usize>,
    /// The same at least.
    head_min: usize,
    tail_min: usize,
    /// It may have no digit.
    none: bool,
}

impl Digits {
    const EMPTY: Self = Self::other(0, 0);
    const DIGIT: Self = Self { count: 1, groups: 1, none: false, ..Self::EMPTY };

    /// A piece of so many bytes that has no digit for certain.
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
        }
    }

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::EMPTY,
            HirKind::Literal(literal) => {
                let byte = |byte: &u8| {
                    if byte.is_ascii_digit() { Self::DIGIT } else { Self::other(1, 1) }
                };
                literal.0.iter().map(byte).fold(Self::EMPTY, Self::then)
            }
            HirKind::Class(class) => {
                if all(class, |byte| byte.is_ascii_digit()) {
                    Self::DIGIT
                } else if all(class, |byte| !byte.is_ascii_digit()) {
                    Self::other(1, 1)
                } else {
                    // It may be a digit, or a character of several bytes.
                    Self::other(0, hir.properties().maximum_len().unwrap_or(4))
                }
            }
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) => {
                let one = Self::of(&repetition.sub);
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
            HirKind::Concat(parts) => parts.iter().map(Self::of).fold(Self::EMPTY, Self::then),
            HirKind::Alternation(parts) => {
                parts.iter().map(Self::of).reduce(Self::or).unwrap_or(Self::EMPTY)
            }
        }
    }

    fn then(self, next: Self) -> Self {
        let sum = |one: Option<usize>, other: Option<usize>| Some(one? + other?);
        let most = |one: Option<usize>, other: Option<usize>| Some(one?.max(other?));
        let between = sum(self.tail, next.head);
        let apart = self.tail_min + next.head_min > 0;
        let joined = usize::from(!apart && self.groups > 0 && next.groups > 0);
        Self {
            count: (self.count + next.count).min(COUNT_MAX),
            groups: (self.groups + next.groups - joined).min(COUNT_MAX),
            head: if self.none { most(self.head, sum(self.head, next.head)) } else { self.head },
            inner: most(most(self.inner, next.inner), between),
            tail: if next.none { most(next.tail, sum(next.tail, self.tail)) } else { next.tail },
            head_min: if self.none { 0 } else { self.head_min },
            tail_min: if next.none { 0 } else { next.tail_min },
            none: self.none && next.none,
        }
        .of_others(self, next)
    }

    /// Two pieces without a digit are one without.
    fn of_others(self, one: Self, other: Self) -> Self {
        let fewest = one.head_min + other.head_min;
        match (one.none && one.count == 0, other.none && other.count == 0) {
            (true, true) => Self { head_min: fewest, tail_min: fewest, ..self },
            (true, false) if one.is_only_others() => {
                Self { head_min: one.head_min + other.head_min, ..self }
            }
            (false, true) if other.is_only_others() => {
                Self { tail_min: one.tail_min + other.tail_min, ..self }
            }
            _ => self,
        }
    }

    /// It never has a digit, as far as is known.
    fn is_only_others(self) -> bool {
        self.none && self.count == 0
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Pattern;

    fn need(regex: &str) -> Need {
        Need::of(&Pattern::parse(regex).expect("a regex").1)
    }

    fn words(regex: &str) -> Vec<String> {
        let words = need(regex).words.unwrap_or_default();
        words.into_iter().map(|word| String::from_utf8(word).expect("text")).collect()
    }

    #[test]
    fn the_rarest_words_of_which_one_must_be_there_are_found() {
        assert_eq!(words(r"\b(ghp_[0-9a-z]{36})\b"), ["ghp_"]);
        assert_eq!(words("(?i:Stripe).{0,20}(?:sk|rk)_live_[a-z]+"), ["rk_live_", "sk_live_"]);
        assert_eq!(words("(?:AKIA|ASIA)[A-Z2-7]{16}"), ["akia", "asia"]);
        assert_eq!(words("colou?r[0-9]*"), ["color", "colour"]);
        assert_eq!(words("(?:ab){2}x+"), ["abab"]);
        assert_eq!(words(r"\d{3}-\d{4}"), ["-"]);
        assert_eq!(words(r"a?\d{3}"), Vec::<String>::new());
        assert_eq!(words("(?:long|[0-9])x*"), Vec::<String>::new());
    }

    #[test]
    fn the_run_of_token_bytes_is_the_shortest_that_can_be() {
        assert_eq!(need("ghp_[0-9a-z]{36}").run, 40);
        assert_eq!(need("[a-f0-9]{32}(?:[a-f0-9]{8})?").run, 32);
        assert_eq!(need(r"key\s?=\s?[a-z]{20}").run, 20);
        assert_eq!(need("[a-z]{3}(?:-|:)[a-z]{5}").run, 5);
        assert_eq!(need("(?:[a-z]{4},){2,}").run, 4);
        assert_eq!(need("(?:[a-z]{40}|[a-z]{20}:x)").run, 20);
        assert_eq!(need("[a-z]*").run, 0);
    }

    #[test]
    fn digits_that_stand_together_are_counted_with_their_groups() {
        let digits = |regex| (need(regex).digits.digits, need(regex).digits.groups);
        assert_eq!(digits(r"\d{3}-\d{2}-\d{4}"), (9, 3));
        assert_eq!(digits(r"\d{3}[ -]{0,2}\d{3}"), (6, 1));
        assert_eq!(digits(r"(?:\d{4} ?){3}\d{4}"), (16, 1));
        assert_eq!(digits(r"\d+(?:\.\d+){3,5}"), (4, 4));
        assert_eq!(digits(r"\d{3}x*\d{4}"), (4, 1));
        assert_eq!(digits(r"\d{3}(?:-\d{3})?"), (3, 1));
        assert_eq!(digits(r"(?:^|[^\w])(\d{3}-\d{3})\b(?:[./]\w{1,24})?"), (6, 2));
        assert_eq!(digits(r"ab\d{3}|\d{2}-\d{4}"), (3, 1));
        assert_eq!(need("[a-z]{1,5}").bytes_max, Some(5));
    }

    fn any_regex() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            "[a-c1-2-]{1,3}".prop_map(|text| text.replace('-', r"\-")),
            Just("[a-c]".to_owned()),
            Just("[0-9]".to_owned()),
            Just("[A-Za-z0-9]".to_owned()),
            Just("[ ,]".to_owned()),
            Just(r"\b".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4)
                    .prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner.clone(), 0_u32..4, 0_u32..3)
                    .prop_map(|(part, min, more)| format!("(?:{part}){{{min},{}}}", min + more)),
                (inner, 0_u32..3).prop_map(|(part, min)| format!("(?i:{part}){{{min},}}")),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn every_match_has_what_is_said_of_it(regex in any_regex(), text in "[a-cA1-2 ,-]{0,40}") {
            let (pattern, hir) = Pattern::parse(&regex).expect("a regex");
            let need = Need::of(&hir);
            let mut wrong = None;
            let all = (0..text.len()).into();
            pattern.matches(text.as_bytes(), all, crate::rule::Group::First, |whole, _| {
                let found = &text.as_bytes()[whole.range()];
                let lower = found.to_ascii_lowercase();
                let word = |word: &Vec<u8>| memchr::memmem::find(&lower, word).is_some();
                let runs = found.split(|byte| !is_token(*byte)).map(<[u8]>::len);
                let mut most = Cluster::default();
                crate::engine::spans::clusters(found, 1, GAP_MAX, |here, _| {
                    most.digits = most.digits.max(here.digits);
                    most.groups = most.groups.max(here.groups);
                });
                let holds = need.words.as_ref().is_none_or(|words| words.iter().any(word))
                    && runs.max().unwrap_or(0) >= need.run
                    && most.digits >= need.digits.digits
                    && most.groups >= need.digits.groups
                    && need.bytes_max.is_none_or(|most| found.len() <= most);
                if !holds {
                    wrong = Some(String::from_utf8_lossy(found).into_owned());
                }
            });
            proptest::prop_assert!(wrong.is_none(), "{regex}: {wrong:?} against {need:?}");
        }
    }
}
