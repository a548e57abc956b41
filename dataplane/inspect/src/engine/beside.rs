//! Rules that find nothing without a word beside a match, or in it, are asked only where one stands: numbers of nine
//! digits and UUIDs are everywhere, and what may be said of them is not.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::Hit;
use crate::rule::{CONTEXT_AFTER, CONTEXT_BEFORE, Rule, stands_alone};

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
    search: AhoCorasick,
    /// For each word, whether it is of contexts, and the rules whose it is, in order.
    words: Vec<(Needs, Vec<usize>)>,
    /// For each rule, what it needs.
    needs: Vec<Needs>,
}

/// A thread's memory for it.
#[derive(Debug, Default)]
pub(super) struct Words {
    parts: Vec<Range<usize>>,
    /// Which stand where, by their ends.
    found: Vec<(Range<usize>, usize)>,
}

impl Beside {
    /// Why the words cannot be searched for, for a person.
    pub(super) fn of(rules: &[Rule], needs: &[Needs]) -> Result<Self, String> {
        let mut known: BTreeMap<(Vec<u8>, Needs), Vec<usize>> = BTreeMap::new();
        for (index, (rule, needs)) in rules.iter().zip(needs).enumerate() {
            // A column may be named by the context of any rule.
            if rule.require_context {
                for word in rule.context.written() {
                    known.entry((word, Needs::Context)).or_default().push(index);
                }
            }
            if *needs == Needs::Keyword {
                for word in &rule.keywords {
                    known.entry((word.clone().into(), *needs)).or_default().push(index);
                }
            }
        }
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard);
        builder.kind(Some(AhoCorasickKind::DFA));
        let search = builder.build(known.keys().map(|(word, _)| word));
        let search = search.map_err(|error| error.to_string())?;
        let words = known.into_iter().map(|((_, needs), rules)| (needs, rules)).collect();
        Ok(Self { search, words, needs: needs.to_vec() })
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
        hits.retain(|hit| {
            about(hit, self.needs(hit), text).is_none_or(|part| self.stands(hit.rule, &part, found))
        });
    }

    /// The rules that ask for a context of which a word stands in a name.
    pub(super) fn named(&self, name: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        self.search_in(name, &(0..name.len()), &mut found);
        let words = found.iter().filter_map(|(_, word)| self.words.get(*word));
        let of_context = words.filter(|(of, _)| *of == Needs::Context);
        let mut rules: Vec<usize> = of_context.flat_map(|(_, rules)| rules).copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    fn search_in(&self, text: &[u8], part: &Range<usize>, found: &mut Vec<(Range<usize>, usize)>) {
        let piece = text.get(part.clone()).unwrap_or_default();
        for word in self.search.find_overlapping_iter(piece) {
            let at = part.start + word.start()..part.start + word.end();
            let index = word.pattern().as_usize();
            let of_context = self.words.get(index).is_some_and(|(of, _)| *of == Needs::Context);
            if !of_context || stands_alone(text, at.clone()) {
                found.push((at, index));
            }
        }
    }

    /// Whether one of a rule's words is in a part of the text.
    fn stands(&self, rule: usize, part: &Range<usize>, found: &[(Range<usize>, usize)]) -> bool {
        let of_rule = |word: usize| {
            self.words.get(word).is_some_and(|(_, rules)| rules.binary_search(&rule).is_ok())
        };
        let first = found.partition_point(|(at, _)| at.end <= part.start);
        let mut near = found.iter().skip(first).take_while(|(at, _)| at.end <= part.end);
        near.any(|(at, word)| at.start >= part.start && of_rule(*word))
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
context = ['c']
requireContext = true
[[rules]]
id = 'c'
regex = '[0-9]{3}'
[[rules]]
id = 'd'
regex = '[a-c]{0,3} ?[0-9]{2}'
keywords = ['ca']
";
        RuleSet::from_file("own.toml", file, &mut |_| Err("none".into())).expect("rules")
    }

    const NEEDS: [Needs; 4] = [Needs::Context, Needs::Context, Needs::Nothing, Needs::Keyword];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_rule_is_asked_where_a_word_of_its_context_may_stand(text in "[abc0 _A-]{0,40}[0-9]{1,3}[abc0 _A-]{0,80}[0-9]{0,3}[abc ]{0,12}") {
            let set = rules();
            let rules = set.rules();
            let beside = Beside::of(rules, &NEEDS).expect("words");
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
                    let hit = Hit { rule: index, start: whole.start, end: whole.start + 1, back: 1, on: length };
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
        let beside = Beside::of(rules().rules(), &NEEDS).expect("words");
        assert_eq!(beside.named(b"b_c_ab"), [0, 1]);
        assert_eq!(beside.named(b"AB"), [0]);
        assert_eq!(beside.named(b"cab"), [0_usize; 0]);
    }

    #[test]
    fn it_is_not_asked_where_none_does() {
        let set = rules();
        let beside = Beside::of(set.rules(), &NEEDS).expect("words");
        let kept = |text: &str| {
            let at = text.find('1').expect("digits");
            let hit = |rule| Hit { rule, start: at, end: at + 1, back: 5, on: 3 };
            let mut hits: Vec<Hit> = (0..4).map(hit).collect();
            beside.retain(text.as_bytes(), &mut Words::default(), &mut hits);
            hits.iter().map(|hit| hit.rule).collect::<Vec<_>>()
        };
        assert_eq!(kept("xyz 123"), [2]);
        assert_eq!(kept("ab: 123"), [0, 2]);
        assert_eq!(kept("c=123"), [1, 2]);
        assert_eq!(kept("b_c=123"), [0, 1, 2]);
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
