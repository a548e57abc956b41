//! Where rules are to be asked, as far as a message may have such places.

use super::Hit;

/// Hits, and what it took to find them.
pub(super) struct Told<'h> {
    pub(super) hits: &'h mut Vec<Hit>,
    hits_max: usize,
    /// Bytes that automata have read,
    pub(super) walked: usize,
    walked_max: usize,
}

impl<'h> Told<'h> {
    /// No more than these, and one by which it is seen that there are more.
    pub(super) fn new(hits: &'h mut Vec<Hit>, hits_max: usize, walked_max: usize) -> Self {
        hits.clear();
        Self { hits, hits_max, walked: 0, walked_max }
    }

    /// Whether more was found, or read, than may be: nothing else is looked for then.
    pub(super) fn is_over(&self) -> bool {
        self.hits.len() > self.hits_max || self.walked > self.walked_max
    }

    pub(super) fn push(&mut self, hit: Hit) {
        if self.hits.len() <= self.hits_max {
            self.hits.push(hit);
        }
    }

    /// What goes on matches at each byte that it takes: from `first` on, one is told once.
    pub(super) fn push_once(&mut self, first: usize, hit: Option<Hit>) {
        let Some(hit) = hit else { return };
        if !self.hits.iter().skip(first).any(|one| *one == hit) {
            self.push(hit);
        }
    }
}
