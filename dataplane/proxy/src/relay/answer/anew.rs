//! An answer whose chunks are made here, of what was looked into.

use penstock_http1::Framing;

use super::{LAST_CHUNK, Relay, Then};
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
        let state = match std::mem::replace(&mut self.chunks, Chunks::Anew) {
            Chunks::AnewFromHeld => State::More,
            _ => self.body.take(self.piece, at, Framing::UntilClose, &mut |_| Ok(()))?,
        };
        let came = std::mem::take(self.piece);
        let data = came.get(at..).unwrap_or_default();
        let mut ends = Vec::new();
        if let Some(stream) = &mut self.stream {
            stream.events.feed(data, |end| ends.push(end)).map_err(Fault::Event)?;
        }
        let mut out = Vec::with_capacity(head.len() + data.len() + ROOM_FOR_CHUNKS);
        out.extend_from_slice(head);
        self.pass(data, &ends, state != State::More, &mut out);
        *self.piece = out;
        Ok(self.after(state))
    }

    /// Appends to `out` what may pass of data in which events end at `ends`, as a chunk where the framing has them.
    pub(super) fn pass(&mut self, data: &[u8], ends: &[usize], last: bool, out: &mut Vec<u8>) {
        let start = out.len();
        let Self { down, shard, view, stream, .. } = self;
        match stream.as_mut().and_then(|stream| stream.watch.as_mut()) {
            None => out.extend_from_slice(data),
            Some(watch) => {
                watch.take(data, ends, out, shard, view, down);
                if last {
                    watch.finish(out, shard, view, down);
                }
            }
        }
        if self.framing != Framing::Chunked {
            return;
        }
        if out.len() > start {
            let size = format!("{:x}\r\n", out.len() - start);
            out.splice(start..start, size.into_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if last {
            out.extend_from_slice(LAST_CHUNK);
        }
    }
}
