//! Forwarding: the request to the upstream, its answer to the agent as it comes.

mod answer;
mod body;

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use penstock_http1::{HeadLimits, RequestOut, ResponseHead, Verb, write_request};
use penstock_mcp::Era;
use penstock_metrics::Metric;

use crate::caller::AGENT_HEADER;
use crate::pipeline::{Failure, idempotent};
use crate::request::{Downstream, Next};
use crate::shard::Shard;
use crate::upstream::{Lease, Pool};
use answer::{Ended, Relay};

/// A read of an answer's next piece.
const READ_BYTES: usize = 64 << 10;
/// A request's body up to this size is copied behind its head, so that both leave in one write.
const JOIN_BYTES: usize = 32 << 10;

/// A request as it is to be forwarded.
pub(crate) struct Call<'a> {
    pub(crate) target: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) era: Era,
    pub(crate) forwarded: Forwarded,
    /// The agent that the control thread is to speak for.
    pub(crate) speaks_for: Option<u64>,
    /// Bytes of an answer, its head included; it is cut past them.
    pub(crate) bytes_max: Option<u64>,
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

/// Sends the request and relays the answer. An error where no byte of an answer was sent.
pub(crate) async fn exchange(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    pool: &Rc<Pool>,
    call: &Call<'_>,
) -> Result<Next, Failure> {
    let mut lease = pool.lease().await?;
    let (mut head, mut buffer) = (ResponseHead::new(), Vec::new());
    let asked = match ask(down, shard, &mut lease, call, &mut head, &mut buffer).await {
        // A kept connection that the upstream was just closing: the request may go once more.
        Err(Ask::Failed { failure: Failure::Closed | Failure::Broken(_), sent })
            if (!sent || idempotent(down)) && buffer.is_empty() && !down.gone =>
        {
            shard.cells.inc(Metric::UpstreamRetries);
            // Its place may be the only one.
            drop(lease);
            lease = Box::pin(pool.fresh()).await?;
            ask(down, shard, &mut lease, call, &mut head, &mut buffer).await
        }
        other => other,
    };
    let Some(head_bytes) = begun(shard, asked)? else { return Ok(Next::Close) };
    let relay = Relay::new(down, shard, call, &head);
    let (ended, next) = relay.run(&mut lease, &head, buffer, head_bytes).await;
    if ended == Ended::Clean && head.keep_alive {
        lease.keep();
    }
    if down.gone {
        shard.cells.inc(Metric::Disconnects);
    }
    Ok(next)
}

/// As [`exchange`], on a connection that was made for this request.
pub(crate) async fn exchange_on(
    mut lease: Lease,
    down: &mut Downstream,
    shard: &Rc<Shard>,
    call: &Call<'_>,
) -> Result<Next, Failure> {
    let (mut head, mut buffer) = (ResponseHead::new(), Vec::new());
    let asked = ask(down, shard, &mut lease, call, &mut head, &mut buffer).await;
    let Some(head_bytes) = begun(shard, asked)? else { return Ok(Next::Close) };
    let relay = Relay::new(down, shard, call, &head);
    let (_, next) = relay.run(&mut lease, &head, buffer, head_bytes).await;
    if down.gone {
        shard.cells.inc(Metric::Disconnects);
    }
    Ok(next)
}

/// How long the answer's head is; `None` where the agent went away before it.
fn begun(shard: &Shard, asked: Result<usize, Ask>) -> Result<Option<usize>, Failure> {
    match asked {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Ask::Gone) => {
            shard.cells.inc(Metric::Disconnects);
            Ok(None)
        }
        Err(Ask::Failed { failure, .. }) => {
            match failure {
                Failure::Draining => {}
                Failure::Timeout => shard.cells.inc(Metric::UpstreamTimeouts),
                _ => shard.cells.inc(Metric::UpstreamErrors),
            }
            Err(failure)
        }
    }
}

/// Why there is no answer's head.
enum Ask {
    /// The agent went away, and that cancels the call.
    Gone,
    Failed {
        failure: Failure,
        /// Whether anything of the request may have reached the upstream.
        sent: bool,
    },
}

impl From<Failure> for Ask {
    fn from(failure: Failure) -> Self {
        Self::Failed { failure, sent: true }
    }
}

/// Sends the request and reads the answer's head into `buffer`; its length.
async fn ask(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    lease: &mut Lease,
    call: &Call<'_>,
    head: &mut ResponseHead,
    buffer: &mut Vec<u8>,
) -> Result<usize, Ask> {
    let config = &lease.remote().config;
    let limits = shard.view().world.limits().clone();
    let first_byte = config.first_byte_timeout;
    let before = lease.conn.written_bytes();
    if let Err(error) = send(down, lease, call).await? {
        // The upstream may have answered before it stopped reading; if so, that is the answer.
        let early = lease.timer.within(first_byte, lease.conn.read(buffer, READ_BYTES));
        if !matches!(early.await, Ok(Ok(read)) if read > 0) {
            let sent = lease.conn.written_bytes() != before;
            return Err(Ask::Failed { failure: Failure::Broken(error), sent });
        }
    }
    let sizes = HeadLimits {
        bytes: limits.head_bytes as usize,
        fields: limits.head_fields as usize,
        target: limits.target_bytes as usize,
    };
    let lazy = down.asks_for_stream();
    let want = lease.first_read_bytes();
    let whole = async {
        let mut read = 0;
        loop {
            while !buffer.is_empty() {
                match head.parse(buffer, &sizes, down.head.verb) {
                    // 101 is an error of the parser's; other interim answers are for this hop.
                    Ok(Some(bytes)) if head.status < 200 => {
                        buffer.drain(..bytes);
                        head.reset();
                    }
                    Ok(Some(bytes)) => return Ok((bytes, read)),
                    Ok(None) => break,
                    Err(error) => return Err(Ask::from(Failure::Invalid(error))),
                }
            }
            let more = poll_fn(|cx| match lease.conn.poll_read(cx, buffer, want, lazy) {
                Poll::Ready(Ok(read)) if read > 0 => Poll::Ready(Ok(read)),
                Poll::Ready(Ok(_)) => Poll::Ready(Err(Failure::Closed.into())),
                Poll::Ready(Err(error)) => Poll::Ready(Err(Failure::Broken(error).into())),
                Poll::Pending
                    if down.poll_ended(cx, lazy).is_ready() && cancels(down, call.era) =>
                {
                    Poll::Ready(Err(Ask::Gone))
                }
                Poll::Pending if lazy && shard.draining.get() => {
                    Poll::Ready(Err(Failure::Draining.into()))
                }
                Poll::Pending => Poll::Pending,
            });
            read = more.await?;
        }
    };
    let whole = lease.timer.within(first_byte, whole).await;
    let (head_bytes, read) = whole.unwrap_or_else(|_| Err(Ask::from(Failure::Timeout)))?;
    lease.answered(read);
    Ok(head_bytes)
}

/// Whether the agent's going away ends the wait for an answer: in the modern era it is the cancel;
/// in the legacy one a call goes on, and only what nobody else could read ends.
fn cancels(down: &Downstream, era: Era) -> bool {
    era == Era::Modern || down.head.verb != Verb::Post
}

/// Writes the request. An inner error where the upstream stopped taking it, an outer one where it
/// took too long.
async fn send(
    down: &mut Downstream,
    lease: &mut Lease,
    call: &Call<'_>,
) -> Result<io::Result<()>, Failure> {
    let mut out = std::mem::take(&mut down.out);
    out.clear();
    write_head(&mut out, down, lease, call);
    let body = down.framed();
    let separate = (body.len() > JOIN_BYTES).then(|| body.to_vec());
    if separate.is_none() {
        out.extend_from_slice(body);
    }
    let limit = lease.remote().config.first_byte_timeout;
    let written = lease.timer.within(limit, lease.conn.write(out, 0)).await;
    let (mut result, out) = written.map_err(|_| Failure::Timeout)?;
    down.out = out;
    if let Some(body) = separate
        && result.is_ok()
    {
        let written = lease.timer.within(limit, lease.conn.write(body, 0)).await;
        result = written.map_err(|_| Failure::Timeout)?.0;
    }
    Ok(result)
}

/// Appends the request's head as the upstream is to see it.
fn write_head(out: &mut Vec<u8>, down: &Downstream, lease: &Lease, call: &Call<'_>) {
    let mut extra: Vec<(&str, &[u8])> = Vec::new();
    let mut drop: &[&str] = &[AGENT_HEADER];
    if lease.remote().config.via {
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
    let agent = call.speaks_for.map(|id| format!("{id:x}"));
    if let Some(agent) = &agent {
        extra.push((AGENT_HEADER, agent.as_bytes()));
    }
    let to = RequestOut {
        target: call.target,
        host: call.host,
        framing: down.head.framing,
        drop,
        extra: &extra,
        keep_alive: lease.is_kept(),
    };
    write_request(out, &down.buffer, &down.head, &to);
}
