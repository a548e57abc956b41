//! What stands around a finding, without it and without any other.

use std::collections::HashSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use penstock_inspect::{Finding, Scratch};

use super::place::begins_character;
use crate::report::count;
use crate::terminal::{Paint, Style};

/// So many characters are shown on either side of a finding.
const AROUND: usize = 40;
/// A value of fewer bytes says nothing where it stands again.
const AGAIN_MIN: usize = 4;

/// A message, and what of it is shown to nobody.
pub(crate) struct Masks<'m> {
    message: &'m [u8],
    /// In order and apart.
    hidden: Vec<Range<usize>>,
}

impl<'m> Masks<'m> {
    /// Hides what was found, and each other place at which the same stands where no rule finds it.
    pub(crate) fn new(message: &'m [u8], findings: &[Finding], scratch: &Scratch) -> Self {
        let mut hidden: Vec<Range<usize>> = findings.iter().map(Finding::source).collect();
        let values: HashSet<&[u8]> = findings
            .iter()
            .map(|finding| scratch.secret(message, finding))
            .filter(|value| value.len() >= AGAIN_MIN)
            .collect();
        // Of a value that repeats itself others take the square of its length to build.
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        match AhoCorasick::builder().kind(kind).build(values) {
            Ok(search) => {
                let mut again = Vec::new();
                for place in search.find_overlapping_iter(message) {
                    join(&mut again, place.range());
                }
                hidden.append(&mut again);
            }
            // Too many to be looked for: nothing is shown.
            Err(_) => hidden.push(0..message.len()),
        }
        hidden.sort_by_key(|range| (range.start, range.end));
        let mut apart = Vec::with_capacity(hidden.len());
        for range in hidden {
            join(&mut apart, range);
        }
        Self { message, hidden: apart }
    }

    /// What stands around a part of the message on its line, with a mask that tells the length in characters for
    /// each hidden one.
    pub(crate) fn around(&self, part: &Range<usize>, paint: Paint) -> String {
        let window = self.with_masks(self.start(part.start)..self.end(part.end));
        let ends = |byte: Option<&u8>| matches!(byte, None | Some(b'\n' | b'\r'));
        let begins = ends(window.start.checked_sub(1).and_then(|at| self.message.get(at)));
        let before = if begins { "" } else { "…" };
        let behind = if ends(self.message.get(window.end)) { "" } else { "…" };
        format!("{before}{}{behind}", self.shown(window, paint))
    }

    /// With the whole of each mask of which it has a part.
    fn with_masks(&self, window: Range<usize>) -> Range<usize> {
        let first = self.hidden.partition_point(|range| range.end <= window.start);
        let behind = self.hidden.partition_point(|range| range.start < window.end);
        let inside = self.hidden.get(first..behind).unwrap_or_default();
        let start = inside.first().map_or(window.start, |range| range.start.min(window.start));
        start..inside.last().map_or(window.end, |range| range.end.max(window.end))
    }

    /// A whole message, with masks.
    pub(crate) fn whole(&self, paint: Paint) -> String {
        self.shown(0..self.message.len(), paint)
    }

    fn shown(&self, window: Range<usize>, paint: Paint) -> String {
        let mut text = String::new();
        let mut at = window.start;
        let first = self.hidden.partition_point(|range| range.end <= window.start);
        let rest = self.hidden.get(first..).unwrap_or_default();
        for range in rest.iter().take_while(|range| range.start < window.end) {
            self.plain(at..range.start, &mut text);
            let hidden = self.message.get(range.clone()).unwrap_or_default();
            let mask = format!("<{}>", count(characters(hidden), "character"));
            text.push_str(&paint.paint(Style::Error, &mask));
            at = range.end;
        }
        self.plain(at..window.end, &mut text);
        text
    }

    /// As it stands, but for what a terminal would act on or not show.
    fn plain(&self, part: Range<usize>, text: &mut String) {
        let bytes = self.message.get(part).unwrap_or_default();
        for c in String::from_utf8_lossy(bytes).chars() {
            match c {
                '"' | '\'' | '\\' => text.push(c),
                _ => text.extend(c.escape_debug()),
            }
        }
    }

    /// Where what is shown before a place begins, on its line.
    fn start(&self, place: usize) -> usize {
        let before = self.message.get(..place).unwrap_or_default();
        let mut left = AROUND;
        for (at, byte) in before.iter().enumerate().rev() {
            if *byte == b'\n' {
                return at + 1;
            }
            // A text that is no UTF-8 may have no beginning of a character for long.
            if begins_character(*byte) || place - at >= 4 * AROUND {
                left -= 1;
                if left == 0 {
                    return at;
                }
            }
        }
        0
    }

    /// Where what is shown behind a place ends, on its line.
    fn end(&self, place: usize) -> usize {
        let behind = self.message.get(place..).unwrap_or_default();
        let mut left = AROUND;
        for (at, byte) in behind.iter().enumerate() {
            if matches!(byte, b'\n' | b'\r') {
                return place + at;
            }
            if begins_character(*byte) || at >= 4 * AROUND {
                if left == 0 {
                    return place + at;
                }
                left -= 1;
            }
        }
        self.message.len()
    }
}

/// Puts a range behind others that are apart and in order; those that it overlaps become one with it.
fn join(ranges: &mut Vec<Range<usize>>, mut next: Range<usize>) {
    while let Some(last) = ranges.pop_if(|last| next.start < last.end) {
        next = last.start.min(next.start)..last.end.max(next.end);
    }
    ranges.push(next);
}

/// How many characters a text has, one that is no UTF-8 too.
pub(super) fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| begins_character(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Color;

    fn around(message: &[u8], hidden: &[(usize, usize)], part: Range<usize>) -> String {
        let hidden = hidden.iter().map(|(start, end)| *start..*end).collect();
        let masks = Masks { message, hidden };
        masks.around(&part, Paint::for_stdout(Color::Never))
    }

    #[test]
    fn a_line_is_shown_with_all_that_is_hidden_masked() {
        let text = b"first\nuser=abc key=defgh end\r\nlast";
        assert_eq!(
            around(text, &[(11, 14), (19, 24)], 19..24),
            "user=<3 characters> key=<5 characters> end"
        );
    }

    #[test]
    fn a_mask_of_one_character_says_one() {
        assert_eq!(around(b"a-b", &[(1, 2)], 1..2), "a<1 character>b");
    }

    #[test]
    fn a_long_line_is_cut_and_a_mask_at_the_cut_is_whole() {
        let text = format!("{}SECRET{}", "é".repeat(100), "-".repeat(100));
        let shown = around(text.as_bytes(), &[(10, 150), (200, 206)], 200..206);
        assert_eq!(
            shown,
            format!("…<70 characters>{}<6 characters>{}…", "é".repeat(25), "-".repeat(40))
        );
        let exact = format!("{}SECRET{}", "a".repeat(AROUND), "b".repeat(AROUND));
        let shown = around(exact.as_bytes(), &[(40, 46)], 40..46);
        assert_eq!(shown, format!("{}<6 characters>{}", "a".repeat(AROUND), "b".repeat(AROUND)));
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        let shown = around("\x1b[2J\u{202e}x\t\"'\\ \u{e0041}S".as_bytes(), &[], 0..1);
        assert_eq!(shown, r#"\u{1b}[2J\u{202e}x\t"'\ \u{e0041}S"#);
    }

    #[test]
    fn bytes_that_are_no_text_come_to_an_end() {
        let text = [0x80_u8; 5000];
        let shown = around(&text, &[(2500, 2501)], 2500..2501);
        assert!(shown.chars().count() < 12 * AROUND, "{}", shown.len());
    }
}
