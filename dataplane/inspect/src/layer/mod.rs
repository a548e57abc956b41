//! A text to scan, and the way back to the bytes that it was read from.
//!
//! What is scanned is not the message but what its reader will see: escapes decoded, characters that
//! only look like others told apart no more. A match in that text has to be cut out of the message, so
//! each layer knows where its bytes came from.

pub(crate) mod base64;
mod fold;
pub(crate) mod marks;
pub(crate) mod percent;
mod unescape;
pub(crate) mod wide;

use std::ops::Range;

pub(crate) use unescape::{folded, unescape, without_halves};

/// Nothing that is written on one line goes on over this, and nothing that is written on several.
const APART: &[u8] = b"\n\0\n";

/// A text, and where it came from: its source, byte for byte but for the places that [`Step`]s tell.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    text: Vec<u8>,
    steps: Vec<Step>,
    unseen: Vec<Unseen>,
    /// Where parts of the text stand apart, as what is between them in the source was skipped.
    parts: Vec<usize>,
    /// The end of what was read of the source.
    source_end: usize,
}

/// A character that was left out of a text, as nobody sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unseen {
    pub(crate) character: char,
    /// Where it would be in the text.
    pub(crate) at: usize,
    /// From where to where it stands in the source.
    pub(crate) from: usize,
    pub(crate) end: usize,
}

/// From `at` in the text on, it came from `from` in the source on.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: usize,
    from: usize,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// As it stands there.
    Copied,
    /// As one that stands for another.
    Decoded,
    /// As groups of four that stand for three bytes each.
    Groups,
    /// From nowhere: it keeps apart what stands around it.
    Apart,
}

impl Layer {
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Empties it for the next text; what it has allocated is kept up to `bytes_max`.
    pub(crate) fn reset(&mut self, from: usize, bytes_max: usize) {
        self.text.clear();
        self.text.shrink_to(bytes_max);
        self.steps.clear();
        self.steps.shrink_to(bytes_max / size_of::<Step>());
        self.steps.push(Step { at: 0, from, how: How::Copied });
        self.unseen.clear();
        self.unseen.shrink_to(bytes_max / size_of::<Unseen>());
        self.parts.clear();
        self.parts.shrink_to(bytes_max / size_of::<usize>());
        self.source_end = from;
    }

    /// What it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.capacity()
            + self.steps.capacity() * size_of::<Step>()
            + self.unseen.capacity() * size_of::<Unseen>()
            + self.parts.capacity() * size_of::<usize>()
    }

    /// What was left out of it, in order.
    pub(crate) fn unseen(&self) -> &[Unseen] {
        &self.unseen
    }

    /// Appends what stands in the source as it is; it begins there where the last piece ended, unless
    /// something was [left out](Self::leave_out).
    pub(crate) fn copy(&mut self, piece: &[u8]) {
        if self.steps.last().is_none_or(|step| step.how != How::Copied) {
            self.steps.push(Step { at: self.text.len(), from: self.source_end, how: How::Copied });
        }
        self.text.extend_from_slice(piece);
        self.source_end += piece.len();
    }

    /// Appends what `source_bytes` of the source stand for.
    pub(crate) fn decoded(&mut self, piece: &[u8], source_bytes: usize) {
        self.steps.push(Step { at: self.text.len(), from: self.source_end, how: How::Decoded });
        self.text.extend_from_slice(piece);
        self.source_end += source_bytes;
    }

    /// The same of one byte.
    pub(crate) fn decoded_byte(&mut self, byte: u8, source_bytes: usize) {
        self.steps.push(Step { at: self.text.len(), from: self.source_end, how: How::Decoded });
        self.text.push(byte);
        self.source_end += source_bytes;
    }

    /// Appends a character that was left out of the text beside this one, and tells where it is.
    pub(crate) fn place(&mut self, unseen: &Unseen) -> Range<usize> {
        self.pass_to(unseen.from);
        let start = self.text.len();
        let mut bytes = [0; 4];
        let bytes = unseen.character.encode_utf8(&mut bytes).as_bytes();
        self.decoded(bytes, unseen.end - unseen.from);
        start..self.text.len()
    }

    /// Passes over what stands in the source before `at`.
    pub(crate) fn pass_to(&mut self, at: usize) {
        let bytes = at.saturating_sub(self.source_end);
        if bytes > 0 {
            // What stands before ends here.
            self.steps.push(Step { at: self.text.len(), from: self.source_end, how: How::Copied });
            self.leave_out(bytes);
        }
    }

    /// Passes over what follows in the source, as its reader does.
    pub(crate) fn pass(&mut self, source_bytes: usize) {
        self.pass_to(self.source_end + source_bytes);
    }

    /// Passes over a part of the source that is not looked at here; what stands around it is kept apart.
    pub(crate) fn skip_to(&mut self, at: usize) {
        let bytes = at.saturating_sub(self.source_end);
        if self.text.is_empty() {
            self.leave_out(bytes);
        } else {
            self.parts.push(self.text.len());
            self.steps.push(Step { at: self.text.len(), from: self.source_end, how: How::Apart });
            self.text.extend_from_slice(APART);
            self.leave_out(bytes);
        }
    }

    /// Whether a span of the text goes over from one part into another.
    pub(crate) fn is_over_parts(&self, span: &Range<usize>) -> bool {
        let next = self.parts.partition_point(|part| *part < span.start);
        self.parts.get(next).is_some_and(|part| part + APART.len() < span.end)
    }

    /// Appends what a run of base64 stands for that is on these lines of the source: each of its bytes came from the
    /// group of four that it is in, which may go over the end of a line.
    pub(crate) fn base64(&mut self, source: &[u8], lines: &[Range<usize>]) {
        let mut group: Vec<u8> = Vec::with_capacity(4);
        let mut end = self.source_end;
        for line in lines {
            let letters = source.get(line.clone()).unwrap_or_default();
            let open = if group.is_empty() { 0 } else { 4 - group.len() };
            let (rest, letters) = letters.split_at(open.min(letters.len()));
            group.extend_from_slice(rest);
            end = line.start + rest.len();
            if group.len() == 4 {
                self.group(&std::mem::take(&mut group), end);
            }
            let (whole, rest) = letters.split_at(letters.len() / 4 * 4);
            if !letters.is_empty() {
                self.pass_to(end);
                self.steps.push(Step { at: self.text.len(), from: end, how: How::Groups });
                base64::decode(whole, &mut self.text);
                self.source_end += whole.len();
                group.extend_from_slice(rest);
                end = line.end;
            }
        }
        if !group.is_empty() {
            self.group(&group, end);
        }
    }

    fn group(&mut self, letters: &[u8], end: usize) {
        let mut bytes = Vec::with_capacity(3);
        base64::decode(letters, &mut bytes);
        self.decoded(&bytes, end.saturating_sub(self.source_end));
    }

    /// Whether nothing in it stood for something else, and nothing was left out but what is between its parts.
    pub(crate) fn is_verbatim(&self) -> bool {
        let stands = |step: &Step| matches!(step.how, How::Copied | How::Apart);
        self.unseen.is_empty() && self.steps.iter().all(stands)
    }

    /// Passes over a character that nobody sees.
    pub(crate) fn hide(&mut self, character: char, source_bytes: usize) {
        let from = self.source_end;
        let (at, end) = (self.text.len(), from + source_bytes);
        self.unseen.push(Unseen { character, at, from, end });
        self.leave_out(source_bytes);
    }

    /// Passes over bytes of the source.
    fn leave_out(&mut self, source_bytes: usize) {
        self.source_end += source_bytes;
        // Whatever comes next does not follow on what stands before.
        self.steps.push(Step { at: self.text.len(), from: self.source_end, how: How::Copied });
    }

    /// Where in the source a span of the text came from: whole escapes, never half of one.
    pub(crate) fn source(&self, span: Range<usize>) -> Range<usize> {
        let start = self.step_of(span.start).map_or(self.source_end, |(step, _)| match step.how {
            How::Copied => step.from + (span.start - step.at),
            How::Decoded | How::Apart => step.from,
            How::Groups => step.from + (span.start - step.at) / 3 * 4,
        });
        let last = span.end.saturating_sub(1).max(span.start);
        let end = self.step_of(last).map_or(self.source_end, |(step, next)| {
            let whole = next.map_or(self.source_end, |next| next.from);
            match step.how {
                How::Copied => step.from + (last - step.at) + 1,
                How::Decoded => whole,
                // What goes on to here does not take what is passed over with it.
                How::Apart => step.from,
                How::Groups => (step.from + (last - step.at) / 3 * 4 + 4).min(whole),
            }
        });
        start..end.max(start)
    }

    /// Where in the text the first byte is that came from `at` in the source or from behind it.
    pub(crate) fn text_at(&self, at: usize) -> usize {
        let index = self.steps.partition_point(|step| step.from <= at);
        let Some(step) = index.checked_sub(1).and_then(|index| self.steps.get(index)) else {
            return 0;
        };
        let next = self.steps.get(index).map_or(self.text.len(), |next| next.at);
        match step.how {
            How::Copied => (step.at + (at - step.from)).min(next),
            // Half of an escape is behind it.
            How::Decoded if step.from == at => step.at,
            How::Decoded | How::Apart => next,
            How::Groups => (step.at + (at - step.from).div_ceil(4) * 3).min(next),
        }
    }

    /// The step that a place in the text is of, and the one after it.
    fn step_of(&self, at: usize) -> Option<(Step, Option<Step>)> {
        let index = self.steps.partition_point(|step| step.at <= at).checked_sub(1)?;
        Some((*self.steps.get(index)?, self.steps.get(index + 1).copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_over_two_parts_is_told() {
        let mut layer = Layer::default();
        layer.reset(0, 1024);
        layer.copy(b"abc");
        layer.skip_to(10);
        layer.copy(b"def");
        assert_eq!(layer.text(), b"abc\n\0\ndef");
        for (span, over) in
            [(0..3, false), (0..4, false), (5..9, false), (2..7, true), (0..9, true)]
        {
            assert_eq!(layer.is_over_parts(&span), over, "{span:?}");
        }
        assert_eq!(
            (layer.source(0..5), layer.source(3..4)),
            (0..3, 3..3),
            "what is passed over stays"
        );
        assert_eq!((layer.source(5..9), layer.text_at(7)), (3..13, 6));
        layer.reset(0, 1024);
        layer.copy(b"abcdefghi");
        assert!(!layer.is_over_parts(&(0..9)), "what was before is forgotten");
    }

    #[test]
    fn a_span_leads_back_to_whole_escapes() {
        let mut layer = Layer::default();
        layer.reset(10, 1024);
        layer.copy(b"ab");
        layer.decoded(b"\n", 2);
        layer.decoded("é".as_bytes(), 6);
        layer.copy(b"cd");
        layer.leave_out(3);
        layer.copy(b"ef");
        assert_eq!(layer.text(), "ab\nécdef".as_bytes());
        assert_eq!(layer.source(0..2), 10..12);
        assert_eq!(layer.source(2..3), 12..14);
        assert_eq!(layer.source(3..4), 14..20, "half a character is the whole of it");
        assert_eq!(layer.source(3..5), 14..20);
        assert_eq!(layer.source(1..6), 11..21);
        assert_eq!(layer.source(5..9), 20..27, "what nobody sees goes with what is around it");
        assert_eq!(layer.source(7..9), 25..27);
        let mut layer = Layer::default();
        layer.reset(10, 1024);
        layer.base64(b"          YWJjZGVmZw", std::slice::from_ref(&(10..20)));
        assert_eq!(layer.text(), b"abcdefg");
        assert_eq!(layer.source(0..1), 10..14, "of base64 a whole group");
        assert_eq!(layer.source(2..4), 10..18);
        assert_eq!(layer.source(6..7), 18..20);
        assert_eq!((layer.text_at(10), layer.text_at(14), layer.text_at(15)), (0, 3, 6));
        let mut layer = Layer::default();
        layer.reset(0, 1024);
        layer.base64(b"YWJjZ\n>GVm\n>Zw", &[0..5, 7..10, 12..14]);
        assert_eq!(layer.text(), b"abcdefg");
        assert_eq!((layer.source(0..3), layer.source(3..4)), (0..4, 4..10), "over a line's end");
        assert_eq!((layer.source(2..6), layer.source(5..7)), (0..10, 4..14));
    }
}
