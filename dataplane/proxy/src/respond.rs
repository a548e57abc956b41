//! Answers of penstock's own.

use std::rc::Rc;

use penstock_http1::{HeadError, Verb, reason, write_phrased};
use penstock_mcp::{ErrorKind, write_string};
use penstock_metrics::{Metric, Refusal};

use crate::downstream::Downstream;
use crate::guard::{Asked, Stop};
use crate::shard::Shard;

/// The interim answer to `Expect: 100-continue`.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// An answer that penstock gives instead of an upstream.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    refusal: Refusal,
    /// Whether the body is the status line's reason as well.
    aloud: bool,
    content_type: &'static str,
    body: Vec<u8>,
    allow: Option<&'static str>,
}

impl Answer {
    /// Text for whoever does not speak MCP, or not yet.
    pub(crate) fn plain(status: u16, refusal: Refusal, message: String) -> Self {
        let mut body = message.into_bytes();
        body.push(b'\n');
        let content_type = "text/plain; charset=utf-8";
        Self { status, refusal, aloud: false, content_type, body, allow: None }
    }

    /// The same, in the status line too: of an answer to `CONNECT` many clients show nothing else.
    pub(crate) fn aloud(status: u16, refusal: Refusal, message: String) -> Self {
        Self { aloud: true, ..Self::plain(status, refusal, message) }
    }

    /// A JSON-RPC error, to the request's `id` where it has one.
    pub(crate) fn error(
        kind: ErrorKind,
        refusal: Refusal,
        id: Option<&[u8]>,
        message: &str,
    ) -> Self {
        let mut body = Vec::with_capacity(256);
        kind.write(id, message, &mut body);
        let content_type = "application/json";
        Self { status: kind.status(), refusal, aloud: false, content_type, body, allow: None }
    }

    /// The same for a request that is not passed on.
    pub(crate) fn blocked(asked: &Asked, stop: &Stop) -> Self {
        let kind = ErrorKind::RequestBlocked;
        let mut answer = Self::error(kind, Refusal::Blocked, None, "");
        answer.status = asked.status(kind);
        answer.body.clear();
        asked.write(kind, stop, &mut answer.body);
        answer
    }

    /// A message that is not let in.
    pub(crate) fn refused(refused: &penstock_mcp::Refusal, id: Option<&[u8]>) -> Self {
        let mut answer = Self::error(refused.error, Refusal::Message, id, "");
        answer.body.clear();
        refused.write(id, &mut answer.body);
        answer
    }

    pub(crate) fn head(error: &HeadError) -> Self {
        let key = match error {
            HeadError::TargetTooLong { .. } => "target_bytes",
            HeadError::TooLarge { .. } => "head_bytes",
            HeadError::TooManyFields { .. } => "head_fields",
            _ => return Self::plain(error.status(), Refusal::Malformed, error.to_string()),
        };
        Self::plain(error.status(), Refusal::Head, format!("{error} (`limits.{key}`)"))
    }

    pub(crate) fn malformed(error: &dyn std::fmt::Display) -> Self {
        Self::plain(400, Refusal::Malformed, error.to_string())
    }

    pub(crate) fn slow_head() -> Self {
        let message = "the head took too long; send it within `limits.head_timeout`";
        Self::plain(408, Refusal::Slow, message.into())
    }

    pub(crate) fn slow_body() -> Self {
        let message =
            "the body paused for too long; send it without pauses of `limits.body_timeout`";
        Self::error(ErrorKind::RequestTimeout, Refusal::Slow, None, message)
    }

    pub(crate) fn body_too_large(limit: u64) -> Self {
        let message =
            format!("the body is over {limit} bytes; send less or raise `limits.body_bytes`");
        Self::error(ErrorKind::BodyTooLarge, Refusal::Body, None, &message)
    }

    pub(crate) fn busy(limit: &str) -> Self {
        let message = format!("`limits.{limit}` is reached; try again later or raise it");
        Self::error(ErrorKind::TooManyCalls, Refusal::Busy, None, &message)
    }

    pub(crate) fn method(allow: &'static str) -> Self {
        let message = format!("this path takes {allow}");
        let answer = Self::error(ErrorKind::HttpMethodNotAllowed, Refusal::Method, None, &message);
        Self { allow: Some(allow), ..answer }
    }

    /// The agent went away in the middle of its request: nobody reads this.
    pub(crate) fn gone() -> Self {
        Self::plain(400, Refusal::Malformed, "the request ended before its body did".into())
    }

    /// Writes it; `keep` says whether the connection goes on.
    pub(crate) async fn write(self, to: &mut Downstream, shard: &Rc<Shard>, keep: bool) {
        shard.cells.refuse(self.refusal);
        count(shard, to, self.status);
        let mut out = std::mem::take(&mut to.out);
        out.clear();
        let mut extra: Vec<(&str, &[u8])> = Vec::new();
        if let Some(allow) = self.allow {
            extra.push(("Allow", allow.as_bytes()));
        }
        if self.status == 503 {
            extra.push(("Retry-After", b"1"));
        }
        let said = String::from_utf8_lossy(&self.body);
        let said = said.trim_end();
        let phrase = if self.aloud { said } else { reason(self.status) };
        write_phrased(&mut out, self.status, phrase, self.content_type, &extra, &self.body, keep);
        if to.head.verb == Verb::Head {
            out.truncate(out.len() - self.body.len());
        }
        to.out = to.write(shard, out, 0).await;
        // What is wrong with a message is told with a part of it, and that is no log's.
        let said = if self.refusal == Refusal::Message { "a message that is none" } else { said };
        tracing::debug!(status = self.status, said, "refused");
    }
}

/// The JSON-RPC error that says what is not passed on, and why: which rule, and where; never what it found.
pub(crate) fn blocked(kind: ErrorKind, id: Option<&[u8]>, stop: &Stop) -> Vec<u8> {
    let (what, direction) = match kind {
        ErrorKind::RequestBlocked => ("request", "request"),
        _ => ("answer", "response"),
    };
    let mut data = b"{\"rule\":".to_vec();
    match &stop.rule {
        Some(rule) => write_string(rule, &mut data),
        None => data.extend_from_slice(b"null"),
    }
    data.extend_from_slice(b",\"pointer\":");
    write_string(&stop.pointer, &mut data);
    if let Some(place) = stop.place.beside() {
        data.extend_from_slice(format!(",\"place\":\"{place}\"").as_bytes());
    }
    data.extend_from_slice(format!(",\"direction\":\"{direction}\"}}").as_bytes());
    let mut body = Vec::with_capacity(256);
    let message = format!("the {what} is blocked: {stop}");
    kind.write_with_data(id, &message, &String::from_utf8_lossy(&data), &mut body);
    body
}

/// Counts an answer by its status.
pub(crate) fn count(shard: &Shard, down: &mut Downstream, status: u16) {
    down.status = status;
    shard.cells.inc(match status {
        0..400 => Metric::AnswersOk,
        400..500 => Metric::AnswersClientError,
        _ => Metric::AnswersServerError,
    });
}
