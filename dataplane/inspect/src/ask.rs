//! Asking rules where they may match, one value of a JSON text at a time.

use std::ops::Range;

use crate::confirm::{Match, matches};
use crate::engine::Hit;
use crate::layer::Layer;
use crate::rule::Rule;
use crate::structure::{Cell, cell_at};

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
    pub(crate) fn ask(&self, rules: &[Rule], hits: &[Hit], mut found: impl FnMut(usize, Match)) {
        let mut next: Option<Question> = None;
        let mut ask = |question: Option<Question>| {
            let Some(Question { rule, cell, window }) = question else { return };
            if let Some(of) = rules.get(rule) {
                self.ask_cell(of, &cell, &window, &mut |one| found(rule, one));
            }
        };
        for hit in hits {
            let mut at = hit.start;
            // What stands close together may go over several values.
            while let Some(cell) = self.cell(at).filter(|cell| cell.whole.start < hit.end) {
                at = cell.whole.end.max(at + 1);
                let window = hit.window(&cell.whole);
                // Those whose windows meet are one question.
                let taken = next.as_mut().is_some_and(|one| one.takes(hit.rule, &cell, &window));
                if !taken {
                    ask(next.replace(Question { rule: hit.rule, cell, window }));
                }
                if at >= hit.end {
                    break;
                }
            }
        }
        ask(next);
    }

    /// A rule is held against a value alone, where `^` and `$` are its ends, and where it does not match there, against
    /// the value with its key.
    fn ask_cell(
        &self,
        rule: &Rule,
        cell: &Placed,
        window: &Range<usize>,
        found: &mut impl FnMut(Match),
    ) {
        let mut any = false;
        let apart = [&cell.value, &cell.key].into_iter().flatten();
        for part in apart {
            any |= self.ask_part(rule, part, window, found);
        }
        if !any && cell.key.is_some() && cell.value.is_some() {
            self.ask_part(rule, &cell.whole, window, found);
        }
    }

    /// Whether it matches in a part of the text, which is all it sees.
    fn ask_part(
        &self,
        rule: &Rule,
        part: &Range<usize>,
        window: &Range<usize>,
        found: &mut impl FnMut(Match),
    ) -> bool {
        let (start, end) = (window.start.max(part.start), window.end.min(part.end));
        let fits = start < end && part.len() >= rule.bytes_min();
        let Some(bytes) = self.bytes.get(part.clone()).filter(|_| fits) else { return false };
        let mut any = false;
        let base = part.start;
        matches(rule, bytes, start - base..end - base, |one| {
            any = true;
            let moved = |range: Range<usize>| range.start + base..range.end + base;
            found(Match { whole: moved(one.whole), secret: moved(one.secret), ..one });
        });
        any
    }

    /// The cell that a place is in, by places in the text.
    fn cell(&self, at: usize) -> Option<Placed> {
        let all = 0..self.bytes.len();
        let Some(cells) = self.cells else {
            return Some(Placed { whole: all.clone(), key: None, value: Some(all) });
        };
        let source = self.layer.map_or(at, |layer| layer.source(at..at + 1).start);
        let cell = cell_at(cells, source)?;
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
        Some(Placed {
            whole: place(cell.start()..cell.end()),
            key: cell.key.as_ref().map(content),
            value: cell.value.as_ref().map(content),
        })
    }
}
