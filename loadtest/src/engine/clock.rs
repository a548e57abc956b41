//! Time as the engine counts it: nanoseconds of the monotonic clock since some moment before.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::report::units::real;

pub(super) const SECOND: u64 = 1_000_000_000;
pub(super) const MILLISECOND: u64 = 1_000_000;

static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Now, read without a system call. Never zero.
#[inline]
pub(super) fn now() -> u64 {
    let since = BEGIN.elapsed();
    (since.as_secs() + 1) * SECOND + u64::from(since.subsec_nanos())
}

/// A duration in nanoseconds; one of more than five centuries counts as that.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}

/// Nanoseconds as seconds.
pub(super) fn seconds(nanoseconds: u64) -> f64 {
    real(nanoseconds) / 1e9
}

/// A number of nanoseconds that was computed, rounded down; none below zero.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and nothing here lasts for centuries"
)]
pub(super) fn whole(nanoseconds: f64) -> u64 {
    nanoseconds as u64
}
