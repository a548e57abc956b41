//! A server that dies at once is not started again at once.

use std::time::{Duration, Instant};

/// A life shorter than this is a failed start.
pub(crate) const EARLY_DEATH: Duration = Duration::from_secs(5);
/// Wait after the first failed start, doubled with each further one up to the longest.
pub(crate) const WAIT_FIRST: Duration = Duration::from_millis(250);
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
    reason: String,
}

impl Backoff {
    /// A start failed, or what was started died `lived` after it.
    pub(crate) fn died(&mut self, lived: Duration, reason: String, now: Instant) {
        if lived >= EARLY_DEATH {
            *self = Self::default();
            return;
        }
        let wait = WAIT_FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + wait);
        self.reason = reason;
    }

    /// A session was served: the failures before it no longer count.
    pub(crate) fn served(&mut self) {
        *self = Self::default();
    }

    /// How long to wait before the next start, and why.
    pub(crate) fn wait(&self, now: Instant) -> Option<(Duration, String)> {
        let left = self.until?.checked_duration_since(now).filter(|left| !left.is_zero())?;
        let times =
            if self.failures == 1 { "once".into() } else { format!("{} times", self.failures) };
        Some((left, format!("the server failed to start {times}, last: {}", self.reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_bound_and_end_with_a_long_life() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert!(backoff.wait(now).is_none());
        let waits: Vec<Duration> = (0..12)
            .map(|_| {
                backoff.died(Duration::ZERO, "exited".into(), now);
                backoff.wait(now).expect("a wait").0
            })
            .collect();
        assert_eq!(waits[..3], [WAIT_FIRST, WAIT_FIRST * 2, WAIT_FIRST * 4]);
        assert_eq!(waits[11], WAIT_MAX);
        assert!(backoff.wait(now + WAIT_MAX).is_none());
        backoff.died(EARLY_DEATH, "exited".into(), now);
        assert!(backoff.wait(now).is_none());
    }
}
