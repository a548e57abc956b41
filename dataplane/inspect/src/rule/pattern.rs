//! A regex that is checked when a file of rules is loaded and compiled when it is first needed: of hundreds most
//! never are.

use std::sync::OnceLock;

use regex_automata::meta::{self, Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::captures::Captures;
use regex_automata::{Input, Span};
use regex_syntax::hir::Hir;

use super::dialect;
use super::gap::{Gapped, Memory};
use crate::limits::{Budget, Exceeded};

/// A regex may take so much when it is compiled.
const COMPILED_BYTES_MAX: usize = 8 << 20;
/// Of which a search by lazily built automata may keep this much.
const CACHE_BYTES_MAX: usize = 2 << 20;

/// A regex over bytes: `\w`, `\d`, `\s` and `\b` are ASCII's, as in Go without Unicode classes.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: String,
    hir: Hir,
    /// `None` inside: it was too large after all.
    regex: OnceLock<Option<Regex>>,
    /// `None` inside: it has no gap.
    gapped: OnceLock<Option<Gapped>>,
}

impl Pattern {
    /// Why it cannot be used, for a person.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let mut parser = regex_syntax::ParserBuilder::new();
        let read = dialect::of_go(source);
        let hir = parser.unicode(false).utf8(false).build().parse(&read).map_err(|error| {
            // The message shows the whole regex and points into it.
            format!("its regex cannot be used: {error}")
        })?;
        Ok(Self {
            source: source.to_owned(),
            hir,
            regex: OnceLock::new(),
            gapped: OnceLock::new(),
        })
    }

    /// The same of one for an allowlist, with what is wrong with its size.
    pub(crate) fn parse_sized(source: &str) -> Result<Self, String> {
        let pattern = Self::parse(source)?;
        pattern.too_large().map_or(Ok(pattern), Err)
    }

    /// Why it cannot be compiled, for a person. It takes far less than doing so.
    pub(crate) fn too_large(&self) -> Option<String> {
        let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(COMPILED_BYTES_MAX));
        let compiled = thompson::Compiler::new().configure(config).build_from_hir(&self.hir);
        let why =
            "lower the numbers in its braces: those that stand within one another are multiplied";
        compiled.err().map(|_| {
            format!("its regex is too large: compiled it takes more than {COMPILED_BYTES_MAX} bytes; {why}")
        })
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Its parts.
    pub(crate) fn hir(&self) -> &Hir {
        &self.hir
    }

    /// Compiles it now; false where it is too large for that.
    pub(crate) fn compile(&self) -> bool {
        self.regex().is_some()
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| compiled(&self.hir)).as_ref()
    }

    fn gapped(&self) -> Option<&Gapped> {
        self.gapped.get_or_init(|| Gapped::of(&self.hir)).as_ref()
    }

    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    /// Tells each match within `span`, which sees what stands around it: the whole match and the group
    /// that is asked for.
    pub(crate) fn matches(
        &self,
        text: &[u8],
        span: Span,
        group: Group,
        mut found: impl FnMut(Span, Span),
    ) {
        let told = |whole, secret, _: &mut Budget| {
            found(whole, secret);
            Ok(())
        };
        // Without a limit it does not fail.
        let _ = self.matches_within(text, span, group, 0, &mut Budget::unlimited(), told);
    }

    /// The same as long as the budget lasts. No match has more bytes than `longest`.
    pub(crate) fn matches_within(
        &self,
        text: &[u8],
        span: Span,
        group: Group,
        longest: usize,
        budget: &mut Budget,
        mut found: impl FnMut(Span, Span, &mut Budget) -> Result<(), Exceeded>,
    ) -> Result<(), Exceeded> {
        if let Some(gapped) = self.gapped() {
            let (mut memory, mut from) = (Memory::default(), span.start);
            while let Some(one) = gapped.find(text, (from..span.end).into(), &mut memory, budget)? {
                found(one, one, budget)?;
                from = one.end;
            }
            return Ok(());
        }
        let Some(regex) = self.regex() else { return Ok(()) };
        let mut captures = regex.create_captures();
        let mut from = span.start;
        while from <= span.end {
            regex.search_captures(&Input::new(text).range(from..span.end), &mut captures);
            let Some(whole) = captures.get_match() else { return budget.spend(span.end - from) };
            // A longer match was looked for behind its end.
            let looked_at = whole.end().saturating_add(longest).min(span.end);
            budget.spend(looked_at - from)?;
            found(whole.span(), group.of(&captures).unwrap_or(whole.span()), budget)?;
            // An empty match would be found for ever.
            from = whole.end().max(whole.start() + 1);
        }
        Ok(())
    }
}

/// `None` where it is too large.
pub(super) fn compiled(hir: &Hir) -> Option<Regex> {
    let config = meta::Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(COMPILED_BYTES_MAX))
        .hybrid_cache_capacity(CACHE_BYTES_MAX);
    Regex::builder().configure(config).build_from_hir(hir).ok()
}

/// Which part of a match is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// The first group that took part, or the whole match where none did.
    First,
    /// This one.
    Number(usize),
}

impl Group {
    fn of(self, captures: &Captures) -> Option<Span> {
        match self {
            Self::Number(index) => captures.get_group(index),
            Self::First => (1..captures.group_len()).find_map(|index| captures.get_group(index)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, group: Group, text: &str, span: std::ops::Range<usize>) -> Vec<String> {
        let pattern = Pattern::parse(source).expect("a regex");
        let mut all = Vec::new();
        pattern.matches(text.as_bytes(), span.into(), group, |_, secret| {
            all.push(text[secret.range()].to_owned());
        });
        all
    }

    #[test]
    fn a_part_of_a_text_is_searched_with_what_stands_around_it() {
        assert_eq!(found(r"\bab", Group::First, "xab ab", 1..6), ["ab"]);
        assert_eq!(found(r"\bab\b", Group::First, "ab abc", 3..5), Vec::<String>::new());
        assert_eq!(found("^a", Group::First, "aa", 1..2), Vec::<String>::new());
    }

    #[test]
    fn the_secret_is_the_group_asked_for_or_the_first_that_took_part() {
        assert_eq!(found("k=(a)|k:(b)", Group::First, "k=a k:b", 0..7), ["a", "b"]);
        assert_eq!(found("(k)=(.)", Group::Number(2), "k=a k=b", 0..7), ["a", "b"]);
        assert_eq!(found("k=.", Group::First, "k=a", 0..3), ["k=a"]);
    }

    #[test]
    fn what_is_no_regex_is_told_with_its_place() {
        let error = Pattern::parse("a(b").expect_err("no regex");
        assert!(error.contains("unclosed group"), "{error}");
    }

    #[test]
    fn empty_matches_come_to_an_end() {
        assert_eq!(found("x*", Group::First, "axx", 0..3).len(), 3);
    }
}
