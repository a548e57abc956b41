//! Where in a text a match of a rule may be: everything of hundreds of rules in a few passes.
//!
//! Every match of a rule has something that is seldom met elsewhere: a word, a long run of token
//! bytes, many digits close together, or, where the rule asks for it, a word of its context beside it.
//! The passes look for these, and tell where a match around one must be ([`Hit`]). What an engine
//! says is not that a rule matches, only where it is worth asking: the rule's own regex answers that, so that
//! two engines cannot disagree on what is found.

mod atoms;
mod dense;
mod plan;
mod portable;
mod spans;
#[cfg(feature = "vectorscan")]
mod vectorscan;
mod words;

use std::ops::Range;

pub(crate) use plan::sought;
use plan::{Plan, Spans};

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
}

impl Hit {
    /// Where the match may be, within `bounds`.
    pub(crate) fn window(&self, bounds: &Range<usize>) -> Range<usize> {
        let start = self.end.saturating_sub(self.back).max(bounds.start);
        start..self.start.saturating_add(self.on).min(bounds.end).max(start)
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

    /// Tells each word that occurs, and where it ends: each occurrence, in no particular order.
    fn search(
        &self,
        text: &[u8],
        scratch: &mut WordScratch,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), String>;
}

/// A thread's memory for an engine.
pub(crate) struct EngineScratch {
    words: WordScratch,
    spans: Spans,
}

/// A thread's memory for a search for words.
enum WordScratch {
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
        Ok(Self { kind, plan, words })
    }

    pub(crate) fn kind(&self) -> EngineKind {
        self.kind
    }

    pub(crate) fn scratch(&self) -> Result<EngineScratch, String> {
        Ok(EngineScratch { words: self.words.scratch()?, spans: Spans::default() })
    }

    /// Puts into `hits` where rules are to be asked, by rule and place: every match of a rule is in the window of
    /// one of its hits.
    pub(crate) fn hits(
        &self,
        text: &[u8],
        scratch: &mut EngineScratch,
        hits: &mut Vec<Hit>,
    ) -> Result<(), String> {
        let EngineScratch { words, spans } = scratch;
        hits.clear();
        self.plan.always(text, hits);
        self.plan.spans(text, spans, hits);
        self.words.search(text, words, &mut |word, end| self.plan.word(word, end, spans, hits))?;
        hits.sort_unstable();
        Ok(())
    }
}
