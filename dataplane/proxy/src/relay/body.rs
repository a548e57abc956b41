//! The body of an upstream's answer: its framing read, and rewritten where the agent's differs.

use penstock_http1::{ChunkError, ChunkLimits, Chunked, EventTooLarge, Framing};

/// Why an answer cannot be passed on, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the framing of its body: {0}")]
    Chunks(ChunkError),
    #[error("{0} (`limits.event_bytes`)")]
    Event(EventTooLarge),
    #[error("it has more bytes than the {0} that the agent's `forward_bytes` leaves")]
    Bytes(u64),
}

impl Fault {
    /// Whether the upstream is at fault, and not a limit of the agent's own.
    pub(super) fn is_the_upstreams(&self) -> bool {
        !matches!(self, Self::Bytes(_))
    }
}

/// Where a body is after a piece of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    More,
    End,
    /// At its end, with bytes behind it that belong to no answer.
    Surplus,
}

/// The upstream's framing of the body.
pub(super) struct Body {
    framing: Framing,
    left: u64,
    chunked: Chunked,
    /// The beginning of a trailer field whose end was not read yet: whether it may travel depends on
    /// its whole name.
    held: Vec<u8>,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        Self { framing, left, chunked: Chunked::new(ChunkLimits::default()), held: Vec::new() }
    }

    /// Whether the body could end here, as far as its framing goes.
    pub(super) fn between_chunks(&self) -> bool {
        self.framing != Framing::Chunked || self.chunked.between_chunks() && self.held.is_empty()
    }

    /// Whether only the connection's end tells the body's.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.framing == Framing::UntilClose
    }

    /// Turns what was read, `piece` from `at` on, into what is to be written in the framing `to`, in
    /// place where it can be; `scan` sees the data in it.
    pub(super) fn take(
        &mut self,
        piece: &mut Vec<u8>,
        at: usize,
        to: Framing,
        scan: &mut impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<State, Fault> {
        match self.framing {
            Framing::None => {
                let surplus = piece.len() > at;
                piece.truncate(at);
                Ok(if surplus { State::Surplus } else { State::End })
            }
            Framing::Length(_) => {
                let read = (piece.len() - at) as u64;
                let surplus = read > self.left;
                if surplus {
                    piece.truncate(at + usize::try_from(self.left).unwrap_or(usize::MAX));
                }
                self.left = self.left.saturating_sub(read);
                scan(&piece[at..])?;
                Ok(match self.left {
                    0 if surplus => State::Surplus,
                    0 => State::End,
                    _ => State::More,
                })
            }
            Framing::UntilClose => {
                scan(&piece[at..])?;
                if to == Framing::Chunked && piece.len() > at {
                    let size = format!("{:x}\r\n", piece.len() - at);
                    piece.splice(at..at, size.into_bytes());
                    piece.extend_from_slice(b"\r\n");
                }
                Ok(State::More)
            }
            Framing::Chunked => self.take_chunks(piece, at, to, scan),
        }
    }

    fn take_chunks(
        &mut self,
        piece: &mut Vec<u8>,
        at: usize,
        to: Framing,
        scan: &mut impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<State, Fault> {
        piece.splice(at..at, self.held.drain(..));
        let data_only = to != Framing::Chunked;
        let read = &piece[at..];
        let mut kept = Vec::new();
        // In the usual case every byte is kept and none is moved.
        let mut whole = 0;
        let mut fault = Ok(());
        let fed = self.chunked.feed(read, |part| {
            let bytes = part.span.of(read);
            if part.data && fault.is_ok() {
                fault = scan(bytes);
            }
            if data_only && !part.data {
                return;
            }
            if part.span.start as usize == whole && kept.is_empty() {
                whole = part.span.end as usize;
            } else {
                if kept.is_empty() {
                    kept.extend_from_slice(&read[..whole]);
                }
                kept.extend_from_slice(bytes);
            }
        });
        fault?;
        let fed = fed.map_err(Fault::Chunks)?;
        let surplus = fed.ended && fed.consumed < read.len();
        if !fed.ended {
            self.held.extend_from_slice(&read[fed.consumed..]);
        }
        if kept.is_empty() {
            piece.truncate(at + whole);
        } else {
            piece.truncate(at);
            piece.append(&mut kept);
        }
        Ok(match fed.ended {
            true if surplus => State::Surplus,
            true => State::End,
            false => State::More,
        })
    }
}
