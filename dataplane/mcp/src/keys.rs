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
        let twice = if all_differ(names, body) {
            None
        } else if names.len() <= FEW {
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

/// Whether no two can have the same value, by a look at each one: of most objects the lengths and
/// first bytes of the names tell. An escape may spell any byte.
fn all_differ(names: &[Text], body: &[u8]) -> bool {
    let mut seen: u64 = 0;
    names.iter().all(|name| {
        let raw = name.raw.of(body);
        let first = raw.first().copied().unwrap_or_default();
        let length = name.raw.end.wrapping_sub(name.raw.start);
        let mark = 1_u64.rotate_left(u32::from(first).wrapping_add(length));
        let new = !name.escaped && seen & mark == 0;
        seen |= mark;
        new
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names `n0`, `n1` and so on of which the last spells the first, in every way.
    fn twice(count: usize, again: &str) -> bool {
        let names: Vec<String> = (0..count).map(|n| format!("n{n}")).collect();
        let mut body = Vec::new();
        let mut keys = Keys::default();
        for name in names.iter().map(String::as_str).chain([again]) {
            let start = body.len();
            body.extend_from_slice(name.as_bytes());
            let raw = Span::new(start, body.len());
            keys.push(Text { raw, escaped: name.contains('\\') });
        }
        keys.close(0, &body).is_some()
    }

    #[test]
    fn a_second_name_is_found_among_any_number_and_in_any_spelling() {
        for count in 1..100 {
            assert!(twice(count, "n0"), "{count}");
            assert!(twice(count, "\\u006e0"), "{count}");
            assert!(!twice(count, "N0"), "{count}");
            assert!(!twice(count, "n-"), "{count}");
        }
    }
}
