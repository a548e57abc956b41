//! What flags and a scenario can say, under the same names: `--warm-up` is `warmUp` in a file.

use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::bound::{Asserted, Searched};
use super::headers::{Header, Headers};
use super::mix::Words;
use super::words::{Addresses, Rate, Rates, Share, Speed, Time};
use super::{Arrival, Era};

/// A scenario of `penstock-loadtest run`: what a run is to do. Flags say otherwise where they are
/// given; paths are relative to this file.
#[derive(Debug, Clone, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(title = "Scenario")]
pub(crate) struct Settings {
    /// Where the calls go: an MCP server or gateway, as `http://127.0.0.1:8808/mcp/files`.
    #[arg(value_name = "URL")]
    pub(super) url: Option<String>,
    /// Connect there, whatever host the URL names; several with commas are used in turn.
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = TARGET)]
    pub(super) connect: Option<Addresses>,
    /// Which era of the protocol is spoken [default: modern].
    #[arg(long, value_enum, value_name = "ERA", help_heading = TARGET)]
    pub(super) era: Option<Era>,
    #[command(flatten)]
    pub(super) tls: TlsFiles,
    /// Sent with every request, as 'X-Tenant: acme'; may be repeated.
    #[arg(long = "header", value_name = "NAME: VALUE", help_heading = TARGET)]
    #[serde(skip)]
    pub(super) header: Vec<Header>,
    /// Sent with every request. None that the protocol or the framing of messages needs.
    #[arg(skip)]
    pub(super) headers: Headers,

    /// Open loop: calls a second, sent when they are due whether or not others were answered.
    /// 2000, 500,1000,2000 (steps), 100..5000 (a ramp).
    #[arg(long, value_name = "RATES", group = "pace", help_heading = PACE)]
    pub(super) rate: Option<Rates>,
    /// Closed loop: calls in flight; the next is sent when one was answered. The default, with 32.
    #[arg(long, value_name = "N", group = "pace", help_heading = PACE)]
    pub(super) concurrency: Option<usize>,
    /// Open loop, ever faster: the highest rate at which all of these bounds hold, as
    /// 'p99=5ms,errors=0', where `=` is at most.
    #[arg(long, value_name = "BOUNDS", group = "pace", help_heading = PACE)]
    pub(super) search: Option<Searched>,
    /// Calls a second that a search begins with [default: 100].
    #[arg(long, value_name = "RATE", help_heading = PACE)]
    pub(super) search_from: Option<Rate>,
    /// Calls a second that a search does not go beyond; without it they double until a bound
    /// breaks.
    #[arg(long, value_name = "RATE", help_heading = PACE)]
    pub(super) search_to: Option<Rate>,
    /// How exactly a search has to know its answer [default: 2%].
    #[arg(long, value_name = "SHARE", help_heading = PACE)]
    pub(super) precision: Option<Share>,
    /// Of each step [default: 30s; in a search 10s; of a recording with times, its own].
    #[arg(long, value_name = "TIME", help_heading = PACE)]
    pub(super) duration: Option<Time>,
    /// Traffic before that, which is not in the numbers [default: 5s; with --replay none: it would be
    /// the first messages of the recording].
    #[arg(long, value_name = "TIME", help_heading = PACE)]
    pub(super) warm_up: Option<Time>,
    /// An answer that takes longer has failed [default: 30s].
    #[arg(long, value_name = "TIME", help_heading = PACE)]
    pub(super) timeout: Option<Time>,
    /// The gaps between calls, open loop [default: poisson].
    #[arg(long, value_enum, value_name = "GAPS", help_heading = PACE)]
    pub(super) arrival: Option<Arrival>,

    /// Connections that carry calls, one at a time each; streams have their own [default: the
    /// concurrency; open loop 64].
    #[arg(long, value_name = "N", help_heading = WHO)]
    pub(super) connections: Option<usize>,
    /// Agents that call, in turn [default: one a token, or one].
    #[arg(long, value_name = "N", help_heading = WHO)]
    pub(super) agents: Option<usize>,
    /// Bearer tokens of the agents, one a line. For a single one there is the environment variable
    /// `PENSTOCK_LOADTEST_TOKEN`; no flag, for flags can be seen by everybody on the machine.
    #[arg(long, value_name = "FILE", help_heading = WHO)]
    pub(super) token_file: Option<PathBuf>,
    /// Sessions, dealt out among the agents; each call is made in the next one [default: one an
    /// agent].
    #[arg(long, value_name = "N", help_heading = WHO)]
    pub(super) sessions: Option<usize>,
    /// Calls after which a session ends and another takes its place; legacy era only.
    #[arg(long, value_name = "N", help_heading = WHO)]
    pub(super) session_calls: Option<u64>,
    /// Threads that send, the connections dealt out among them [default: 1]. Each takes up to a
    /// core: more are needed where the report says that the harness was the bottleneck.
    #[arg(long, value_name = "N", help_heading = WHO)]
    pub(super) threads: Option<usize>,
    /// Of everything random [default: 1].
    #[arg(long, value_name = "NUMBER", help_heading = WHO)]
    pub(super) seed: Option<u64>,

    /// What is called, each entry as often as its weight says.
    #[arg(skip)]
    pub(super) mix: Option<Vec<Words>>,
    /// Send what this recording holds instead of a mix, from its start again when it ends: JSON
    /// Lines, each a JSON-RPC request, or `{"at_ms": 12.5, "message": …}` with when it was sent.
    /// With those times each call is due when it was then, pauses and bursts and all, unless another
    /// pace is given. What the calls change, they change again.
    #[arg(long, value_name = "FILE", help_heading = TRAFFIC, display_order = 1000)]
    pub(super) replay: Option<PathBuf>,
    /// Times as fast as the recording's own, as 2x or 0.5x; of one with times [default: 1x].
    #[arg(long, value_name = "SPEED", help_heading = TRAFFIC, display_order = 1001)]
    pub(super) speed: Option<Speed>,

    /// Fail unless all of this holds, as 'p99<2ms,errors=0'; also max, mean, rate, error-rate, and
    /// of --pid cpu (of a call) and rss. May be repeated.
    #[arg(
        long = "assert", value_name = "BOUNDS", value_parser = Asserted::parse,
        help_heading = REPORT
    )]
    #[serde(skip)]
    pub(super) asserted: Vec<Asserted>,
    /// Fail unless all of this holds, as 'p99<2ms,errors=0'; also max, mean, rate, error-rate, and
    /// of --pid cpu (of a call) and rss.
    #[arg(skip)]
    pub(super) assert: Option<Asserted>,
}

pub(super) const TARGET: &str = "Where to";
pub(super) const PACE: &str = "How fast and how long";
pub(super) const WHO: &str = "From whom";
pub(super) const TRAFFIC: &str = "What is called";
pub(super) const REPORT: &str = "The report";

/// How TLS is spoken, with an https URL.
#[derive(Debug, Clone, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "Tls")]
pub(crate) struct TlsFiles {
    /// Certificates to trust instead of the system's, in PEM.
    #[arg(long, value_name = "FILE", help_heading = TARGET)]
    pub(super) ca: Option<PathBuf>,
    /// A certificate of our own, with those that it is signed by, in PEM.
    #[arg(long, value_name = "FILE", requires = "key", help_heading = TARGET)]
    pub(super) cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = TARGET)]
    pub(super) key: Option<PathBuf>,
}

impl Settings {
    /// These, and of others what these do not say.
    pub(super) fn over(self, mut other: Self) -> Self {
        // What the others say of their pace may mean nothing with the one that takes its place.
        if self.concurrency.is_some() {
            other.arrival = None;
        }
        if self.concurrency.is_some() || self.rate.is_some() {
            (other.search_from, other.search_to, other.precision) = (None, None, None);
        }
        if !self.asserted.is_empty() {
            other.assert = None;
        }
        // Either may stand where the other did, so one of these hides all of those.
        let own_pace = self.rate.is_some() || self.concurrency.is_some() || self.search.is_some();
        let own_traffic = self.mix.is_some() || self.replay.is_some();
        if own_pace {
            (other.rate, other.concurrency, other.search) = (None, None, None);
        }
        if own_traffic {
            (other.mix, other.replay) = (None, None);
        }
        if own_pace || own_traffic {
            other.speed = None;
        }
        Self {
            url: self.url.or(other.url),
            connect: self.connect.or(other.connect),
            era: self.era.or(other.era),
            tls: TlsFiles {
                ca: self.tls.ca.or(other.tls.ca),
                // A certificate and its key belong together.
                key: if self.tls.cert.is_some() { self.tls.key } else { other.tls.key },
                cert: self.tls.cert.or(other.tls.cert),
            },
            header: self.header,
            headers: other.headers,
            rate: self.rate.or(other.rate),
            concurrency: self.concurrency.or(other.concurrency),
            search: self.search.or(other.search),
            search_from: self.search_from.or(other.search_from),
            search_to: self.search_to.or(other.search_to),
            precision: self.precision.or(other.precision),
            duration: self.duration.or(other.duration),
            warm_up: self.warm_up.or(other.warm_up),
            timeout: self.timeout.or(other.timeout),
            arrival: self.arrival.or(other.arrival),
            connections: self.connections.or(other.connections),
            agents: self.agents.or(other.agents),
            token_file: self.token_file.or(other.token_file),
            sessions: self.sessions.or(other.sessions),
            session_calls: self.session_calls.or(other.session_calls),
            threads: self.threads.or(other.threads),
            seed: self.seed.or(other.seed),
            mix: self.mix.or(other.mix),
            replay: self.replay.or(other.replay),
            speed: self.speed.or(other.speed),
            asserted: self.asserted,
            assert: other.assert,
        }
    }

    /// Makes paths that are relative to a folder ones of this process.
    pub(super) fn relative_to(&mut self, folder: &Path) {
        let TlsFiles { ca, cert, key } = &mut self.tls;
        let files = [ca, cert, key, &mut self.token_file, &mut self.replay];
        for file in files.into_iter().flatten() {
            *file = folder.join(&*file);
        }
        for words in self.mix.iter_mut().flatten() {
            words.relative_to(folder);
        }
    }
}
