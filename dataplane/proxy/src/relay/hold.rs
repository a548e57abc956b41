//! An answer that is held until it was looked into.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use penstock_http1::{Framing, Span, reason};
use penstock_inspect::Side;
use penstock_metrics::Metric;

use super::body::{Body, State};
use super::failure::Failure;
use super::{Begun, Exchange, READ_BYTES, cancels};
use crate::guard::{
    Eyes, Guard, Holding, Looked, Pieces, Place, Stop, begins_with, can_be_in_pieces,
    forget_the_body, is_stream, leave_out, readable,
};
use crate::io::Elapsed;

/// What was held of an answer's body.
pub(super) enum Held {
    /// All that is to be: it stands decoded behind the head, or nothing is to be held of it.
    Whole,
    /// It is too long to be held, and what may pass of what was read of it stands decoded behind the head. This is how
    /// it goes on, and what looks into that; nothing where it passes unseen.
    Part(Box<Body>, Option<Box<Pieces>>),
    /// The agent went away.
    Left,
}

/// What a body came to.
enum Whole {
    /// It stands decoded behind the head, to be looked into.
    Yes,
    /// It is too long, and passes so; how it goes on, unless it was read to its end or has a length.
    Unseen(Option<Box<Body>>),
    /// It is to be looked into as it comes; how it goes on behind what was read of it, which stands decoded behind the
    /// head.
    Pieces(Box<Body>),
}

/// Why there is none.
enum Unheld {
    /// The agent went away.
    Left,
    Failed(Failure),
    Stopped(Stop),
}

impl From<Failure> for Unheld {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Stop> for Unheld {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl Exchange<'_> {
    /// Reads the whole body of an answer and looks into it: what of it may pass then stands behind its head in the
    /// buffer. Whether there is still an agent for it. Of a long one that is no JSON it is the beginning; the rest, and
    /// events, are looked into as they come, later.
    pub(super) async fn hold(
        &mut self,
        begun: &mut Begun,
        guard: &Arc<Guard>,
    ) -> Result<Held, Failure> {
        // A phrase that is not the standard's is the upstream's own text, which nobody needs.
        if begun.head.reason.of(&self.buffer) != reason(begun.head.status).as_bytes() {
            begun.head.reason = Span::default();
        }
        if begun.head.framing == Framing::None {
            return Ok(Held::Whole);
        }
        match self.looked_into(begun, guard).await {
            Ok(held) => Ok(held),
            Err(Unheld::Left) => {
                self.shard.cells.inc(Metric::Disconnects);
                Ok(Held::Left)
            }
            Err(Unheld::Failed(failure)) => Err(failure),
            Err(Unheld::Stopped(stop)) => {
                // What was not read of it is still to come.
                begun.head.keep_alive = false;
                self.put_error(begun, guard, &stop);
                Ok(Held::Whole)
            }
        }
    }

    async fn looked_into(&mut self, begun: &mut Begun, guard: &Arc<Guard>) -> Result<Held, Unheld> {
        let json = readable(&begun.head, &self.buffer).inspect_err(|_| {
            self.shard.cells.inc(Metric::InspectionBlocked);
        })?;
        if is_stream(&begun.head, &self.buffer) {
            forget_the_body(&mut begun.head.fields, &self.buffer);
            return Ok(Held::Whole);
        }
        let mut held = Holding::new(self.shard);
        // Past this a body may be looked into as it comes.
        let first = if json { None } else { begins_with(guard, READ_BYTES) };
        let whole = match begun.head.framing {
            Framing::Length(length) => {
                self.hold_length(begun.bytes, length, first, guard, &mut held).await?
            }
            _ => self.hold_chunks(begun, first, guard, &mut held).await?,
        };
        match whole {
            Whole::Yes => {}
            Whole::Unseen(None) => return Ok(Held::Whole),
            Whole::Unseen(Some(body)) => return Ok(Held::Part(body, None)),
            Whole::Pieces(body) => {
                // Nobody knows yet whether it is changed.
                forget_the_body(&mut begun.head.fields, &self.buffer);
                let pieces = self.in_pieces(begun.bytes, guard, held)?;
                return Ok(Held::Part(body, Some(pieces)));
            }
        }
        let length = match begun.head.framing {
            Framing::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            _ => self.buffer.len() - begun.bytes,
        };
        let end = begun.bytes.saturating_add(length);
        let body = self.buffer.get(begun.bytes..end).unwrap_or_default();
        let eyes = Eyes::new(guard, self.shard, self.view, Side::Response, self.down);
        match eyes.look(body, Place::Body { json }, &mut |_| {}) {
            Looked::Clean => {}
            Looked::Changed(body) => {
                forget_the_body(&mut begun.head.fields, &self.buffer);
                begun.head.framing = Framing::Length(body.len() as u64);
                self.buffer.splice(begun.bytes..end, body);
            }
            Looked::Stopped(stop) => {
                // It was read to its end: another answer can come behind it.
                begun.head.keep_alive &= self.buffer.len() == end;
                self.put_error(begun, guard, &stop);
            }
        }
        Ok(Held::Whole)
    }

    /// Looks into the beginning of a body, and leaves of it behind the head what may pass.
    fn in_pieces(
        &mut self,
        head_bytes: usize,
        guard: &Arc<Guard>,
        held: Holding,
    ) -> Result<Box<Pieces>, Unheld> {
        let Self { down, shard, view, buffer, .. } = self;
        let mut pieces = Pieces::new(guard, shard, held).ok_or(Failure::Held)?;
        let came = buffer.split_off(head_bytes);
        pieces.take(&came, false, buffer, shard, view, down)?;
        Ok(Box::new(pieces))
    }

    /// Whether a body is to be looked into as it comes; asked once, when so much of it was read as `first` says.
    fn goes_in_pieces(&self, head_bytes: usize, first: &mut Option<usize>) -> bool {
        let read = self.buffer.get(head_bytes..).unwrap_or_default();
        first.take_if(|first| read.len() > *first).is_some() && can_be_in_pieces(read)
    }

    /// Reads a body of a known length.
    async fn hold_length(
        &mut self,
        head_bytes: usize,
        length: u64,
        mut first: Option<usize>,
        guard: &Arc<Guard>,
        held: &mut Holding,
    ) -> Result<Whole, Unheld> {
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        loop {
            let read = self.buffer.len().saturating_sub(head_bytes);
            if read < bytes && self.goes_in_pieces(head_bytes, &mut first) {
                let mut body = Body::new(Framing::Length(length));
                body.take(&mut self.buffer, head_bytes, Framing::UntilClose, &mut |_| Ok(()))
                    .map_err(|fault| self.failed(Failure::Answer(fault)))?;
                return Ok(Whole::Pieces(Box::new(body)));
            }
            if first.is_none() && bytes > guard.message_bytes {
                let eyes = Eyes::new(guard, self.shard, self.view, Side::Response, self.down);
                let stop = eyes.too_long(length);
                return stop.map_or(Ok(Whole::Unseen(None)), |stop| Err(stop.into()));
            }
            count(held, read)?;
            if read >= bytes {
                return Ok(Whole::Yes);
            }
            if !self.more().await? {
                return Err(self.failed(Failure::Short));
            }
        }
    }

    /// Reads a body to its last chunk or to the connection's end; from then on it has a length.
    async fn hold_chunks(
        &mut self,
        begun: &mut Begun,
        mut first: Option<usize>,
        guard: &Arc<Guard>,
        held: &mut Holding,
    ) -> Result<Whole, Unheld> {
        let mut body = Body::new(begun.head.framing);
        let (mut at, mut unseen) = (begun.bytes, false);
        let state = loop {
            // As to a peer that knows no chunks: the data alone.
            let state = body.take(&mut self.buffer, at, Framing::UntilClose, &mut |_| Ok(()));
            let state = state.map_err(|fault| self.failed(Failure::Answer(fault)))?;
            let bytes = self.buffer.len() - begun.bytes;
            if state == State::More && self.goes_in_pieces(begun.bytes, &mut first) {
                return Ok(Whole::Pieces(Box::new(body)));
            }
            if bytes > guard.message_bytes {
                let eyes = Eyes::new(guard, self.shard, self.view, Side::Response, self.down);
                if let Some(stop) = eyes.too_long(bytes as u64) {
                    return Err(stop.into());
                }
                unseen = true;
            }
            if unseen && state == State::More {
                return Ok(Whole::Unseen(Some(Box::new(body))));
            }
            if state != State::More {
                break state;
            }
            count(held, bytes)?;
            at = self.buffer.len();
            if !self.more().await? {
                if body.ends_with_connection() {
                    break State::End;
                }
                return Err(self.failed(Failure::Short));
            }
        };
        if state == State::Surplus {
            self.shard.cells.inc(Metric::UpstreamErrors);
            begun.head.keep_alive = false;
        }
        // What stands behind the last chunk is not looked into, and has no place behind a length.
        leave_out(&mut begun.head.fields, &self.buffer, &["trailer"]);
        begun.head.framing = Framing::Length((self.buffer.len() - begun.bytes) as u64);
        Ok(if unseen { Whole::Unseen(None) } else { Whole::Yes })
    }

    /// Reads on; whether anything came before the end.
    async fn more(&mut self) -> Result<bool, Unheld> {
        let Self { down, lease, buffer, .. } = self;
        let limit = lease.remote().config.stream_idle_timeout;
        let cancels = cancels(down);
        let read = poll_fn(|cx| match lease.conn.poll_read(cx, buffer, READ_BYTES, false) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending
                if down.poll_ended(cx, false, cancels).is_ready() && (cancels || down.gone) =>
            {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        });
        match lease.timer.within(limit, read).await {
            Ok(Some(Ok(read))) => Ok(read > 0),
            Ok(Some(Err(error))) => Err(self.failed(Failure::Broken(error))),
            Ok(None) => Err(Unheld::Left),
            Err(Elapsed) => {
                self.shard.cells.inc(Metric::UpstreamTimeouts);
                Err(Failure::Silent.into())
            }
        }
    }

    fn failed(&self, failure: Failure) -> Unheld {
        self.shard.cells.inc(Metric::UpstreamErrors);
        failure.into()
    }
}

/// Counts what is held.
fn count(held: &mut Holding, bytes: usize) -> Result<(), Failure> {
    if held.set(bytes) { Ok(()) } else { Err(Failure::Held) }
}
