//! Bytes from one connection to another, as fast as the other takes them.

use std::io;
use std::task::{Context, Poll};

use super::tunnel::End;
use crate::io::Conn;

/// A read of a flow that rests, and of one that is in full flood.
const READ_BYTES: usize = 16 << 10;
const FLOOD_READ_BYTES: usize = 64 << 10;

/// Reads and writes after which others are to get their turn.
pub(super) const MOVES_IN_A_ROW: u32 = 32;

/// One way of a tunnel.
pub(super) struct Flow {
    state: State,
    /// What was read and may not be written yet.
    piece: Vec<u8>,
    /// Whether the last read filled its buffer, so that the next one may as well begin with one.
    flood: bool,
    /// Bytes read.
    pub(super) bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Writing,
    /// The end was read and is being passed on.
    Ending,
    Over,
}

/// What stopped a flow.
pub(super) enum Fault {
    From(io::Error),
    To(io::Error),
    End(End),
}

impl Fault {
    pub(super) fn end(self, from: fn(io::Error) -> End, to: fn(io::Error) -> End) -> End {
        match self {
            Self::From(error) => from(error),
            Self::To(error) => to(error),
            Self::End(end) => end,
        }
    }
}

impl Flow {
    pub(super) fn new(piece: Vec<u8>) -> Self {
        let bytes = piece.len() as u64;
        Self { state: State::Reading, piece, flood: false, bytes }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Moves until it would have to wait or others are to get their turn; how many reads and writes
    /// that were. `pass` says whether a piece may go out.
    pub(super) fn poll(
        &mut self,
        from: &mut Conn,
        to: &mut Conn,
        pass: &mut dyn FnMut(&[u8]) -> Result<bool, End>,
        cx: &mut Context<'_>,
    ) -> Result<u32, Fault> {
        for moved in 0..MOVES_IN_A_ROW {
            if self.poll_step(from, to, pass, cx)?.is_pending() {
                return Ok(moved);
            }
        }
        Ok(MOVES_IN_A_ROW)
    }

    /// One read, or one write.
    fn poll_step(
        &mut self,
        from: &mut Conn,
        to: &mut Conn,
        pass: &mut dyn FnMut(&[u8]) -> Result<bool, End>,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, Fault> {
        match self.state {
            State::Reading
                if !self.piece.is_empty() && pass(&self.piece).map_err(Fault::End)? =>
            {
                to.begin_write(std::mem::take(&mut self.piece)).map_err(Fault::To)?;
                self.state = State::Writing;
            }
            State::Reading => {
                let want = if self.flood { FLOOD_READ_BYTES } else { READ_BYTES };
                let Poll::Ready(read) = from.poll_read(cx, &mut self.piece, want, !self.flood)
                else {
                    return Ok(Poll::Pending);
                };
                let read = read.map_err(Fault::From)?;
                self.flood = read >= want;
                self.bytes += read as u64;
                if read == 0 {
                    to.begin_end().map_err(Fault::To)?;
                    self.state = State::Ending;
                }
            }
            State::Writing => {
                let Poll::Ready(written) = to.poll_written(cx) else { return Ok(Poll::Pending) };
                let buffer = written.map_err(Fault::To)?;
                if self.flood {
                    from.recycle(buffer);
                }
                self.state = State::Reading;
            }
            State::Ending => {
                let Poll::Ready(written) = to.poll_written(cx) else { return Ok(Poll::Pending) };
                written.map_err(Fault::To)?;
                to.shut();
                self.state = State::Over;
            }
            State::Over => return Ok(Poll::Pending),
        }
        Ok(Poll::Ready(()))
    }
}
