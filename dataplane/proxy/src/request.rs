//! A connection from an agent: its requests, one after the other.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use penstock_config::Limits;
use penstock_http1::{ChunkLimits, Chunked, Framing, RequestHead, Verb};
use penstock_mcp::Era;
use penstock_metrics::Metric;

use crate::access::Noted;
use crate::caller::Caller;
use crate::forward;
use crate::io::{Conn, Elapsed, KEPT_BYTES_MAX, Socket, Timer};
use crate::pipeline;
use crate::respond::{Answer, CONTINUE};
use crate::shard::{Gauge, Shard, View};
use crate::world::ListenerRules;

/// The read that waits for a request while nothing is known of it.
const IDLE_READ_BYTES: usize = 2 << 10;
/// A read of a body's next piece.
const BODY_READ_BYTES: usize = 64 << 10;
/// What an agent may send ahead of its answer; then it waits until the answer is written, unless its
/// going away would be missed.
const PIPELINE_BYTES_MAX: usize = 64 << 10;
/// How long a refused connection is read on, so that the answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(2);
/// How much of it.
const LINGER_BYTES: usize = 1 << 20;

/// An agent's connection and the request on it.
pub(crate) struct Downstream {
    pub(crate) conn: Conn,
    pub(crate) timer: Timer,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) caller: Caller,
    pub(crate) rules: Arc<ListenerRules>,
    /// What was read and not yet used; the request's head stands at its beginning.
    pub(crate) buffer: Vec<u8>,
    pub(crate) head: RequestHead,
    pub(crate) head_bytes: usize,
    /// The body of a chunked request, decoded; others stay in `buffer`.
    pub(crate) decoded: Vec<u8>,
    /// Bytes of `buffer` behind the head that belong to the request, framing included.
    pub(crate) body_bytes: usize,
    pub(crate) message: penstock_mcp::Message,
    pub(crate) era: Era,
    /// What is written next, upstream or to the agent.
    pub(crate) out: Vec<u8>,
    /// Bytes of the answer that were written, its head included.
    pub(crate) answer_bytes: u64,
    /// The status answered last; 0 where there was none.
    pub(crate) status: u16,
    /// Whether a request was served on it.
    served: bool,
    /// Whether the agent has ended its side. It may still read.
    pub(crate) ended: bool,
    /// Whether the connection is of no use any more.
    pub(crate) gone: bool,
    /// What the access log will say of a released request.
    pub(crate) noted: Option<Box<Noted>>,
    _open: Gauge,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next request is read.
    Keep,
    /// It is closed.
    Close,
    /// It is closed after what the agent is still sending was read.
    Linger,
    /// It is reset: the agent must not take what it got for a whole answer.
    Abort,
}

/// How reading a request ended, where it did not yield one.
enum Unread {
    /// The peer is gone, or idle for too long, or penstock drains: nothing to say.
    Silent,
    Answer(Answer),
}

impl From<Answer> for Unread {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl Downstream {
    pub(crate) fn new(
        shard: &Rc<Shard>,
        socket: Socket,
        peer: Option<SocketAddr>,
        caller: Caller,
        rules: Arc<ListenerRules>,
    ) -> Self {
        Self {
            conn: Conn::new(socket),
            timer: shard.timers.timer(),
            peer,
            caller,
            rules,
            buffer: Vec::new(),
            head: RequestHead::new(),
            head_bytes: 0,
            decoded: Vec::new(),
            body_bytes: 0,
            message: penstock_mcp::Message::new(),
            era: Era::Legacy,
            out: Vec::new(),
            answer_bytes: 0,
            status: 0,
            served: false,
            ended: false,
            gone: false,
            noted: None,
            _open: Gauge::up(shard, Metric::ConnectionsOpen),
        }
    }

    /// Serves requests until the connection ends. What is in a box here is rare and large: the task of
    /// every connection would have to hold it.
    pub(crate) async fn serve(&mut self, shard: &Rc<Shard>) {
        if shard.cells.value(Metric::ConnectionsOpen)
            > u64::from(shard.view().world.limits().connections)
        {
            return Box::pin(self.refuse(shard, Answer::busy("connections"))).await;
        }
        let next = loop {
            match self.read_head(shard).await {
                Ok(()) => {}
                Err(Unread::Silent) => break Next::Close,
                Err(Unread::Answer(answer)) => {
                    return Box::pin(self.refuse(shard, answer)).await;
                }
            }
            // It may have waited for long: what holds now holds for it.
            let view = shard.view();
            self.follow(&view);
            let next = if self.rules.forward {
                Box::pin(forward::serve(self, shard, &view)).await
            } else {
                pipeline::serve(self, shard, &view).await
            };
            if next != Next::Keep || self.gone {
                break next;
            }
            self.consume();
        };
        match next {
            Next::Keep | Next::Close => Box::pin(self.close()).await,
            Next::Linger => Box::pin(self.linger()).await,
            Next::Abort => self.conn.abort(),
        }
    }

    /// Says what is wrong with the connection, or with a head that is none, and ends it.
    async fn refuse(&mut self, shard: &Rc<Shard>, answer: Answer) {
        answer.write(self, shard, false).await;
        self.linger().await;
    }

    /// Takes over the listener's rules and the agent's as they are now.
    fn follow(&mut self, view: &View) {
        if let Some(rules) = view.world.listeners.get(self.rules.index)
            && !Arc::ptr_eq(rules, &self.rules)
        {
            self.rules = Arc::clone(rules);
            self.caller.follow(&view.world);
        }
    }

    /// Drops the served request from the buffer; what was sent behind it stays.
    fn consume(&mut self) {
        let used = (self.head_bytes + self.body_bytes).min(self.buffer.len());
        if used < self.buffer.len() {
            self.buffer.drain(..used);
            self.buffer.shrink_to(KEPT_BYTES_MAX);
        } else {
            self.conn.recycle(std::mem::take(&mut self.buffer));
        }
        for buffer in [&mut self.decoded, &mut self.out] {
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES_MAX);
        }
        self.head_bytes = 0;
        self.body_bytes = 0;
        self.answer_bytes = 0;
        self.status = 0;
        self.served = true;
        self.head.reset();
        self.message.forget();
    }

    async fn read_head(&mut self, shard: &Rc<Shard>) -> Result<(), Unread> {
        if self.buffer.is_empty() {
            let limit = shard.view().world.limits().idle_timeout;
            let first = poll_fn(|cx| {
                let read = self.conn.poll_read(cx, &mut self.buffer, IDLE_READ_BYTES, false);
                // What has come is served; a new connection's first request may be on its way.
                let ends = shard.draining.get() && (self.served || shard.drains_new_ones());
                if read.is_pending() && ends { Poll::Ready(Ok(0)) } else { read }
            });
            match self.timer.within(limit, first).await {
                Ok(Ok(read)) if read > 0 => {}
                _ => return Err(Unread::Silent),
            }
        }
        let (sizes, limit) = {
            let view = shard.view();
            (view.world.head_limits(), view.world.limits().head_timeout)
        };
        let (conn, head, buffer) = (&mut self.conn, &mut self.head, &mut self.buffer);
        let whole = async {
            loop {
                match head.parse(buffer, &sizes) {
                    Ok(Some(bytes)) => return Ok(bytes),
                    Ok(None) => {}
                    Err(error) => return Err(Answer::head(&error).into()),
                }
                match conn.read(buffer, IDLE_READ_BYTES).await {
                    Ok(read) if read > 0 => {}
                    _ => return Err(Unread::Silent),
                }
            }
        };
        let whole = self.timer.within(limit, whole).await;
        self.head_bytes = whole.unwrap_or_else(|_| Err(Answer::slow_head().into()))?;
        shard.cells.inc(Metric::Requests);
        Ok(())
    }

    /// Reads the request's body whole.
    pub(crate) async fn read_body(
        &mut self,
        shard: &Rc<Shard>,
        limits: &Limits,
    ) -> Result<(), Answer> {
        let over = || Answer::body_too_large(limits.body_bytes);
        let whole = match self.head.framing {
            Framing::None | Framing::UntilClose => return Ok(()),
            Framing::Length(length) if length > limits.body_bytes => return Err(over()),
            Framing::Length(length) => usize::try_from(length).map_err(|_| over())?,
            Framing::Chunked => 0,
        };
        if self.head.expect_continue && self.buffer.len() == self.head_bytes {
            Box::pin(self.write(shard, CONTINUE.to_vec(), 0)).await;
            if self.gone {
                return Err(Answer::gone());
            }
        }
        if self.head.framing == Framing::Chunked {
            self.read_chunks(limits).await?;
        } else {
            while self.buffer.len() - self.head_bytes < whole {
                // No more is reserved than is about to be read: a length is only a claim.
                let missing = whole - (self.buffer.len() - self.head_bytes);
                self.more(limits, missing.min(BODY_READ_BYTES)).await?;
            }
            self.body_bytes = whole;
        }
        shard.cells.add(Metric::RequestBytes, self.body().len() as u64);
        Ok(())
    }

    /// Decodes a chunked body. The framing is left in `buffer` in its canonical form, so that it can
    /// travel on as it came.
    async fn read_chunks(&mut self, limits: &Limits) -> Result<(), Answer> {
        let mut chunked = Chunked::new(ChunkLimits::default());
        let mut raw = self.buffer.split_off(self.head_bytes);
        loop {
            let (framed, decoded) = (&mut self.buffer, &mut self.decoded);
            let fed = chunked
                .feed(&raw, |piece| {
                    framed.extend_from_slice(piece.span.of(&raw));
                    if piece.data {
                        decoded.extend_from_slice(piece.span.of(&raw));
                    }
                })
                .map_err(|error| Answer::malformed(&error))?;
            // Framing counts too: a body of one-byte chunks is six times its data.
            let framing_max = limits.body_bytes.saturating_mul(2).saturating_add(64 << 10);
            let framed_bytes = (self.buffer.len() - self.head_bytes) as u64;
            if self.decoded.len() as u64 > limits.body_bytes || framed_bytes > framing_max {
                return Err(Answer::body_too_large(limits.body_bytes));
            }
            raw.drain(..fed.consumed);
            if fed.ended {
                self.body_bytes = self.buffer.len() - self.head_bytes;
                self.buffer.append(&mut raw);
                return Ok(());
            }
            let pause = limits.body_timeout;
            let read = self.timer.within(pause, self.conn.read(&mut raw, BODY_READ_BYTES)).await;
            ended(read)?;
        }
    }

    async fn more(&mut self, limits: &Limits, want: usize) -> Result<(), Answer> {
        let read = self.conn.read(&mut self.buffer, want);
        ended(self.timer.within(limits.body_timeout, read).await)
    }

    /// The request's body, decoded.
    pub(crate) fn body(&self) -> &[u8] {
        if self.head.framing == Framing::Chunked { &self.decoded } else { self.framed() }
    }

    /// The request's body in the framing it came in.
    pub(crate) fn framed(&self) -> &[u8] {
        self.buffer.get(self.head_bytes..self.head_bytes + self.body_bytes).unwrap_or_default()
    }

    /// Notices the agent's end of the connection while it waits for an answer; what it sends ahead
    /// is kept. Behind more than is read ahead no end can be seen: where one `matters`, this is one.
    pub(crate) fn poll_ended(
        &mut self,
        cx: &mut Context<'_>,
        lazy: bool,
        matters: bool,
    ) -> Poll<()> {
        while !self.ended {
            if self.buffer.len() >= PIPELINE_BYTES_MAX + self.head_bytes + self.body_bytes {
                if !matters {
                    return Poll::Pending;
                }
                tracing::info!(
                    peer = ?self.peer,
                    "an agent sent more than {PIPELINE_BYTES_MAX} bytes ahead of an answer whose end \
                     it is to be seen leaving; its connection is closed"
                );
                (self.ended, self.gone) = (true, true);
                break;
            }
            match self.conn.poll_read(cx, &mut self.buffer, IDLE_READ_BYTES, lazy) {
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(read) => {
                    self.ended = true;
                    self.gone = read.is_err();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// Writes the answer's next bytes; an agent that takes none in time is gone. A buffer comes back
    /// for reuse.
    pub(crate) fn write(
        &mut self,
        shard: &Shard,
        bytes: Vec<u8>,
        from: usize,
    ) -> impl Future<Output = Vec<u8>> {
        let limit = shard.view().world.limits().write_timeout;
        if !self.gone {
            let count = (bytes.len() - from) as u64;
            self.answer_bytes += count;
            shard.cells.add(Metric::AnswerBytes, count);
        }
        async move {
            if self.gone {
                return bytes;
            }
            let written = self.timer.within(limit, self.conn.write(bytes, from)).await;
            self.gone = !matches!(written, Ok((Ok(()), _)));
            written.map(|(_, bytes)| bytes).unwrap_or_default()
        }
    }

    /// Gives back the memory of a request whose answer has begun and may take hours. What was sent
    /// behind it stays.
    pub(crate) fn release(&mut self, view: &View) {
        if view.world.snapshot.log.access && !self.rules.forward {
            self.noted = Some(Box::new(Noted::of(self, view)));
        }
        let used = (self.head_bytes + self.body_bytes).min(self.buffer.len());
        self.buffer.drain(..used);
        self.buffer.shrink_to_fit();
        (self.head_bytes, self.body_bytes) = (0, 0);
        (self.decoded, self.out) = (Vec::new(), Vec::new());
        self.head.fields = Vec::new();
        self.message = penstock_mcp::Message::new();
    }

    /// Whether a stream is what is asked for, so that long silence is to be expected.
    pub(crate) fn asks_for_stream(&self) -> bool {
        !self.rules.forward && self.head.verb == Verb::Get
            || self.message.single().and_then(|one| one.known)
                == Some(penstock_mcp::Method::SubscriptionsListen)
    }

    /// Tells the agent that nothing follows.
    async fn close(&mut self) {
        let _ = self.timer.within(LINGER, self.conn.finish()).await;
    }

    async fn linger(&mut self) {
        self.close().await;
        let mut left = LINGER_BYTES;
        let (conn, mut sink) = (&mut self.conn, Vec::new());
        let rest = async {
            while let Ok(read) = conn.read(&mut sink, BODY_READ_BYTES).await {
                sink.clear();
                left = left.saturating_sub(read);
                if read == 0 || left == 0 {
                    break;
                }
            }
        };
        let _ = self.timer.within(LINGER, rest).await;
    }
}

/// What a read of the body's next piece means.
fn ended(read: Result<std::io::Result<usize>, Elapsed>) -> Result<(), Answer> {
    match read.map(Result::unwrap_or_default) {
        Ok(0) => Err(Answer::gone()),
        Ok(_) => Ok(()),
        Err(Elapsed) => Err(Answer::slow_body()),
    }
}
