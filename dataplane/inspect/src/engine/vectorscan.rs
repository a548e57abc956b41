//! The search for words by libhs.

use hyperscan::prelude::{
    BlockDatabase, Builder as _, CompileFlags, Matching, Pattern, Patterns, Scratch,
};

use super::{WordScratch, WordSearch};

/// Words that end so near the end of what it searches in are not all found by Vectorscan 5.4.9, on processors with
/// AVX-512 at least (VectorCamp/vectorscan#317): it searches there again, with as many zeros behind.
const TAIL_BYTES: usize = 64;

pub(super) struct Words {
    database: BlockDatabase,
    /// None is longer.
    longest: usize,
}

/// What a thread needs.
pub(super) struct Memory {
    scratch: Scratch,
    /// The end of a text, and what is put behind it.
    tail: Vec<u8>,
}

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
        let longest = words.iter().map(Vec::len).max().unwrap_or(0);
        built.map(|database| Self { database, longest }).map_err(|error| error.to_string())
    }
}

fn expression(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("\\x{byte:02x}") }
}

impl WordSearch for Words {
    fn scratch(&self) -> Result<WordScratch, String> {
        let scratch = self.database.alloc_scratch().map_err(|error| error.to_string())?;
        Ok(WordScratch::Vectorscan(Memory { scratch, tail: Vec::new() }))
    }

    fn search(
        &self,
        text: &[u8],
        scratch: &mut WordScratch,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), String> {
        let WordScratch::Vectorscan(Memory { scratch, tail }) = scratch else {
            return Err("the scratch is of another engine".into());
        };
        let mut search_in = |part: &[u8], starts: usize| {
            let hit = |id: u32, _: u64, to: u64, _: u32| {
                if let (Ok(id), Ok(to)) = (usize::try_from(id), usize::try_from(to))
                    && starts + to <= text.len()
                {
                    found(id, starts + to);
                }
                Matching::Continue
            };
            self.database.scan(part, scratch, hit).map_err(|error| error.to_string())
        };
        let starts = text.len().saturating_sub(TAIL_BYTES + self.longest);
        if starts > 0 {
            search_in(text, 0)?;
        }
        tail.clear();
        tail.extend_from_slice(text.get(starts..).unwrap_or_default());
        tail.resize(tail.len() + TAIL_BYTES, 0);
        search_in(tail, starts)
    }

    #[cfg(feature = "bench")]
    fn bytes(&self, scratch: &WordScratch) -> Result<(usize, usize), String> {
        let WordScratch::Vectorscan(Memory { scratch, .. }) = scratch else {
            return Err("the scratch is of another engine".into());
        };
        let sizes = self.database.size().and_then(|database| Ok((database, scratch.size()?)));
        sizes.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::portable;
    use super::*;

    /// The words that both engines find, and where.
    fn found(words: &[Vec<u8>], texts: &[Vec<u8>]) -> Result<(), TestCaseError> {
        let searches: [Box<dyn WordSearch>; 2] = [
            Box::new(Words::compile(words).expect("a database")),
            Box::new(portable::Words::compile(words).expect("an automaton")),
        ];
        let mut memories = searches.each_ref().map(|search| search.scratch().expect("scratch"));
        for text in texts {
            let [own, other] = [0, 1].map(|number: usize| {
                let mut all = Vec::new();
                let mut tell = |word, end| all.push((word, end));
                searches[number].search(text, &mut memories[number], &mut tell).expect("a search");
                all.sort_unstable();
                all.dedup();
                all
            });
            prop_assert_eq!(
                own,
                other,
                "{} words in {:?}",
                words.len(),
                String::from_utf8_lossy(text)
            );
        }
        Ok(())
    }

    fn text(before: usize, word: &[u8], behind: usize) -> Vec<u8> {
        [&vec![b' '; before][..], word, &vec![b'.'; behind]].concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Above all a few words, at the end of a text: see [`TAIL_BYTES`].
        #[test]
        fn what_the_other_engine_finds_is_found(
            words in prop::collection::vec("[a-z0-9_/:-]{3,9}", 2..10),
            more in prop::collection::vec("[a-z0-9_/:-]{3,9}", 0..90),
            places in prop::collection::vec((0_usize..300, any::<prop::sample::Index>(), 0_usize..70), 30),
        ) {
            let mut words = words;
            for more in [&[], more.as_slice()] {
                words.extend_from_slice(more);
                words.sort_unstable();
                words.dedup();
                let words: Vec<Vec<u8>> = words.iter().map(|word| word.clone().into_bytes()).collect();
                let of = |(before, word, behind): &(usize, prop::sample::Index, usize)| {
                    text(*before, word.get::<Vec<u8>>(&words), *behind)
                };
                found(&words, &places.iter().map(of).collect::<Vec<_>>())?;
            }
        }
    }

    #[test]
    fn words_that_end_alike_are_found_at_the_end_of_a_text() {
        for count in [2, 100, 127, 200, 400] {
            let words: Vec<Vec<u8>> =
                (0..count).map(|number| format!("w{number:03}_").into()).collect();
            let places = (50..140).flat_map(|before| [(before, 0), (before, 1), (before, 40)]);
            let texts: Vec<_> =
                places.map(|(before, behind)| text(before, &words[1], behind)).collect();
            found(&words, &texts).expect("the same");
        }
    }
}
