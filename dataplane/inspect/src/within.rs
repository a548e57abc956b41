//! What stands encoded in a text: each way of writing that its reader takes back becomes a text of its own.

use std::ops::Range;

use memchr::{memchr_iter, memchr2_iter, memchr3_iter};

use crate::layer::base64::{self, Alphabet, Lines};
use crate::layer::marks::{is_mark, unmark};
use crate::layer::wide::{Order, narrow};
use crate::layer::{folded, percent, unescape};
use crate::limits::Exceeded;
use crate::scan::{Encoding, Scan, Within};

/// What stands around escapes is looked at with them: so far before,
pub(crate) const ESCAPES_BEFORE: usize = 512;
/// and so far behind; a match may be as long.
pub(crate) const ESCAPES_AFTER: usize = 4096;
/// This much is, wherever its line ends.
const NEAR_BYTES: usize = 96;

impl Scan<'_> {
    /// Puts what stands encoded in a text behind it.
    pub(crate) fn texts_within(&mut self, index: usize) -> Result<(), Exceeded> {
        let Some(of) = self.scratch.texts.get_mut(index) else { return Ok(()) };
        let of = std::mem::take(of);
        let bytes = of.bytes(self.message);
        let done = self.every_within(index, bytes, of.within.as_ref());
        if let Some(place) = self.scratch.texts.get_mut(index) {
            *place = of;
        }
        done
    }

    fn every_within(
        &mut self,
        index: usize,
        bytes: &[u8],
        within: Option<&Within>,
    ) -> Result<(), Exceeded> {
        let encoding = within.map(|within| &within.encoding);
        if let Some(Encoding::Base64 { .. }) = encoding
            && let Some(order) = Order::of(bytes)
        {
            return self.wide_within(index, bytes, order);
        }
        // What a backslash begins is decoded once in each way: of a text with marks its escapes were, and where escapes
        // are, their text has the marks.
        let marked = encoding == Some(&Encoding::Marked);
        let begins = memchr_iter(b'\\', if marked { &[] } else { bytes });
        let escaped = self.escapes_within(index, bytes, begins, &Encoding::Escaped)?;
        let mut forms = percent::Forms::default();
        let begins = memchr2_iter(b'%', b'+', bytes).filter(|at| {
            let rest = bytes.get(*at..).unwrap_or_default();
            percent::byte(rest).is_some() || forms.has_blank(bytes, *at)
        });
        self.escapes_within(index, bytes, begins, &Encoding::Percent)?;
        let begins = memchr3_iter(b'\\', b'&', 0x1b, bytes).filter(|at| {
            let rest = bytes.get(*at..).unwrap_or_default();
            is_mark(rest) && !(escaped && rest.starts_with(b"\\"))
        });
        self.escapes_within(index, bytes, begins, &Encoding::Marked)?;
        self.base64_within(index, bytes)?;
        self.emphasised_within(index, bytes)?;
        match encoding {
            Some(Encoding::Base64 { .. } | Encoding::Percent) => self.folded_within(index, bytes),
            _ => Ok(()),
        }
    }

    /// What stands around each of the places at which an escape begins, decoded; whether that is another text.
    fn escapes_within(
        &mut self,
        index: usize,
        bytes: &[u8],
        mut begins: impl Iterator<Item = usize>,
        encoding: &Encoding,
    ) -> Result<bool, Exceeded> {
        let Some(first) = begins.next() else { return Ok(false) };
        let mut text = self.text(Some(Within { text: index, encoding: encoding.clone() }), 0);
        let mut around = Around::of(encoding);
        let mut part = around.start(bytes, first)..around.end(bytes, first);
        let mut decode = |part: Range<usize>| {
            text.layer.skip_to(part.start);
            let piece = bytes.get(part).unwrap_or_default();
            match encoding {
                Encoding::Percent => percent::unpercent(piece, &mut text.layer),
                Encoding::Marked => unmark(piece, &mut text.layer),
                _ => unescape(piece, &mut text.layer),
            }
        };
        for next in begins {
            let end = around.end(bytes, next);
            // Where one stands in what is decoded already, nothing is looked at again.
            let start = if next < part.end { next } else { around.start(bytes, next) };
            if start > part.end {
                decode(std::mem::replace(&mut part, start..end));
            } else {
                part.end = part.end.max(end);
            }
        }
        decode(part);
        // What stands for itself throughout was looked at.
        if *encoding == Encoding::Escaped && text.layer.is_verbatim() {
            return Ok(false);
        }
        self.put(text).map(|_| true)
    }

    /// Words that stand in `_`, by which Markdown emphasises them: a token begins behind it, and not in the midst of a
    /// word.
    fn emphasised_within(&mut self, index: usize, bytes: &[u8]) -> Result<(), Exceeded> {
        let mut words =
            self.scratch.engine.runs().filter_map(|run| emphasised(bytes, run)).peekable();
        if words.peek().is_none() {
            return Ok(());
        }
        let words: Vec<Range<usize>> = words.collect();
        let mut text = self.text(Some(Within { text: index, encoding: Encoding::Marked }), 0);
        let mut end = 0;
        for word in words {
            if word.start >= end {
                text.layer.skip_to(word.start);
                end = word.end;
                text.layer.copy(bytes.get(word).unwrap_or_default());
            }
        }
        self.put(text).map(drop)
    }

    /// What was written in UTF-16.
    fn wide_within(&mut self, index: usize, bytes: &[u8], order: Order) -> Result<(), Exceeded> {
        let within = Within { text: index, encoding: Encoding::Wide(order) };
        let mut text = self.text(Some(within), 0);
        narrow(bytes, order, &mut text.layer);
        self.put(text).map(drop)
    }

    /// What was decoded byte by byte, as its reader sees it.
    fn folded_within(&mut self, index: usize, bytes: &[u8]) -> Result<(), Exceeded> {
        if bytes.is_ascii() {
            return Ok(());
        }
        let mut text = self.text(Some(Within { text: index, encoding: Encoding::Folded }), 0);
        folded(bytes, &mut text.layer);
        if text.layer.is_verbatim() { Ok(()) } else { self.put(text).map(drop) }
    }

    fn base64_within(&mut self, index: usize, bytes: &[u8]) -> Result<(), Exceeded> {
        let mut all: Vec<Lines> = Vec::new();
        // Up to where lines of a run were seen, whether they are text or not.
        let mut seen = 0;
        for part in self.scratch.engine.runs() {
            base64::runs(bytes, part, |run| {
                if run.start < seen {
                    return;
                }
                let lines = Lines::of(bytes, run);
                seen = lines.lines.last().map_or(seen, |last| last.end);
                all.extend(lines.texts(bytes));
            });
        }
        for run in all {
            let url = |line: &Range<usize>| {
                bytes
                    .get(line.clone())
                    .unwrap_or_default()
                    .iter()
                    .any(|byte| matches!(byte, b'-' | b'_'))
            };
            let (part, signs) = run.run(bytes);
            let url_safe = run.lines.iter().any(url);
            let alphabet = Alphabet { url_safe, padded: signs > 0, wrapped: run.wrapped(bytes) };
            let from = part.start;
            let encoding = Encoding::Base64 { run: part, alphabet };
            let mut text = self.text(Some(Within { text: index, encoding }), from);
            text.layer.base64(bytes, &run.lines);
            self.put(text)?;
        }
        Ok(())
    }
}

/// What of a word is emphasised that begins or ends with a run, if it has digits as a token has.
fn emphasised(bytes: &[u8], run: &Range<usize>) -> Option<Range<usize>> {
    let text = bytes.get(run.clone())?;
    let marked = text.first() == Some(&b'_') || text.last() == Some(&b'_');
    if !marked || !text.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let rest = bytes.get(run.start..bytes.len().min(run.start + ESCAPES_AFTER))?;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>()[]{}*`,;".contains(byte);
    let word = rest.get(..rest.iter().position(ends).unwrap_or(rest.len()))?;
    let first = word.iter().take_while(|byte| **byte == b'_').count();
    let last = word.iter().rposition(|byte| !matches!(byte, b'_' | b'.' | b'!' | b'?' | b':'))?;
    (first <= last).then_some(run.start + first..run.start + last + 1)
}

/// What is decoded around an escape: of JSON its line, as a string of JSON has only one, and of a URL what no blank or
/// quote ends; and in both what may be the context of what stands there. No word is cut.
struct Around {
    ends: fn(u8) -> bool,
    /// The next such byte behind all that were asked for,
    end: usize,
    /// and the next that ends a word.
    word_end: usize,
}

fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'<' | b'>')
}

fn ends_line(byte: u8) -> bool {
    byte == b'\n'
}

impl Around {
    fn of(encoding: &Encoding) -> Self {
        let ends = if *encoding == Encoding::Percent { ends_word } else { ends_line };
        Self { ends, end: 0, word_end: 0 }
    }

    fn start(&self, bytes: &[u8], at: usize) -> usize {
        let start = |from: usize, ends: fn(u8) -> bool| {
            let first = from.saturating_sub(ESCAPES_BEFORE);
            let before = bytes.get(first..from).unwrap_or_default();
            before.iter().rposition(|byte| ends(*byte)).map_or(first, |place| first + place + 1)
        };
        start(at, self.ends).min(start(at.saturating_sub(NEAR_BYTES), ends_word))
    }

    /// Of escapes in order: no byte is looked at twice.
    fn end(&mut self, bytes: &[u8], at: usize) -> usize {
        let near = at.saturating_add(NEAR_BYTES).min(bytes.len());
        let end = next(bytes, &mut self.end, at, self.ends);
        end.max(next(bytes, &mut self.word_end, near, ends_word))
    }
}

/// The next byte from a place on that ends something, if that is not too far. `known` is one before which there is none
/// from an earlier place on.
fn next(bytes: &[u8], known: &mut usize, from: usize, ends: fn(u8) -> bool) -> usize {
    let last = from.saturating_add(ESCAPES_AFTER).min(bytes.len());
    *known = from.max(*known);
    while *known < last && !bytes.get(*known).is_some_and(|byte| ends(*byte)) {
        *known += 1;
    }
    (*known).min(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_end_is_the_same_whatever_was_asked_before(
            text in r"[a\n \\]{0,80}|[a\\]{90,300}|[a\\]{0,120}\n[a ]{0,120}",
            percent: bool,
        ) {
            let encoding = if percent { Encoding::Percent } else { Encoding::Escaped };
            let bytes = text.as_bytes();
            let mut around = Around::of(&encoding);
            for at in memchr_iter(b'\\', bytes) {
                let alone = Around::of(&encoding).end(bytes, at);
                prop_assert_eq!(around.end(bytes, at), alone);
                let ends = |from: usize, ends: fn(u8) -> bool| {
                    let rest = bytes[from..].iter().take(ESCAPES_AFTER);
                    from + rest.take_while(|byte| !ends(**byte)).count()
                };
                let near = (at + NEAR_BYTES).min(bytes.len());
                prop_assert_eq!(alone, ends(at, around.ends).max(ends(near, ends_word)));
            }
        }
    }
}
