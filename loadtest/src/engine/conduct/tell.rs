//! How a run stands, told to whoever watches.

use super::{Conductor, Load, Plans, Timeline};
use crate::engine::clock::{SECOND, seconds};
use crate::engine::figures;
use crate::engine::schedule::rate_at;
use crate::plan::Pace;
use crate::progress::{Phase, Snapshot};
use crate::report::units;

/// When the threads do not tell anything, it is told so often that it is so.
const TELL_AFTER: u64 = SECOND;

impl<I: FnMut() -> bool, W: FnMut(&Snapshot)> Conductor<'_, I, W> {
    /// How the stint stands.
    pub(super) fn advance(&mut self, plans: &Plans<'_>, timeline: &Timeline, now: u64) {
        let Timeline { start, measure_from, end } = *timeline;
        let began = *self.began.get_or_insert(start);
        let progress = &mut self.progress;
        progress.phase = match now {
            _ if now >= end || self.interruptions > 0 => Phase::Draining,
            _ if now >= measure_from => Phase::Measuring,
            _ => Phase::WarmUp,
        };
        // A search has many stretches of load, and one beginning.
        progress.elapsed_seconds = seconds(now.saturating_sub(began));
        let searches = matches!(self.setting.plan.pace, Pace::Search(_));
        progress.planned_seconds = (!searches).then(|| seconds(end - start));
        progress.offered_per_second = match &plans.load {
            Load::Open(steps, _) => rate_at(steps, now.saturating_sub(start)),
            Load::Closed(_) | Load::Recorded(_) => None,
        };
        if now >= self.told_at + TELL_AFTER {
            self.tell(now);
        }
    }

    pub(super) fn tell_when_all_have(&mut self, now: u64) {
        if self.collector.recent.intervals >= self.commands.len() {
            self.tell(now);
        }
    }

    pub(super) fn tell(&mut self, now: u64) {
        let since = seconds(now.saturating_sub(self.told_at));
        if since < seconds(TELL_AFTER) && self.collector.recent.intervals < self.commands.len() {
            return;
        }
        let (progress, collector) = (&mut self.progress, &self.collector);
        let recent = &collector.recent;
        progress.succeeded_per_second = units::per_second(recent.succeeded, since);
        progress.failed_per_second = units::per_second(recent.failed, since);
        progress.p50_us = figures::quantile_us(&recent.latency, 0.5);
        progress.p99_us = figures::quantile_us(&recent.latency, 0.99);
        (progress.in_flight, progress.streams) = collector.gauges();
        let calls = collector.operations.len().saturating_sub(1);
        let of_calls = collector.operations.iter().take(calls);
        progress.succeeded = of_calls.clone().map(|cell| cell.succeeded).sum();
        progress.failed = of_calls.map(|cell| cell.failed).sum::<u64>() + collector.upkeep_failed();
        let worst = collector.rest.failures.report().into_iter().next();
        progress.failing = worst.map(|one| (one.what, one.count));
        self.collector.recent.reset();
        self.told_at = now;
        (self.watch)(&self.progress);
    }
}
