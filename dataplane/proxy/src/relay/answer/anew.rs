//! An answer whose chunks are made here, of what was looked into.

use penstock_http1::Framing;

use super::{Kind, LAST_CHUNK, Relay, Stream, Then};
use crate::guard::Stop;
use crate::relay::body::{Fault, State};

/// What a chunk has beside its data, and the last one.
const ROOM_FOR_CHUNKS: usize = 32;

/// The chunks towards the agent, where the framing has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// The upstream's.
    AsTheyCome,
    /// Made here, of what was looked into.
    Anew,
    /// The same, and what has come first is taken out of its framing already.
    AnewFromHeld,
}

impl Relay<'_> {
    /// As [`Relay::take`], where chunks are made here.
    pub(super) fn take_anew(&mut self, at: usize, head: &[u8]) -> Result<Then, Fault> {
        let was_held = std::mem::replace(&mut self.chunks, Chunks::Anew) == Chunks::AnewFromHeld;
        let state = if was_held {
            State::More
        } else {
            self.body.take(self.piece, at, Framing::UntilClose, &mut |_| Ok(()))?
        };
        let came = std::mem::take(self.piece);
        let data = came.get(at..).unwrap_or_default();
        let mut ends = Vec::new();
        if let Some(stream) = self.kind.stream_mut() {
            stream.events.feed(data, |end| ends.push(end)).map_err(Fault::Event)?;
        }
        let mut out = Vec::with_capacity(head.len() + data.len() + ROOM_FOR_CHUNKS);
        out.extend_from_slice(head);
        if was_held {
            let start = out.len();
            out.extend_from_slice(data);
            self.chunk(start, &mut out);
        } else {
            self.pass(data, &ends, state != State::More, &mut out).map_err(Fault::Stopped)?;
        }
        *self.piece = out;
        Ok(self.after(state))
    }

    /// Appends to `out` what may pass of data in which events end at `ends`, as a chunk where the framing has them.
    pub(super) fn pass(
        &mut self,
        data: &[u8],
        ends: &[usize],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let start = out.len();
        let Self { down, shard, view, kind, .. } = self;
        match kind {
            Kind::Pieces(pieces) => pieces.take(data, last, out, shard, view, down)?,
            Kind::Events(Stream { watch: Some(watch), .. }) => {
                watch.take(data, ends, out, shard, view, down);
                if last {
                    watch.finish(out, shard, view, down);
                }
            }
            Kind::Events(_) | Kind::Plain => out.extend_from_slice(data),
        }
        self.chunk(start, out);
        if last && self.framing == Framing::Chunked {
            out.extend_from_slice(LAST_CHUNK);
        }
        Ok(())
    }

    /// Makes a chunk of what was written from `start` on, where the framing has them.
    fn chunk(&self, start: usize, out: &mut Vec<u8>) {
        if self.framing == Framing::Chunked && out.len() > start {
            let size = format!("{:x}\r\n", out.len() - start);
            out.splice(start..start, size.into_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}
