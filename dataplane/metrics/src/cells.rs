//! What is counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters and gauges without labels of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Metric {
    /// Connections accepted.
    Connections,
    /// Connections open now.
    ConnectionsOpen,
    /// Requests whose head was read.
    Requests,
    /// Calls under way now, open streams included.
    CallsOpen,
    /// Event streams open now.
    StreamsOpen,
    /// Answers with a status below 400.
    AnswersOk,
    /// Answers with a status from 400 to 499.
    AnswersClientError,
    /// Answers with a status of 500 or more.
    AnswersServerError,
    /// Bytes of requests' bodies read.
    RequestBytes,
    /// Bytes of answers written, heads included.
    AnswerBytes,
    /// Connections made to upstreams.
    UpstreamConnects,
    /// Connections to upstreams open now.
    UpstreamOpen,
    /// Calls forwarded on a connection that had carried another before.
    UpstreamReused,
    /// Calls sent a second time.
    UpstreamRetries,
    /// Connections to an upstream that could not be made.
    UpstreamConnectErrors,
    /// Answers that an upstream did not give, or not whole.
    UpstreamErrors,
    /// Upstream timeouts.
    UpstreamTimeouts,
    /// Calls whose agent was gone before the answer was.
    Disconnects,
    /// TLS handshakes that failed.
    TlsErrors,
    /// Connections that could not be accepted (descriptors used up, most often).
    AcceptErrors,
    /// Tunnels and requests that a forward listener was asked for.
    Forwards,
    /// Those under way now.
    ForwardsOpen,
    /// Bytes that forward listeners have taken from agents.
    ForwardSentBytes,
    /// Bytes that forward listeners have given to agents.
    ForwardReceivedBytes,
    /// Messages that were looked into.
    Inspected,
    /// Bytes that were looked into.
    InspectedBytes,
    /// Messages that could not be looked into whole.
    InspectionExceeded,
    /// Messages that did not pass.
    InspectionBlocked,
    /// Bytes of answers held until they are looked into, now.
    InspectionHeldBytes,
    /// Findings that the log does not tell of.
    InspectionUnlogged,
    /// Values put in the place of sealed placeholders.
    InspectionOpened,
}

/// Why penstock itself answered instead of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Refusal {
    /// The HTTP framing was malformed (400).
    Malformed,
    /// A head over its limits (431, 414).
    Head,
    /// A body over its limit (413).
    Body,
    /// A head or body too slow (408).
    Slow,
    /// `Host` not served (403).
    Host,
    /// `Origin` not served (403).
    Origin,
    /// No such path (404).
    Path,
    /// A method the path does not take (405).
    Method,
    /// Not a valid MCP message, or one that disagrees with its headers (400).
    Message,
    /// More calls or connections than the limits allow (503).
    Busy,
    /// Penstock is shutting down (503).
    Draining,
    /// An upstream that could not be reached, or that answered nothing valid (502).
    Upstream,
    /// An upstream that did not answer in time (504).
    UpstreamSlow,
    /// An event over its limit; the stream was ended.
    Event,
    /// A forward listener's caller whom the kernel knows as no agent (403).
    Caller,
    /// A destination that no rule of the agent's names (403).
    Destination,
    /// A name that resolves to nothing but addresses which no name may lead to (403).
    Address,
    /// A tunnel whose TLS asked for another name than `CONNECT`, or that carried no TLS where it must;
    /// it was ended.
    ServerName,
    /// A tunnel or an answer over the agent's `bytes`; it was ended.
    Bytes,
    /// A request or an answer that holds what must not pass, or could not be looked into (403, 502).
    Blocked,
}

/// Which way a message goes that something was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Direction {
    /// To the upstream.
    Request,
    /// To the agent.
    Response,
}

pub(crate) const DIRECTIONS: [&str; 2] = ["request", "response"];

/// What can be done with a finding that is told, by name.
pub const ACTIONS: [&str; 4] = ["report", "tokenise", "redact", "block"];

/// Classes of findings, by name; the last is for any other.
pub const CLASSES: [&str; 16] = [
    "secret",
    "email",
    "phone",
    "card",
    "iban",
    "ssn",
    "national-id",
    "ip",
    "mac",
    "passport",
    "birth-date",
    "address",
    "name",
    "wallet",
    "injection",
    "other",
];

pub(crate) const METRICS: [(Metric, &str, &str, &str); 31] = [
    (Metric::Connections, "connections_total", "counter", "Connections accepted."),
    (Metric::ConnectionsOpen, "connections_open", "gauge", "Connections open now."),
    (Metric::Requests, "requests_total", "counter", "Requests whose head was read."),
    (Metric::CallsOpen, "calls_open", "gauge", "Calls under way now, open streams included."),
    (Metric::StreamsOpen, "streams_open", "gauge", "Event streams open now."),
    (Metric::AnswersOk, "answers_ok_total", "counter", "Answers with a status below 400."),
    (
        Metric::AnswersClientError,
        "answers_client_error_total",
        "counter",
        "Answers with a status from 400 to 499.",
    ),
    (
        Metric::AnswersServerError,
        "answers_server_error_total",
        "counter",
        "Answers with a status of 500 or more.",
    ),
    (Metric::RequestBytes, "request_body_bytes_total", "counter", "Bytes of requests' bodies."),
    (Metric::AnswerBytes, "answer_bytes_total", "counter", "Bytes of answers, heads included."),
    (Metric::UpstreamConnects, "upstream_connects_total", "counter", "Upstream connections made."),
    (Metric::UpstreamOpen, "upstream_connections_open", "gauge", "Upstream connections open now."),
    (
        Metric::UpstreamReused,
        "upstream_reused_total",
        "counter",
        "Calls forwarded on a connection that had carried another before.",
    ),
    (Metric::UpstreamRetries, "upstream_retries_total", "counter", "Calls sent a second time."),
    (
        Metric::UpstreamConnectErrors,
        "upstream_connect_errors_total",
        "counter",
        "Upstream connections that could not be made.",
    ),
    (
        Metric::UpstreamErrors,
        "upstream_errors_total",
        "counter",
        "Answers that an upstream did not give, or not whole.",
    ),
    (Metric::UpstreamTimeouts, "upstream_timeouts_total", "counter", "Upstream timeouts."),
    (
        Metric::Disconnects,
        "disconnects_total",
        "counter",
        "Calls whose agent was gone before the answer was.",
    ),
    (Metric::TlsErrors, "tls_errors_total", "counter", "TLS handshakes that failed."),
    (
        Metric::AcceptErrors,
        "accept_errors_total",
        "counter",
        "Connections that could not be accepted.",
    ),
    (
        Metric::Forwards,
        "forward_total",
        "counter",
        "Tunnels and requests that a forward listener was asked for.",
    ),
    (
        Metric::ForwardsOpen,
        "forward_open",
        "gauge",
        "Tunnels and requests of forward listeners under way now.",
    ),
    (
        Metric::ForwardSentBytes,
        "forward_sent_bytes_total",
        "counter",
        "Bytes that forward listeners have taken from agents.",
    ),
    (
        Metric::ForwardReceivedBytes,
        "forward_received_bytes_total",
        "counter",
        "Bytes that forward listeners have given to agents.",
    ),
    (Metric::Inspected, "inspection_messages_total", "counter", "Messages looked into."),
    (Metric::InspectedBytes, "inspection_bytes_total", "counter", "Bytes looked into."),
    (
        Metric::InspectionExceeded,
        "inspection_exceeded_total",
        "counter",
        "Messages that could not be looked into whole.",
    ),
    (
        Metric::InspectionBlocked,
        "inspection_blocked_total",
        "counter",
        "Messages that did not pass.",
    ),
    (
        Metric::InspectionHeldBytes,
        "inspection_held_bytes",
        "gauge",
        "Bytes of answers held until they are looked into.",
    ),
    (
        Metric::InspectionUnlogged,
        "inspection_findings_unlogged_total",
        "counter",
        "Findings that the log does not tell of.",
    ),
    (
        Metric::InspectionOpened,
        "inspection_opened_total",
        "counter",
        "Values put in the place of sealed placeholders, for tools of `open_for`.",
    ),
];

pub(crate) const REFUSALS: [(Refusal, &str); 20] = [
    (Refusal::Malformed, "malformed"),
    (Refusal::Head, "head"),
    (Refusal::Body, "body"),
    (Refusal::Slow, "slow"),
    (Refusal::Host, "host"),
    (Refusal::Origin, "origin"),
    (Refusal::Path, "path"),
    (Refusal::Method, "method"),
    (Refusal::Message, "message"),
    (Refusal::Busy, "busy"),
    (Refusal::Draining, "draining"),
    (Refusal::Upstream, "upstream"),
    (Refusal::UpstreamSlow, "upstream_slow"),
    (Refusal::Event, "event"),
    (Refusal::Caller, "caller"),
    (Refusal::Destination, "destination"),
    (Refusal::Address, "address"),
    (Refusal::ServerName, "server_name"),
    (Refusal::Bytes, "bytes"),
    (Refusal::Blocked, "blocked"),
];

/// Upper bounds of the latency buckets, in microseconds: a factor of two each, 64 µs to 134 s.
pub(crate) const BUCKETS: usize = 22;

/// Latencies in buckets of a factor of two.
#[derive(Debug, Default)]
pub struct Histogram {
    pub(crate) counts: [AtomicU64; BUCKETS + 1],
    pub(crate) sum_us: AtomicU64,
}

impl Histogram {
    /// Adds one latency, in microseconds.
    pub fn record(&self, micros: u64) {
        // 64 µs is 2^6: bucket 0 holds all up to it.
        let bits = (u64::BITS - micros.saturating_sub(1).leading_zeros()) as usize;
        let index = bits.saturating_sub(6).min(BUCKETS);
        bump(&self.counts[index], 1);
        bump(&self.sum_us, micros);
    }
}

/// One shard's counters. One thread writes, any may read.
#[derive(Debug, Default)]
// Two shards' cells never share a cache line (or the pair that is prefetched with it).
#[repr(align(128))]
pub struct Cells {
    pub(crate) metrics: [AtomicU64; METRICS.len()],
    pub(crate) refusals: [AtomicU64; REFUSALS.len()],
    /// By class, action and direction.
    pub(crate) findings: [[[AtomicU64; DIRECTIONS.len()]; ACTIONS.len()]; CLASSES.len()],
    /// From a request's head being read to its answer's last byte being written.
    pub latency: Histogram,
}

/// A plain load and store: there is one writer, so no locked instruction is needed.
fn bump(cell: &AtomicU64, by: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl Cells {
    /// Adds to a counter or gauge.
    pub fn add(&self, metric: Metric, by: u64) {
        bump(&self.metrics[metric as usize], by);
    }

    /// Adds one to a counter or gauge.
    pub fn inc(&self, metric: Metric) {
        self.add(metric, 1);
    }

    /// Takes one from a gauge.
    pub fn dec(&self, metric: Metric) {
        self.add(metric, u64::MAX);
    }

    /// Counts an answer of penstock's own.
    pub fn refuse(&self, refusal: Refusal) {
        bump(&self.refusals[refusal as usize], 1);
    }

    /// Takes from a gauge.
    pub fn sub(&self, metric: Metric, by: u64) {
        self.add(metric, by.wrapping_neg());
    }

    /// Counts a finding. What no name is known of is counted with the last.
    pub fn finding(&self, class: &str, action: &str, direction: Direction) {
        let place = |names: &[&str], name| {
            names.iter().position(|known| *known == name).unwrap_or(names.len() - 1)
        };
        let (class, action) = (place(&CLASSES, class), place(&ACTIONS, action));
        bump(&self.findings[class][action][direction as usize], 1);
    }

    /// The value of a counter or gauge.
    pub fn value(&self, metric: Metric) -> u64 {
        self.metrics[metric as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_their_enums() {
        for (index, row) in METRICS.iter().enumerate() {
            assert_eq!(row.0 as usize, index, "{}", row.1);
        }
        for (index, row) in REFUSALS.iter().enumerate() {
            assert_eq!(row.0 as usize, index, "{}", row.1);
        }
    }

    #[test]
    fn latencies_fall_into_the_bucket_whose_bound_is_not_below_them() {
        let histogram = Histogram::default();
        for micros in [0, 64, 65, 128, 129, u64::MAX] {
            histogram.record(micros);
        }
        let count = |index: usize| histogram.counts[index].load(Ordering::Relaxed);
        assert_eq!((count(0), count(1), count(2), count(BUCKETS)), (2, 2, 1, 1));
    }
}
