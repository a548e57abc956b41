//! Words beside a match that say what it is.

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::policy::{REDACTED, SEALED};

/// Words count so far before a secret, in bytes,
pub(crate) const CONTEXT_BEFORE: usize = 64;
/// and so far behind it.
pub(crate) const CONTEXT_AFTER: usize = 32;

/// What is put in the place of findings begins so,
const PLACEHOLDERS: [&str; 2] = [REDACTED, SEALED];
/// and the name of what was found in it ends so far behind.
const PLACEHOLDER_MAX: usize = 128;

/// Words, of which one beside a match makes it more likely. A blank in one stands for a blank, `_`, `-` or nothing,
/// as `date of birth` is written `dateOfBirth`, too.
#[derive(Debug, Default)]
pub(crate) struct Context {
    words: Vec<String>,
    /// Whether a blank in one stands for itself.
    verbatim: bool,
    search: OnceLock<Option<AhoCorasick>>,
}

impl Context {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self { words, ..Self::default() }
    }

    /// Of words in which a blank stands for itself.
    pub(crate) fn verbatim(words: Vec<String>) -> Self {
        Self { words, verbatim: true, ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// As the rule names them, in lower case.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// In every way in which they are written; letters of ASCII in lower case.
    pub(crate) fn written(&self) -> Vec<Vec<u8>> {
        let all = self.words.iter();
        if self.verbatim {
            return all.map(|word| word.clone().into_bytes()).collect();
        }
        all.flat_map(|word| ways(word)).flat_map(cases).map(String::into_bytes).collect()
    }

    /// Whether one of them stands beside `secret`.
    pub(crate) fn is_beside(&self, secret: Range<usize>, text: &[u8]) -> bool {
        let before = secret.start.saturating_sub(CONTEXT_BEFORE)..secret.start;
        let after = secret.end..secret.end.saturating_add(CONTEXT_AFTER).min(text.len());
        [before, after]
            .into_iter()
            .any(|part| self.words_in(text, part).any(|word| !is_in_placeholder(text, word.start)))
    }

    fn words_in<'t>(
        &'t self,
        text: &'t [u8],
        part: Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + 't {
        let search = self.search.get_or_init(|| {
            let mut builder = AhoCorasick::builder();
            builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard);
            builder.build(self.written()).ok()
        });
        let piece = text.get(part.clone()).unwrap_or_default();
        let hits = search.iter().flat_map(move |search| search.find_overlapping_iter(piece));
        hits.map(move |hit| part.start + hit.start()..part.start + hit.end())
            .filter(move |word| stands_alone(text, word.clone()))
    }
}

/// A word in the cases in which it is written, where those of ASCII are not all: in small letters, with a capital at
/// its beginning, or at that of each of its parts, and in capitals.
fn cases(word: String) -> Vec<String> {
    if word.is_ascii() {
        return vec![word];
    }
    let title = |part: &str| {
        let mut characters = part.chars();
        let first = characters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(characters).collect::<String>()
    };
    let each = word.split_inclusive([' ', '_', '-']).map(title).collect();
    let mut all = vec![title(&word), each, word.to_uppercase(), word];
    all.sort_unstable();
    all.dedup();
    all
}

/// A keyword as it is looked for: letters of ASCII in lower case, which stands for either, and others in each of theirs.
pub(super) fn in_any_case(word: &str) -> Vec<String> {
    let all = cases(word.to_lowercase());
    let mut all: Vec<String> = all.iter().map(|word| word.to_ascii_lowercase()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The ways in which a word is written: with a blank, `_`, `-` or nothing where it has a blank.
pub(super) fn ways(word: &str) -> Vec<String> {
    let mut parts = word.split(' ');
    let first = vec![parts.next().unwrap_or_default().to_owned()];
    parts.fold(first, |before, part| {
        let longer = |one: &String| [" ", "_", "-", ""].map(|way| format!("{one}{way}{part}"));
        before.iter().flat_map(longer).collect()
    })
}

/// Whether a place is within what was put in the place of a finding: of that its name says nothing of what stands
/// beside it.
fn is_in_placeholder(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(PLACEHOLDER_MAX)..at).unwrap_or_default();
    let Some(open) = memchr::memrchr2(b'[', b']', before) else { return false };
    let placeholder = before.get(open..).unwrap_or_default();
    PLACEHOLDERS.iter().any(|begin| placeholder.starts_with(begin.as_bytes()))
}

/// Whether no letter goes on before or behind a word, unless its case says that another word begins.
pub(crate) fn stands_alone(text: &[u8], word: Range<usize>) -> bool {
    let after = text.get(word.end).copied().filter(u8::is_ascii_alphabetic);
    begins_alone(text, word.start) && (after.is_none() || is_hump(text, word.end))
}

/// Whether a word that begins here may stand alone.
pub(crate) fn begins_alone(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    before.is_none_or(|before| !before.is_ascii_alphabetic()) || is_hump(text, at)
}

/// Whether the case says that a word begins here.
fn is_hump(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    let lower = before.is_none_or(u8::is_ascii_lowercase);
    lower && text.get(at).is_none_or(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(words: &[&str], text: &str, secret: &str) -> bool {
        let context = Context::new(words.iter().map(|word| (*word).to_owned()).collect());
        let start = text.find(secret).expect("it is there");
        context.is_beside(start..start + secret.len(), text.as_bytes())
    }

    #[test]
    fn a_word_counts_where_it_stands_alone_or_its_case_says_so() {
        for text in ["SSN: 12", "my ssn is 12", "userSsn=12", "ssnValue 12", "ssn_12", "12 (ssn)"] {
            assert!(beside(&["ssn"], text, "12"), "{text}");
        }
        for text in ["lessn 12", "ssnx 12", "12"] {
            assert!(!beside(&["ssn"], text, "12"), "{text}");
        }
    }

    #[test]
    fn a_blank_is_written_in_four_ways() {
        for text in ["date of birth 12", "dateOfBirth: 12", "DATE_OF_BIRTH=12", "date-of-birth 12"]
        {
            assert!(beside(&["date of birth"], text, "12"), "{text}");
        }
        assert!(!beside(&["date of birth"], "date_birth 12", "12"));
    }

    #[test]
    fn what_was_put_in_the_place_of_a_finding_says_nothing_of_another() {
        assert!(beside(&["card"], "[card 4111", "4111"));
        assert!(beside(&["card"], "[REDACTED:email-address] card 4111", "4111"));
        assert!(!beside(&["card"], "[REDACTED:payment-card], 4111", "4111"));
        assert!(!beside(&["card"], "4111,[SEALED:card:q1Zb]", "4111"));
    }

    #[test]
    fn it_counts_as_far_as_it_is_said() {
        let before = |gap: usize| format!("ssn{}12", " ".repeat(gap));
        assert!(beside(&["ssn"], &before(CONTEXT_BEFORE - 3), "12"));
        assert!(!beside(&["ssn"], &before(CONTEXT_BEFORE), "12"));
        let after = |gap: usize| format!("12{}ssn", " ".repeat(gap));
        assert!(beside(&["ssn"], &after(CONTEXT_AFTER - 3), "12"));
        assert!(!beside(&["ssn"], &after(CONTEXT_AFTER), "12"));
    }
}
