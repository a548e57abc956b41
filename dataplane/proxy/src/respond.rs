//! Answers of penstock's own.

use std::rc::Rc;

use penstock_http1::{HeadError, write_simple};
use penstock_mcp::{ErrorKind, Span};
use penstock_metrics::{Metric, Refusal};

use crate::request::Downstream;
use crate::shard::Shard;

/// The interim answer to `Expect: 100-continue`.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// An answer that penstock gives instead of an upstream.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    refusal: Option<Refusal>,
    kind: Option<ErrorKind>,
    /// Where the request's id stands in its body.
    id: Option<Span>,
    message: String,
    allow: Option<&'static str>,
}

impl Answer {
    /// Text for whoever speaks HTTP and not yet MCP.
    pub(crate) fn plain(status: u16, refusal: Refusal, message: String) -> Self {
        Self { status, refusal: Some(refusal), kind: None, id: None, message, allow: None }
    }

    /// A JSON-RPC error.
    pub(crate) fn error(
        kind: ErrorKind,
        refusal: Refusal,
        id: Option<Span>,
        message: String,
    ) -> Self {
        Self {
            status: kind.status(),
            refusal: Some(refusal),
            kind: Some(kind),
            id,
            message,
            allow: None,
        }
    }

    pub(crate) fn head(error: &HeadError) -> Self {
        let refusal = match error.status() {
            414 | 431 => Refusal::Head,
            _ => Refusal::Malformed,
        };
        Self::plain(error.status(), refusal, error.to_string())
    }

    pub(crate) fn malformed(error: &dyn std::fmt::Display) -> Self {
        Self::plain(400, Refusal::Malformed, error.to_string())
    }

    pub(crate) fn body_too_large(limit: u64) -> Self {
        Self::plain(
            413,
            Refusal::Body,
            format!("the body is over {limit} bytes; send less or raise `limits.body_bytes`"),
        )
    }

    pub(crate) fn busy(limit: &str) -> Self {
        Self::plain(
            503,
            Refusal::Busy,
            format!("`limits.{limit}` is reached; try again later or raise it"),
        )
    }

    pub(crate) fn method(allow: &'static str) -> Self {
        let message = format!("this path takes {allow}");
        Self { allow: Some(allow), ..Self::plain(405, Refusal::Method, message) }
    }

    /// The agent went away in the middle of its request: nobody reads this.
    pub(crate) fn gone() -> Self {
        Self::plain(400, Refusal::Malformed, "the request ended before its body did".into())
    }

    /// Writes it; `keep` says whether the connection goes on.
    pub(crate) async fn write(self, to: &mut Downstream, shard: &Rc<Shard>, keep: bool) {
        if let Some(refusal) = self.refusal {
            shard.cells.refuse(refusal);
        }
        count(shard, to, self.status);
        let mut body = Vec::with_capacity(256);
        let content_type = if let Some(kind) = self.kind {
            let id = self.id.map(|id| id.of(to.body()));
            kind.write(id, &self.message, &mut body);
            "application/json"
        } else {
            body.extend_from_slice(self.message.as_bytes());
            body.push(b'\n');
            "text/plain; charset=utf-8"
        };
        let mut out = std::mem::take(&mut to.out);
        out.clear();
        let mut extra: Vec<(&str, &[u8])> = Vec::new();
        if let Some(allow) = self.allow {
            extra.push(("Allow", allow.as_bytes()));
        }
        if self.status == 503 {
            extra.push(("Retry-After", b"1"));
        }
        write_simple(&mut out, self.status, content_type, &extra, &body, keep);
        to.out = to.write(shard, out, 0).await;
        tracing::debug!(status = self.status, message = self.message, "refused");
    }
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
