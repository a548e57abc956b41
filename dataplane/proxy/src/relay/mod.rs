//! Forwarding: the request to the upstream, its answer to the agent as it comes.

mod answer;
mod ask;
mod blocked;
mod body;
mod failure;
mod hold;

use std::rc::Rc;

use penstock_http1::{RequestOut, ResponseHead, Verb};
use penstock_mcp::Era;

use crate::caller::AGENT_HEADER;
use crate::downstream::Downstream;
use crate::shard::{Shard, View};
use crate::upstream::Lease;
pub(crate) use failure::Failure;

/// A read of an answer's next piece.
const READ_BYTES: usize = 64 << 10;
/// A request's body up to this size is copied behind its head, so that both leave in one write.
const JOIN_BYTES: usize = 32 << 10;
/// A larger one goes through a buffer of this size.
const PIECE_BYTES: usize = 128 << 10;

/// How a request's head is to be forwarded.
pub(crate) struct Call<'a> {
    pub(crate) target: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) forwarded: Forwarded,
    /// The agent that the control thread is to speak for.
    pub(crate) speaks_for: Option<u64>,
    /// Whether the upstream's connection is to stay open.
    pub(crate) keep_alive: bool,
    pub(crate) via: bool,
    /// Whether the answer must not be encoded.
    pub(crate) plain: bool,
}

/// What becomes of the agent's `Forwarded` and `X-Forwarded-*`.
pub(crate) enum Forwarded {
    Kept,
    Removed,
    /// Replaced by this value.
    By(Vec<u8>),
}

const FORWARDED: &[&str] =
    &[AGENT_HEADER, "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// A request that was written, and its answer, on one of the upstream's connections.
pub(crate) struct Exchange<'a> {
    down: &'a mut Downstream,
    shard: &'a Rc<Shard>,
    view: &'a View,
    lease: Lease,
    /// What was read of the answer.
    buffer: Vec<u8>,
    /// Whether the answer has ended where another can begin.
    clean: bool,
}

/// The head of an answer, and its length in the buffer.
pub(crate) struct Begun {
    head: Box<ResponseHead>,
    bytes: usize,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        down: &'a mut Downstream,
        shard: &'a Rc<Shard>,
        view: &'a View,
        lease: Lease,
    ) -> Self {
        Self { down, shard, view, lease, buffer: Vec::new(), clean: false }
    }

    /// Lets the upstream's connection go, to the next call where it can carry one.
    pub(crate) fn end(self) {
        if self.clean {
            self.lease.keep();
        }
    }
}

/// Whether the agent's going away ends the wait for an answer: in the modern era it is the cancel;
/// in the legacy one a call goes on, and only what nobody else could read ends.
pub(crate) fn cancels(down: &Downstream) -> bool {
    down.era == Era::Modern || down.head.verb != Verb::Post
}

/// Writes the request as the upstream is to see it into the buffer that goes out, without a large body,
/// which follows piece by piece.
pub(crate) fn write_request(down: &mut Downstream, call: &Call<'_>) {
    let mut out = std::mem::take(&mut down.out);
    out.clear();
    write_head(&mut out, down, call);
    let body = down.framed();
    if body.len() <= JOIN_BYTES {
        out.extend_from_slice(body);
    }
    down.out = out;
}

/// Appends the request's head as the upstream is to see it.
fn write_head(out: &mut Vec<u8>, down: &Downstream, call: &Call<'_>) {
    let mut extra: Vec<(&str, &[u8])> = Vec::new();
    let mut drop: &[&str] = &[AGENT_HEADER];
    if call.via {
        extra.push(("Via", b"1.1 penstock"));
    }
    match &call.forwarded {
        Forwarded::Kept => {}
        Forwarded::Removed => drop = FORWARDED,
        Forwarded::By(value) => {
            extra.push(("Forwarded", value));
            drop = FORWARDED;
        }
    }
    if call.plain {
        extra.push(("Accept-Encoding", b"identity"));
    }
    let agent = call.speaks_for.map(|id| format!("{id:x}"));
    if let Some(agent) = &agent {
        extra.push((AGENT_HEADER, agent.as_bytes()));
    }
    let to = RequestOut {
        target: call.target,
        host: call.host,
        framing: down.framing(),
        drop,
        extra: &extra,
        keep_alive: call.keep_alive,
    };
    penstock_http1::write_request(out, &down.buffer, &down.head, &to);
}
