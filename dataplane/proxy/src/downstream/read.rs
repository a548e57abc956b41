//! What an agent sends: a request's head, its body, and what comes ahead of the answer.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use penstock_config::Limits;
use penstock_http1::{ChunkLimits, Chunked, Framing};
use penstock_metrics::Metric;

use super::{BODY_READ_BYTES, Downstream};
use crate::io::Elapsed;
use crate::respond::{Answer, CONTINUE};
use crate::shard::Shard;

/// The read that waits for a request while nothing is known of it.
const IDLE_READ_BYTES: usize = 2 << 10;
/// What an agent may send ahead of its answer; then it waits until the answer is written, unless its
/// going away would be missed.
const PIPELINE_BYTES_MAX: usize = 64 << 10;

/// How reading a request ended, where it did not yield one.
pub(super) enum Unread {
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
    /// Reads the head of the next request.
    pub(super) async fn read_head(&mut self, shard: &Rc<Shard>) -> Result<(), Unread> {
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
}

/// What a read of the body's next piece means.
fn ended(read: Result<std::io::Result<usize>, Elapsed>) -> Result<(), Answer> {
    match read.map(Result::unwrap_or_default) {
        Ok(0) => Err(Answer::gone()),
        Ok(_) => Ok(()),
        Err(Elapsed) => Err(Answer::slow_body()),
    }
}
