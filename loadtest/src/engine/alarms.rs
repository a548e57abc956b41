//! When connections have to be looked at although nothing comes: at most one moment each.
//!
//! A call moves the deadline of its connection, and calls are many; so a moment that is later than
//! the one that is set is not set, but found when that one comes. What is idle costs nothing, and a
//! connection that carries call after call costs one look in the time that a call may take.

use std::collections::BTreeSet;

/// The moments of one thread's connections.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    in_order: BTreeSet<(u64, usize)>,
    /// By connection; the end of time where none is set.
    set: Vec<u64>,
}

impl Alarms {
    /// Has a connection looked at at this moment, if it is not before.
    #[inline]
    pub(super) fn set(&mut self, index: usize, at: u64) {
        if self.set.get(index).is_none_or(|set| at < *set) {
            self.advance(index, at);
        }
    }

    #[cold]
    fn advance(&mut self, index: usize, at: u64) {
        if self.set.len() <= index {
            self.set.resize(index + 1, u64::MAX);
        }
        let Some(set) = self.set.get_mut(index) else { return };
        self.in_order.remove(&(*set, index));
        *set = at;
        self.in_order.insert((at, index));
    }

    /// A connection whose moment has come, and which has none until one is set.
    pub(super) fn next(&mut self, now: u64) -> Option<usize> {
        let &(at, index) = self.in_order.first().filter(|(at, _)| *at <= now)?;
        self.in_order.remove(&(at, index));
        if let Some(set) = self.set.get_mut(index) {
            *set = u64::MAX;
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_moment_of_each_comes_in_order() {
        let mut alarms = Alarms::default();
        for (index, at) in [(3, 50), (0, 20), (3, 10), (0, 90), (1, 20), (7, 200)] {
            alarms.set(index, at);
        }
        assert_eq!(alarms.next(9), None);
        assert_eq!(alarms.next(15), Some(3));
        assert_eq!(alarms.next(15), None, "its later moment is gone");
        assert_eq!(
            [alarms.next(100), alarms.next(100), alarms.next(100)],
            [Some(0), Some(1), None]
        );
        alarms.set(0, 100);
        assert_eq!(
            [alarms.next(300), alarms.next(300), alarms.next(300)],
            [Some(0), Some(7), None]
        );
    }

    #[test]
    fn however_often_they_are_set_there_is_one_a_connection() {
        let mut alarms = Alarms::default();
        for round in (1..1000).rev() {
            for index in 0..5 {
                alarms.set(index, round);
                alarms.set(index, round + 1);
            }
        }
        assert_eq!(alarms.in_order.len(), 5);
        assert_eq!(alarms.in_order.first(), Some(&(1, 0)));
    }
}
