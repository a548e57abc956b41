//! Forwarding: the request to the upstream, its answer to the agent as it comes.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use penstock_http1::{
    ChunkLimits, Chunked, EventScanner, Framing, HeadLimits, RequestOut, ResponseHead, ResponseOut,
    Verb, Version, write_request, write_response,
};
use penstock_mcp::Era;
use penstock_metrics::{Metric, Refusal};

use crate::pipeline::{Failure, idempotent};
use crate::request::{Downstream, Next};
use crate::respond::count;
use crate::shard::{Gauge, Shard};
use crate::upstream::{FIRST_READ_BYTES, Lease, Pool};

/// A read of an answer's next piece.
const READ_BYTES: usize = 64 << 10;
/// A piece up to this size is copied behind the head, so that both leave in one write.
const JOIN_BYTES: usize = 32 << 10;

/// A request as it is to be forwarded.
pub(crate) struct Call<'a> {
    pub(crate) target: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) era: Era,
    pub(crate) forwarded: Forwarded,
}

/// What becomes of the agent's `Forwarded` and `X-Forwarded-*`.
pub(crate) enum Forwarded {
    Kept,
    Removed,
    /// Replaced by this value.
    By(Vec<u8>),
}

const FORWARDED: &[&str] =
    &["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// Sends the request and relays the answer. An error where no byte of an answer was sent.
pub(crate) async fn exchange(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    pool: &Rc<Pool>,
    call: &Call<'_>,
) -> Result<Next, Failure> {
    let mut lease = pool.lease().await?;
    let mut head = ResponseHead::new();
    let mut buffer = Vec::new();
    let head_bytes = match ask(down, shard, &mut lease, call, &mut head, &mut buffer).await {
        // A kept connection that the upstream was just closing: the request may go once more.
        Err(Ask::Failed(Failure::Closed, nothing_sent))
            if (nothing_sent || idempotent(down)) && buffer.is_empty() && !down.gone =>
        {
            shard.cells.inc(Metric::UpstreamRetries);
            lease = pool.fresh().await?;
            ask(down, shard, &mut lease, call, &mut head, &mut buffer).await
        }
        other => other,
    };
    let head_bytes = match head_bytes {
        Ok(bytes) => bytes,
        Err(Ask::Gone) => {
            shard.cells.inc(Metric::Disconnects);
            return Ok(Next::Close);
        }
        Err(Ask::Failed(failure, _)) => {
            shard.cells.inc(match failure {
                Failure::Timeout => Metric::UpstreamTimeouts,
                _ => Metric::UpstreamErrors,
            });
            return Err(failure);
        }
    };
    let mut answer = Relay::new(down, shard, call, &head);
    let ended = answer.run(&mut lease, &head, buffer, head_bytes).await;
    let keep = answer.keep;
    if ended == Ended::Whole && head.keep_alive && head.framing != Framing::UntilClose {
        lease.keep();
    }
    match ended {
        Ended::Whole if keep && !down.gone => Ok(Next::Keep),
        Ended::Whole | Ended::Cut => {
            if down.gone {
                shard.cells.inc(Metric::Disconnects);
            }
            Ok(Next::Close)
        }
    }
}

/// Why there is no answer's head.
enum Ask {
    /// The agent went away, and that cancels the call.
    Gone,
    /// And whether nothing of the request can have reached the upstream.
    Failed(Failure, bool),
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
    if !send(down, lease, call).await {
        // The upstream may have answered before it stopped reading; if so, that is the answer.
        let early = lease.timer.within(limits.write_timeout, lease.conn.read(buffer, READ_BYTES));
        if !matches!(early.await, Ok(Ok(read)) if read > 0) {
            return Err(Ask::Failed(Failure::Closed, false));
        }
    }
    let sizes = HeadLimits {
        bytes: limits.head_bytes as usize,
        fields: limits.head_fields as usize,
        target: limits.target_bytes as usize,
    };
    let lazy = down.asks_for_stream();
    let whole = async {
        loop {
            while !buffer.is_empty() {
                match head.parse(buffer, &sizes, down.head.verb) {
                    // 101 is an error of the parser's; other interim answers are for this hop.
                    Ok(Some(bytes)) if head.status < 200 => {
                        buffer.drain(..bytes);
                        head.reset();
                    }
                    Ok(Some(bytes)) => return Ok(bytes),
                    Ok(None) => break,
                    Err(error) => return Err(Ask::Failed(Failure::Invalid(error), false)),
                }
            }
            let read = poll_fn(|cx| {
                let read = lease.conn.poll_read(cx, buffer, FIRST_READ_BYTES, lazy);
                if let Poll::Ready(read) = read {
                    return Poll::Ready(Some(read));
                }
                if down.poll_ended(cx, lazy).is_ready() && cancels(down, call.era) {
                    return Poll::Ready(None);
                }
                Poll::Pending
            });
            match read.await {
                None => return Err(Ask::Gone),
                Some(Ok(read)) if read > 0 => {}
                Some(_) => return Err(Ask::Failed(Failure::Closed, false)),
            }
        }
    };
    let whole = lease.timer.within(first_byte, whole).await;
    whole.unwrap_or(Err(Ask::Failed(Failure::Timeout, false)))
}

/// Whether the agent's going away ends the wait for an answer: in the modern era it is the cancel;
/// in the legacy one a call goes on, and only what nobody else could read ends.
fn cancels(down: &Downstream, era: Era) -> bool {
    era == Era::Modern || down.head.verb != Verb::Post
}

/// Writes the request; false where the upstream did not take it whole.
async fn send(down: &mut Downstream, lease: &mut Lease, call: &Call<'_>) -> bool {
    let mut out = std::mem::take(&mut down.out);
    out.clear();
    let mut extra: Vec<(&str, &[u8])> = Vec::new();
    let mut drop: &[&str] = &[];
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
    let to = RequestOut {
        target: call.target,
        host: call.host,
        framing: down.head.framing,
        drop,
        extra: &extra,
        keep_alive: true,
    };
    write_request(&mut out, &down.buffer, &down.head, &to);
    let body = down.framed();
    let separate = (body.len() > JOIN_BYTES).then(|| body.to_vec());
    if separate.is_none() {
        out.extend_from_slice(body);
    }
    let limit = lease.remote().config.first_byte_timeout;
    let (mut whole, out) = match lease.timer.within(limit, lease.conn.write(out, 0)).await {
        Ok((result, out)) => (result.is_ok(), out),
        Err(_) => (false, Vec::new()),
    };
    down.out = out;
    if let Some(body) = separate
        && whole
    {
        let written = lease.timer.within(limit, lease.conn.write(body, 0)).await;
        whole = matches!(written, Ok((Ok(()), _)));
    }
    whole
}

/// How relaying ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// At the answer's end; the upstream's connection is at a message's end.
    Whole,
    /// Before it.
    Cut,
}

/// An answer on its way.
struct Relay<'a> {
    down: &'a mut Downstream,
    shard: &'a Rc<Shard>,
    era: Era,
    events: Option<EventScanner>,
    /// Counted as open for as long as it is.
    stream: Option<Gauge>,
    /// Framing towards the agent.
    framing: Framing,
    keep: bool,
}

impl<'a> Relay<'a> {
    fn new(
        down: &'a mut Downstream,
        shard: &'a Rc<Shard>,
        call: &Call<'_>,
        head: &ResponseHead,
    ) -> Self {
        let old_peer = down.head.version == Version::Http10;
        let framing = match head.framing {
            Framing::Chunked | Framing::UntilClose if old_peer => Framing::UntilClose,
            Framing::UntilClose => Framing::Chunked,
            other => other,
        };
        let keep = down.head.keep_alive && framing != Framing::UntilClose && !shard.draining.get();
        count(shard, down, head.status);
        Self { down, shard, era: call.era, events: None, stream: None, framing, keep }
    }

    async fn run(
        &mut self,
        lease: &mut Lease,
        head: &ResponseHead,
        buffer: Vec<u8>,
        head_bytes: usize,
    ) -> Ended {
        let event_stream = head.value(&buffer, "content-type").is_some_and(|value| {
            value.len() >= 17 && value[..17].eq_ignore_ascii_case(b"text/event-stream")
        });
        if event_stream {
            let limit = self.shard.view().world.limits().event_bytes;
            self.events = Some(EventScanner::new(limit));
            self.stream = Some(Gauge::up(self.shard, Metric::StreamsOpen));
        }
        let mut out = std::mem::take(&mut self.down.out);
        out.clear();
        let to = ResponseOut {
            framing: self.framing,
            drop: &[],
            extra: &[],
            keep_alive: self.keep,
            peer: self.down.head.version,
            content_length: head.content_length,
        };
        write_response(&mut out, &buffer, head, &to);
        let mut body = Body::new(head.framing);
        let mut piece = buffer;
        piece.drain(..head_bytes);
        loop {
            let Ok(state) = body.take(&mut piece, self) else { return self.cut() };
            if !out.is_empty() && out.len() + piece.len() <= JOIN_BYTES + READ_BYTES {
                out.extend_from_slice(&piece);
                out = self.down.write(self.shard, out, 0).await;
            } else {
                if !out.is_empty() {
                    out = self.down.write(self.shard, out, 0).await;
                }
                if !piece.is_empty() {
                    piece = self.down.write(self.shard, piece, 0).await;
                }
            }
            out.clear();
            lease.conn.recycle(std::mem::take(&mut piece));
            if state == State::End {
                self.down.out = out;
                return Ended::Whole;
            }
            if (self.down.gone || self.down.ended) && self.ends_with_agent() {
                return Ended::Cut;
            }
            match self.next(lease, &mut piece).await {
                Some(0) if body.framing == Framing::UntilClose => {
                    if self.framing == Framing::Chunked {
                        self.down.write(self.shard, b"0\r\n\r\n".to_vec(), 0).await;
                    }
                    return Ended::Whole;
                }
                Some(read) if read > 0 => {}
                _ => return self.cut(),
            }
        }
    }

    /// The answer's next bytes; `None` where it or the agent is gone.
    async fn next(&mut self, lease: &mut Lease, piece: &mut Vec<u8>) -> Option<usize> {
        let limit = lease.remote().config.stream_idle_timeout;
        let lazy = self.events.is_some();
        let ends = self.ends_with_agent();
        let down = &mut *self.down;
        let conn = &mut lease.conn;
        let read = poll_fn(|cx| {
            if let Poll::Ready(read) = conn.poll_read(cx, piece, READ_BYTES, lazy) {
                return Poll::Ready(Some(read));
            }
            if down.poll_ended(cx, lazy).is_ready() && ends {
                return Poll::Ready(None);
            }
            Poll::Pending
        });
        match lease.timer.within(limit, read).await {
            Ok(Some(read)) => read.ok(),
            Ok(None) => None,
            Err(_) => {
                self.shard.cells.inc(Metric::UpstreamTimeouts);
                None
            }
        }
    }

    /// A legacy stream, too, ends upstream when its agent goes: the server keeps what follows for the
    /// agent that resumes, and refuses to resume a stream that it believes is still read.
    fn ends_with_agent(&self) -> bool {
        self.events.is_some() || cancels(self.down, self.era)
    }

    /// The agent must see that the answer is not whole: its connection ends without the framing's.
    fn cut(&mut self) -> Ended {
        self.shard.cells.inc(Metric::UpstreamErrors);
        self.keep = false;
        Ended::Cut
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    More,
    End,
}

/// The upstream's framing of the body.
struct Body {
    framing: Framing,
    left: u64,
    chunked: Chunked,
    /// The beginning of a trailer field whose end was not read yet: whether it may travel depends on
    /// its whole name.
    held: Vec<u8>,
}

impl Body {
    fn new(framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        Self { framing, left, chunked: Chunked::new(ChunkLimits::default()), held: Vec::new() }
    }

    /// Turns what was read into what is to be written, in place where it can be.
    fn take(&mut self, piece: &mut Vec<u8>, relay: &mut Relay<'_>) -> io::Result<State> {
        match self.framing {
            Framing::None => {
                piece.clear();
                Ok(State::End)
            }
            Framing::Length(_) => {
                let read = piece.len() as u64;
                if read > self.left {
                    // More than was promised: the connection cannot be trusted further.
                    return Err(io::ErrorKind::InvalidData.into());
                }
                self.left -= read;
                relay.scan(piece)?;
                Ok(if self.left == 0 { State::End } else { State::More })
            }
            Framing::UntilClose => {
                relay.scan(piece)?;
                if relay.framing == Framing::Chunked && !piece.is_empty() {
                    let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
                    framed.append(piece);
                    framed.extend_from_slice(b"\r\n");
                    *piece = framed;
                }
                Ok(State::More)
            }
            Framing::Chunked => self.take_chunks(piece, relay),
        }
    }

    fn take_chunks(&mut self, piece: &mut Vec<u8>, relay: &mut Relay<'_>) -> io::Result<State> {
        if !self.held.is_empty() {
            let read = std::mem::replace(piece, std::mem::take(&mut self.held));
            piece.extend_from_slice(&read);
        }
        let data_only = relay.framing != Framing::Chunked;
        let mut kept = Vec::new();
        // In the usual case every byte is kept and none is moved.
        let mut whole = 0;
        let mut fault = Ok(());
        let fed = self.chunked.feed(piece, |part| {
            let bytes = part.span.of(piece);
            if part.data && fault.is_ok() {
                fault = relay.scan(bytes);
            }
            if data_only && !part.data {
                return;
            }
            if part.span.start as usize == whole && kept.is_empty() {
                whole = part.span.end as usize;
            } else {
                if kept.is_empty() {
                    kept.extend_from_slice(&piece[..whole]);
                }
                kept.extend_from_slice(bytes);
            }
        });
        fault?;
        let fed = fed.map_err(|error| io::Error::other(error.to_string()))?;
        if fed.ended && fed.consumed < piece.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.held.extend_from_slice(&piece[fed.consumed..]);
        if kept.is_empty() {
            piece.truncate(whole);
        } else {
            *piece = kept;
        }
        Ok(if fed.ended { State::End } else { State::More })
    }
}

impl Relay<'_> {
    /// Follows the events of a stream, for their limit.
    fn scan(&mut self, data: &[u8]) -> io::Result<()> {
        let Some(events) = &mut self.events else { return Ok(()) };
        events.feed(data, |_| {}).map_err(|error| {
            self.shard.cells.refuse(Refusal::Event);
            tracing::warn!(%error, "an upstream's stream was ended");
            io::Error::other(error.to_string())
        })
    }
}
