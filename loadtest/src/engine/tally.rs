//! What a thread has counted since it last told.
//!
//! A cell is the calls of one operation that became due in one step. Cells are made when they are
//! needed and given away twice a second, so a thread holds a histogram for each operation that it
//! carries at the moment, 270 KB each, and another set while the main thread takes the last one in.

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;

use super::failure::Failures;
use super::stint::Interval;
use super::worker::Wants;

/// Histograms hold nanoseconds up to an hour, to three significant digits.
pub(super) const LATENCY_NS_MAX: u64 = 3_600_000_000_000;
const LATENCY_DIGITS: u8 = 3;
/// How late a call went out needs no more than two.
const LATENESS_DIGITS: u8 = 2;

/// Calls of one operation in one step.
#[derive(Clone)]
pub(super) struct Cell {
    pub(super) latency: Histogram<u64>,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) unfinished: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) events: u64,
    /// Of what keeps sessions: requests that failed, each of which counts as a call that did.
    pub(super) upkeep_failed: u64,
    /// When the last one that succeeded did.
    pub(super) last_answer: u64,
}

/// All that a thread counts.
pub(super) struct Tally {
    operations: usize,
    /// By step, then by operation; the last operation is what keeps sessions.
    cells: Vec<Option<Box<Cell>>>,
    empty: Histogram<u64>,
    pub(super) rest: Rest,
    no_lateness: Histogram<u64>,
}

/// What is counted beside the cells.
#[derive(Clone)]
pub(super) struct Rest {
    /// Measured calls that became due; closed loop: that were sent.
    pub(super) due: u64,
    /// Of measured calls that found a connection free: from due to sent.
    pub(super) lateness: Histogram<u64>,
    pub(super) sent_late: u64,
    /// Of measured calls: those that waited for a connection, and for a session.
    pub(super) waited_for_connection: u64,
    pub(super) waited_for_session: u64,
    /// Of measured calls.
    pub(super) failures: Failures,
    /// Of the warm-up.
    pub(super) warm_up_failures: Failures,
    /// Connections that could not be made.
    pub(super) refused: Failures,
    /// Requests of the server's: those that were a `ping`, and the others, which were refused.
    pub(super) pings: u64,
    pub(super) refused_to_server: Failures,
}

/// A cell with its place.
pub(super) struct Placed {
    pub(super) step: u16,
    /// The number of the plan's operations is that of the upkeep.
    pub(super) operation: usize,
    pub(super) cell: Box<Cell>,
}

impl Tally {
    /// For so many operations.
    pub(super) fn new(operations: usize) -> Result<Self> {
        let empty = latencies()?;
        let no_lateness = Histogram::new_with_bounds(1, LATENCY_NS_MAX, LATENESS_DIGITS)
            .context("a histogram of lateness")?;
        let rest = Rest::new(no_lateness.clone());
        Ok(Self { operations, cells: Vec::new(), empty, rest, no_lateness })
    }

    /// The cell of an operation; [`Self::upkeep`] is one too.
    #[inline]
    pub(super) fn cell(&mut self, step: u16, operation: usize) -> &mut Cell {
        let index = usize::from(step) * (self.operations + 1) + operation.min(self.operations);
        if index >= self.cells.len() {
            self.cells.resize_with(index + 1, || None);
        }
        let empty = &self.empty;
        // The bound was just made to hold; there is no other way to say so without a panic.
        let place = &mut self.cells[index];
        place.get_or_insert_with(|| Box::new(Cell::new(Histogram::new_from(empty))))
    }

    /// The operation that stands for what keeps sessions.
    pub(super) fn upkeep(&self) -> usize {
        self.operations
    }

    /// Takes back what was given away and not taken.
    pub(super) fn take_back(&mut self, interval: Interval) {
        for placed in interval.cells {
            self.cell(placed.step, placed.operation).merge(&placed.cell);
        }
        self.rest.merge(interval.rest);
    }

    /// Gives away all that was counted.
    pub(super) fn hand_over(&mut self) -> (Vec<Placed>, Rest) {
        let row = self.operations + 1;
        let cells = self.cells.iter_mut().enumerate().filter_map(|(index, place)| {
            let step = u16::try_from(index / row).unwrap_or(u16::MAX);
            Some(Placed { step, operation: index % row, cell: place.take()? })
        });
        let cells = cells.collect();
        let rest = std::mem::replace(&mut self.rest, Rest::new(self.no_lateness.clone()));
        (cells, rest)
    }
}

impl Cell {
    pub(super) fn new(latency: Histogram<u64>) -> Self {
        Self {
            latency,
            succeeded: 0,
            failed: 0,
            unfinished: 0,
            bytes_sent: 0,
            bytes_received: 0,
            events: 0,
            upkeep_failed: 0,
            last_answer: 0,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        // Of the same bounds, so every value fits.
        let _ = self.latency.add(&other.latency);
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.unfinished += other.unfinished;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.events += other.events;
        self.upkeep_failed += other.upkeep_failed;
        self.last_answer = self.last_answer.max(other.last_answer);
    }
}

impl Rest {
    fn new(lateness: Histogram<u64>) -> Self {
        Self {
            due: 0,
            lateness,
            sent_late: 0,
            waited_for_connection: 0,
            waited_for_session: 0,
            failures: Failures::default(),
            warm_up_failures: Failures::default(),
            refused: Failures::default(),
            pings: 0,
            refused_to_server: Failures::default(),
        }
    }

    /// A call waited for this.
    pub(super) fn waited(&mut self, wants: Wants) {
        match wants {
            Wants::Connection => self.waited_for_connection += 1,
            Wants::Session => self.waited_for_session += 1,
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.due += other.due;
        let _ = self.lateness.add(&other.lateness);
        self.sent_late += other.sent_late;
        self.waited_for_connection += other.waited_for_connection;
        self.waited_for_session += other.waited_for_session;
        self.failures.merge(other.failures);
        self.warm_up_failures.merge(other.warm_up_failures);
        self.refused.merge(other.refused);
        self.pings += other.pings;
        self.refused_to_server.merge(other.refused_to_server);
    }
}

/// An empty histogram of latencies.
pub(super) fn latencies() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, LATENCY_DIGITS)
        .context("a histogram of latencies")
}
