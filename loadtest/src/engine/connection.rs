//! A connection and the call on it.

use std::io;
use std::ops::Range;

use penstock_http1::Verb;

use super::answer::{Heads, KEPT_BYTES, Keep, Listener, Reader};
use super::failure::Fault;
use super::request::Id;
use super::schedule::Due;
use super::session::Turn;
use super::transport::Transport;
use crate::report::model::ErrorKind;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There is none; another is made at this time.
    Down {
        until: u64,
    },
    /// It is being made, and given up at this time.
    Connecting {
        deadline: u64,
    },
    Idle,
    /// It carries a call.
    Busy,
    /// A place beside the carriers that nobody has.
    Free,
}

/// Room for what is missing of an answer, at least; and at most, where little of it has come. What
/// a head claims is no reason for memory, what has come is.
const ROOM_BYTES_MIN: usize = 4 << 10;
const ROOM_BYTES_FIRST: usize = 16 << 10;

pub(super) struct Connection {
    pub(super) state: State,
    pub(super) transport: Option<Transport>,
    /// Of this place: an event of a connection that was here before is told by it.
    pub(super) generation: u32,
    /// Whether the kernel is asked when it can be written to.
    pub(super) writable_asked: bool,
    pub(super) flight: Option<Flight>,
    /// Times that it had to be made since the last whole answer.
    pub(super) attempts: u32,
    reader: Reader,
    /// What came and cannot be used before more comes: the first `held_bytes` of the buffer.
    held: Vec<u8>,
    held_bytes: usize,
    /// Of the last read, with what was held before it.
    input_bytes: usize,
    /// What could not be sent at once, from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
    /// Bytes that were sent and not asked for.
    sent_bytes: u64,
}

/// A request that is on its way.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub(super) purpose: Purpose,
    pub(super) id: Id,
    /// When it was due, or in a closed loop sent, and which step it counts in.
    pub(super) due: Due,
    pub(super) deadline: u64,
    pub(super) turn: Option<Turn>,
    /// Bytes of its answer so far.
    pub(super) received: u64,
    /// Of its answer, once the head has come.
    pub(super) status: u16,
    /// What came of it, once that is known, and when; the end of the answer may follow later.
    pub(super) outcome: Option<(Result<(), Fault>, u64)>,
    /// The start of what was said that was wrong, for the example.
    pub(super) said: Vec<u8>,
    /// What the answer to `initialize` said.
    pub(super) opened: Option<Box<Opened>>,
}

impl Flight {
    /// When it is over although nothing comes: a stream that is open was held, all else failed.
    pub(super) fn ends(&self) -> u64 {
        match self.purpose {
            Purpose::Stream { open: Some(open), .. } => open.until,
            _ => self.deadline,
        }
    }
}

/// A session as the server gave it.
#[derive(Debug, Clone, Default)]
pub(super) struct Opened {
    pub(super) id: Option<Vec<u8>>,
    pub(super) revision: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A call of this template.
    Call {
        template: usize,
    },
    /// `initialize` of the mix: another session for this place.
    Replace {
        template: usize,
        slot: usize,
    },
    /// A stream, and what is known of it once it is open.
    Stream {
        template: usize,
        open: Option<Open>,
    },
    /// `initialize` of the engine's own.
    Open {
        slot: usize,
    },
    Announce(Turn),
    /// `initialize` of the mix that nobody waits for any longer: its session is ended.
    Abandoned {
        slot: usize,
    },
    End,
    /// An answer to what the server asked.
    Reply,
}

impl Purpose {
    /// Of a call of the plan.
    pub(super) fn template(self) -> Option<usize> {
        match self {
            Self::Call { template }
            | Self::Replace { template, .. }
            | Self::Stream { template, .. } => Some(template),
            Self::Open { .. }
            | Self::Announce(_)
            | Self::Abandoned { .. }
            | Self::End
            | Self::Reply => None,
        }
    }
}

/// A stream that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    /// When it was.
    pub(super) at: u64,
    /// When it is to be closed.
    pub(super) until: u64,
}

/// What a read came to.
#[derive(Debug)]
pub(super) enum Heard {
    /// Not the whole answer yet.
    More,
    Ended(Keep),
    Broken(Fault),
}

impl Connection {
    pub(super) fn new(state: State) -> Self {
        Self {
            state,
            transport: None,
            generation: 0,
            writable_asked: false,
            flight: None,
            attempts: 0,
            reader: Reader::default(),
            held: Vec::new(),
            held_bytes: 0,
            input_bytes: 0,
            unsent: Vec::new(),
            sent: 0,
            sent_bytes: 0,
        }
    }

    /// When it has to be looked at although nothing comes.
    pub(super) fn looked_at(&self) -> Option<u64> {
        match self.state {
            State::Down { until } => Some(until),
            State::Connecting { deadline } => Some(deadline),
            State::Busy => self.flight.as_ref().map(Flight::ends),
            State::Idle | State::Free => None,
        }
    }

    /// Gives up the connection and what was under way on it, but for the call.
    pub(super) fn close(&mut self) {
        self.transport = None;
        self.generation = self.generation.wrapping_add(1);
        self.writable_asked = false;
        self.reader.reset();
        self.give_back();
        self.unsent = Vec::new();
        self.sent = 0;
    }

    /// Gives back what is kept for the next answer; none is under way.
    pub(super) fn give_back(&mut self) {
        self.reader.give_back();
        self.held = Vec::new();
        self.held_bytes = 0;
    }

    /// Whether anything of the answer under way has come.
    pub(super) fn answer_begun(&self) -> bool {
        self.reader.begun() || self.held_bytes > 0
    }

    /// Whether all of the request is out. Another one behind a part of it would be read as the rest.
    pub(super) fn all_sent(&self) -> bool {
        self.unsent.is_empty() && !self.transport.as_ref().is_some_and(Transport::unsent)
    }

    /// How many bytes were sent since this was last asked.
    pub(super) fn take_sent_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.sent_bytes)
    }

    /// Memory that the answer under way takes, or the last one has left for the next.
    pub(super) fn kept_bytes(&self) -> usize {
        self.held.capacity() + self.reader.kept_bytes()
    }

    /// What was read last, with what was held before it.
    pub(super) fn last_input<'a>(&'a self, scratch: &'a [u8]) -> &'a [u8] {
        let input = if self.held_bytes == 0 { scratch } else { &self.held };
        input.get(..self.input_bytes).unwrap_or_default()
    }

    /// Sends a request, as much of it as goes now; whether that is all.
    #[inline]
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<bool> {
        let Some(transport) = &mut self.transport else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let sent = match transport.write(request) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.sent_bytes += sent as u64;
        if sent < request.len() {
            self.unsent.clear();
            self.unsent.extend_from_slice(request.get(sent..).unwrap_or_default());
            self.sent = 0;
            return Ok(false);
        }
        Ok(!transport.unsent())
    }

    /// Sends more of what could not be sent at once; whether that is all.
    pub(super) fn send_rest(&mut self) -> io::Result<bool> {
        let Some(transport) = &mut self.transport else { return Ok(true) };
        while let Some(rest) = self.unsent.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match transport.write(rest) {
                Ok(sent) => {
                    self.sent += sent;
                    self.sent_bytes += sent as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.unsent = Vec::new();
        self.sent = 0;
        transport.flush()
    }

    /// Reads what has come of the answer. `scratch` is where it goes if nothing has to be kept,
    /// which is the rule: a whole answer at once. The second value is how many bytes came.
    ///
    /// It reads from the socket once, so that a server that sends without end keeps nobody from
    /// looking at the time; the kernel tells again of what is left.
    #[inline]
    pub(super) fn hear(
        &mut self,
        verb: Verb,
        scratch: &mut [u8],
        heads: &mut Heads,
        listener: &mut impl Listener,
    ) -> (Heard, u64) {
        let (mut received, mut again) = (0, false);
        loop {
            let Some(transport) = &mut self.transport else { return (Heard::More, received) };
            let held = self.held_bytes;
            let room = if held == 0 {
                &mut *scratch
            } else {
                self.held.get_mut(held..).unwrap_or_default()
            };
            let came = if again { transport.read_decrypted(room) } else { transport.read(room) };
            again = true;
            let (read, closed) = match came {
                Ok(read) => (read, read == 0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return (Heard::More, received);
                }
                Err(error) => {
                    let doing =
                        if self.answer_begun() { "within the answer" } else { "before the answer" };
                    let fault = Fault::io(ErrorKind::Disconnected, doing, &error);
                    return (Heard::Broken(fault), received);
                }
            };
            received += read as u64;
            let full = read == room.len();
            let input = if held == 0 { scratch.get(..read) } else { self.held.get(..held + read) };
            let input = input.unwrap_or_default();
            self.input_bytes = input.len();
            let fed = match self.reader.feed(input, closed, verb, heads, listener) {
                Ok(fed) => fed,
                Err(fault) => return (Heard::Broken(fault), received),
            };
            if let Some(keep) = fed.ended {
                self.release();
                return (Heard::Ended(keep), received);
            }
            let input_bytes = input.len();
            self.keep(scratch, held > 0, fed.consumed..input_bytes, fed.missing);
            if !full {
                return (Heard::More, received);
            }
        }
    }

    /// Keeps what could not be used yet, with room for some of what is missing: as much as has come.
    fn keep(&mut self, scratch: &[u8], is_held: bool, range: Range<usize>, missing: usize) {
        let left = range.len();
        if left == 0 {
            return self.release();
        }
        let missing = missing.clamp(ROOM_BYTES_MIN, left.max(ROOM_BYTES_FIRST));
        if self.held.len() < left + missing {
            self.held.resize(left + missing, 0);
        }
        if is_held {
            self.held.copy_within(range, 0);
        } else if let (Some(room), Some(rest)) = (self.held.get_mut(..left), scratch.get(range)) {
            room.copy_from_slice(rest);
        }
        self.held_bytes = left;
    }

    /// Nothing has to be kept; memory that one large answer took is given back.
    fn release(&mut self) {
        self.held_bytes = 0;
        if self.held.len() > KEPT_BYTES {
            self.held = Vec::new();
        }
    }
}
