//! What a forward listener answers when it does not forward.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use penstock_http1::Framing;
use penstock_metrics::Refusal;

use crate::downstream::{Downstream, Next};
use crate::relay::Failure;
use crate::respond::Answer;
use crate::shard::Shard;

/// How much of what a peer calls a host is shown.
const SHOWN: usize = 128;

/// A refusal, written for the person or the agent who reads it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "this is the forward listener: it takes `CONNECT host:port` and requests for `http://` URLs, as \
         clients send them that have it in HTTPS_PROXY and HTTP_PROXY; MCP is served by another listener"
    )]
    Form,
    #[error(
        "penstock speaks no TLS in a client's stead; send `CONNECT {0}` and speak it through the tunnel"
    )]
    Https(String),
    #[error(
        "`{0}` is not a destination: write a DNS name (in its ASCII form) or an IP address as it is \
         usually written, and a port from 1 to 65535"
    )]
    Host(String),
    #[error(
        "the kernel does not know this caller as an agent, and only agents may use the forward listener; \
         start it by `penstock run --agent NAME -- COMMAND`, or confine it by `penstock egress apply`"
    )]
    Caller,
    #[error("agent `{agent}` may not reach {to}; add \"{to}\" to agents.{agent}.forward")]
    Destination { agent: String, to: String },
    #[error(
        "agent `{agent}` has {limit} connections open on this shard; close some, or raise \
         agents.{agent}.forward_connections"
    )]
    Busy { agent: String, limit: u32 },
    #[error(
        "the request has {bytes} bytes, and agent `{agent}` may send and get {limit} with one; raise \
         agents.{agent}.forward_bytes"
    )]
    Bytes { agent: String, bytes: u64, limit: u64 },
    #[error("`{host}` cannot be resolved: {why}")]
    Resolve { host: String, why: String },
    #[error(
        "`{host}` resolves to {}, which is {what}: a name may lead to public addresses only; if this one \
         is meant, add \"{address}\" to agents.{agent}.forward",
        address.ip()
    )]
    Address { agent: String, host: String, address: SocketAddr, what: &'static str },
    #[error("{to} cannot be reached: {error}")]
    Connect { to: String, error: io::Error },
    #[error("connecting to {to} took longer than {seconds} s")]
    Slow { to: String, seconds: u64 },
    #[error("{to}: {failure}")]
    Exchange { to: String, failure: Failure },
    #[error("the request's body was not taken")]
    Body(Answer),
}

impl Refused {
    fn status(&self) -> (u16, Refusal) {
        match self {
            Self::Form | Self::Https(_) | Self::Host(_) | Self::Body(_) => {
                (400, Refusal::Malformed)
            }
            Self::Caller => (403, Refusal::Caller),
            Self::Destination { .. } => (403, Refusal::Destination),
            Self::Address { .. } => (403, Refusal::Address),
            Self::Bytes { .. } => (413, Refusal::Bytes),
            Self::Busy { .. } => (503, Refusal::Busy),
            Self::Resolve { .. } | Self::Connect { .. } => (502, Refusal::Upstream),
            Self::Slow { .. } => (504, Refusal::UpstreamSlow),
            Self::Exchange { failure, .. } => {
                let (kind, refusal) = failure.kind();
                (kind.status(), refusal)
            }
        }
    }

    /// Says so, and what becomes of the connection.
    pub(super) async fn answer(self, down: &mut Downstream, shard: &Rc<Shard>) -> Next {
        // A body may be on its way that nobody has read.
        let read = down.head.framing == Framing::None
            || matches!(self, Self::Exchange { .. } | Self::Bytes { .. });
        let keep = read && down.head.keep_alive && !shard.draining.get() && !down.gone;
        let answer = match self {
            Self::Body(answer) => answer,
            other => {
                let (status, refusal) = other.status();
                Answer::aloud(status, refusal, other.to_string())
            }
        };
        answer.write(down, shard, keep).await;
        if keep { Next::Keep } else { Next::Linger }
    }
}

/// Bytes of a peer's as text that is safe to show.
pub(super) fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}
