//! A body with places that are filled in when it is sent.

use std::io::Write as _;

use super::{ID_DIGITS, Id};
use crate::random::Random;

/// Stands in a text for the request's id. No JSON holds a NUL.
pub(super) const ID: &str = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Stands in a text for letters whose number differs from call to call.
pub(super) const PADDING: char = '\u{1}';
/// A body has an id, and at most one progress token, which is the same number.
const IDS_MAX: usize = 2;

const _: () = assert!(ID.len() == ID_DIGITS);

/// Everything behind the lines of a head: the length, the blank line, the body.
#[derive(Debug)]
pub(in crate::engine) struct Body {
    before: Part,
    padding: Option<Padding>,
}

#[derive(Debug)]
struct Part {
    bytes: Box<[u8]>,
    ids: [Option<usize>; IDS_MAX],
}

#[derive(Debug)]
struct Padding {
    least: usize,
    most: usize,
    after: Part,
}

impl Body {
    /// Of a request that has none.
    pub(super) fn none() -> Self {
        Self { before: Part::new("\r\n"), padding: None }
    }

    /// Of this text, with [`PADDING`] in it if `padding` says how much.
    pub(super) fn new(text: &str, padding: Option<(usize, usize)>) -> Self {
        if let (Some((before, after)), Some((least, most))) = (text.split_once(PADDING), padding) {
            let (before, after) = (Part::new(before), Part::new(after));
            return Self { before, padding: Some(Padding { least, most, after }) };
        }
        let text = format!("Content-Length: {}\r\n\r\n{text}", text.len());
        Self { before: Part::new(&text), padding: None }
    }

    #[inline]
    pub(super) fn render(&self, id: &Id, letters: &[u8], random: &mut Random, out: &mut Vec<u8>) {
        match &self.padding {
            None => self.before.render(id, out),
            Some(padding) => self.padded(padding, id, letters, random, out),
        }
    }

    fn padded(
        &self,
        padding: &Padding,
        id: &Id,
        letters: &[u8],
        random: &mut Random,
        out: &mut Vec<u8>,
    ) {
        let length = padding.least + random.below(padding.most - padding.least + 1);
        let from = random.below(letters.len().saturating_sub(length));
        let letters = letters.get(from..from + length).unwrap_or_default();
        let whole = self.before.bytes.len() + letters.len() + padding.after.bytes.len();
        // Into memory; it cannot fail.
        let _ = write!(out, "Content-Length: {whole}\r\n\r\n");
        self.before.render(id, out);
        out.extend_from_slice(letters);
        padding.after.render(id, out);
    }
}

impl Part {
    fn new(text: &str) -> Self {
        let mut found = text.match_indices(ID).map(|(at, _)| at);
        let ids = [found.next(), found.next()];
        Self { bytes: text.as_bytes().into(), ids }
    }

    #[inline]
    fn render(&self, id: &Id, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for at in self.ids.iter().flatten() {
            let from = start + at;
            if let Some(place) = out.get_mut(from..from + ID_DIGITS) {
                place.copy_from_slice(&id.0);
            }
        }
    }
}
