//! The text of a file: byte offsets become lines and columns, and secrets are masked before a line
//! of it is shown.

use std::ops::Range;

use crate::problem::Excerpt;

/// A longer line is shown in part.
const EXCERPT_CHARS_MAX: usize = 120;

/// Characters shown before the part that a problem is about, where the line is cut.
const EXCERPT_CHARS_BEFORE: usize = 40;

pub(crate) struct Source<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
    secrets: Vec<Range<usize>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(after_breaks.map(|(at, _)| at + 1)).collect();
        Self { text, line_starts, secrets: Vec::new() }
    }

    /// Nothing within `span` is ever shown.
    pub(crate) fn mask(&mut self, span: Range<usize>) {
        self.secrets.push(span);
    }

    /// The line and the column of a byte, both from 1.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let (index, start) = self.line_of(offset);
        let before = self.text.get(start..offset).unwrap_or_default();
        (index + 1, before.chars().count() + 1)
    }

    /// The first line of `span`, with the part of it that `span` covers.
    pub(crate) fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let (_, start) = self.line_of(span.start);
        let line = self.line_from(start);
        let before = line.char_indices().take_while(|(at, _)| start + at < span.start).count();
        let long = line.chars().nth(EXCERPT_CHARS_MAX).is_some();
        let skipped = if long { before.saturating_sub(EXCERPT_CHARS_BEFORE) } else { 0 };
        let part: Vec<_> = line.char_indices().skip(skipped).take(EXCERPT_CHARS_MAX).collect();
        // All of a large file may stand on one line: only what is shown is compared.
        let (from, to) = match (part.first(), part.last()) {
            (Some((first, _)), Some((last, _))) => (start + first, start + last),
            _ => (start, start),
        };
        let overlaps = |secret: &&Range<usize>| secret.start <= to && from < secret.end;
        let secrets: Vec<_> = self.secrets.iter().filter(overlaps).collect();
        let (mut text, mut width) = (String::new(), 0);
        for (at, character) in part {
            let offset = start + at;
            text.push(match character {
                _ if secrets.iter().any(|secret| secret.contains(&offset)) => '*',
                // One column each, so that the caret stands where it should.
                _ if character.is_control() => ' ',
                _ => character,
            });
            width += usize::from(span.contains(&offset));
        }
        Excerpt { text, start: before - skipped, width: width.max(1) }
    }

    /// Whether the line at `offset` seems to hold a secret: asked where the file is no valid YAML,
    /// so that nobody knows which of its values are.
    pub(crate) fn may_be_secret(&self, offset: usize) -> bool {
        let (index, start) = self.line_of(offset);
        let line = self.line_from(start);
        let names_one = |line: &str| line.contains("env:") || line.contains("key:");
        if names_one(line) || (line.contains("://") && line.contains(['@', '?'])) {
            return true;
        }
        let mut indent = indent_of(line);
        for &start in self.line_starts.iter().take(index).rev() {
            let above = self.line_from(start);
            if !above.trim().is_empty() && indent_of(above) < indent {
                indent = indent_of(above);
                if names_one(above) {
                    return true;
                }
            }
        }
        false
    }

    /// The line at `offset`.
    pub(crate) fn line_at(&self, offset: usize) -> &'a str {
        self.line_from(self.line_of(offset).1)
    }

    fn line_of(&self, offset: usize) -> (usize, usize) {
        let index = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        (index, self.line_starts.get(index).copied().unwrap_or_default())
    }

    fn line_from(&self, start: usize) -> &'a str {
        let rest = self.text.get(start..).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default().trim_end_matches('\r')
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_from_one() {
        let source = Source::new("a: ä\nä: x");
        assert_eq!(source.place(0), (1, 1));
        assert_eq!(source.place(3), (1, 4));
        assert_eq!(source.place("a: ä\nä: ".len()), (2, 4));
    }

    #[test]
    fn a_masked_span_is_not_in_the_excerpt() {
        let mut source = Source::new("env: { TOKEN: hunter2, TZ: [] }");
        source.mask(14..21);
        let excerpt = source.excerpt(&(27..29));
        assert_eq!(excerpt.text, "env: { TOKEN: *******, TZ: [] }");
        assert_eq!((excerpt.start, excerpt.width), (27, 2));
    }

    #[test]
    fn a_long_line_is_cut_around_the_problem() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let excerpt = Source::new(&text).excerpt(&(500..501));
        assert_eq!(excerpt.text.chars().nth(excerpt.start), Some('X'));
        assert!(excerpt.text.len() <= EXCERPT_CHARS_MAX);
    }
}
