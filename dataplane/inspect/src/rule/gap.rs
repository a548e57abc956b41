//! A regex with a long gap in it, searched in its parts.
//!
//! Between the first and the last line of a private key there may be 16 KiB of anything. An automaton counts the bytes
//! of such a gap, and where many begin it counts each of them, which makes it hundreds of times slower. In two parts,
//! what stands before the gap and what stands behind it, each byte is looked at a few times, however many begin.

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input, Span};
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::pattern::compiled;
use crate::limits::{Budget, Exceeded};

/// What has no longer gap is searched as it is.
const GAP_BYTES_MIN: u32 = 512;

/// What is searched by itself: a regex, or one with a gap.
#[derive(Debug)]
enum Part {
    Whole(Regex),
    Gapped(Box<Gapped>),
}

/// What stands before a gap, the gap, and what stands behind it.
#[derive(Debug)]
pub(super) struct Gapped {
    before: Regex,
    least: usize,
    /// How long the gap may be. What stands before it may be longer or shorter, and is taken as short as it can be:
    /// the gap may be so much longer.
    most: usize,
    behind: Part,
}

/// What is behind the gap, where it was last looked for.
#[derive(Debug, Default)]
pub(super) struct Memory {
    looked: bool,
    /// From here on,
    from: usize,
    /// and found here; `None` where nothing is left.
    found: Option<Span>,
    within: Option<Box<Memory>>,
}

impl Gapped {
    /// `None` where it has no long gap that takes anything, and as little as it can, or where groups are asked for.
    pub(super) fn of(hir: &Hir) -> Option<Self> {
        if hir.properties().explicit_captures_len() > 0 {
            return None;
        }
        let HirKind::Concat(parts) = hir.kind() else { return None };
        let at = parts.iter().position(|part| gap(part).is_some())?;
        let (least, most) = gap(parts.get(at)?)?;
        let before = Hir::concat(parts.get(..at)?.to_vec());
        let behind = Hir::concat(parts.get(at + 1..)?.to_vec());
        let shortest = before.properties().minimum_len().filter(|bytes| *bytes > 0)?;
        let longest = before.properties().maximum_len()?;
        behind.properties().minimum_len().filter(|bytes| *bytes > 0)?;
        let behind = match Self::of(&behind) {
            Some(gapped) => Part::Gapped(Box::new(gapped)),
            None => Part::Whole(compiled(&behind)?),
        };
        Some(Self {
            before: compiled(&before)?,
            least,
            most: most.saturating_add(longest - shortest),
            behind,
        })
    }

    /// The first match in a part of a text, which sees what stands around it.
    pub(super) fn find(
        &self,
        text: &[u8],
        span: Span,
        memory: &mut Memory,
        budget: &mut Budget,
    ) -> Result<Option<Span>, Exceeded> {
        let mut from = span.start;
        while from <= span.end {
            let begins = self.before.search(&Input::new(text).range(from..span.end));
            budget.spend(begins.map_or(span.end, |begins| begins.end()) - from)?;
            let Some(begins) = begins else { return Ok(None) };
            // As short as it can be: no end is missed that stands close behind it.
            let here = Input::new(text).range(begins.start()..span.end);
            let shortest = self.before.search_half(&here.anchored(Anchored::Yes).earliest(true));
            let short = shortest.map_or(begins.end(), |half| half.offset());
            budget.spend(short - begins.start())?;
            let behind = short.saturating_add(self.least);
            let next = memory.next(&self.behind, text, behind..span.end, budget)?;
            let Some(next) = next else { return Ok(None) };
            if next.start - short <= self.most {
                return Ok(Some(Span { start: begins.start(), end: next.end }));
            }
            from = begins.start() + 1;
        }
        Ok(None)
    }
}

impl Memory {
    /// The first of what is behind a gap, which is looked for once, however many begin before it.
    fn next(
        &mut self,
        part: &Part,
        text: &[u8],
        range: std::ops::Range<usize>,
        budget: &mut Budget,
    ) -> Result<Option<Span>, Exceeded> {
        if range.start > range.end {
            return Ok(None);
        }
        let ahead = self.found.is_none_or(|found| found.start >= range.start);
        if self.looked && self.from <= range.start && ahead {
            return Ok(self.found);
        }
        let found = match part {
            Part::Whole(regex) => {
                let found = regex.search(&Input::new(text).range(range.clone()));
                let found = found.map(|found| found.span());
                budget.spend(found.map_or(range.end, |found| found.end) - range.start)?;
                found
            }
            Part::Gapped(gapped) => {
                let memory = self.within.get_or_insert_default();
                gapped.find(text, range.clone().into(), memory, budget)?
            }
        };
        (self.looked, self.from, self.found) = (true, range.start, found);
        Ok(found)
    }
}

/// How long a gap is, if it is one: any bytes, as few as can be.
fn gap(hir: &Hir) -> Option<(usize, usize)> {
    let HirKind::Repetition(Repetition { min, max: Some(max), greedy: false, sub }) = hir.kind()
    else {
        return None;
    };
    let HirKind::Class(Class::Bytes(class)) = sub.kind() else { return None };
    let [all] = class.ranges() else { return None };
    let any = all.start() == 0 && all.end() == u8::MAX;
    let size = |count: u32| usize::try_from(count).ok();
    if any && *max >= GAP_BYTES_MIN { Some((size(*min)?, size(*max)?)) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(regex: &str) -> Hir {
        let mut parser = regex_syntax::ParserBuilder::new();
        parser.unicode(false).utf8(false).build().parse(regex).expect("a regex")
    }

    fn all(gapped: &Gapped, text: &[u8]) -> Vec<(usize, usize)> {
        let (mut memory, mut from, mut found) = (Memory::default(), 0, Vec::new());
        let budget = &mut Budget::unlimited();
        while let Some(one) = gapped
            .find(text, Span { start: from, end: text.len() }, &mut memory, budget)
            .expect("no limit")
        {
            found.push((one.start, one.end));
            from = one.end;
        }
        found
    }

    /// With a gap that is as long as the text may be, it is what the regex would find as a whole.
    fn same(regex: &str, text: &str) {
        let gapped = Gapped::of(&parsed(regex)).expect("a gap");
        let whole = compiled(&parsed(regex)).expect("a regex");
        let expected: Vec<_> =
            whole.find_iter(text.as_bytes()).map(|one| (one.start(), one.end())).collect();
        assert_eq!(all(&gapped, text.as_bytes()), expected, "{regex} in {text:?}");
    }

    proptest! {
        #[test]
        fn a_gap_is_found_as_in_one_piece(text in "[ab<> \n]{0,60}") {
            for regex in [
                r"<a{1,3}[\s\S]{0,600}?b>",
                r"\b<[\s\S]{2,600}?a{2}[\s\S]{1,700}?>",
                r"a[\s\S]{0,512}?(?:b|>>)",
            ] {
                same(regex, &text);
            }
        }
    }

    #[test]
    fn a_gap_has_an_end() {
        let gapped = Gapped::of(&parsed(r"<a[\s\S]{0,600}?b>")).expect("a gap");
        let text = |gap: usize| format!("<a <a{}b>", " ".repeat(gap));
        assert_eq!(all(&gapped, text(597).as_bytes()), [(0, 604)]);
        assert_eq!(all(&gapped, text(598).as_bytes()), [(3, 605)]);
        assert_eq!(all(&gapped, text(601).as_bytes()), []);
    }

    #[test]
    fn what_takes_as_much_as_it_can_or_has_groups_is_no_gap() {
        for regex in
            [r"a[\s\S]{0,600}b", r"a[\s\S]{0,40}?b", r"a[^-]{0,600}?b", r"(a[\s\S]{0,600}?b)"]
        {
            assert!(Gapped::of(&parsed(regex)).is_none(), "{regex}");
        }
    }

    /// The first has no end, and each of them looks for it.
    #[test]
    fn beginnings_without_an_end_cost_no_more_than_a_few_looks() {
        let regex = r"BEGIN[^-]{0,20}[A-Z]{3}[\s\S]{0,16384}?END[\s\S]{0,8192}?MAC";
        let gapped = Gapped::of(&parsed(regex)).expect("gaps");
        for text in ["BEGIN xABC ", "BEGIN ABCEND ", "BEGIN", "BEGIN ABC END MAC "] {
            let text = text.repeat(50_000);
            let budget = &mut Budget::unlimited();
            let (mut memory, mut from) = (Memory::default(), 0);
            let mut next = |from: usize| {
                let span = Span { start: from, end: text.len() };
                gapped.find(text.as_bytes(), span, &mut memory, budget).expect("no limit")
            };
            while let Some(one) = next(from) {
                from = one.end;
            }
            assert!(budget.spent() < 8 * text.len(), "{} of {}", budget.spent(), text.len());
        }
    }
}
