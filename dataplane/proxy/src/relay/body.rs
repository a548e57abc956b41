//! The body of an upstream's answer: its framing read, and rewritten where the agent's differs.

use penstock_http1::{ChunkError, ChunkLimits, Chunked, EventTooLarge, Framing};

use crate::guard::Stop;

/// Why an answer cannot be passed on, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the framing of its body: {0}")]
    Chunks(ChunkError),
    #[error("{0} (`limits.event_bytes`)")]
    Event(EventTooLarge),
    #[error("it has more bytes than the {0} that the agent's `forward_bytes` leaves")]
    Bytes(u64),
    #[error("it is blocked: {0}")]
    Stopped(Stop),
}

impl Fault {
    /// Whether the upstream is at fault, and not a limit of the agent's own, or what was found in its answer.
    pub(super) fn is_the_upstreams(&self) -> bool {
        !matches!(self, Self::Bytes(_) | Self::Stopped(_))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A body and what comes behind it, the framing that it has and that it gets, what is passed on and
    /// the data in it.
    type Case = (&'static str, &'static str, Framing, Framing, &'static str, &'static str);

    const CHUNKS: &str = "5\r\nhello\r\n6;x=1\r\n world\r\n0\r\n\r\n";
    const TRAILERS: &str = "2\r\nhi\r\n0\r\nX-Sum: 1\r\nHost: evil\r\nX-More: 2\r\n\r\n";

    const CASES: [Case; 7] = [
        (
            CHUNKS,
            "",
            Framing::Chunked,
            Framing::Chunked,
            "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            "hello world",
        ),
        (CHUNKS, "", Framing::Chunked, Framing::UntilClose, "hello world", "hello world"),
        (CHUNKS, "evil", Framing::Chunked, Framing::UntilClose, "hello world", "hello world"),
        (
            TRAILERS,
            "",
            Framing::Chunked,
            Framing::Chunked,
            "2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
            "hi",
        ),
        (TRAILERS, "evil", Framing::Chunked, Framing::UntilClose, "hi", "hi"),
        ("hello", "", Framing::Length(5), Framing::Length(5), "hello", "hello"),
        ("hello", "evil", Framing::Length(5), Framing::Length(5), "hello", "hello"),
    ];

    /// What comes of a body that is read in these pieces, the first behind a head.
    fn pass(from: Framing, to: Framing, pieces: &[&str]) -> (String, String, State) {
        const HEAD: &[u8] = b"the head";
        let mut body = Body::new(from);
        let (mut passed, mut data, mut at) = (Vec::new(), Vec::new(), HEAD.len());
        for read in pieces {
            let mut piece = [&HEAD[..at], read.as_bytes()].concat();
            let mut scan = |bytes: &[u8]| {
                data.extend_from_slice(bytes);
                Ok(())
            };
            let state = body.take(&mut piece, at, to, &mut scan).expect("a body");
            assert!(piece.starts_with(&HEAD[..at]));
            passed.extend_from_slice(&piece[at..]);
            at = 0;
            if state != State::More {
                let text = |bytes| String::from_utf8(bytes).expect("text");
                return (text(passed), text(data), state);
            }
        }
        panic!("{pieces:?} do not end")
    }

    #[test]
    fn a_body_is_the_same_however_it_is_read() {
        for (body, surplus, from, to, passed, data) in CASES {
            let all = format!("{body}{surplus}");
            for first in 0..=all.len() {
                let pieces = [&all[..first], &all[first..]];
                let read_to_its_end = surplus.is_empty() || first == body.len();
                let ended = if read_to_its_end { State::End } else { State::Surplus };
                let expected = (passed.into(), data.into(), ended);
                assert_eq!(pass(from, to, &pieces), expected, "{pieces:?}");
            }
            let bytes: Vec<&str> = (0..all.len()).map(|at| &all[at..=at]).collect();
            assert_eq!(pass(from, to, &bytes), (passed.into(), data.into(), State::End));
        }
    }

    #[test]
    fn a_body_that_ends_with_its_connection_becomes_chunks() {
        let mut body = Body::new(Framing::UntilClose);
        assert!(body.ends_with_connection() && body.between_chunks());
        for (read, passed) in [
            ("hello", "5\r\nhello\r\n"),
            ("", ""),
            ("0123456789abcdef", "10\r\n0123456789abcdef\r\n"),
        ] {
            let mut piece = read.as_bytes().to_vec();
            let state = body.take(&mut piece, 0, Framing::Chunked, &mut |_| Ok(()));
            assert_eq!(state.expect("a piece"), State::More);
            assert_eq!(piece, passed.as_bytes());
        }
        let mut piece = b"to HTTP/1.0".to_vec();
        let state = body.take(&mut piece, 0, Framing::UntilClose, &mut |_| Ok(()));
        assert_eq!((state.expect("a piece"), &*piece), (State::More, &b"to HTTP/1.0"[..]));
    }

    #[test]
    fn an_answer_without_a_body_has_none() {
        for (read, state) in [("", State::End), ("evil", State::Surplus)] {
            let mut piece = format!("head{read}").into_bytes();
            let taken =
                Body::new(Framing::None).take(&mut piece, 4, Framing::None, &mut |_| Ok(()));
            assert_eq!((taken.expect("no body"), &*piece), (state, &b"head"[..]));
        }
    }

    #[test]
    fn a_body_can_be_ended_between_chunks_and_nowhere_else() {
        let whole = "2\r\nhi\r\n3\r\nyou\r\n0\r\nX: 1";
        let between = [0, "2\r\nhi\r\n".len(), "2\r\nhi\r\n3\r\nyou\r\n".len()];
        for read in 0..=whole.len() {
            let mut body = Body::new(Framing::Chunked);
            let mut piece = whole.as_bytes()[..read].to_vec();
            let state = body.take(&mut piece, 0, Framing::Chunked, &mut |_| Ok(()));
            assert_eq!(state.expect("a part"), State::More);
            assert_eq!(body.between_chunks(), between.contains(&read), "after {read} bytes");
        }
    }

    #[test]
    fn what_the_scan_refuses_ends_the_body() {
        let refuse = &mut |_: &[u8]| Err(Fault::Bytes(1));
        for (from, read) in [
            (Framing::Chunked, "2\r\nhi\r\n"),
            (Framing::Length(2), "hi"),
            (Framing::UntilClose, "hi"),
        ] {
            let mut piece = read.as_bytes().to_vec();
            let taken = Body::new(from).take(&mut piece, 0, from, refuse);
            assert!(matches!(taken, Err(Fault::Bytes(1))), "{read}");
        }
    }
}
