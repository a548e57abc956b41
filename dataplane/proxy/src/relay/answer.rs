//! An answer on its way to the agent.

mod anew;

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use penstock_http1::{EventScanner, Framing, ResponseHead, ResponseOut, Version, write_response};
use penstock_metrics::{Metric, Refusal};

use super::body::{Body, Fault, State};
use super::failure::Failure;
use super::hold::Held;
use super::{Begun, Exchange, READ_BYTES, cancels};
use crate::downstream::{Downstream, Next};
use crate::guard::{Guard, Pieces, Watch, is_stream, leave_out};
use crate::io::Elapsed;
use crate::respond::count;
use crate::shard::{Gauge, Shard, View};
use crate::upstream::{FIRST_READ_BYTES, Lease};
use anew::Chunks;

/// How long a stream that nobody has asked for is silent before it gives back its request's memory.
const REST: Duration = Duration::from_secs(1);

/// The end of a body in chunks.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// How relaying ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// At the answer's end, with the upstream's connection where another can begin.
    Clean,
    /// At the answer's end.
    Whole,
    /// Before it.
    Cut,
    /// Before it, for the agent went away.
    Left,
}

impl Exchange<'_> {
    /// Relays the answer to its end, and says what becomes of the agent's connection. It is cut past
    /// `bytes_max`, its head included; `guard` looks into it before the agent sees any of it. An error where no
    /// byte of it was sent. A block, as an `async fn` would hold its arguments twice.
    pub(crate) fn answer(
        &mut self,
        mut begun: Begun,
        bytes_max: Option<u64>,
        guard: Option<&Arc<Guard>>,
    ) -> impl Future<Output = Result<Next, Failure>> {
        let bytes_max = bytes_max.unwrap_or(u64::MAX);
        async move {
            let held = match guard {
                None => Rest::Framed,
                // The task of every connection would have to hold it.
                Some(guard) => match Box::pin(self.hold(&mut begun, guard)).await? {
                    Held::Left => return Ok(Next::Close),
                    Held::Whole => Rest::Framed,
                    Held::Part(body, pieces) => Rest::Held(body, pieces),
                },
            };
            let mut relay = Relay::new(self, begun, bytes_max, guard, held)?;
            let ended = relay.run().await;
            // The last of it may not have been taken.
            let whole = matches!(ended, Ended::Clean | Ended::Whole) && !relay.down.gone;
            let next = next_call(whole, relay.framing, relay.keep);
            self.clean = ended == Ended::Clean && relay.reusable;
            if self.down.gone || ended == Ended::Left {
                self.shard.cells.inc(Metric::Disconnects);
            }
            Ok(next)
        }
    }
}

/// What is to come of an answer's body.
enum Rest {
    /// All of it, in the framing that its head says.
    Framed,
    /// What stands decoded behind the head passes; behind that it goes on so, and is looked into as it comes or not at
    /// all.
    Held(Box<Body>, Option<Box<Pieces>>),
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
    chunks: Chunks,
    bytes_max: u64,
    kind: Kind,
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

/// What an answer's body is on its way. One type, as the task of every connection has to hold it.
enum Kind {
    /// It may pass as it is.
    Plain,
    Events(Stream),
    /// It is no message, and looked into as it comes.
    Pieces(Box<Pieces>),
}

impl Kind {
    fn stream(&self) -> Option<&Stream> {
        if let Self::Events(stream) = self { Some(stream) } else { None }
    }

    fn stream_mut(&mut self) -> Option<&mut Stream> {
        if let Self::Events(stream) = self { Some(stream) } else { None }
    }
}

/// An answer of events.
struct Stream {
    /// Follows them for their limit.
    events: EventScanner,
    /// Whether the agent asked for it, and no call waits for what it brings.
    listens: bool,
    /// Whether the memory of its request was given back.
    rests: bool,
    /// What looks into each of them.
    watch: Option<Box<Watch>>,
    _open: Gauge,
}

impl Stream {
    fn new(down: &Downstream, shard: &Rc<Shard>, view: &View, guard: Option<&Arc<Guard>>) -> Self {
        Self {
            events: EventScanner::new(view.world.limits().event_bytes),
            listens: down.asks_for_stream(),
            rests: false,
            watch: guard.map(|guard| Box::new(Watch::new(guard, down, shard))),
            _open: Gauge::up(shard, Metric::StreamsOpen),
        }
    }

    fn scan(&mut self, data: &[u8]) -> Result<(), Fault> {
        self.events.feed(data, |_| {}).map_err(Fault::Event)
    }
}

impl<'a> Relay<'a> {
    /// Takes what was read of the answer.
    fn new(
        exchange: &'a mut Exchange<'_>,
        begun: Begun,
        bytes_max: u64,
        guard: Option<&Arc<Guard>>,
        rest: Rest,
    ) -> Result<Self, Failure> {
        let Begun { mut head, bytes: head_bytes } = begun;
        let Exchange { down, shard, view, lease, buffer: piece, .. } = exchange;
        let old_peer = down.head.version == Version::Http10;
        let of_events = is_stream(&head, piece);
        let (held, body, pieces) = match rest {
            Rest::Framed => (false, Body::new(head.framing), None),
            Rest::Held(body, pieces) => (true, *body, pieces),
        };
        let kind = match pieces {
            Some(pieces) => Kind::Pieces(pieces),
            None if of_events => Kind::Events(Stream::new(down, shard, view, guard)),
            None => Kind::Plain,
        };
        // What is looked into as it comes may get longer or shorter, and come in other pieces.
        let anew = head.framing != Framing::None && of_events && guard.is_some() || held;
        let framing = match head.framing {
            _ if anew && old_peer => Framing::UntilClose,
            _ if anew => Framing::Chunked,
            Framing::Chunked | Framing::UntilClose if old_peer => Framing::UntilClose,
            Framing::UntilClose => Framing::Chunked,
            other => other,
        };
        if anew {
            leave_out(&mut head.fields, piece, &["trailer"]);
        }
        let keep = down.head.keep_alive && framing != Framing::UntilClose && !shard.draining.get();
        let mut relay = Self {
            lease,
            chunks: match (held, anew) {
                (true, _) => Chunks::AnewFromHeld,
                (false, true) => Chunks::Anew,
                (false, false) => Chunks::AsTheyCome,
            },
            body,
            piece,
            from: 0,
            then: Then::More,
            framing,
            bytes_max,
            kind,
            keep,
            reusable: head.keep_alive,
            // A legacy stream, too, ends upstream when its agent goes: the server keeps what follows for
            // the agent that resumes, and refuses to resume a stream that it believes is still read.
            ends_with_agent: of_events || cancels(down),
            down,
            shard,
            view,
        };
        relay.then = relay.begin(&head, head_bytes).map_err(|fault| {
            if fault.is_the_upstreams() {
                shard.cells.inc(Metric::UpstreamErrors);
            }
            Failure::Answer(fault)
        })?;
        count(shard, relay.down, head.status);
        shard.give_back(head);
        Ok(relay)
    }

    /// Puts the head that the agent is to see in place of the upstream's.
    fn begin(&mut self, head: &ResponseHead, head_bytes: usize) -> Result<Then, Fault> {
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
            if self.kind.stream().is_some() {
                *self.piece = Vec::new();
            } else {
                self.lease.conn.recycle(std::mem::take(self.piece));
            }
            if let Then::End(ended) = self.then {
                return ended;
            }
            if self.down.gone || self.down.ended && self.ends_with_agent {
                return Ended::Left;
            }
            self.then = match self.next().await {
                Came::Bytes => self.take(0, &[]).unwrap_or_else(|fault| self.fault(&fault)),
                Came::End if self.body.ends_with_connection() => self.last_chunk(Ended::Whole),
                Came::Drain if self.chunks != Chunks::AsTheyCome || self.body.between_chunks() => {
                    self.last_chunk(Ended::Cut)
                }
                Came::Drain => Then::End(Ended::Cut),
                Came::Gone => Then::End(Ended::Left),
                Came::Silence => {
                    self.shard.cells.inc(Metric::UpstreamTimeouts);
                    self.cut()
                }
                Came::End | Came::Fault => {
                    self.shard.cells.inc(Metric::UpstreamErrors);
                    self.cut()
                }
            };
        }
    }

    /// Reads the framing of what has come, `piece` from `at` on, and makes of it what is written next,
    /// behind the head where there is one.
    fn take(&mut self, at: usize, head: &[u8]) -> Result<Then, Fault> {
        if self.chunks != Chunks::AsTheyCome {
            return self.take_anew(at, head);
        }
        let Self { body, piece, kind, .. } = self;
        let stream = &mut kind.stream_mut();
        let state = body.take(piece, at, self.framing, &mut |data| match stream {
            Some(stream) => stream.scan(data),
            None => Ok(()),
        })?;
        if at > 0 {
            self.from = put_head(self.piece, at, head);
        }
        let passed = self.down.answer_bytes + (self.piece.len() - self.from) as u64;
        if passed > self.bytes_max {
            return Err(Fault::Bytes(self.bytes_max));
        }
        Ok(self.after(state))
    }

    /// What follows a piece of the upstream's framing.
    fn after(&self, state: State) -> Then {
        match state {
            State::More => Then::More,
            State::End => Then::End(Ended::Clean),
            State::Surplus => {
                self.shard.cells.inc(Metric::UpstreamErrors);
                let upstream = &self.lease.remote().config.name;
                tracing::warn!(upstream, "an upstream sent more than its answer; ignored");
                Then::End(Ended::Whole)
            }
        }
    }

    /// Waits for the answer's next bytes.
    async fn next(&mut self) -> Came {
        let mut limit = self.lease.remote().config.stream_idle_timeout;
        if let Some(stream) = self.kind.stream_mut()
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
            if let Some(stream) = self.kind.stream_mut() {
                stream.rests = true;
            }
        }
        self.wait(limit).await.unwrap_or(Came::Silence)
    }

    async fn wait(&mut self, limit: Duration) -> Result<Came, Elapsed> {
        let lazy = self.kind.stream().is_some();
        let want = if lazy { FIRST_READ_BYTES } else { READ_BYTES };
        let drains = match self.kind.stream() {
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
                if down.poll_ended(cx, lazy, *ends).is_ready() && (*ends || down.gone) =>
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
        if self.chunks != Chunks::AsTheyCome {
            let mut out = Vec::new();
            if let Err(stop) = self.pass(&[], &[], true, &mut out) {
                return self.fault(&Fault::Stopped(stop));
            }
            *self.piece = out;
        } else if self.framing == Framing::Chunked {
            *self.piece = LAST_CHUNK.to_vec();
        }
        Then::End(ended)
    }

    /// Cuts an answer that cannot be passed on any further.
    fn fault(&mut self, fault: &Fault) -> Then {
        if let (Fault::Stopped(stop), Kind::Pieces(pieces)) = (fault, &self.kind) {
            pieces.tell_cut(stop, self.shard, self.view, self.down);
        } else {
            let upstream = &self.lease.remote().config.name;
            tracing::warn!(upstream, %fault, "an answer was cut");
        }
        match fault {
            Fault::Chunks(_) => {}
            Fault::Event(_) => self.shard.cells.refuse(Refusal::Event),
            Fault::Bytes(_) => self.shard.cells.refuse(Refusal::Bytes),
            Fault::Stopped(_) => self.shard.cells.refuse(Refusal::Blocked),
        }
        if fault.is_the_upstreams() {
            self.shard.cells.inc(Metric::UpstreamErrors);
        }
        self.cut()
    }

    /// The agent must see that the answer is not whole: its connection ends without the framing's.
    fn cut(&mut self) -> Then {
        (*self.piece, self.from) = (Vec::new(), 0);
        Then::End(Ended::Cut)
    }
}

/// What becomes of the agent's connection when its answer, in this framing, is `whole` or not.
fn next_call(whole: bool, framing: Framing, keep: bool) -> Next {
    match (whole, framing) {
        // Its end would look like the answer's.
        (false, Framing::UntilClose) => Next::Abort,
        (true, _) if keep => Next::Keep,
        _ => Next::Close,
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
    /// An error.
    Fault,
    /// Nothing, for too long.
    Silence,
    /// The agent went away.
    Gone,
    /// Penstock is shutting down.
    Drain,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_whole_never_ends_like_one() {
        for keep in [false, true] {
            assert_eq!(next_call(false, Framing::UntilClose, keep), Next::Abort);
            for framing in [Framing::None, Framing::Length(2), Framing::Chunked] {
                assert_eq!(next_call(false, framing, keep), Next::Close);
            }
        }
        assert_eq!(next_call(true, Framing::UntilClose, false), Next::Close);
        assert_eq!(next_call(true, Framing::Chunked, false), Next::Close);
        assert_eq!(next_call(true, Framing::Chunked, true), Next::Keep);
    }

    #[test]
    fn a_head_takes_the_place_of_the_old_one_whichever_is_longer() {
        for (new, from) in [("short", 3), ("as long!", 0), ("much longer", 0)] {
            let mut piece = b"old headbody".to_vec();
            assert_eq!(put_head(&mut piece, 8, new.as_bytes()), from);
            assert_eq!(piece[from..], *format!("{new}body").as_bytes());
        }
    }
}
