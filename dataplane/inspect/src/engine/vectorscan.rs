//! The search for words by libhs.

use hyperscan::prelude::{BlockDatabase, Builder as _, CompileFlags, Matching, Pattern, Patterns};

use super::{WordScratch, WordSearch};

pub(super) struct Words(BlockDatabase);

impl Words {
    pub(super) fn compile(words: &[Vec<u8>]) -> Result<Self, String> {
        let pattern = |(index, word): (usize, &Vec<u8>)| {
            let expression: String = word.iter().map(|byte| expression(*byte)).collect();
            let pattern = Pattern::with_flags(expression, CompileFlags::CASELESS)?;
            Ok(Pattern { id: Some(index), ..pattern })
        };
        let patterns: hyperscan::Result<Vec<Pattern>> =
            words.iter().enumerate().map(pattern).collect();
        let built = patterns.and_then(|patterns| Patterns::from_iter(patterns).build());
        built.map(Self).map_err(|error| error.to_string())
    }
}

fn expression(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("\\x{byte:02x}") }
}

impl WordSearch for Words {
    fn scratch(&self) -> Result<WordScratch, String> {
        self.0.alloc_scratch().map(WordScratch::Vectorscan).map_err(|error| error.to_string())
    }

    fn search(
        &self,
        text: &[u8],
        scratch: &mut WordScratch,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), String> {
        let WordScratch::Vectorscan(scratch) = scratch else {
            return Err("the scratch is of another engine".into());
        };
        let hit = |id: u32, _: u64, to: u64, _: u32| {
            if let (Ok(id), Ok(to)) = (usize::try_from(id), usize::try_from(to)) {
                found(id, to);
            }
            Matching::Continue
        };
        self.0.scan(text, scratch, hit).map_err(|error| error.to_string())
    }

    #[cfg(feature = "bench")]
    fn bytes(&self, scratch: &WordScratch) -> Result<(usize, usize), String> {
        let WordScratch::Vectorscan(scratch) = scratch else {
            return Err("the scratch is of another engine".into());
        };
        let sizes = self.0.size().and_then(|database| Ok((database, scratch.size()?)));
        sizes.map_err(|error| error.to_string())
    }
}
