//! Rules that find nothing without a word beside a match, or in it, are asked only where one stands: numbers of nine
//! digits and UUIDs are everywhere, and what may be said of them is not.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Hit;
use crate::rule::{CONTEXT_AFTER, CONTEXT_BEFORE, Rule, begins_alone, stands_alone};

/// So much of a word is looked at first; of one that is a byte shorter all of it.
const BEGIN_BYTES: usize = 3;
/// For each beginning there is one of two to the power of this.
const HASH_BITS: u32 = 15;
/// of which these find its words.
const BEGIN_BITS: u32 = 12;

/// What must be where a match of a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Needs {
    /// Nothing that is looked for here.
    #[default]
    Nothing,
    /// A word of its context beside it.
    Context,
    /// One of its keywords in it.
    Keyword,
}

/// The words that are needed.
#[derive(Debug)]
pub(super) struct Beside {
    /// What words of a context begin with,
    context: Begins,
    /// and what keywords do.
    keywords: Begins,
    words: Vec<Word>,
    by_begin: ByBegin,
    /// Those of a byte, by which only columns are named.
    tiny: Vec<Word>,
    /// For each rule, what it needs.
    needs: Vec<Needs>,
}

/// What words begin with, a bit for each: of most places it says that none begins there, and it is so small that it
/// stays near the processor.
#[derive(Debug)]
struct Begins(Box<[u64; 1 << (HASH_BITS - 6)]>);

/// Words by the hash of their beginning, in one row.
#[derive(Debug)]
struct ByBegin {
    /// Where those begin that a part of the hash finds.
    starts: Vec<u32>,
    keys: Vec<Key>,
}

/// What is compared first of a word.
#[derive(Debug, Clone, Copy)]
struct Key {
    /// As many bytes as fit, [folded](fold),
    bytes: u64,
    /// and which they are.
    mask: u64,
    word: u32,
}

/// A word, in lower case.
#[derive(Debug)]
struct Word {
    bytes: Vec<u8>,
    of: Needs,
    /// The rules whose it is, in order.
    rules: Vec<usize>,
}

/// A thread's memory for it.
#[derive(Debug, Default)]
pub(super) struct Words {
    parts: Vec<Range<usize>>,
    found: Vec<Found>,
}

/// A word, and where it stands.
#[derive(Debug)]
struct Found {
    at: Range<usize>,
    /// Which it is.
    word: usize,
}

impl Default for Begins {
    fn default() -> Self {
        Self(Box::new([0; 1 << (HASH_BITS - 6)]))
    }
}

impl Begins {
    fn has(&self, hash: usize) -> bool {
        self.0.get(hash >> 6).is_some_and(|bits| bits >> (hash & 63) & 1 == 1)
    }

    fn insert(&mut self, hash: usize) {
        self.0.get_mut(hash >> 6).into_iter().for_each(|bits| *bits |= 1 << (hash & 63));
    }
}

/// Bytes of which letters are told apart by no case, nor a few others.
fn fold(bytes: u64) -> u64 {
    bytes | 0x2020_2020_2020_2020
}

/// The same of what a text has there; behind its end there are no bytes.
fn folded(text: &[u8]) -> u64 {
    fold(match text.first_chunk() {
        Some(all) => u64::from_le_bytes(*all),
        None => text.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte)),
    })
}

/// Of the first three of folded bytes.
fn hash(folded: u64) -> usize {
    let beginning = (folded & 0x00ff_ffff).wrapping_mul(0x9e37_79b1) & u64::from(u32::MAX);
    usize::try_from(beginning >> (32 - HASH_BITS)).unwrap_or(0)
}

impl Key {
    /// `None` where there are too many words.
    fn of(word: usize, bytes: &[u8]) -> Option<Self> {
        let bits = 8 * u32::try_from(bytes.len()).ok()?;
        let mask = u64::MAX.checked_shl(bits).map_or(u64::MAX, |rest| !rest);
        Some(Self { bytes: folded(bytes) & mask, mask, word: u32::try_from(word).ok()? })
    }
}

impl ByBegin {
    fn of(by_begin: &[Vec<Key>]) -> Self {
        let mut all = Self { starts: vec![0], keys: Vec::new() };
        for keys in by_begin {
            all.keys.extend(keys);
            all.starts.push(u32::try_from(all.keys.len()).unwrap_or(u32::MAX));
        }
        all
    }

    /// The words that a text may begin with which begins so.
    fn words(&self, folded: u64) -> impl Iterator<Item = usize> {
        let part = hash(folded) >> (HASH_BITS - BEGIN_BITS);
        let place = |at: usize| self.starts.get(at).and_then(|at| usize::try_from(*at).ok());
        let keys =
            place(part).zip(place(part + 1)).and_then(|(start, end)| self.keys.get(start..end));
        let are = keys.unwrap_or_default().iter().filter(move |key| folded & key.mask == key.bytes);
        are.filter_map(|key| usize::try_from(key.word).ok())
    }
}

impl Beside {
    pub(super) fn of(rules: &[Rule], needs: &[Needs]) -> Self {
        let mut needs = needs.to_vec();
        let mut known: BTreeMap<(Vec<u8>, Needs), Vec<usize>> = BTreeMap::new();
        for (index, (rule, needs)) in rules.iter().zip(&mut needs).enumerate() {
            let keywords: Vec<Vec<u8>> =
                rule.keywords.iter().map(|word| word.clone().into()).collect();
            let sought = match needs {
                Needs::Keyword => keywords.iter().all(|word| word.len() + 1 >= BEGIN_BYTES),
                Needs::Context => {
                    rule.context.written().iter().all(|word| word.len() + 1 >= BEGIN_BYTES)
                }
                Needs::Nothing => true,
            };
            if !sought {
                *needs = Needs::Nothing;
            }
            // A column may be named by the context of any rule.
            let context = if rule.require_context { rule.context.written() } else { Vec::new() };
            let keywords = if *needs == Needs::Keyword { keywords } else { Vec::new() };
            let of = |words: Vec<Vec<u8>>, of| words.into_iter().map(move |word| (word, of));
            for word in of(context, Needs::Context).chain(of(keywords, Needs::Keyword)) {
                known.entry(word).or_default().push(index);
            }
        }
        let (mut context, mut in_match) = (Begins::default(), Begins::default());
        let mut by_begin = vec![Vec::new(); 1 << BEGIN_BITS];
        let (mut words, mut tiny) = (Vec::new(), Vec::new());
        for ((bytes, of), rules) in known {
            let key = Key::of(words.len(), &bytes).filter(|_| bytes.len() + 1 >= BEGIN_BYTES);
            let Some(key) = key else {
                tiny.push(Word { bytes, of, rules });
                continue;
            };
            let third = |any: u8| key.bytes | u64::from(any) << 16;
            let all = if bytes.len() < BEGIN_BYTES { 0..=u8::MAX } else { 0..=0 };
            let mut hashes: Vec<usize> = all.map(|any| hash(fold(third(any)))).collect();
            let begins = if of == Needs::Context { &mut context } else { &mut in_match };
            for hash in &mut hashes {
                begins.insert(*hash);
                *hash >>= HASH_BITS - BEGIN_BITS;
            }
            hashes.sort_unstable();
            hashes.dedup();
            for part in hashes {
                by_begin.get_mut(part).into_iter().for_each(|keys: &mut Vec<Key>| keys.push(key));
            }
            words.push(Word { bytes, of, rules });
        }
        let by_begin = ByBegin::of(&by_begin);
        Self { context, keywords: in_match, words, by_begin, tiny, needs }
    }

    fn needs(&self, hit: &Hit) -> Needs {
        self.needs.get(hit.rule).copied().unwrap_or_default()
    }

    /// Leaves of `hits` those that a rule is worth asking about.
    pub(super) fn retain(&self, text: &[u8], words: &mut Words, hits: &mut Vec<Hit>) {
        let Words { parts, found } = words;
        parts.clear();
        found.clear();
        parts.extend(hits.iter().filter_map(|hit| about(hit, self.needs(hit), text)));
        if parts.is_empty() {
            return;
        }
        parts.sort_unstable_by_key(|part| part.start);
        let mut whole = 0..0;
        for part in parts.iter() {
            if part.start <= whole.end {
                whole.end = whole.end.max(part.end);
            } else {
                self.search_in(text, &whole, found);
                whole = part.clone();
            }
        }
        self.search_in(text, &whole, found);
        found.sort_unstable_by_key(|found| found.at.start);
        hits.retain(|hit| {
            let part = about(hit, self.needs(hit), text);
            part.is_none_or(|part| self.stands(hit.rule, &part, found))
        });
    }

    /// The rules that ask for a context of which a word stands in a name.
    pub(super) fn named(&self, name: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        self.search_in(name, &(0..name.len()), &mut found);
        let stands = |word: &&Word| {
            let own = |at: &usize| {
                let here = name.get(*at..at + word.bytes.len());
                here.is_some_and(|own| own.eq_ignore_ascii_case(&word.bytes))
            };
            (0..name.len()).filter(own).any(|at| stands_alone(name, at..at + word.bytes.len()))
        };
        let words = found.iter().filter_map(|found| self.words.get(found.word));
        let words = words.chain(self.tiny.iter().filter(stands));
        let of_context = words.filter(|word| word.of == Needs::Context);
        let mut rules: Vec<usize> = of_context.flat_map(|word| &word.rules).copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    fn search_in(&self, text: &[u8], part: &Range<usize>, found: &mut Vec<Found>) {
        let piece = text.get(part.clone()).unwrap_or_default();
        let mut see = |at: usize, folded: u64| {
            if self.may_begin(text, at, folded) {
                self.words_at(text, at..part.end, folded, found);
            }
        };
        let mut next = part.start;
        for (at, eight) in (part.start..).zip(piece.array_windows()) {
            see(at, fold(u64::from_le_bytes(*eight)));
            next = at + 1;
        }
        // What is shorter than it may be has no more bytes.
        for at in next..(part.start + piece.len()).saturating_sub(BEGIN_BYTES - 2) {
            see(at, folded(text.get(at..part.end).unwrap_or_default()));
        }
    }

    /// Whether a word may begin where a text goes on so.
    fn may_begin(&self, text: &[u8], at: usize, folded: u64) -> bool {
        let hash = hash(folded);
        self.keywords.has(hash) || self.context.has(hash) && begins_alone(text, at)
    }

    /// Tells the words that a part of the text begins with. It is called seldom: what is before that is to stay small.
    #[inline(never)]
    fn words_at(&self, text: &[u8], part: Range<usize>, folded: u64, found: &mut Vec<Found>) {
        let rest = text.get(part.clone()).unwrap_or_default();
        for index in self.by_begin.words(folded) {
            let Some(word) = self.words.get(index) else { continue };
            let own = rest.get(..word.bytes.len());
            let at = part.start..part.start + word.bytes.len();
            if own.is_some_and(|own| own.eq_ignore_ascii_case(&word.bytes))
                && (word.of != Needs::Context || stands_alone(text, at.clone()))
            {
                found.push(Found { at, word: index });
            }
        }
    }

    /// Whether one of a rule's words is in a part of the text.
    fn stands(&self, rule: usize, part: &Range<usize>, found: &[Found]) -> bool {
        let of_rule = |found: &Found| {
            self.words.get(found.word).is_some_and(|word| word.rules.binary_search(&rule).is_ok())
        };
        let first = found.partition_point(|found| found.at.start < part.start);
        let mut near = found.iter().skip(first).take_while(|found| found.at.start < part.end);
        near.any(|found| found.at.end <= part.end && of_rule(found))
    }
}

/// The part of a text in which what a match needs must be, where that is in the window of a hit.
fn about(hit: &Hit, needs: Needs, text: &[u8]) -> Option<Range<usize>> {
    let window = hit.window(&(0..text.len()));
    match needs {
        Needs::Nothing => None,
        Needs::Keyword => Some(window),
        Needs::Context => {
            let end = window.end.saturating_add(CONTEXT_AFTER).min(text.len());
            Some(window.start.saturating_sub(CONTEXT_BEFORE)..end)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rule::RuleSet;

    fn rules() -> RuleSet {
        let file = "[[rules]]
id = 'a'
regex = '[0-9]{3}'
context = ['ab', 'b c']
requireContext = true
[[rules]]
id = 'b'
regex = '[0-9]{2}'
context = ['cc']
requireContext = true
[[rules]]
id = 'c'
regex = '[0-9]{3}'
[[rules]]
id = 'd'
regex = '[a-c]{0,3} ?[0-9]{2}'
keywords = ['ca']
[[rules]]
id = 'e'
regex = '[0-9]'
context = ['e']
requireContext = true
";
        RuleSet::from_file("own.toml", file, &mut |_| Err("none".into())).expect("rules")
    }

    const NEEDS: [Needs; 5] =
        [Needs::Context, Needs::Context, Needs::Nothing, Needs::Keyword, Needs::Context];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_rule_is_asked_where_a_word_of_its_context_may_stand(text in "[abc0 _A-]{0,40}[0-9]{1,3}[abc0 _A-]{0,80}[0-9]{0,3}[abc ]{0,12}") {
            let set = rules();
            let rules = set.rules();
            let beside = Beside::of(rules, &NEEDS);
            let bytes = text.as_bytes();
            let mut all = Vec::new();
            let mut hits = Vec::new();
            for (index, rule) in rules.iter().enumerate() {
                rule.regex.matches(bytes, (0..bytes.len()).into(), rule.group, |whole, secret| {
                    let keyword = || text[whole.range()].to_lowercase().contains("ca");
                    let wanted = match NEEDS[index] {
                        Needs::Nothing => true,
                        Needs::Context => rule.context.is_beside(secret.range(), bytes),
                        Needs::Keyword => keyword(),
                    };
                    let length = whole.end - whole.start;
                    let hit = Hit { rule: index, start: whole.start, end: whole.start + 1, back: 1, on: length, beside: false };
                    all.push((hit, wanted));
                    hits.push(hit);
                });
            }
            hits.sort_unstable();
            beside.retain(bytes, &mut Words::default(), &mut hits);
            for (hit, wanted) in all {
                prop_assert!(!wanted || hits.contains(&hit), "{hit:?} in {text:?}");
            }
        }
    }

    #[test]
    fn a_name_is_of_the_rules_in_whose_context_it_is() {
        let beside = Beside::of(rules().rules(), &NEEDS);
        assert_eq!(beside.named(b"cc_ab"), [0, 1]);
        assert_eq!(beside.named(b"e"), [4]);
        assert_eq!(beside.named(b"AB"), [0]);
        assert_eq!(beside.named(b"cab"), [0_usize; 0]);
    }

    #[test]
    fn it_is_not_asked_where_none_does() {
        let set = rules();
        let beside = Beside::of(set.rules(), &NEEDS);
        let kept = |text: &str| {
            let at = text.find('1').expect("digits");
            let hit = |rule| Hit { rule, start: at, end: at + 1, back: 5, on: 3, beside: false };
            let mut hits: Vec<Hit> = (0..4).map(hit).collect();
            beside.retain(text.as_bytes(), &mut Words::default(), &mut hits);
            hits.iter().map(|hit| hit.rule).collect::<Vec<_>>()
        };
        assert_eq!(kept("xyz 123"), [2]);
        assert_eq!(kept("ab: 123"), [0, 2]);
        assert_eq!(kept("cc=123"), [1, 2]);
        assert_eq!(kept("b_c=123"), [0, 2]);
        assert_eq!(kept("123 (AB)"), [0, 2]);
        assert_eq!(kept("cab 123"), [2, 3]);
        assert_eq!(kept("ca 1.. 123"), [2, 3]);
        assert_eq!(kept("ca    123"), [2]);
        let far = |gap: usize| kept(&format!("ab{}123", " ".repeat(gap)));
        // The match may begin so much before.
        assert_eq!(far(CONTEXT_BEFORE + 2), [0, 2]);
        assert_eq!(far(CONTEXT_BEFORE + 3), [2]);
    }
}
