//! How a run stands, for whoever watches it.

/// Told about twice a second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    /// Since the load began, and how long it will last; a search does not know.
    pub(crate) elapsed_seconds: f64,
    pub(crate) planned_seconds: Option<f64>,
    /// What is offered at this moment; a closed loop offers what is taken.
    pub(crate) offered_per_second: Option<f64>,
    /// Of the calls that ended since the last time this was told.
    pub(crate) succeeded_per_second: f64,
    pub(crate) failed_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Calls due and not answered, and streams that are open.
    pub(crate) in_flight: u64,
    pub(crate) streams: u64,
    /// Of all that was measured so far.
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// What failed most, and how often.
    pub(crate) failing: Option<(String, u64)>,
    /// How much of the time the busiest thread of the harness worked, 0 to 1, in the last second.
    pub(crate) harness_busy: f64,
    /// Of the watched process, in the last second.
    pub(crate) process: Option<(f64, u64)>,
    /// Of a search, which step this is, from 1.
    pub(crate) step: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// Sessions and connections are opened.
    #[default]
    SetUp,
    WarmUp,
    Measuring,
    /// Nothing is sent any more; answers are waited for.
    Draining,
}
