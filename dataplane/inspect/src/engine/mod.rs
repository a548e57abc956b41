//! Where in a text a match of a rule may be: everything of hundreds of rules in a few passes.
//!
//! Every match of a rule has something that is seldom met elsewhere: a word, a long run of token
//! bytes, many digits close together, or, where the rule asks for it, a word of its context beside it.
//! The passes look for these, and a [`Window`] is where a match around one must be. What an engine
//! says is not that a rule matches, only where it is worth asking: the rule's own regex answers that, so that
//! two engines cannot disagree on what is found.

mod need;
mod plan;
mod portable;
mod spans;
#[cfg(feature = "vectorscan")]
mod vectorscan;

use std::ops::Range;

use plan::Plan;

use crate::rule::Rule;

/// A part of a text in which a rule is to be asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Window {
    /// Its place in the set.
    pub(crate) rule: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
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

    /// Tells each word that occurs, and where it ends: each occurrence, in no particular order.
    fn search(
        &self,
        text: &[u8],
        scratch: &mut WordScratch,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), String>;
}

/// A thread's memory for a search.
pub(crate) enum WordScratch {
    None,
    #[cfg(feature = "vectorscan")]
    Vectorscan(hyperscan::prelude::Scratch),
}

/// Rules prepared for the search.
pub(crate) struct Engine {
    kind: EngineKind,
    plan: Plan,
    words: Box<dyn WordSearch>,
}

impl Engine {
    /// Why the words cannot be searched for, for a person.
    pub(crate) fn new(kind: EngineKind, rules: &[Rule]) -> Result<Self, String> {
        let plan = Plan::of(rules);
        let words: Box<dyn WordSearch> = match kind {
            #[cfg(feature = "vectorscan")]
            EngineKind::Vectorscan => Box::new(vectorscan::Words::compile(plan.words())?),
            #[cfg(not(feature = "vectorscan"))]
            EngineKind::Vectorscan => return Err("penstock was built without Vectorscan".into()),
            EngineKind::Portable => Box::new(portable::Words::compile(plan.words())?),
        };
        Ok(Self { kind, plan, words })
    }

    pub(crate) fn kind(&self) -> EngineKind {
        self.kind
    }

    pub(crate) fn scratch(&self) -> Result<WordScratch, String> {
        self.words.scratch()
    }

    /// Puts into `windows` where each rule is to be asked: sorted, those of one rule apart from each other. Every
    /// match of a rule lies within one of its windows.
    pub(crate) fn windows(
        &self,
        text: &[u8],
        scratch: &mut WordScratch,
        windows: &mut Vec<Window>,
    ) -> Result<(), String> {
        windows.clear();
        self.plan.always(text, windows);
        self.plan.spans(text, windows);
        self.words.search(text, scratch, &mut |word, end| {
            self.plan.word(word, end, text.len(), windows);
        })?;
        windows.sort_unstable();
        windows.dedup_by(|next, kept| {
            let meets = next.rule == kept.rule && next.start <= kept.end;
            if meets {
                kept.end = kept.end.max(next.end);
            }
            meets
        });
        Ok(())
    }
}

/// Where a match may be of which `part` is a part, or in whose context it stands.
fn around(part: Range<usize>, before: usize, after: usize, length: usize) -> (usize, usize) {
    (part.start.saturating_sub(before), part.end.saturating_add(after).min(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confirm::matches;
    use crate::rule::RuleSet;

    fn engines() -> Vec<EngineKind> {
        let mut kinds = vec![EngineKind::Portable];
        if cfg!(feature = "vectorscan") {
            kinds.push(EngineKind::Vectorscan);
        }
        kinds
    }

    /// Which rules find what in a text.
    fn found(engine: &Engine, rules: &[Rule], text: &[u8]) -> Vec<(usize, Range<usize>)> {
        let mut scratch = engine.scratch().expect("scratch");
        let mut windows = Vec::new();
        engine.windows(text, &mut scratch, &mut windows).expect("a search");
        let mut all = Vec::new();
        for Window { rule, start, end } in windows {
            matches(&rules[rule], text, start..end, |one| all.push((rule, one.secret)));
        }
        all
    }

    #[test]
    fn every_built_in_rule_finds_its_examples_and_not_its_counterexamples() {
        let set = RuleSet::built_in().expect("rules");
        let rules = set.rules();
        let mut wrong = Vec::new();
        for kind in engines() {
            let engine = Engine::new(kind, rules).expect("an engine");
            for (index, rule) in rules.iter().enumerate() {
                let finds = |text: &String| {
                    found(&engine, rules, text.as_bytes()).iter().any(|(rule, _)| *rule == index)
                };
                let missed = rule.examples.iter().filter(|text| !finds(text));
                wrong.extend(missed.map(|text| format!("{kind:?} {}: misses {text}", rule.id)));
                let false_ones = rule.counterexamples.iter().filter(|text| finds(text));
                wrong.extend(false_ones.map(|text| format!("{kind:?} {}: finds {text}", rule.id)));
            }
        }
        assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    }
}
