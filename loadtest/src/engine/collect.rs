//! What all threads counted, put together as it comes in.
//!
//! It holds a histogram for each operation, each step and the last few seconds, 270 KB each, and a
//! line for every second.

use std::collections::BTreeMap;

use anyhow::Result;
use hdrhistogram::Histogram;

use super::clock::SECOND;
use super::figures::quantile_us;
use super::stint::Interval;
use super::tally::{Cell, Rest, Tally, latencies};
use crate::report::model::Second;

pub(super) struct Collector {
    /// The beginning of the first second.
    zero: Option<u64>,
    /// When the measuring of the stint under way begins.
    measure_from: u64,
    workers: usize,
    /// By operation; the last is what keeps sessions.
    pub(super) operations: Vec<Cell>,
    /// Of the stint under way, by step; the first is the warm-up, and stays empty.
    pub(super) steps: Vec<Cell>,
    pub(super) rest: Rest,
    /// What the lateness was before the stint under way.
    pub(super) stint_lateness: Histogram<u64>,
    open: BTreeMap<u64, OpenSecond>,
    pub(super) seconds: Vec<Second>,
    /// Of each worker, at its last word.
    now: Vec<Gauges>,
    pub(super) recent: Recent,
    empty: Histogram<u64>,
}

/// A second that not all threads are through with.
struct OpenSecond {
    due: u64,
    succeeded: u64,
    failed: u64,
    latency: Histogram<u64>,
    harness_busy: f64,
    gauges: Vec<Gauges>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Gauges {
    in_flight: u64,
    streams: u64,
    /// Up to when it has told all.
    until: u64,
}

/// Since the progress was told last; the warm-up counts here.
pub(super) struct Recent {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) latency: Histogram<u64>,
    /// Intervals that came in.
    pub(super) intervals: usize,
}

impl Collector {
    pub(super) fn new(operations: usize, workers: usize) -> Result<Self> {
        let empty = latencies()?;
        let (_, rest) = Tally::new(operations)?.hand_over();
        Ok(Self {
            zero: None,
            measure_from: 0,
            workers,
            operations: vec![Cell::new(empty.clone()); operations + 1],
            steps: Vec::new(),
            stint_lateness: rest.lateness.clone(),
            rest,
            open: BTreeMap::new(),
            seconds: Vec::new(),
            now: vec![Gauges::default(); workers],
            recent: Recent { succeeded: 0, failed: 0, latency: empty.clone(), intervals: 0 },
            empty,
        })
    }

    /// A stint begins; what it measures begins then.
    pub(super) fn begin(&mut self, measure_from: u64) {
        self.zero.get_or_insert(measure_from);
        self.measure_from = measure_from;
        self.steps.clear();
        self.stint_lateness.reset();
        self.now = vec![Gauges::default(); self.workers];
    }

    /// When the first second began.
    pub(super) fn zero(&self) -> u64 {
        self.zero.unwrap_or_default()
    }

    pub(super) fn take(&mut self, interval: Interval) {
        let Interval { in_flight, streams, until, .. } = interval;
        let gauges = Gauges { in_flight, streams, until };
        if let Some(now) = self.now.get_mut(interval.worker) {
            *now = gauges;
        }
        self.recent.intervals += 1;
        // What is measured begins with the measuring, though an interval may end a moment later.
        let begins = interval.begins.max(self.measure_from);
        let second = begins.saturating_sub(self.zero()) / SECOND;
        let (mut succeeded, mut failed) = (0, 0);
        let mut latency: Option<Histogram<u64>> = None;
        for placed in &interval.cells {
            let cell = &placed.cell;
            let is_upkeep = placed.operation + 1 == self.operations.len();
            // What kept sessions is no call; where it failed, it counts as one that did.
            self.recent.failed += cell.upkeep_failed;
            if !is_upkeep {
                self.recent.succeeded += cell.succeeded;
                self.recent.failed += cell.failed;
                let _ = self.recent.latency.add(&cell.latency);
            }
            if placed.step == 0 {
                continue;
            }
            if let Some(all) = self.operations.get_mut(placed.operation) {
                all.merge(cell);
            }
            failed += cell.upkeep_failed;
            if let Some(all) = self.step_mut(placed.step) {
                if is_upkeep {
                    all.failed += cell.upkeep_failed;
                } else {
                    all.merge(cell);
                }
            }
            if is_upkeep {
                continue;
            }
            succeeded += cell.succeeded;
            failed += cell.failed;
            match &mut latency {
                Some(latency) => drop(latency.add(&cell.latency)),
                none => *none = Some(cell.latency.clone()),
            }
        }
        let measured = interval.rest.due + succeeded + failed > 0;
        if self.zero.is_some() && (measured || interval.begins >= self.measure_from) {
            let open = self.second(second);
            open.due += interval.rest.due;
            open.succeeded += succeeded;
            open.failed += failed;
            if let Some(latency) = latency {
                let _ = open.latency.add(latency);
            }
            if let Some(place) = open.gauges.get_mut(interval.worker) {
                *place = gauges;
            }
        }
        let _ = self.stint_lateness.add(&interval.rest.lateness);
        self.rest.merge(interval.rest);
        let all_until = self.now.iter().map(|one| one.until).min().unwrap_or_default();
        self.close(all_until);
    }

    /// How busy the harness was in a second.
    pub(super) fn busy(&mut self, second: u64, busy: f64) {
        let workers = self.seconds.iter_mut().rev().find(|one| one.second == second);
        match workers {
            Some(closed) => closed.harness_busy = busy,
            None => self.second(second).harness_busy = busy,
        }
    }

    fn second(&mut self, second: u64) -> &mut OpenSecond {
        let (empty, workers) = (&self.empty, self.workers);
        self.open.entry(second).or_insert_with(|| OpenSecond {
            due: 0,
            succeeded: 0,
            failed: 0,
            latency: empty.clone(),
            harness_busy: 0.0,
            gauges: vec![Gauges::default(); workers],
        })
    }

    /// Makes lines of the seconds that ended before `until`.
    fn close(&mut self, until: u64) {
        let zero = self.zero();
        while let Some(entry) = self.open.first_entry() {
            if zero + (entry.key() + 1) * SECOND > until {
                return;
            }
            let (second, open) = entry.remove_entry();
            self.line(second, &open);
        }
    }

    /// The run is over: makes lines of all.
    pub(super) fn close_all(&mut self) {
        for (second, open) in std::mem::take(&mut self.open) {
            self.line(second, &open);
        }
    }

    fn line(&mut self, second: u64, open: &OpenSecond) {
        if open.due + open.succeeded + open.failed == 0
            && open.gauges.iter().all(|one| one.in_flight + one.streams == 0)
        {
            // Between two steps of a search, or after the last answer.
            return;
        }
        self.seconds.push(Second {
            second,
            due: open.due,
            succeeded: open.succeeded,
            failed: open.failed,
            in_flight: open.gauges.iter().map(|one| one.in_flight).sum(),
            streams: open.gauges.iter().map(|one| one.streams).sum(),
            p50_us: quantile_us(&open.latency, 0.5),
            p99_us: quantile_us(&open.latency, 0.99),
            max_us: quantile_us(&open.latency, 1.0),
            harness_busy: open.harness_busy,
        });
    }

    /// Calls due and not answered, and streams that are open, at the last word of each thread.
    pub(super) fn gauges(&self) -> (u64, u64) {
        self.now
            .iter()
            .fold((0, 0), |(calls, streams), one| (calls + one.in_flight, streams + one.streams))
    }

    /// The calls of the step of a search that is over.
    pub(super) fn step(&self) -> Cell {
        let none = || Cell::new(self.empty.clone());
        self.steps.get(1).cloned().unwrap_or_else(none)
    }

    fn step_mut(&mut self, step: u16) -> Option<&mut Cell> {
        let step = usize::from(step);
        if self.steps.len() <= step {
            self.steps.resize(step + 1, Cell::new(self.empty.clone()));
        }
        self.steps.get_mut(step)
    }

    pub(super) fn upkeep_failed(&self) -> u64 {
        self.operations.last().map_or(0, |upkeep| upkeep.upkeep_failed)
    }

    /// All calls of the plan. What kept sessions is no call; where it failed, it counts as one.
    pub(super) fn total(&self) -> Cell {
        let mut total = Cell::new(self.empty.clone());
        let calls = self.operations.len().saturating_sub(1);
        for cell in self.operations.iter().take(calls) {
            total.merge(cell);
        }
        total.failed += self.upkeep_failed();
        total
    }
}

impl Recent {
    pub(super) fn reset(&mut self) {
        self.succeeded = 0;
        self.failed = 0;
        self.latency.reset();
        self.intervals = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tally::Placed;

    const ZERO: u64 = 100 * SECOND;

    /// What a thread told of an interval: calls that took 1 ms in this step.
    fn interval(worker: usize, begins: u64, step: u16, calls: u64, in_flight: u64) -> Interval {
        let mut tally = Tally::new(1).unwrap();
        let cell = tally.cell(step, 0);
        cell.succeeded = calls;
        cell.latency.record_n(1_000_000, calls).unwrap();
        tally.rest.due = if step > 0 { calls } else { 0 };
        let (told, rest): (Vec<Placed>, Rest) = tally.hand_over();
        let until = begins + SECOND / 2;
        Interval { worker, begins, until, cells: told, rest, in_flight, streams: 1, ended: None }
    }

    /// Upkeep in a step: seven sessions that were opened, and as many that failed to be.
    fn upkeep(step: u16, failed: u64) -> Vec<Placed> {
        let mut tally = Tally::new(1).unwrap();
        let operation = tally.upkeep();
        let cell = tally.cell(step, operation);
        (cell.succeeded, cell.failed, cell.upkeep_failed) = (7, failed, failed);
        cell.latency.record_n(1_000_000_000, 7).unwrap();
        tally.hand_over().0
    }

    #[test]
    fn the_progress_counts_calls_and_of_upkeep_what_failed() {
        let mut collector = Collector::new(1, 1).unwrap();
        collector.begin(ZERO);
        let mut told = interval(0, ZERO, 1, 10, 0);
        told.cells.extend(upkeep(1, 3));
        collector.take(told);
        let recent = &collector.recent;
        assert_eq!((recent.succeeded, recent.failed, recent.latency.len()), (10, 3, 10));
    }

    #[test]
    fn seconds_are_lines_once_every_thread_is_through_with_them() {
        let mut collector = Collector::new(1, 2).unwrap();
        collector.begin(ZERO);
        let half = SECOND / 2;
        let mut take = |worker, halves, step, calls, in_flight| {
            let begins = ZERO + halves * half - if step == 0 { SECOND } else { 0 };
            collector.take(interval(worker, begins, step, calls, in_flight));
            collector.seconds.len()
        };
        assert_eq!(take(0, 0, 0, 50, 0), 0, "the warm-up is in no line");
        assert_eq!(take(0, 0, 1, 10, 4), 0);
        assert_eq!(take(0, 1, 1, 10, 3), 0);
        assert_eq!(take(1, 0, 1, 7, 0), 0);
        assert_eq!(take(1, 1, 1, 7, 2), 1);
        assert_eq!(take(1, 2, 1, 1, 1), 1);
        collector.busy(0, 0.5);
        collector.close_all();
        let [first, second] = &collector.seconds[..] else { panic!("two lines") };
        assert_eq!((first.second, first.due, first.succeeded), (0, 34, 34));
        assert_eq!((first.in_flight, first.streams), (5, 2));
        assert!((first.p99_us - 1000.0).abs() < 2.0 && first.harness_busy > 0.4);
        assert_eq!((second.second, second.succeeded), (1, 1));
        assert_eq!(collector.total().succeeded, 35);
        assert_eq!(collector.recent.succeeded, 85);
        assert_eq!(collector.steps[1].succeeded, 35);
    }

    #[test]
    fn upkeep_that_fails_is_in_its_step() {
        let mut collector = Collector::new(1, 1).unwrap();
        for (failed, stint) in [(3, 0), (0, 1)] {
            collector.begin(ZERO + stint * SECOND);
            let mut told = interval(0, ZERO + stint * SECOND, 1, 10, 0);
            told.cells.extend(upkeep(1, failed));
            collector.take(told);
            let step = collector.step();
            assert_eq!((step.succeeded, step.failed), (10, failed));
        }
        assert_eq!(collector.total().failed, 3);
        // Of the steps of one stint, also of one that has nothing else.
        let mut told = interval(0, ZERO + SECOND, 2, 10, 0);
        told.cells.extend(upkeep(3, 4));
        collector.take(told);
        let failed: Vec<u64> = collector.steps.iter().map(|step| step.failed).collect();
        assert_eq!((failed, collector.total().failed), (vec![0, 0, 0, 4], 7));
        collector.close_all();
        assert_eq!(collector.seconds.iter().map(|second| second.failed).sum::<u64>(), 7);
    }

    #[test]
    fn a_long_run_keeps_a_line_a_second_and_no_more_histograms() {
        let mut collector = Collector::new(1, 1).unwrap();
        collector.begin(ZERO);
        for second in 0..1000 {
            let begins = ZERO + second * SECOND;
            collector.take(interval(0, begins, 1, 1, 0));
            assert!(collector.open.len() <= 2);
        }
        collector.close_all();
        assert_eq!(collector.seconds.len(), 1000);
    }
}
