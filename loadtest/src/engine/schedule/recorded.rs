//! Calls at the moments of a recording, gaps and bursts and all.

use std::sync::Arc;

use super::Due;
use crate::engine::clock::nanoseconds;
use crate::plan::Traffic;

/// One thread's share of them: every so many messages one, as its templates are.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Recorded {
    /// When the recording begins; it begins with the warm-up.
    start: u64,
    measure_from: u64,
    end: u64,
    /// Of all messages, since the first.
    moments: Arc<[u64]>,
    /// From a first message to the next time that it is sent.
    period: u64,
    /// The next message, counted through all the times that the recording is sent.
    number: usize,
    shares: usize,
}

impl Recorded {
    /// The share `share` of `shares` of what is due from `start` to `end`.
    pub(in crate::engine) fn new(
        moments: Arc<[u64]>,
        (start, measure_from, end): (u64, u64, u64),
        (share, shares): (usize, usize),
    ) -> Self {
        // The last call begins a gap that the recording does not tell: it is taken for a mean one.
        let length = moments.last().copied().unwrap_or_default();
        let gaps = (moments.len() as u64).saturating_sub(1).max(1);
        let period = length.saturating_add(length / gaps).max(1);
        Self { start, measure_from, end, moments, period, number: share, shares }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<Due> {
        let times = self.number.checked_div(self.moments.len())?;
        let within = self.moments.get(self.number % self.moments.len())?;
        let since = (times as u64).saturating_mul(self.period).saturating_add(*within);
        let at = self.start.saturating_add(since);
        (at < self.end).then(|| Due { at, step: u16::from(at >= self.measure_from) })
    }

    #[inline]
    pub(super) fn take(&mut self) {
        self.number += self.shares;
    }
}

/// When the messages of a recording were sent, in nanoseconds since the first.
pub(in crate::engine) fn moments(traffic: &Traffic) -> Arc<[u64]> {
    match traffic {
        Traffic::Replay(messages) => {
            messages.iter().filter_map(|message| message.at).map(nanoseconds).collect()
        }
        Traffic::Mix(_) => Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut recorded: Recorded) -> Vec<(u64, u16)> {
        let due = std::iter::from_fn(|| {
            let due = recorded.peek()?;
            recorded.take();
            Some((due.at, due.step))
        });
        due.collect()
    }

    #[test]
    fn calls_are_due_when_the_recording_says_and_once_more_after_a_mean_gap() {
        let moments: Arc<[u64]> = [0, 10, 10, 90].into();
        let due = |times, share| all(Recorded::new(Arc::clone(&moments), times, share));
        // The first ten are the warm-up.
        assert_eq!(
            due((1000, 1010, 1150), (0, 1)),
            [(1000, 0), (1010, 1), (1010, 1), (1090, 1), (1120, 1), (1130, 1), (1130, 1)]
        );
        assert_eq!(due((1000, 1000, 1150), (0, 2)), [(1000, 1), (1010, 1), (1120, 1), (1130, 1)]);
        assert_eq!(due((1000, 1000, 1150), (1, 2)), [(1010, 1), (1090, 1), (1130, 1)]);
        assert_eq!(due((1000, 1000, 1005), (3, 5)), [], "not one of its messages is due");
    }

    #[test]
    fn of_nothing_nothing_is_due() {
        assert_eq!(all(Recorded::new(Arc::default(), (0, 0, u64::MAX), (0, 1))), []);
    }
}
