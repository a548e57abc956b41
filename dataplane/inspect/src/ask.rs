//! Asking rules where they may match, one value of a JSON text at a time.

use std::collections::HashMap;
use std::ops::Range;

use crate::confirm::{Asked, Match, matches};
use crate::engine::Hit;
use crate::layer::Layer;
use crate::limits::{Budget, Exceeded};
use crate::rule::Rule;
use crate::structure::Cell;

/// A text, and what keeps its values apart.
pub(crate) struct Text<'t> {
    pub(crate) bytes: &'t [u8],
    /// How it was read from the message; `None` where it is the message.
    pub(crate) layer: Option<&'t Layer>,
    /// The message's cells, by its own bytes; `None` where nothing is kept apart.
    pub(crate) cells: Option<&'t [Cell]>,
}

/// A cell by its places in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Placed {
    whole: Range<usize>,
    /// Without quotes.
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
}

/// A rule, a cell, and where in that a match may be.
struct Question {
    rule: usize,
    cell: Placed,
    window: Range<usize>,
}

impl Question {
    /// Whether another is the same, or goes on with it: then this is both.
    fn takes(&mut self, rule: usize, cell: &Placed, window: &Range<usize>) -> bool {
        let meets = window.start <= self.window.end && self.window.start <= window.end;
        let same = rule == self.rule && *cell == self.cell && meets;
        if same {
            let (start, end) =
                (self.window.start.min(window.start), self.window.end.max(window.end));
            self.window = start..end;
        }
        same
    }
}

impl Text<'_> {
    /// Tells each match of the rules that `hits` are of, which are in the order of their rules and places.
    pub(crate) fn ask(
        &self,
        rules: &[Rule],
        hits: &[Hit],
        budget: &mut Budget,
        mut found: impl FnMut(usize, Match),
    ) -> Result<(), Exceeded> {
        let mut next: Option<Question> = None;
        let mut keywords = Keywords::default();
        let mut ask = |question: Option<Question>| {
            let Some(Question { rule, cell, window }) = question else { return Ok(()) };
            let Some(of) = rules.get(rule) else { return Ok(()) };
            let memory = &mut (&mut keywords, &mut *budget);
            self.ask_cell((rule, of), &cell, &window, memory, &mut |one| found(rule, one))
        };
        for hit in hits {
            let Some(of) = rules.get(hit.rule) else { continue };
            // What stands close together may go over several values.
            for cell in self.cells(hit.start..hit.end, of.bytes_min()) {
                let window = hit.window(&cell.whole);
                // Those whose windows meet are one question.
                let taken = next.as_mut().is_some_and(|one| one.takes(hit.rule, &cell, &window));
                if !taken {
                    ask(next.replace(Question { rule: hit.rule, cell, window }))?;
                }
            }
        }
        ask(next)
    }

    /// A rule is held against a value alone, where `^` and `$` are its ends, and where it does not match there, against
    /// the value with its key.
    fn ask_cell(
        &self,
        rule: (usize, &Rule),
        cell: &Placed,
        window: &Range<usize>,
        memory: &mut (&mut Keywords, &mut Budget),
        found: &mut impl FnMut(Match),
    ) -> Result<(), Exceeded> {
        let mut any = false;
        let apart = [&cell.value, &cell.key].into_iter().flatten();
        for part in apart {
            any |= self.ask_part(rule, part, window, memory, found)?;
        }
        if !any && cell.key.is_some() && cell.value.is_some() {
            self.ask_part(rule, &cell.whole, window, memory, found)?;
        }
        Ok(())
    }

    /// Whether it matches in a part of the text, which is all it sees.
    fn ask_part(
        &self,
        (number, rule): (usize, &Rule),
        part: &Range<usize>,
        window: &Range<usize>,
        (keywords, budget): &mut (&mut Keywords, &mut Budget),
        found: &mut impl FnMut(Match),
    ) -> Result<bool, Exceeded> {
        let (start, end) = (window.start.max(part.start), window.end.min(part.end));
        let fits = start < end && part.len() >= rule.bytes_min();
        let Some(text) = self.bytes.get(part.clone()).filter(|_| fits) else { return Ok(false) };
        let mut any = false;
        let base = part.start;
        let anywhere = !rule.keywords.is_empty() && !rule.keywords_within;
        let unknown = &mut None;
        let keyword = if anywhere { keywords.of(number, part) } else { unknown };
        let mut asked = Asked { text, named: false, keyword };
        matches(rule, &mut asked, start - base..end - base, budget, |one| {
            any = true;
            let moved = |range: Range<usize>| range.start + base..range.end + base;
            found(Match { whole: moved(one.whole), secret: moved(one.secret), ..one });
        })?;
        Ok(any)
    }

    /// The cells that a part of the text reaches into and that have room for so many bytes.
    fn cells(&self, part: Range<usize>, bytes_min: usize) -> impl Iterator<Item = Placed> + '_ {
        let all = 0..self.bytes.len();
        let whole = self.cells.is_none().then(|| Placed {
            whole: all.clone(),
            key: None,
            value: Some(all),
        });
        let source = self.layer.map_or(part.clone(), |layer| layer.source(part.clone()));
        let cells = self.cells.unwrap_or_default();
        let first = cells.partition_point(|cell| cell.end() <= source.start);
        let reached = cells.get(first..).unwrap_or_default().iter();
        // No text is longer than what it was read from.
        let roomy = move |cell: &&Cell| cell.end() - cell.start() >= bytes_min;
        let reached = reached.take_while(move |cell| cell.start() < source.end).filter(roomy);
        whole.into_iter().chain(reached.map(|cell| self.place(cell)))
    }

    /// A cell by its places in the text.
    fn place(&self, cell: &Cell) -> Placed {
        let place = |part: Range<usize>| match self.layer {
            None => part,
            Some(layer) => layer.text_at(part.start)..layer.text_at(part.end),
        };
        let content = |part: &Range<usize>| {
            let placed = place(part.clone());
            if self.bytes.get(placed.start) == Some(&b'"') && placed.len() >= 2 {
                placed.start + 1..placed.end - 1
            } else {
                placed
            }
        };
        Placed {
            whole: place(cell.start()..cell.end()),
            key: cell.key.as_ref().map(content),
            value: cell.value.as_ref().map(content),
        }
    }
}

/// In which parts of the text a rule's keywords are, of those that may stand anywhere in it.
#[derive(Default)]
struct Keywords {
    rule: usize,
    parts: HashMap<Range<usize>, Option<bool>>,
}

impl Keywords {
    fn of(&mut self, rule: usize, part: &Range<usize>) -> &mut Option<bool> {
        if self.rule != rule {
            self.rule = rule;
            self.parts.clear();
        }
        self.parts.entry(part.clone()).or_default()
    }
}
