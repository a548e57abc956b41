//! The report as it is written: version 1 of its schema. Units are in the names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Of [`Report::schema_version`]. A field that goes, or means something else, makes it another.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// What one run of `penstock-loadtest run` found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    /// Of penstock-loadtest.
    pub(crate) version: String,
    /// RFC 3339, UTC.
    pub(crate) started_at: String,
    pub(crate) ended: Ended,
    pub(crate) machine: Machine,
    pub(crate) plan: PlanSummary,
    /// Over all that was measured: what came after the warm-up.
    pub(crate) total: Measured,
    /// By kind of call, busiest first.
    pub(crate) operations: Vec<OperationReport>,
    /// Of a stepped rate or a search, in the order in which they ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<StepReport>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) search: Option<SearchReport>,
    /// A line a second, from the end of the warm-up on.
    pub(crate) seconds: Vec<Second>,
    /// Kinds of failure, most frequent first.
    pub(crate) errors: Vec<ErrorReport>,
    /// Of `--pid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<ProcessReport>,
    /// What the server asked on the streams of its answers, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server_requests: Option<ServerRequests>,
    pub(crate) harness: Harness,
}

/// Requests of the server's, over the whole run, by how they were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerRequests {
    /// `ping`, with an empty result.
    pub(crate) pings: u64,
    /// All others, as `sampling/createMessage`, with error -32601.
    pub(crate) refused: u64,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Ended {
    /// As planned.
    Completed,
    /// By a signal; what had been measured by then is in the report.
    Interrupted,
}

/// Where the harness ran.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    /// That the harness may run on.
    pub(crate) cores: usize,
    pub(crate) kernel: String,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanSummary {
    pub(crate) url: String,
    /// `modern` or `legacy`.
    pub(crate) era: String,
    /// In words, as `open, 2,000/s for 30 s`.
    pub(crate) pace: String,
    /// In words, as `90 call echo, 10 list`.
    pub(crate) traffic: String,
    pub(crate) connections: usize,
    pub(crate) agents: usize,
    pub(crate) sessions: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session_calls: Option<u64>,
    pub(crate) threads: usize,
    pub(crate) warm_up_ms: u64,
    pub(crate) timeout_ms: u64,
    pub(crate) seed: u64,
}

/// Calls and their latency.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    /// How long was measured. Of a step of a rate: until its last answer, if that came after its
    /// end; what a step leaves behind holds up the next one.
    pub(crate) seconds: f64,
    /// Calls that became due; closed loop: that were sent.
    pub(crate) calls: u64,
    /// Calls that were answered as they should be.
    pub(crate) succeeded: u64,
    /// Calls that were not, in time or at all; and whatever keeps sessions and failed, in the step in
    /// which it was sent.
    pub(crate) failed: u64,
    /// Calls that were neither when the run ended; they are in no percentile.
    pub(crate) unfinished: u64,
    pub(crate) succeeded_per_second: f64,
    /// Of requests, heads and all, in plain text.
    pub(crate) bytes_sent: u64,
    /// Of answers, likewise.
    pub(crate) bytes_received: u64,
    /// Events that came on streams, progress included.
    pub(crate) events: u64,
    /// Of the calls that succeeded, and of those that timed out with the time that they were given.
    /// Open loop: from when the call was due. Closed loop: from when it was sent.
    pub(crate) latency: Latency,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Latency {
    pub(crate) min_us: f64,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) p9999_us: f64,
    pub(crate) max_us: f64,
    pub(crate) standard_deviation_us: f64,
    /// The whole histogram of nanoseconds: HdrHistogram's V2 form, deflated, in base64.
    pub(crate) histogram: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationReport {
    /// As `tools/call echo`.
    pub(crate) name: String,
    pub(crate) measured: Measured,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepReport {
    pub(crate) from_per_second: f64,
    pub(crate) to_per_second: f64,
    /// Seconds since the end of the warm-up.
    pub(crate) start_seconds: f64,
    /// Of a search: whether every bound held, and if not, which did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) broken: Vec<String>,
    /// Of a search: why it was not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unjudged: Option<Unjudged>,
    pub(crate) measured: Measured,
    /// Of a search, and `--pid`: the process in this step, without a line a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<ProcessReport>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchReport {
    /// As they were written.
    pub(crate) bounds: Vec<String>,
    /// The highest rate at which all held; none, if they broke at the lowest that was tried.
    pub(crate) highest_per_second: Option<f64>,
    /// The lowest rate at which one broke; none, if none did.
    pub(crate) broken_per_second: Option<f64>,
    pub(crate) ended: SearchEnded,
}

/// Why a step of a search was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Unjudged {
    /// The harness could not send as it should.
    Harness,
    /// By a signal.
    Interrupted,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SearchEnded {
    /// What holds and what breaks are as close as was asked for, or the lowest rate broke.
    Found,
    /// All held up to the highest rate that was to be tried.
    UpperEnd,
    /// After as many steps as a search may have.
    Steps,
    /// The harness was the limit.
    Harness,
    /// By a signal.
    Interrupted,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "it is which second, as the schema calls it")]
pub(crate) struct Second {
    /// Since the end of the warm-up; the start of this second.
    pub(crate) second: u64,
    pub(crate) due: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// At its end: due and not yet answered.
    pub(crate) in_flight: u64,
    pub(crate) streams: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    /// Of the harness: how much of its threads' time they worked, 0 to 1, the busiest of them.
    pub(crate) harness_busy: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorReport {
    pub(crate) kind: ErrorKind,
    /// What was wrong, as `HTTP 503` or `-32601`.
    pub(crate) what: String,
    pub(crate) count: u64,
    /// Of the first one: the start of what was said, in one line.
    pub(crate) example: String,
}

/// How a call can fail.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ErrorKind {
    /// No connection could be made.
    Connect,
    /// A connection ended before the answer did.
    Disconnected,
    /// No answer in time.
    Timeout,
    /// What came is not HTTP.
    Http,
    /// Not the status that such a message is answered with.
    Status,
    /// Not JSON-RPC, or of another media type, or not the shape that such a result has.
    Shape,
    /// An answer to another call.
    Id,
    /// A JSON-RPC error.
    Error,
    /// A result that says `isError`.
    ToolError,
    /// A success where a refusal was expected.
    Unrefused,
}

/// The watched process and its children.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessReport {
    pub(crate) pid: u32,
    pub(crate) name: String,
    /// By the scheduler's clock, over what was measured.
    pub(crate) cpu_seconds: f64,
    /// Of it in the kernel, by clock ticks: less exact.
    pub(crate) system_share: f64,
    /// Over the calls that succeeded or failed.
    pub(crate) cpu_us_per_call: f64,
    pub(crate) rss_bytes_max: u64,
    /// A line a second.
    pub(crate) samples: Vec<ProcessSample>,
    /// When it was gone before the run was over, in seconds since the end of the warm-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone_after_seconds: Option<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessSample {
    pub(crate) second: u64,
    /// Cores used meanwhile: 1.0 is one core.
    pub(crate) cores: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
}

/// Whether the numbers are the target's, or the harness's own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Harness {
    /// How much of the time its busiest thread worked, 0 to 1.
    pub(crate) busiest_thread: f64,
    /// How much of the time a thread was ready and had no core, 0 to 1, the worst of them.
    pub(crate) starved: f64,
    /// Calls that went out later than they were due although a connection was free.
    pub(crate) sent_late: u64,
    /// By how much, of all calls, in microseconds.
    pub(crate) late_p99_us: f64,
    /// Calls that found every connection busy and waited for one: the target's slowness, or too few.
    pub(crate) waited_for_connection: u64,
    /// Calls that found no session open and waited for one.
    #[serde(default)]
    pub(crate) waited_for_session: u64,
    /// Sessions that the server may still hold after the run: their `DELETE` at its end failed, had no
    /// answer, or was not sent any more, or the `initialize` that opens one had no answer.
    #[serde(default)]
    pub(crate) sessions_left: u64,
    /// Whether the harness, and not the target, set these numbers.
    pub(crate) bottleneck: bool,
    /// Whether all that speaks for that is that calls went out late: then only the latencies hold the
    /// harness's own.
    #[serde(default)]
    pub(crate) only_late: bool,
    /// Why it was, and what to do; of a bottleneck alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    /// What else whoever reads the numbers has to know.
    pub(crate) warnings: Vec<String>,
}
