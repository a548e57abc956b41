//! Words of which every match of a regex has one.

use memchr::memmem;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::dense::COUNT_MAX;

/// Sets of words grow by multiplication; past this many a set is given up.
const WORDS_MAX: usize = 256;
/// A class of more bytes than this says nothing as a part of a word.
const CLASS_MAX: usize = 4;

/// Words that a match begins with are not multiplied past this length.
const PREFIX_ENOUGH: usize = 6;

/// How often, as a rule of thumb, words are met in a KiB of text.
pub(super) fn frequency(words: &[Vec<u8>]) -> f64 {
    words.iter().map(|word| frequency_of(word)).sum()
}

fn frequency_of(word: &[u8]) -> f64 {
    /// In what agents and their tools say.
    const COMMON: &[u8] =
        b"http:// https:// key token secret user password name api auth id url the code data \
        type value number default content message service access account admin address place \
        route test note command context version client server status string error event \
        config create request response square passage set net pat";
    /// By length.
    const RARER: [f64; 8] = [1000.0, 200.0, 8.0, 2.0, 0.5, 0.2, 0.1, 0.05];
    // One of another alphabet is there in each of its cases.
    let cases = if word.is_ascii() { 1.0 } else { 3.0 };
    let by_length = RARER.get(word.len()).copied().unwrap_or(0.02) / cases;
    if memmem::find(COMMON, word).is_some() { by_length.max(2.0) } else { by_length }
}

fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    match (one, other) {
        (Some(one), Some(other)) => {
            Some(if frequency(&other) < frequency(&one) { other } else { one })
        }
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

/// Words of which one is in every match.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    /// Every match is one of these, whole.
    exact: Option<Vec<Vec<u8>>>,
    /// One of these is in every match.
    best: Option<Vec<Vec<u8>>>,
}

impl Words {
    /// The words that are met least often, if any are known.
    pub(super) fn best(hir: &Hir) -> Option<Vec<Vec<u8>>> {
        let words = Self::of(hir);
        better(words.best, words.exact.filter(|set| none_empty(set)))
    }

    /// Words of which every match begins with one.
    pub(super) fn prefixes(hir: &Hir) -> Option<Vec<Vec<u8>>> {
        let words = without_longer(prefixes(hir).0);
        none_empty(&words).then_some(words)
    }

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

/// What a regex begins with, and whether that is the whole of it.
fn prefixes(hir: &Hir) -> (Vec<Vec<u8>>, bool) {
    let unknown = || (vec![Vec::new()], false);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (vec![Vec::new()], true),
        HirKind::Literal(literal) => (vec![literal.0.to_ascii_lowercase()], true),
        HirKind::Class(class) => match bytes_of(class, CLASS_MAX) {
            Some(bytes) => (bytes.into_iter().map(|byte| vec![byte]).collect(), true),
            None => unknown(),
        },
        HirKind::Capture(capture) => prefixes(&capture.sub),
        HirKind::Repetition(repetition) => {
            let (mut set, whole) = prefixes(&repetition.sub);
            match (repetition.min, repetition.max) {
                (1, Some(1)) => (set, whole),
                (0, Some(1)) if whole && set.len() < CLASS_MAX => {
                    set.push(Vec::new());
                    (set, true)
                }
                (0, _) => unknown(),
                _ => (set, false),
            }
        }
        HirKind::Concat(parts) => {
            let mut joined = vec![Vec::new()];
            for part in parts {
                let (set, whole) = prefixes(part);
                let long = joined.iter().all(|word: &Vec<u8>| word.len() >= PREFIX_ENOUGH);
                match product(&joined, &set) {
                    Some(longer) if !long || set.len() == 1 => joined = longer,
                    _ => return (joined, false),
                }
                if !whole {
                    return (joined, false);
                }
            }
            (joined, true)
        }
        HirKind::Alternation(forms) => {
            let each: Vec<_> = forms.iter().map(prefixes).collect();
            let whole = each.iter().all(|(_, whole)| *whole);
            let set = unique(each.into_iter().flat_map(|(set, _)| set).collect());
            if set.len() <= WORDS_MAX { (set, whole) } else { unknown() }
        }
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

/// Without those that begin with another.
pub(super) fn without_longer(words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    // In order, one stands behind what it begins with.
    for word in unique(words) {
        if kept.last().is_none_or(|last| !word.starts_with(last)) {
            kept.push(word);
        }
    }
    kept
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Pattern;

    fn words(regex: &str) -> Vec<String> {
        let pattern = Pattern::parse(regex).expect("a regex");
        let words = Words::best(pattern.hir()).unwrap_or_default();
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
}
