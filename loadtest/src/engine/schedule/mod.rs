//! When calls are due.
//!
//! A schedule is a cursor over moments that the plan and the seed alone decide. So calls that wait
//! need not be stored: what is due and not yet sent is the distance between two cursors, one that
//! calls are taken from and one that keeps up with the clock ([`Backlog`]). However far a target
//! falls behind, that is two cursors' worth of memory.
//!
//! - `paced`: at a rate
//! - `recorded`: when a recording says

mod paced;
mod recorded;

pub(super) use self::paced::{Paced, is_level, mean_rate, rate_at};
pub(super) use self::recorded::{Recorded, moments};

/// A call that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// By the engine's clock.
    pub(super) at: u64,
    /// Which of the steps it belongs to; the first is the warm-up.
    pub(super) step: u16,
}

/// One thread's share of the calls of a stint.
#[derive(Debug, Clone)]
pub(super) enum Schedule {
    Paced(Paced),
    Recorded(Recorded),
}

impl Schedule {
    /// The next call, which stays the next until it is taken.
    #[inline]
    pub(super) fn peek(&self) -> Option<Due> {
        match self {
            Self::Paced(paced) => paced.peek(),
            Self::Recorded(recorded) => recorded.peek(),
        }
    }

    /// Steps behind the next call.
    #[inline]
    pub(super) fn take(&mut self) {
        match self {
            Self::Paced(paced) => paced.take(),
            Self::Recorded(recorded) => recorded.take(),
        }
    }

    /// The step that a moment after the warm-up is in; the last one, if they are over.
    pub(super) fn step_at(&self, now: u64) -> u16 {
        match self {
            Self::Paced(paced) => paced.step_at(now),
            Self::Recorded(_) => 1,
        }
    }
}

/// How many calls are due and not taken: a cursor ahead of the one that calls are taken from, only
/// there while that one is behind.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    ahead: Option<Schedule>,
    /// Calls between the two, and those of them that are measured.
    waiting: u64,
    measured: u64,
}

impl Backlog {
    /// Brings it up to `now`.
    pub(super) fn catch_up(&mut self, taken: &Schedule, now: u64) {
        if taken.peek().is_none_or(|due| due.at > now) {
            *self = Self::default();
            return;
        }
        let ahead = self.ahead.get_or_insert_with(|| taken.clone());
        while let Some(due) = ahead.peek().filter(|due| due.at <= now) {
            self.waiting += 1;
            self.measured += u64::from(due.step > 0);
            ahead.take();
        }
    }

    /// One of them was taken.
    #[inline]
    pub(super) fn took(&mut self, due: Due) {
        self.waiting = self.waiting.saturating_sub(1);
        self.measured = self.measured.saturating_sub(u64::from(due.step > 0));
        if self.waiting == 0 && self.ahead.is_some() {
            self.ahead = None;
        }
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    pub(super) fn measured(&self) -> u64 {
        self.measured
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::clock::SECOND;
    use crate::plan::{Arrival, Step};
    use crate::random::Random;

    fn step(per_second: f64, seconds: u64) -> Step {
        let duration = Duration::from_secs(seconds);
        Step { from_per_second: per_second, to_per_second: per_second, duration }
    }

    #[test]
    fn what_waits_is_counted_and_not_stored() {
        let steps = [step(1000.0, 1), step(1e6, 60)];
        let taken = Paced::new(&steps, Arrival::Even, 0, (0, 1), Random::of(1, 0));
        let mut taken = Schedule::Paced(taken);
        let mut backlog = Backlog::default();
        backlog.catch_up(&taken, SECOND + SECOND);
        assert_eq!((backlog.waiting(), backlog.measured()), (1_001_001, 1_000_001));
        let first = taken.peek().unwrap();
        taken.take();
        backlog.took(first);
        assert_eq!((backlog.waiting(), backlog.measured()), (1_001_000, 1_000_001));
        backlog.catch_up(&taken, SECOND + SECOND);
        assert_eq!(backlog.waiting(), 1_001_000);
        for _ in 0..1_001_000 {
            backlog.took(taken.peek().unwrap());
            taken.take();
        }
        assert!(backlog.ahead.is_none());
        backlog.catch_up(&taken, SECOND + SECOND);
        assert_eq!(backlog.waiting(), 0);
        // Whatever waits, there are two cursors and nothing that grows.
        assert!(size_of::<Backlog>() < 256);
    }
}
