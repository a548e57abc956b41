//! What a run is to do: parsed from flags, a scenario or a recording, valid by its types.
//!
//! Flags ([`Run`]) and a scenario say [`Settings`](settings::Settings), of which everything may be
//! left out. [`assemble`] puts defaults in and holds each against the others; what comes out is a
//! [`Plan`], which leaves nothing to check.

mod agents;
mod arguments;
mod assemble;
mod bound;
mod headers;
mod mix;
mod recording;
mod scenario;
mod settings;
mod target;
mod words;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use self::agents::FIRST_CALLS_MAX;
pub(crate) use self::assemble::THREADS_MAX;
pub(crate) use arguments::{Job, Run};
pub(crate) use bound::{Asserted, Parts};
pub(crate) use scenario::schema;

/// The most bytes of padding in a call's arguments.
pub(crate) const PADDING_BYTES_MAX: usize = 16 << 20;

/// A whole run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) era: Era,
    pub(crate) pace: Pace,
    /// Connections that carry calls, shared by all sessions; streams have connections of their own.
    pub(crate) connections: usize,
    /// At least one; a session belongs to the agent of its number, round and round.
    pub(crate) agents: Vec<Agent>,
    /// At least one. A call is made in the session whose turn it is.
    pub(crate) sessions: usize,
    /// Calls after which a session ends (`DELETE` in the legacy era) and a new one takes its place.
    pub(crate) session_calls: Option<u64>,
    /// Sent with every request, after those that the protocol asks for.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) traffic: Traffic,
    pub(crate) threads: usize,
    /// Traffic that is not in the numbers, before those that are.
    pub(crate) warm_up: Duration,
    /// An answer that takes longer has failed.
    pub(crate) timeout: Duration,
    /// Of everything random.
    pub(crate) seed: u64,
    /// The process to watch, with its children.
    pub(crate) pid: Option<u32>,
}

/// Where the calls go.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// As it was given, less a user and password.
    pub(crate) url: String,
    /// What `Host` says.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
    /// At least one; connections go to each in turn.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) tls: Option<Tls>,
}

/// How `https` is spoken.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    /// Whom the certificate has to name.
    pub(crate) server_name: String,
    /// Certificates to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// A certificate of our own and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// Which era's messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Era {
    /// 2026-07-28: no sessions on the wire.
    #[value(alias = "2026-07-28")]
    #[serde(alias = "2026-07-28")]
    Modern,
    /// 2025-11-25: `initialize` opens a session.
    #[value(alias = "2025-11-25")]
    #[serde(alias = "2025-11-25")]
    Legacy,
}

/// Whom calls are made as.
#[derive(Clone, Default)]
pub(crate) struct Agent {
    /// Of `Authorization: Bearer`.
    pub(crate) token: Option<String>,
    /// The file and the line that it is from, as `tokens.txt:3`.
    pub(crate) source: Option<String>,
}

/// A token is never printed.
impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| format_args!("***"));
        let source = &self.source;
        f.debug_struct("Agent").field("token", &token).field("source", source).finish()
    }
}

/// When calls go out.
#[derive(Debug, Clone)]
pub(crate) enum Pace {
    /// This many in flight; the next goes out when one is answered.
    Closed { concurrency: usize, duration: Duration },
    /// When they are due, whether or not others are answered.
    Open { steps: Vec<Step>, arrival: Arrival },
    /// When a recording says, which all of its messages do: gaps, bursts and all. It begins with the
    /// warm-up, and again when it ends.
    Recorded {
        duration: Duration,
        /// Of what the messages say, which is scaled by it: for whoever reads the report.
        speed: f64,
    },
    /// The highest rate at which every bound holds.
    Search(Search),
}

/// A stretch of one rate, or of one that rises or falls evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) from_per_second: f64,
    pub(crate) to_per_second: f64,
    pub(crate) duration: Duration,
}

/// The gaps between calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Arrival {
    /// Random and independent, as from many agents.
    Poisson,
    /// All the same.
    Even,
}

#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) bounds: Vec<Bound>,
    /// Where to begin.
    pub(crate) from_per_second: f64,
    /// Never beyond; `None` lets the rate double until a bound breaks.
    pub(crate) to_per_second: Option<f64>,
    /// Of each step.
    pub(crate) duration: Duration,
    pub(crate) arrival: Arrival,
    /// Ends when the answer is known to this part of itself, such as 0.02.
    pub(crate) precision: f64,
}

/// `p99<2ms`: a value of the report, held against a bound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bound {
    pub(crate) value: BoundValue,
    pub(crate) relation: Relation,
    /// In the value's unit: microseconds, calls a second, a count, or a share of one.
    pub(crate) limit: f64,
    /// As it was written.
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BoundValue {
    /// `p50`, `p99.9`: of the latency, in microseconds.
    Percentile(f64),
    Mean,
    Max,
    /// Answered calls a second.
    Rate,
    /// Count of calls that failed.
    Errors,
    /// Their share of all calls, as 0.001.
    ErrorRate,
    /// Processor time of the watched process a call, in microseconds.
    CpuPerCall,
    /// The watched process's highest resident memory, in bytes.
    Rss,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Less,
    AtMost,
    Equal,
    AtLeast,
    Greater,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum Traffic {
    /// Drawn at random by weight. At least one, of a weight above zero.
    Mix(Vec<Part>),
    /// In the order of the recording, again from its start when it ends.
    Replay(Vec<Recorded>),
}

#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) weight: f64,
    pub(crate) operation: Operation,
}

/// One kind of call.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// Legacy: a further session is opened (`initialize`, `notifications/initialized`) and takes the
    /// place of the oldest, which is ended. Modern: `server/discover`.
    Initialize,
    /// `tools/list`.
    List,
    /// `tools/call`.
    Call(Call),
    /// `resources/read`.
    Read { uri: String },
    /// `prompts/get`.
    Prompt { name: String },
    /// Legacy: `ping`. Modern has none; it is refused when the plan is made.
    Ping,
    /// A stream is opened (GET, or `subscriptions/listen`), held, and closed by us. Its latency is
    /// until the head of the answer (GET) or the first event (`subscriptions/listen`).
    Stream { hold: Duration },
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) tool: String,
    /// A JSON object, as it is sent.
    pub(crate) arguments: String,
    /// Adds a member `padding` of so many random letters to the arguments.
    pub(crate) padding_bytes: Size,
    /// Asks for progress: the answer may be a stream.
    pub(crate) progress: bool,
    /// Whether an answer whose result says `isError`, or a JSON-RPC error, is what is wanted.
    pub(crate) expect: Expect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Expect {
    /// A result without `isError: true`.
    #[default]
    Success,
    /// A JSON-RPC error, or a result with `isError: true`: of a policy that is tested.
    Refusal,
    /// Either.
    Any,
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Fixed(usize),
    /// Evenly from the first to the last.
    Between(usize, usize),
}

/// A message of a recording. Its id, its session and what the era asks for are set anew when it
/// is sent.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    /// When it went out, since the recording's first, if the recording says so.
    pub(crate) at: Option<Duration>,
    /// `tools/call` and the like.
    pub(crate) method: String,
    /// A JSON object, as it was sent, less `_meta`.
    pub(crate) params: Option<String>,
}
