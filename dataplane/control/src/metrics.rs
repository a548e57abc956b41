//! What the control thread counts.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter or gauge.
#[derive(Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    pub(crate) fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(crate) struct Metrics {
    /// Child processes alive, their ending included.
    pub(crate) children: Cell,
    pub(crate) children_started: Cell,
    /// Children that ended without being asked to.
    pub(crate) children_died: Cell,
    pub(crate) sessions: Cell,
    pub(crate) legacy_clients: Cell,
    pub(crate) resolutions: Cell,
    pub(crate) resolution_failures: Cell,
}

impl Metrics {
    /// Prometheus text exposition, version 0.0.4.
    pub(crate) fn render(&self, out: &mut String) {
        let families = [
            ("children", "gauge", "Child processes of stdio upstreams.", &self.children),
            (
                "children_started_total",
                "counter",
                "Child processes started.",
                &self.children_started,
            ),
            (
                "children_died_total",
                "counter",
                "Child processes that ended without being asked to.",
                &self.children_died,
            ),
            ("bridge_sessions", "gauge", "Sessions on stdio and SSE upstreams.", &self.sessions),
            (
                "legacy_clients",
                "gauge",
                "Clients of the HTTP+SSE transport connected.",
                &self.legacy_clients,
            ),
            ("resolutions_total", "counter", "Names resolved.", &self.resolutions),
            (
                "resolution_failures_total",
                "counter",
                "Names that could not be resolved.",
                &self.resolution_failures,
            ),
        ];
        for (name, kind, help, cell) in families {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "# HELP penstock_{name} {help}\n# TYPE penstock_{name} {kind}\npenstock_{name} {}",
                cell.value()
            );
        }
    }
}
