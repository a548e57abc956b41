//! All that is settled before the first call, shared by every connection.

use std::time::Duration;

use anyhow::Result;

use super::arguments::Mock;
use super::catalogue::Catalogue;
use super::latency::Latency;
use super::secret::Secrets;
use super::session::Sessions;
use super::size::AnswerBytes;
use super::text::Text;

/// What the mock plays.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) catalogue: Catalogue,
    pub(crate) text: Text,
    pub(crate) secrets: Secrets,
    pub(crate) sessions: Sessions,
    pub(crate) sizes: AnswerBytes,
    pub(crate) latency: Option<Latency>,
    pub(crate) rates: Rates,
    pub(crate) strict_tools: bool,
    pub(crate) check_headers: bool,
    pub(crate) progress_steps: usize,
    /// Zero: all at once.
    pub(crate) progress_every: Duration,
    pub(crate) event_every: Option<Duration>,
}

/// Shares of calls.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    pub(crate) http_error: f64,
    pub(crate) error: f64,
    pub(crate) tool_error: f64,
    pub(crate) stream: f64,
    pub(crate) secret: f64,
}

impl Script {
    pub(crate) fn new(mock: &Mock) -> Result<Self> {
        let bytes = mock.answer_bytes.max();
        Ok(Self {
            seed: mock.seed,
            catalogue: Catalogue::new(mock.seed, mock.tools),
            text: match &mock.text {
                Some(file) => Text::of_file(file, bytes)?,
                None => Text::new(mock.seed, bytes),
            },
            secrets: Secrets::new(mock.seed),
            sessions: Sessions::new(mock.seed, mock.check_sessions),
            sizes: mock.answer_bytes.clone(),
            latency: mock.latency,
            rates: Rates {
                http_error: mock.http_error_rate,
                error: mock.error_rate,
                tool_error: mock.tool_error_rate,
                stream: mock.stream_rate,
                secret: mock.secret_rate,
            },
            strict_tools: mock.strict_tools,
            check_headers: mock.check_headers,
            progress_steps: mock.progress_steps,
            progress_every: mock.progress_every,
            event_every: mock.event_every,
        })
    }
}
