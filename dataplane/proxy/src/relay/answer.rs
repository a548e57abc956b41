//! An answer on its way to the agent.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use penstock_http1::{EventScanner, Framing, ResponseHead, ResponseOut, Version, write_response};
use penstock_metrics::{Metric, Refusal};

use super::body::{Body, State};
use super::{Begun, Exchange, READ_BYTES, cancels};
use crate::io::Elapsed;
use crate::request::{Downstream, Next};
use crate::respond::count;
use crate::shard::{Gauge, Shard, View};
use crate::upstream::{FIRST_READ_BYTES, Lease};

/// How long a stream that nobody has asked for is silent before it gives back its request's memory.
const REST: Duration = Duration::from_secs(1);

/// How relaying ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// At the answer's end, with the upstream's connection where another can begin.
    Clean,
    /// At the answer's end.
    Whole,
    /// Before it.
    Cut,
}

impl Exchange<'_> {
    /// Relays the answer to its end, and says what becomes of the agent's connection. It is cut past
    /// `bytes_max`, its head included.
    pub(crate) async fn answer(&mut self, begun: Begun, bytes_max: Option<u64>) -> Next {
        let mut relay = Relay::new(self, begun, bytes_max);
        let ended = relay.run().await;
        let next = relay.next_call(ended);
        self.clean = ended == Ended::Clean && relay.reusable;
        if self.down.gone {
            self.shard.cells.inc(Metric::Disconnects);
        }
        next
    }
}

/// An answer on its way.
struct Relay<'a> {
    down: &'a mut Downstream,
    shard: &'a Rc<Shard>,
    view: &'a View,
    lease: &'a mut Lease,
    body: Body,
    /// What is to be written next, from `from` on.
    piece: &'a mut Vec<u8>,
    from: usize,
    /// What to do after that.
    then: Then,
    /// Framing towards the agent.
    framing: Framing,
    bytes_max: Option<u64>,
    stream: Option<Stream>,
    /// Whether another call can follow on the agent's connection, and on the upstream's.
    keep: bool,
    reusable: bool,
    /// Whether the end of the agent's side ends the answer, though it might still read.
    ends_with_agent: bool,
}

/// What follows a piece of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    More,
    End(Ended),
}

/// An answer of events.
struct Stream {
    /// Follows them for their limit.
    events: EventScanner,
    /// Whether the agent asked for it, and no call waits for what it brings.
    listens: bool,
    /// Whether the memory of its request was given back.
    rests: bool,
    _open: Gauge,
}

impl Stream {
    fn new(down: &Downstream, shard: &Rc<Shard>, view: &View) -> Self {
        Self {
            events: EventScanner::new(view.world.limits().event_bytes),
            listens: down.asks_for_stream(),
            rests: false,
            _open: Gauge::up(shard, Metric::StreamsOpen),
        }
    }

    fn scan(&mut self, shard: &Shard, data: &[u8]) -> io::Result<()> {
        self.events.feed(data, |_| {}).map_err(|error| {
            shard.cells.refuse(Refusal::Event);
            tracing::warn!(%error, "an upstream's stream was ended");
            io::Error::other(error.to_string())
        })
    }
}

impl<'a> Relay<'a> {
    /// Takes what was read of the answer.
    fn new(exchange: &'a mut Exchange<'_>, begun: Begun, bytes_max: Option<u64>) -> Self {
        let Begun { head, bytes: head_bytes } = begun;
        let Exchange { down, shard, view, lease, buffer: piece, .. } = exchange;
        let old_peer = down.head.version == Version::Http10;
        let framing = match head.framing {
            Framing::Chunked | Framing::UntilClose if old_peer => Framing::UntilClose,
            Framing::UntilClose => Framing::Chunked,
            other => other,
        };
        let keep = down.head.keep_alive && framing != Framing::UntilClose && !shard.draining.get();
        count(shard, down, head.status);
        let of_events = head.value(piece, "content-type").is_some_and(|value| {
            value.len() >= 17 && value[..17].eq_ignore_ascii_case(b"text/event-stream")
        });
        let mut relay = Self {
            lease,
            body: Body::new(head.framing),
            piece,
            from: 0,
            then: Then::More,
            framing,
            bytes_max,
            stream: of_events.then(|| Stream::new(down, shard, view)),
            keep,
            reusable: head.keep_alive,
            // A legacy stream, too, ends upstream when its agent goes: the server keeps what follows for
            // the agent that resumes, and refuses to resume a stream that it believes is still read.
            ends_with_agent: of_events || cancels(down),
            down,
            shard,
            view,
        };
        relay.then = relay.begin(&head, head_bytes);
        shard.give_back(head);
        relay
    }

    /// Puts the head that the agent is to see in place of the upstream's.
    fn begin(&mut self, head: &ResponseHead, head_bytes: usize) -> Then {
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
        write_response(&mut out, self.piece, head, &to);
        let then = self.take(head_bytes, &out);
        self.down.out = out;
        then
    }

    /// Relays the answer to its end.
    async fn run(&mut self) -> Ended {
        loop {
            if self.from < self.piece.len() {
                let piece = std::mem::take(self.piece);
                *self.piece = self.down.write(self.shard, piece, self.from).await;
            }
            self.from = 0;
            if self.stream.is_some() {
                *self.piece = Vec::new();
            } else {
                self.lease.conn.recycle(std::mem::take(self.piece));
            }
            if let Then::End(ended) = self.then {
                return ended;
            }
            if self.down.gone || self.down.ended && self.ends_with_agent {
                return Ended::Cut;
            }
            self.then = match self.next().await {
                Came::Bytes => self.take(0, &[]),
                Came::End if self.body.ends_with_connection() => self.last_chunk(Ended::Whole),
                Came::Drain if self.body.between_chunks() => self.last_chunk(Ended::Cut),
                Came::Drain | Came::Gone => Then::End(Ended::Cut),
                Came::End | Came::Fault => self.cut(),
            };
        }
    }

    /// Reads the framing of what has come, `piece` from `at` on, and makes of it what is written next,
    /// behind the head where there is one.
    fn take(&mut self, at: usize, head: &[u8]) -> Then {
        let Self { body, piece, stream, shard, .. } = self;
        let taken = body.take(piece, at, self.framing, &mut |data| match stream {
            Some(stream) => stream.scan(shard, data),
            None => Ok(()),
        });
        let Ok(state) = taken else { return self.cut() };
        if at > 0 {
            self.from = put_head(self.piece, at, head);
        }
        let passed = self.down.answer_bytes + (self.piece.len() - self.from) as u64;
        let upstream = &self.lease.remote().config.name;
        if self.bytes_max.is_some_and(|limit| passed > limit) {
            self.shard.cells.refuse(Refusal::Bytes);
            tracing::warn!(upstream, "an answer over the agent's byte limit was cut");
            return self.cut();
        }
        match state {
            State::More => Then::More,
            State::End => Then::End(Ended::Clean),
            State::Surplus => {
                self.shard.cells.inc(Metric::UpstreamErrors);
                tracing::warn!(upstream, "an upstream sent more than its answer; ignored");
                Then::End(Ended::Whole)
            }
        }
    }

    /// Waits for the answer's next bytes.
    async fn next(&mut self) -> Came {
        let mut limit = self.lease.remote().config.stream_idle_timeout;
        if let Some(stream) = &mut self.stream
            && !stream.rests
        {
            // It may stay open for hours, and there may be thousands of it. One that nobody has asked
            // for is usually over soon.
            if !stream.listens && limit > REST {
                if let Ok(came) = self.wait(REST).await {
                    return came;
                }
                limit -= REST;
            }
            self.down.release(self.view);
            if let Some(stream) = &mut self.stream {
                stream.rests = true;
            }
        }
        self.wait(limit).await.unwrap_or_else(|_| {
            self.shard.cells.inc(Metric::UpstreamTimeouts);
            Came::Fault
        })
    }

    async fn wait(&mut self, limit: Duration) -> Result<Came, Elapsed> {
        let lazy = self.stream.is_some();
        let want = if lazy { FIRST_READ_BYTES } else { READ_BYTES };
        let drains = match &self.stream {
            Some(stream) => stream.listens && !stream.events.mid_event(),
            None => false,
        };
        let Self { down, shard, lease, piece, ends_with_agent: ends, .. } = self;
        let conn = &mut lease.conn;
        let read = poll_fn(|cx| match conn.poll_read(cx, piece, want, lazy) {
            Poll::Ready(Ok(0)) => Poll::Ready(Came::End),
            Poll::Ready(Ok(_)) => Poll::Ready(Came::Bytes),
            Poll::Ready(Err(_)) => Poll::Ready(Came::Fault),
            Poll::Pending
                if down.poll_ended(cx, lazy, lazy || *ends).is_ready() && (*ends || down.gone) =>
            {
                Poll::Ready(Came::Gone)
            }
            // No call waits for what a listening stream brings; its agent opens another elsewhere.
            Poll::Pending if drains && shard.draining.get() => Poll::Ready(Came::Drain),
            Poll::Pending => Poll::Pending,
        });
        lease.timer.within(limit, read).await
    }

    /// Ends a body that is framed in chunks towards the agent.
    fn last_chunk(&mut self, ended: Ended) -> Then {
        if self.framing == Framing::Chunked {
            *self.piece = b"0\r\n\r\n".to_vec();
        }
        Then::End(ended)
    }

    /// The agent must see that the answer is not whole: its connection ends without the framing's.
    fn cut(&mut self) -> Then {
        self.shard.cells.inc(Metric::UpstreamErrors);
        (*self.piece, self.from) = (Vec::new(), 0);
        Then::End(Ended::Cut)
    }

    /// What becomes of the agent's connection.
    fn next_call(&self, ended: Ended) -> Next {
        match ended {
            // Its end would look like the answer's.
            Ended::Cut if self.framing == Framing::UntilClose => Next::Abort,
            Ended::Clean | Ended::Whole if self.keep && !self.down.gone => Next::Keep,
            Ended::Cut | Ended::Clean | Ended::Whole => Next::Close,
        }
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
