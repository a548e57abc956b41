//! What a piece of work takes: of the processor, and by the clock on the wall.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// When something began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    cpu: Duration,
    wall: Instant,
}

/// How long it took.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Took {
    /// Seconds that this thread had the processor.
    pub(crate) cpu: f64,
    /// Seconds that went by.
    pub(crate) wall: f64,
}

impl Start {
    pub(crate) fn now() -> Self {
        Self { cpu: thread_time(), wall: Instant::now() }
    }

    pub(crate) fn took(self) -> Took {
        let cpu = thread_time().saturating_sub(self.cpu);
        Took { cpu: cpu.as_secs_f64(), wall: self.wall.elapsed().as_secs_f64() }
    }
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// The middle of all values; of an even number, the lower middle, which was measured.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Bytes and counts here stay far below 2^53.
#[allow(clippy::cast_precision_loss, reason = "exact below 2^53")]
pub(crate) fn precise(number: usize) -> f64 {
    number as f64
}
