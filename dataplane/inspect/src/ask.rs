//! Asking rules where they may match, one value of a JSON text at a time.

use std::collections::HashMap;
use std::ops::Range;

use regex_automata::Span;

use crate::confirm::{Asked, Match, matches};
use crate::engine::{Engine, Hit};
use crate::layer::Layer;
use crate::limits::{Budget, Exceeded};
use crate::rule::{CONTEXT_AFTER, CONTEXT_BEFORE, Rule, Window};
use crate::structure::{Cell, cell_at, neighbours};
use crate::table::{Table, Tables, may_be_head, name_in};

/// A text, and what keeps its values apart.
pub(crate) struct Text<'t> {
    /// What it was read from in the end.
    pub(crate) message: &'t [u8],
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
    window: Window,
}

impl Question {
    /// Whether another is the same, or goes on with it: then this is both.
    fn takes(&mut self, rule: usize, cell: &Placed, window: Window) -> bool {
        let (own, other) = (self.window.span, window.span);
        let meets = other.start <= own.end && own.start <= other.end;
        let same = rule == self.rule && *cell == self.cell && meets;
        if same {
            let span = Span { start: own.start.min(other.start), end: own.end.max(other.end) };
            self.window = Window { span, last: self.window.last.max(window.last) };
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
            self.ask_cell((rule, of), &cell, window, memory, &mut |one| found(rule, one))
        };
        for hit in hits {
            let Some(of) = rules.get(hit.rule) else { continue };
            // What stands close together may go over several values.
            for cell in self.cells(hit.start..hit.end, of.bytes_min()) {
                let window = Window { span: hit.window(&cell.whole).into(), last: hit.last() };
                // Those whose windows meet are one question.
                let taken = next.as_mut().is_some_and(|one| one.takes(hit.rule, &cell, window));
                if !taken {
                    ask(next.replace(Question { rule: hit.rule, cell, window }))?;
                }
            }
        }
        ask(next)?;
        if let Some(cells) = self.cells {
            self.ask_neighbours(cells, rules, hits, &mut keywords, budget, found)?;
        }
        Ok(())
    }

    /// Rules whose matches go over several values are held against a value with its neighbours; what they call the
    /// secret is in one value.
    fn ask_neighbours(
        &self,
        cells: &[Cell],
        rules: &[Rule],
        hits: &[Hit],
        keywords: &mut Keywords,
        budget: &mut Budget,
        mut found: impl FnMut(usize, Match),
    ) -> Result<(), Exceeded> {
        for hit in hits {
            let Some(rule) = rules.get(hit.rule).filter(|rule| rule.across_values) else {
                continue;
            };
            let source =
                self.layer.map_or(hit.start, |layer| layer.source(hit.start..hit.end).start);
            let at = cells.partition_point(|cell| cell.end() <= source);
            // The key of an object or an array stands with what is in that.
            let opens = cells.get(at).is_some_and(|cell| cell.value.is_none());
            let at = at + usize::from(opens && at + 1 < cells.len());
            let Some(own) = cells.get(at).map(|cell| cell.start()..cell.end()) else { continue };
            let Some(part) = neighbours(self.message, cells, at) else { continue };
            budget.spend(part.len().saturating_sub(own.len()))?;
            let (own, part) = (self.part(own), self.part(part));
            let span = hit.window(&part);
            // What is within one value with all that is looked for about it was asked there.
            let alone = rule.keywords.is_empty() || rule.keywords_within;
            let far = own.start + CONTEXT_BEFORE < span.start && span.end + CONTEXT_AFTER < own.end;
            if alone && far {
                continue;
            }
            let window = Window { span: span.into(), last: hit.last() };
            let memory = &mut (&mut *keywords, &mut *budget);
            self.ask_part((hit.rule, rule), &part, window, memory, &mut |one: Match| {
                if self.is_in_value(cells, &one.secret) {
                    found(hit.rule, one);
                }
            })?;
        }
        Ok(())
    }

    /// Rules that ask for a context are held against the cells of columns whose names are one; `words` says where words
    /// are that may be in such a name. Into `heads` comes a place in each head that has one.
    pub(crate) fn ask_columns(
        &self,
        engine: &Engine,
        rules: &[Rule],
        words: &[Hit],
        budget: &mut Budget,
        heads: &mut Vec<usize>,
        found: &mut impl FnMut(usize, Match),
    ) -> Result<(), Exceeded> {
        let mut tables = Tables::new(self.bytes);
        let mut read = 0;
        for hit in words {
            let Some(at) = name_in(self.bytes, hit.start..hit.end) else { continue };
            if at < read || !may_be_head(self.bytes, at) {
                continue;
            }
            let table = self.table(&mut tables, at);
            budget.spend(tables.walked())?;
            let Some(table) = table else { continue };
            let named = |column: &Range<usize>| {
                engine.named(self.bytes.get(column.clone()).unwrap_or_default())
            };
            let columns: Vec<Vec<usize>> = table.columns.iter().map(named).collect();
            if columns.iter().any(|asked| !asked.is_empty()) {
                heads.push(self.layer.map_or(at, |layer| layer.source(at..at + 1).start));
            }
            read = tables.rows(&table, |cells| {
                for (cell, asked) in cells.iter().zip(&columns) {
                    for number in asked {
                        if let Some(rule) = rules.get(*number) {
                            self.ask_column((*number, rule), cell, budget, found)?;
                        }
                    }
                }
                Ok(())
            })?;
            budget.spend(tables.walked())?;
        }
        Ok(())
    }

    /// The table in whose head a place is: within a value, or of arrays that are values.
    fn table(&self, tables: &mut Tables<'_>, at: usize) -> Option<Table> {
        let all = 0..self.bytes.len();
        if self.cells.is_some() {
            let value = self.cells(at..at + 1, 0).next().and_then(|cell| cell.value);
            let value = value.filter(|value| value.contains(&at));
            let within = value.and_then(|value| tables.at(&value, at));
            return within.or_else(|| tables.of_tuples(&all, at));
        }
        tables.at(&all, at)
    }

    /// A cell is a match as a whole, or none.
    fn ask_column(
        &self,
        (number, rule): (usize, &Rule),
        cell: &Range<usize>,
        budget: &mut Budget,
        found: &mut impl FnMut(usize, Match),
    ) -> Result<(), Exceeded> {
        let Some(text) = self.bytes.get(cell.clone()) else { return Ok(()) };
        if text.len() < rule.bytes_min() {
            return Ok(());
        }
        let keyword = &mut None;
        let mut asked = Asked { text, named: true, keyword };
        let window = Window { span: (0..text.len()).into(), last: 0 };
        matches(rule, &mut asked, window, budget, |one| {
            let secret = cell.start + one.secret.start..cell.start + one.secret.end;
            let apart = self.cells.is_none_or(|cells| self.is_in_value(cells, &secret));
            // A date may have a time behind it.
            let whole = one.whole.len() == cell.len() && secret.start == cell.start;
            if whole && apart {
                found(number, Match { whole: secret.clone(), secret, ..one });
            }
        })
    }

    /// Whether a span of the text is within one value.
    fn is_in_value(&self, cells: &[Cell], span: &Range<usize>) -> bool {
        let source = self.layer.map_or(span.clone(), |layer| layer.source(span.clone()));
        let value = cell_at(cells, source.start).and_then(|cell| cell.value.as_ref());
        value.is_some_and(|value| value.start <= source.start && source.end <= value.end)
    }

    /// A part of the message by its places in the text.
    fn part(&self, part: Range<usize>) -> Range<usize> {
        match self.layer {
            None => part,
            Some(layer) => layer.text_at(part.start)..layer.text_at(part.end),
        }
    }

    /// A rule is held against a value alone, where `^` and `$` are its ends, and where it does not match there, against
    /// the value with its key.
    fn ask_cell(
        &self,
        rule: (usize, &Rule),
        cell: &Placed,
        window: Window,
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
        Window { span, last }: Window,
        (keywords, budget): &mut (&mut Keywords, &mut Budget),
        found: &mut impl FnMut(Match),
    ) -> Result<bool, Exceeded> {
        let (start, end) = (span.start.max(part.start), span.end.min(part.end));
        let fits = start < end && start <= last && part.len() >= rule.bytes_min();
        let Some(text) = self.bytes.get(part.clone()).filter(|_| fits) else { return Ok(false) };
        let mut any = false;
        let base = part.start;
        let anywhere = !rule.keywords.is_empty() && !rule.keywords_within;
        let unknown = &mut None;
        let keyword = if anywhere { keywords.of(number, part) } else { unknown };
        let mut asked = Asked { text, named: false, keyword };
        let window = Window { span: (start - base..end - base).into(), last: last - base };
        matches(rule, &mut asked, window, budget, |one| {
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
        let content = |part: &Range<usize>| {
            let placed = self.part(part.clone());
            if self.bytes.get(placed.start) == Some(&b'"') && placed.len() >= 2 {
                placed.start + 1..placed.end - 1
            } else {
                placed
            }
        };
        Placed {
            whole: self.part(cell.start()..cell.end()),
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
