//! Entry points for benches: parts of a scan, each alone, and the memory that libhs has of its own.

use crate::limits::Exceeded;
use crate::rule::Rule;
use crate::scan::{Inspector, Scratch};

/// What an engine holds beside what Rust's allocator gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineBytes {
    /// The words as they were prepared, one for all threads.
    pub prepared: usize,
    /// What each thread needs to search for them.
    pub scratch: usize,
}

impl Inspector {
    /// How many words the engine searches for.
    pub fn words(&self) -> usize {
        self.engine.words()
    }

    /// Only the engine's search for words, in these bytes as they are: how many it finds.
    pub fn search_words(&self, text: &[u8], scratch: &mut Scratch) -> Result<usize, Exceeded> {
        self.engine.search_words(text, &mut scratch.engine).map_err(Exceeded::Engine)
    }

    /// Only the regexes, each rule's over all of these bytes, as if nothing told where a match may be: how many
    /// matches there are, of which most are none to a rule.
    pub fn search_regexes(&self, text: &[u8]) -> usize {
        let matches = |rule: &Rule| {
            let mut count = 0;
            rule.regex.matches(text, (0..text.len()).into(), rule.group, |_, _| count += 1);
            count
        };
        self.rules().iter().filter(|rule| rule.detector.is_none()).map(matches).sum()
    }

    /// What the engine holds.
    pub fn engine_bytes(&self, scratch: &Scratch) -> Result<EngineBytes, Exceeded> {
        let bytes = self.engine.bytes(&scratch.engine).map_err(Exceeded::Engine)?;
        Ok(EngineBytes { prepared: bytes.0, scratch: bytes.1 })
    }
}
