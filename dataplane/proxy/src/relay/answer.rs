//! An answer on its way to the agent.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use penstock_http1::{EventScanner, Framing, ResponseHead, ResponseOut, Version, write_response};
use penstock_mcp::Era;
use penstock_metrics::{Metric, Refusal};

use super::body::{Body, State};
use super::{Call, READ_BYTES, cancels};
use crate::request::{Downstream, Next};
use crate::respond::count;
use crate::shard::{Gauge, Shard};
use crate::upstream::{FIRST_READ_BYTES, Lease};

/// How relaying ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// At the answer's end, with the upstream's connection where another can begin.
    Clean,
    /// At the answer's end.
    Whole,
    /// Before it.
    Cut,
}

/// An answer on its way.
pub(super) struct Relay<'a> {
    down: &'a mut Downstream,
    shard: &'a Rc<Shard>,
    era: Era,
    bytes_max: Option<u64>,
    events: Option<EventScanner>,
    /// Counted as open for as long as it is.
    stream: Option<Gauge>,
    /// Framing towards the agent.
    framing: Framing,
    keep: bool,
}

impl<'a> Relay<'a> {
    pub(super) fn new(
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
        Self {
            down,
            shard,
            era: call.era,
            bytes_max: call.bytes_max,
            events: None,
            stream: None,
            framing,
            keep,
        }
    }

    /// Relays the answer whose head stands in `buffer`, to its end; and what becomes of the agent's
    /// connection.
    pub(super) async fn run(
        mut self,
        lease: &mut Lease,
        head: &ResponseHead,
        buffer: Vec<u8>,
        head_bytes: usize,
    ) -> (Ended, Next) {
        let ended = self.relay(lease, head, buffer, head_bytes).await;
        let next = match ended {
            // Its end would look like the answer's.
            Ended::Cut if self.framing == Framing::UntilClose => Next::Abort,
            Ended::Clean | Ended::Whole if self.keep && !self.down.gone => Next::Keep,
            Ended::Cut | Ended::Clean | Ended::Whole => Next::Close,
        };
        (ended, next)
    }

    async fn relay(
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
        let (mut piece, mut at) = (buffer, head_bytes);
        loop {
            let framing = self.framing;
            let taken = body.take(&mut piece, at, framing, &mut |data| self.scan(data));
            let Ok(state) = taken else { return self.cut() };
            let from = if at > 0 { put_head(&mut piece, at, &out) } else { 0 };
            let passed = self.down.answer_bytes + (piece.len() - from) as u64;
            if self.bytes_max.is_some_and(|limit| passed > limit) {
                self.shard.cells.refuse(Refusal::Bytes);
                let upstream = &lease.remote().config.name;
                tracing::warn!(upstream, "an answer over the agent's byte limit was cut");
                return self.cut();
            }
            if from < piece.len() {
                piece = self.down.write(self.shard, piece, from).await;
            }
            if self.events.is_none() {
                lease.conn.recycle(std::mem::take(&mut piece));
            } else {
                // It may stay open for hours, and there may be thousands of it.
                piece = Vec::new();
                if at > 0 {
                    out = Vec::new();
                    self.down.shrink();
                }
            }
            at = 0;
            match state {
                State::More => {}
                State::End => {
                    self.down.out = out;
                    return Ended::Clean;
                }
                State::Surplus => {
                    self.shard.cells.inc(Metric::UpstreamErrors);
                    let upstream = &lease.remote().config.name;
                    tracing::warn!(upstream, "an upstream sent more than its answer; ignored");
                    return Ended::Whole;
                }
            }
            if self.down.gone || self.down.ended && self.ends_with_agent() {
                return Ended::Cut;
            }
            match self.next(lease, &mut piece).await {
                Came::Bytes => {}
                Came::End if body.ends_with_connection() => {
                    self.last_chunk().await;
                    return Ended::Whole;
                }
                Came::Drain => {
                    if body.between_chunks() {
                        self.last_chunk().await;
                    }
                    return Ended::Cut;
                }
                Came::Gone => return Ended::Cut,
                Came::End | Came::Fault => return self.cut(),
            }
        }
    }

    /// Waits for the answer's next bytes.
    async fn next(&mut self, lease: &mut Lease, piece: &mut Vec<u8>) -> Came {
        let limit = lease.remote().config.stream_idle_timeout;
        let lazy = self.events.is_some();
        let ends = self.ends_with_agent();
        let listens = self.down.asks_for_stream();
        let between_events = self.events.as_ref().is_none_or(|events| !events.mid_event());
        let (down, shard) = (&mut *self.down, self.shard);
        let conn = &mut lease.conn;
        let want = if lazy { FIRST_READ_BYTES } else { READ_BYTES };
        let read = poll_fn(|cx| match conn.poll_read(cx, piece, want, lazy) {
            Poll::Ready(Ok(0)) => Poll::Ready(Came::End),
            Poll::Ready(Ok(_)) => Poll::Ready(Came::Bytes),
            Poll::Ready(Err(_)) => Poll::Ready(Came::Fault),
            Poll::Pending if down.poll_ended(cx, lazy).is_ready() && (ends || down.gone) => {
                Poll::Ready(Came::Gone)
            }
            // No call waits for what a listening stream brings; its agent opens another elsewhere.
            Poll::Pending if listens && between_events && shard.draining.get() => {
                Poll::Ready(Came::Drain)
            }
            Poll::Pending => Poll::Pending,
        });
        lease.timer.within(limit, read).await.unwrap_or_else(|_| {
            self.shard.cells.inc(Metric::UpstreamTimeouts);
            Came::Fault
        })
    }

    /// Ends a body that is framed in chunks towards the agent.
    async fn last_chunk(&mut self) {
        if self.framing == Framing::Chunked {
            self.down.write(self.shard, b"0\r\n\r\n".to_vec(), 0).await;
        }
    }

    /// Whether the end of the agent's side ends the answer, though it might still read. A legacy
    /// stream, too, ends upstream when its agent goes: the server keeps what follows for the agent that
    /// resumes, and refuses to resume a stream that it believes is still read.
    fn ends_with_agent(&self) -> bool {
        self.events.is_some() || cancels(self.down, self.era)
    }

    /// The agent must see that the answer is not whole: its connection ends without the framing's.
    fn cut(&mut self) -> Ended {
        self.shard.cells.inc(Metric::UpstreamErrors);
        Ended::Cut
    }
}

/// Puts the rewritten head in place of the one that ends at `at`, so that both it and what follows
/// leave in one write with nothing moved; where it now begins.
fn put_head(piece: &mut Vec<u8>, at: usize, head: &[u8]) -> usize {
    let Some(from) = at.checked_sub(head.len()) else {
        piece.splice(..at, head.iter().copied());
        return 0;
    };
    piece[from..at].copy_from_slice(head);
    from
}

/// What ended a wait for an answer's next bytes.
enum Came {
    Bytes,
    /// The end of the upstream's side.
    End,
    /// An error, or silence for too long.
    Fault,
    /// The agent went away.
    Gone,
    /// Penstock is shutting down.
    Drain,
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

#[cfg(test)]
mod tests {
    use super::put_head;

    #[test]
    fn a_head_takes_the_place_of_the_old_one_whichever_is_longer() {
        for (new, from) in [("short", 3), ("as long!", 0), ("much longer", 0)] {
            let mut piece = b"old headbody".to_vec();
            assert_eq!(put_head(&mut piece, 8, new.as_bytes()), from);
            assert_eq!(piece[from..], *format!("{new}body").as_bytes());
        }
    }
}
