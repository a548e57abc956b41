//! Names of people, as a dictionary has them.

use std::fmt;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

/// So many names may be in a dictionary.
pub(crate) const NAMES_MAX: usize = 100_000;
/// A name has so many characters,
const CHARACTERS_MIN: usize = 2;
/// and so many bytes at most.
const BYTES_MAX: usize = 128;

/// Names to look for: as they are written, or in capitals.
pub(crate) struct Names {
    search: AhoCorasick,
    count: usize,
}

/// Why a dictionary cannot be used: where, and what is wrong.
#[derive(Debug)]
pub(crate) struct NameError {
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who they are is nobody's business.
        write!(f, "Names({})", self.count)
    }
}

impl Names {
    /// One a line; blank lines and those that begin with `#` say nothing.
    pub(crate) fn parse(list: &str) -> Result<Self, NameError> {
        let mut names = Vec::new();
        let mut count = 0;
        let list = list.strip_prefix('\u{feff}').unwrap_or(list);
        for (index, line) in list.lines().enumerate() {
            let name = line.trim();
            if name.is_empty() || name.starts_with('#') {
                continue;
            }
            let wrong = |what: String| NameError { line: index + 1, what };
            if let Some(what) = unusable(name) {
                return Err(wrong(what));
            }
            count += 1;
            if count > NAMES_MAX {
                return Err(wrong(format!("there are more than {NAMES_MAX} names")));
            }
            let capitals = name.to_uppercase();
            if capitals != name {
                names.push(capitals);
            }
            names.push(name.to_owned());
        }
        let search = AhoCorasick::builder().match_kind(MatchKind::Standard).build(names);
        let search = search.map_err(|error| NameError { line: 0, what: error.to_string() })?;
        Ok(Self { search, count })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Where they stand in a text, by themselves; of one within another the longer.
    pub(crate) fn found(&self, text: &[u8]) -> Vec<Range<usize>> {
        let hits = self.search.find_overlapping_iter(text).map(|hit| hit.range());
        let mut all: Vec<Range<usize>> = hits.filter(|hit| stands_alone(text, hit)).collect();
        all.sort_by_key(|one| (one.start, std::cmp::Reverse(one.end)));
        all.dedup_by(|next, kept| next.end <= kept.end);
        all
    }
}

fn unusable(name: &str) -> Option<String> {
    if name.len() > BYTES_MAX {
        return Some(format!("a name has {} bytes; it may have {BYTES_MAX}", name.len()));
    }
    if name.chars().count() < CHARACTERS_MIN || !name.chars().any(char::is_alphabetic) {
        return Some(format!(
            "`{name}` would be found everywhere; write first and last name on one line"
        ));
    }
    // It would go over from one value of a message to another.
    let apart = |one: char| one.is_control() || matches!(one, '"' | '\\' | '{' | '}' | '[' | ']');
    let wrong = name.chars().find(|one| apart(*one))?;
    Some(format!("`{name}` has {wrong:?} in it, which is of no name; write one name a line"))
}

/// Whether no letter or digit goes on before or behind it; in scripts without blanks between words, any may.
fn stands_alone(text: &[u8], part: &Range<usize>) -> bool {
    let goes_on = |outer: Option<char>, inner: Option<char>| {
        let word = |one: Option<char>| one.is_some_and(|one| one.is_alphanumeric() || one == '_');
        let unspaced = |one: char| matches!(u32::from(one), 0xe00..=0xeff | 0x3040..=0x9fff);
        word(outer) && word(inner) && !inner.is_some_and(unspaced)
    };
    let before = last(text.get(..part.start).unwrap_or_default());
    let behind = first(text.get(part.end..).unwrap_or_default());
    let inner = text.get(part.clone()).unwrap_or_default();
    !goes_on(before, first(inner)) && !goes_on(behind, last(inner))
}

fn first(text: &[u8]) -> Option<char> {
    let text = text.get(..text.len().min(4))?;
    text.utf8_chunks().next()?.valid().chars().next()
}

fn last(text: &[u8]) -> Option<char> {
    let text = text.get(text.len().saturating_sub(4)..)?;
    let start = text.iter().rposition(|byte| *byte & 0xc0 != 0x80)?;
    first(text.get(start..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(list: &str, text: &str) -> Vec<String> {
        let names = Names::parse(list).expect("names");
        names.found(text.as_bytes()).into_iter().map(|part| text[part].to_owned()).collect()
    }

    #[test]
    fn names_are_found_as_written_or_in_capitals_where_they_stand_alone() {
        let list = "# staff\nAnn Lee\n\nJürgen Groß\r\n王小明\nAnn Lee Smith\n";
        assert_eq!(found(list, "Ann Lee, ANN LEE."), ["Ann Lee", "ANN LEE"]);
        assert_eq!(found(list, "ann lee, Ann Leeds, JoAnn Lee, Ann Lee_2"), Vec::<String>::new());
        assert_eq!(found(list, "by Ann Lee Smith"), ["Ann Lee Smith"]);
        assert_eq!(found(list, "Ann Lee Smithers"), ["Ann Lee"]);
        assert_eq!(found(list, "JÜRGEN GROSS und Jürgen Groß"), ["JÜRGEN GROSS", "Jürgen Groß"]);
        assert_eq!(found(list, "客户王小明先生"), ["王小明"]);
        assert_eq!(found("Ann Lee", "\u{ff}Ann Lee\u{e9}"), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_a_name_is_told_with_its_line() {
        let error = |list: &str| {
            let NameError { line, what } = Names::parse(list).expect_err("it is wrong");
            format!("{line}: {what}")
        };
        assert!(error("Ann Lee\nX\n").starts_with("2: `X` would be found everywhere"));
        assert!(error("Ann\", \"Lee").starts_with("1: `Ann\", \"Lee` has '\"' in it"));
        assert!(error(&"Ann Lee ".repeat(20)).contains("it may have 128"));
        let many: String = (0..=NAMES_MAX).map(|number| format!("Ann Lee {number}\n")).collect();
        assert!(error(&many).contains("more than 100000 names"));
    }
}
