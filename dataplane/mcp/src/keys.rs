//! Members seen in the objects that are being read, to refuse a second one of the same name.

use crate::{Span, Text};

/// Up to here comparing each with each is cheaper than sorting; beyond it sorting keeps a body
/// made of names from costing the square of its length.
const FEW: usize = 16;
/// Names that there is still room for after a scan.
const KEPT: usize = 1024;

/// A stack of the names of the objects that are open at once, each on top of its parent's.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    names: Vec<Text>,
}

impl Keys {
    /// Where the names of an object that begins now will start.
    pub(crate) fn open(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn push(&mut self, name: Text) {
        self.names.push(name);
    }

    /// Forgets the names of an object that ends now. Some if two had the same value.
    pub(crate) fn close(&mut self, from: usize, body: &[u8]) -> Option<Span> {
        let names = self.names.get_mut(from..).unwrap_or_default();
        let twice = if names.len() <= FEW {
            names
                .iter()
                .enumerate()
                .find(|(index, name)| {
                    names.iter().take(*index).any(|earlier| earlier.same(**name, body))
                })
                .map(|(_, name)| name.raw)
        } else {
            names.sort_unstable_by(|a, b| a.cmp(*b, body).then(a.raw.start.cmp(&b.raw.start)));
            names.windows(2).find_map(|pair| match pair {
                [a, b] if a.same(*b, body) => Some(b.raw),
                _ => None,
            })
        };
        self.names.truncate(from);
        twice
    }

    /// Forgets all, and most of the memory that a body made of names took.
    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.names.shrink_to(KEPT);
    }
}
