//! What is between the separators of a row and the brackets of a tuple, and which of it names a column.

use std::ops::Range;

use memchr::memmem;

use super::{HEAD_BYTES_MAX, ROW_BYTES_MAX};

/// A column's name is no longer.
const NAME_BYTES_MAX: usize = 48;
/// A name with the blanks and quotes around it neither, where brackets are around all.
pub(super) const CELL_BYTES_MAX: usize = 2 * NAME_BYTES_MAX;

/// A row of cells with a separator between them, byte by byte.
pub(super) struct Row {
    separator: u8,
    before: u8,
    /// What the cell begins with was there,
    begun: bool,
    /// and was a quote: others are signs, as of an inch.
    quotes: bool,
    /// A quote is open.
    pub(super) open: bool,
}

impl Row {
    pub(super) fn new(separator: u8) -> Self {
        Self { separator, before: 0, begun: false, quotes: false, open: false }
    }

    /// Whether a cell ends before this byte.
    pub(super) fn ends(&mut self, byte: u8) -> bool {
        // Tables that are drawn have no quotes, and Markdown writes a bar of a cell as `\|`.
        let drawn = self.separator == b'|';
        if byte == b'"' && !drawn && (self.quotes || !self.begun) {
            self.quotes = true;
            self.open = !self.open;
        }
        let escaped = drawn && self.before == b'\\';
        if byte == self.separator && !self.open && !escaped {
            *self = Self::new(self.separator);
            return true;
        }
        // In a string that was not taken apart a quote stands behind a backslash.
        self.begun |= !matches!(byte, b' ' | b'\\');
        self.before = byte;
        false
    }
}

/// What stands between separators.
pub(super) fn fields(
    text: &[u8],
    line: Range<usize>,
    separator: u8,
) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut rest = Some(line);
    let mut row = Row::new(separator);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let ends = text.get(line.clone())?.iter().position(|byte| row.ends(*byte));
        let end = ends.map_or(line.end, |at| line.start + at);
        rest = ends.map(|_| end + 1..line.end);
        Some(line.start..end)
    })
}

/// The names between a bracket and its end, and where that is.
pub(super) fn head(
    text: &[u8],
    open: usize,
    close: u8,
    walked: &mut usize,
) -> Option<(Vec<Range<usize>>, usize)> {
    let mut all = Vec::new();
    let mut at = open + 1;
    // What stands in brackets of JSON may have others.
    let is_part = |byte| is_name(byte) || close == b']' && b"()%".contains(&byte);
    while at - open <= HEAD_BYTES_MAX {
        let near = text.get(at..text.len().min(at + CELL_BYTES_MAX))?;
        let length = near.iter().position(|byte| *byte == b',' || *byte == close);
        *walked += length.unwrap_or(near.len()) + 1;
        let cell = trimmed(text, at..at + length?);
        if !is_named(text, &cell, is_part) {
            return None;
        }
        all.push(cell);
        at += length? + 1;
        if text.get(at - 1) == Some(&close) {
            return (all.len() > 1).then_some((all, at));
        }
    }
    None
}

/// What stands between a bracket and its end, and where that is; where it has none, the brackets that are open.
pub(super) fn tuple(
    text: &[u8],
    first: usize,
    close: u8,
    walked: &mut usize,
) -> Result<(Vec<Range<usize>>, usize), Vec<usize>> {
    let mut all = Vec::new();
    let mut start = first + 1;
    let mut at = start;
    let mut quote = None;
    let mut open = vec![first];
    let end = text.len().min(first + ROW_BYTES_MAX);
    while at < end {
        let Some(byte) = text.get(at).copied() else { break };
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => open.push(at),
            (None, _) if byte == close && open.len() == 1 => {
                all.push(start..at);
                *walked += at - first;
                return Ok((all, at + 1));
            }
            (None, b')' | b']' | b'}') => {
                open.pop();
                if open.is_empty() {
                    break;
                }
            }
            (None, b',') if open.len() == 1 => {
                all.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    *walked += at.saturating_sub(first);
    Err(open)
}

/// Without blanks, quotes and Markdown's stars.
pub(super) fn trimmed(text: &[u8], cell: Range<usize>) -> Range<usize> {
    let bytes = text.get(cell.clone()).unwrap_or_default();
    let blank = |byte: &u8| !byte.is_ascii_whitespace();
    let Some(first) = bytes.iter().position(blank) else { return cell.start..cell.start };
    let last = bytes.iter().rposition(blank).unwrap_or(first);
    if let Some([b'*', b'*', _, .., b'*', b'*']) = bytes.get(first..=last) {
        return trimmed(text, cell.start + first + 2..cell.start + last - 1);
    }
    let quote = |at: usize| bytes.get(at).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    if last > first && quote(first).is_some() && quote(first) == quote(last) {
        return cell.start + first + 1..cell.start + last;
    }
    cell.start + first..cell.start + last + 1
}

/// The same of a value of SQL, of an expression its first literal: `'…'::date`, `CAST('…' AS date)`.
pub(super) fn literal(text: &[u8], cell: Range<usize>) -> Range<usize> {
    let before = cell.start;
    let cell = trimmed(text, cell);
    let before = text.get(before..cell.start).unwrap_or_default();
    if !before.trim_ascii().is_empty() {
        return cell;
    }
    let bytes = text.get(cell.clone()).unwrap_or_default();
    let mut quotes = memchr::memchr_iter(b'\'', bytes);
    let (Some(first), Some(last)) = (quotes.next(), quotes.next()) else { return cell };
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.( ".contains(byte);
    if bytes.iter().take(first).all(name) {
        return cell.start + first + 1..cell.start + last;
    }
    cell
}

/// Columns' names, if all of them are such.
pub(super) fn names(
    text: &[u8],
    all: impl Iterator<Item = Range<usize>>,
) -> Option<Vec<Range<usize>>> {
    // Where lines are rows, a bracket is a part of what it stands in, and so is a colon with a type behind it.
    let of_line = |byte| is_name(byte) || b"()%:".contains(&byte);
    let says = |one: &Range<usize>| memmem::find(text.get(one.clone()).unwrap_or_default(), b": ");
    let fits =
        |one: &Range<usize>| one.is_empty() || is_named(text, one, of_line) && says(one).is_none();
    all.map(|one| Some(trimmed(text, one)).filter(fits)).collect()
}

fn is_named(text: &[u8], one: &Range<usize>, is_part: impl Fn(u8) -> bool) -> bool {
    let name = text.get(one.clone()).unwrap_or_default();
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    name.len() <= NAME_BYTES_MAX
        && name.iter().all(|byte| is_part(*byte))
        && name.iter().any(letter)
}

pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_- ./#*?&".contains(&byte)
}
