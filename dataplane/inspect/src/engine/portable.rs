//! The search for words without libhs.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{WordScratch, WordSearch};

pub(super) struct Words(AhoCorasick);

impl Words {
    pub(super) fn compile(words: &[Vec<u8>]) -> Result<Self, String> {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(words);
        automaton.map(Self).map_err(|error| error.to_string())
    }
}

impl WordSearch for Words {
    fn scratch(&self) -> Result<WordScratch, String> {
        Ok(WordScratch::None)
    }

    fn search(
        &self,
        text: &[u8],
        _: &mut WordScratch,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), String> {
        for hit in self.0.find_overlapping_iter(text) {
            found(hit.pattern().as_usize(), hit.end());
        }
        Ok(())
    }

    #[cfg(feature = "bench")]
    fn bytes(&self, _: &WordScratch) -> Result<(usize, usize), String> {
        Ok((self.0.memory_usage(), 0))
    }
}
