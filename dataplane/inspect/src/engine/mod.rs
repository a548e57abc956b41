//! Where in a text a match of a rule may be: everything of hundreds of rules in a few passes.
//!
//! A match of a rule begins with something that is seldom met elsewhere, or has it: a word, a long run of token
//! bytes, a number, or, where the rule asks for it, a word of its context beside it (`route`). What comes before
//! that is cut off the rule's regex (`cut`), and what is left of all rules is held against a text at the places where
//! one of them may begin, and nowhere else (`marks`, `beginnings`, `anchored`). Of what that tells, only that is left
//! beside which the words stand that a rule needs (`beside`).
//!
//! The passes tell where a match must be ([`Hit`]). What an engine says is not that a rule matches, only where it is
//! worth asking: the rule's own regex answers that, so that two engines cannot disagree on what is found.

mod alike;
mod anchored;
mod atoms;
mod beginnings;
mod beside;
mod bytes;
mod cut;
mod dense;
mod marks;
mod plan;
mod portable;
mod route;
mod spans;
mod told;
#[cfg(feature = "vectorscan")]
mod vectorscan;
mod words;

use std::ops::Range;

use beside::Beside;
pub(crate) use plan::sought;
use plan::{Plan, Spans};
use told::Told;

use crate::limits::{Budget, Exceeded};
use crate::rule::Rule;

/// Something that every match of a rule has, or stands beside: around it the rule is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    /// The rule's place in the set.
    pub(crate) rule: usize,
    /// Where it is in the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// A match of which it is a part begins no further before its end,
    pub(crate) back: usize,
    /// and ends no further behind its start.
    pub(crate) on: usize,
    /// Whether a match stands beside it, and has no part of it.
    pub(crate) beside: bool,
}

impl Hit {
    /// Where the match may be, within `bounds`.
    pub(crate) fn window(&self, bounds: &Range<usize>) -> Range<usize> {
        let start = self.end.saturating_sub(self.back).max(bounds.start);
        start..self.start.saturating_add(self.on).min(bounds.end).max(start)
    }

    /// The last place where the match may begin.
    pub(crate) fn last(&self) -> usize {
        if self.beside { usize::MAX } else { self.end.saturating_sub(1).max(self.start) }
    }
}

/// Which of the engines does the search for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Vectorscan, the SIMD engine.
    Vectorscan,
    /// Aho–Corasick: where libhs was not there when penstock was built.
    Portable,
}

impl EngineKind {
    /// The fastest there is.
    pub const BEST: Self =
        if cfg!(feature = "vectorscan") { Self::Vectorscan } else { Self::Portable };

    /// As it is told in logs, metrics and `penstock doctor`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vectorscan => "vectorscan",
            Self::Portable => "portable",
        }
    }
}

/// A search for many words at once, whatever their case.
trait WordSearch: Send + Sync {
    /// What a thread needs to search with it.
    fn scratch(&self) -> Result<WordScratch, String>;

    /// Tells each word that occurs, and where it ends: each occurrence once or twice, in no particular order.
    fn search(
        &self,
        text: &[u8],
        scratch: &mut WordScratch,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), String>;

    /// What it holds, and what a thread's memory for it does.
    #[cfg(feature = "bench")]
    fn bytes(&self, scratch: &WordScratch) -> Result<(usize, usize), String>;
}

/// A thread's memory for an engine.
pub(crate) struct EngineScratch {
    words: WordScratch,
    spans: Spans,
    beside: beside::Words,
}

impl EngineScratch {
    /// Where in the text that was searched last letters, digits and signs of tokens run on, 16 or more of them.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Range<usize>> {
        Plan::runs(&self.spans)
    }
}

/// A thread's memory for a search for words.
enum WordScratch {
    None,
    #[cfg(feature = "vectorscan")]
    Vectorscan(vectorscan::Memory),
}

/// Rules prepared for the search.
pub(crate) struct Engine {
    kind: EngineKind,
    plan: Plan,
    words: Box<dyn WordSearch>,
    beside: Beside,
}

impl Engine {
    /// Why the words cannot be searched for, for a person.
    pub(crate) fn new(kind: EngineKind, rules: &[Rule]) -> Result<Self, String> {
        let plan = Plan::of(rules)?;
        let words: Box<dyn WordSearch> = match kind {
            // libhs takes no empty set.
            #[cfg(feature = "vectorscan")]
            EngineKind::Vectorscan if plan.words().is_empty() => {
                Box::new(portable::Words::compile(&[])?)
            }
            #[cfg(feature = "vectorscan")]
            EngineKind::Vectorscan => Box::new(vectorscan::Words::compile(plan.words())?),
            #[cfg(not(feature = "vectorscan"))]
            EngineKind::Vectorscan => return Err("penstock was built without Vectorscan".into()),
            EngineKind::Portable => Box::new(portable::Words::compile(plan.words())?),
        };
        let beside = Beside::of(rules, plan.needs());
        Ok(Self { kind, plan, words, beside })
    }

    pub(crate) fn kind(&self) -> EngineKind {
        self.kind
    }

    pub(crate) fn scratch(&self) -> Result<EngineScratch, String> {
        let beside = beside::Words::default();
        Ok(EngineScratch { words: self.words.scratch()?, spans: self.plan.spans(), beside })
    }

    /// The rules that ask for a context of which a word stands in a name.
    pub(crate) fn named(&self, name: &[u8]) -> Vec<usize> {
        self.beside.named(name)
    }

    /// Puts into `hits` where rules are to be asked, by rule and place: every match of a rule is in the window of
    /// one of its hits, unless a word that it needs is not there. There may be `hits_max` of them.
    pub(crate) fn hits(
        &self,
        text: &[u8],
        scratch: &mut EngineScratch,
        hits: &mut Vec<Hit>,
        hits_max: usize,
        budget: &mut Budget,
    ) -> Result<(), Exceeded> {
        let EngineScratch { words, spans, beside } = scratch;
        let mut told = Told::new(hits, hits_max, budget.left());
        self.plan.always(text, &mut told);
        self.plan.dense(text, spans, &mut told);
        let mut found = |word, end| self.plan.word(word, end, spans, &mut told);
        self.words.search(text, words, &mut found).map_err(Exceeded::Engine)?;
        self.plan.phrases(text, spans, &mut told);
        budget.spend(told.walked)?;
        if told.is_over() {
            let what = "places at which a rule is asked";
            return Err(Exceeded::Count { what, most: hits_max });
        }
        hits.sort_unstable();
        hits.dedup();
        self.beside.retain(text, beside, hits);
        Ok(())
    }
}

#[cfg(feature = "bench")]
impl Engine {
    /// How many words are searched for.
    pub(crate) fn words(&self) -> usize {
        self.plan.words().len()
    }

    /// Only the search for words: how many it finds.
    pub(crate) fn search_words(
        &self,
        text: &[u8],
        scratch: &mut EngineScratch,
    ) -> Result<usize, String> {
        let mut count = 0;
        self.words.search(text, &mut scratch.words, &mut |_, _| count += 1)?;
        Ok(count)
    }

    /// What the search for words holds, and what a thread's memory for it does.
    pub(crate) fn bytes(&self, scratch: &EngineScratch) -> Result<(usize, usize), String> {
        self.words.bytes(&scratch.words)
    }
}

#[cfg(test)]
pub(crate) use atoms::tests::any_regex;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::atoms::tests::any_regex;
    use super::*;
    use crate::rule::RuleSet;

    /// Something of everything that is looked for.
    fn any_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[a-c]{1,4}",
            "[0-9]{1,5}",
            "[ ,:@.+\"-]{1,2}",
            "[a-c0-2]{16,24}",
            "[A-C1-2-]{1,6}",
            Just("token".to_owned()),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    /// What begins with one of these, too.
    fn any_form() -> impl Strategy<Value = String> {
        let head = prop::sample::select(
            &[
                "",
                r"\b",
                r"(?:^|[^\w.-])",
                "(?i)token",
                "a?[0-9]{4}[ .-]?",
                ":",
                "@[a-c]",
                "[a-c0-2]{16}",
            ][..],
        );
        let tail = prop::sample::select(&["", "$", "(?m)$", r"(?:[^\w-]|$)", r"\b", "c?$"][..]);
        (head, any_regex(), tail).prop_map(|(head, rest, tail)| format!("{head}{rest}{tail}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn every_match_is_in_the_window_of_a_hit(regex in any_form(), text in any_text()) {
            let file = format!("[[rules]]\nid = 'a'\nregex = '''{regex}'''\n");
            let set = RuleSet::from_file("own.toml", &file, &mut |_| Err("none".into()));
            // What matches nothing is refused.
            let Ok(set) = set else { return Ok(()) };
            let rule = &set.rules()[0];
            let bytes = text.as_bytes();
            for kind in [EngineKind::BEST, EngineKind::Portable] {
                let engine = Engine::new(kind, set.rules()).expect("an engine");
                let mut scratch = engine.scratch().expect("scratch");
                let mut hits = Vec::new();
                let budget = &mut Budget::unlimited();
                engine.hits(bytes, &mut scratch, &mut hits, usize::MAX - 1, budget).expect("a search");
                let mut missed = None;
                rule.regex.matches(bytes, (0..bytes.len()).into(), rule.group, |whole, _| {
                    let holds = |hit: &Hit| {
                        let window = hit.window(&(0..bytes.len()));
                        window.start <= whole.start && whole.end <= window.end && whole.start <= hit.last()
                    };
                    // What is empty is nothing that is found.
                    if !whole.is_empty() && !hits.iter().any(holds) {
                        missed = Some(whole.range());
                    }
                });
                prop_assert!(missed.is_none(), "{regex} in {text:?}: {missed:?} of {:?}", sought(rule));
            }
        }
    }
}
