//! A regex that is checked when a file of rules is loaded and compiled when it is first needed: of hundreds most
//! never are.

use std::ops::Range;
use std::sync::OnceLock;

use regex_automata::meta::{self, Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input, Span};
use regex_syntax::hir::Hir;

use super::dialect;
use super::gap::{Gapped, Memory};
use crate::limits::{Budget, Exceeded};

/// A regex may take so much when it is compiled.
const COMPILED_BYTES_MAX: usize = 8 << 20;
/// Of which a search by lazily built automata may keep this much.
const CACHE_BYTES_MAX: usize = 2 << 20;

/// Where a match may begin at no more places than these, each is asked by itself: what does not begin there ends
/// soon, and what may begin anywhere is looked for to the end.
const BEGINS_FEW: usize = 4;
/// What a match has behind its secret may begin the next, if it is no longer: as what tells tokens apart does, that
/// stand on lines of their own.
const SHARED_BYTES_MAX: usize = 4;
/// Places of groups that take no memory of their own.
const SLOTS_FEW: usize = 16;
/// No text has one; TOML's `"\b"` is one.
const BACKSPACE: char = '\u{8}';

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
        if source.contains(BACKSPACE) {
            return Err("its regex has a backspace, which `\\b` is between double quotes: write it between single \
                        quotes, as in '\\bacme'"
                .into());
        }
        let mut parser = regex_syntax::ParserBuilder::new();
        let read = dialect::of_go(source);
        let hir = parser.unicode(false).utf8(false).build().parse(&read).map_err(|error| {
            // The message shows the whole regex and points into it.
            format!("its regex cannot be used: {error}")
        })?;
        Ok(Self { source: source.to_owned(), hir, regex: OnceLock::new(), gapped: OnceLock::new() })
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
        let window = Window { span, last: usize::MAX };
        // Without a limit it does not fail.
        let _ = self.matches_within(text, window, group, 0, &mut Budget::unlimited(), told);
    }

    /// The same of those that begin where one may, as long as the budget lasts. No match has more bytes than `longest`.
    pub(crate) fn matches_within(
        &self,
        text: &[u8],
        Window { span, last }: Window,
        group: Group,
        longest: usize,
        budget: &mut Budget,
        mut found: impl FnMut(Span, Span, &mut Budget) -> Result<(), Exceeded>,
    ) -> Result<(), Exceeded> {
        let mut from = span.start;
        if let Some(gapped) = self.gapped() {
            let mut memory = Memory::default();
            while from <= last
                && let Some(one) =
                    gapped.find(text, (from..span.end).into(), &mut memory, budget)?
            {
                found(one, one, budget)?;
                from = one.end;
            }
            return Ok(());
        }
        let Some(regex) = self.regex() else { return Ok(()) };
        let mut groups = Groups::of(regex, group);
        while from <= span.end.min(last) {
            let Some((whole, secret)) = groups.next(regex, text, from..span.end, last, budget)?
            else {
                break;
            };
            // A longer match was looked for behind its end.
            let looked_at = whole.end.saturating_add(longest).min(span.end);
            budget.spend(looked_at - from)?;
            found(whole, secret.unwrap_or(whole), budget)?;
            let secret_end = secret.map_or(whole.end, |secret| secret.end);
            let shared = whole.end - secret_end <= SHARED_BYTES_MAX;
            // An empty match would be found for ever.
            from = if shared { secret_end } else { whole.end }.max(whole.start + 1);
        }
        Ok(())
    }
}

/// Where matches are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// They are within this,
    pub(crate) span: Span,
    /// and none of those that are asked for begins behind this.
    pub(crate) last: usize,
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

/// Room for the places of the groups of a match.
struct Groups {
    group: Group,
    few: [Option<NonMaxUsize>; SLOTS_FEW],
    many: Vec<Option<NonMaxUsize>>,
    /// How many are asked for.
    slots: usize,
}

impl Groups {
    fn of(regex: &Regex, group: Group) -> Self {
        let groups = match group {
            Group::First => regex.captures_len(),
            Group::Number(number) => regex.captures_len().min(number + 1),
        };
        let slots = 2 * groups;
        let many = if slots > SLOTS_FEW { vec![None; slots] } else { Vec::new() };
        Self { group, few: [None; SLOTS_FEW], many, slots }
    }

    /// The first match, and its group.
    fn next(
        &mut self,
        regex: &Regex,
        text: &[u8],
        range: Range<usize>,
        last: usize,
        budget: &mut Budget,
    ) -> Result<Option<(Span, Option<Span>)>, Exceeded> {
        let room = if self.many.is_empty() { &mut self.few[..] } else { &mut self.many };
        let Some(slots) = room.get_mut(..self.slots) else { return Ok(None) };
        let input = Input::new(text).range(range.clone());
        let begins = range.start..=last.min(range.end);
        let is_found = if last.min(range.end) - range.start < BEGINS_FEW {
            let mut found = false;
            for at in begins {
                let here = input.clone().range(at..range.end).anchored(Anchored::Yes);
                found = regex.search_slots(&here, slots).is_some();
                if found {
                    break;
                }
                budget.spend(range.end - at)?;
            }
            found
        } else {
            let found = regex.search_slots(&input, slots).is_some();
            if !found {
                budget.spend(range.len())?;
            }
            found
        };
        if !is_found {
            return Ok(None);
        }
        let (groups, _) = slots.as_chunks();
        let span = |[start, end]: &[Option<NonMaxUsize>; 2]| {
            Some(Span { start: (*start)?.get(), end: (*end)?.get() })
        };
        let secret = match self.group {
            Group::Number(index) => groups.get(index).and_then(span),
            Group::First => groups.iter().skip(1).find_map(span),
        };
        Ok(groups.first().and_then(span).map(|whole| (whole, secret)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::any_regex;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn what_begins_where_one_may_is_found_in_either_way(
            regex in any_regex(), text in "[a-c0-2 .-]{0,16}", start in 0_usize..12, last in 0_usize..20,
        ) {
            let pattern = Pattern::parse(&regex).expect("a regex");
            let span = Span { start: start.min(text.len()), end: text.len() };
            for group in [Group::First, Group::Number(0)] {
                let mut expected = Vec::new();
                pattern.matches(text.as_bytes(), span, group, |whole, secret| {
                    if whole.start <= last {
                        expected.push((whole, secret));
                    }
                });
                let mut found = Vec::new();
                let told = |whole, secret, _: &mut Budget| {
                    found.push((whole, secret));
                    Ok(())
                };
                let (window, budget) = (Window { span, last }, &mut Budget::unlimited());
                let done = pattern.matches_within(text.as_bytes(), window, group, 0, budget, told);
                prop_assert_eq!(done, Ok(()));
                // The last may begin further behind, as the others are looked for to the end.
                found.retain(|(whole, _)| whole.start <= last);
                prop_assert_eq!(found, expected, "{}", regex);
            }
        }
    }

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
