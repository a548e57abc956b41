//! An answer of events, each held until it has ended and was looked into.

use std::rc::Rc;
use std::sync::Arc;

use penstock_http1::{Event, parse_event};
use penstock_inspect::Side;
use penstock_mcp::{ErrorKind, Kind, Message, ScanLimits};

use super::asked::together;
use super::lines::{lines, with_data, write_data};
use super::look::{Eyes, Looked, Place, Stop};
use super::{Asked, Guard, Holding, Instead};
use crate::downstream::Downstream;
use crate::respond::blocked;
use crate::shard::{Shard, View};

/// What is held of a stream, and whom it answers.
pub(crate) struct Watch {
    guard: Arc<Guard>,
    /// The requests that the stream answers.
    asked: Asked,
    /// The tool that they call.
    calls: Option<Arc<str>>,
    /// The event under way.
    held: Vec<u8>,
    counted: Holding,
    /// What becomes of the rest of an event that is too long to be held.
    rest: Option<Rest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Passes,
    Drops,
}

impl Watch {
    pub(crate) fn new(guard: &Arc<Guard>, down: &Downstream, shard: &Rc<Shard>) -> Self {
        Self {
            guard: Arc::clone(guard),
            asked: Asked::of(down),
            calls: down.tool().map(Arc::from),
            held: Vec::new(),
            counted: Holding::new(shard),
            rest: None,
        }
    }

    /// Takes what came, of which events end at `ends`, and appends to `out` what may go to the agent.
    pub(crate) fn take(
        &mut self,
        came: &[u8],
        ends: &[usize],
        out: &mut Vec<u8>,
        shard: &Shard,
        view: &View,
        down: &Downstream,
    ) {
        let (guard, calls) = (Arc::clone(&self.guard), self.calls.clone());
        let eyes = Eyes::new(&guard, shard, view, Side::Response, down);
        let eyes = Eyes { calls: calls.as_deref(), ..eyes };
        let mut from = 0;
        for end in ends {
            let piece = came.get(from..*end).unwrap_or_default();
            from = *end;
            self.end(piece, out, &eyes);
        }
        self.hold(came.get(from..).unwrap_or_default(), out, &eyes);
    }

    /// The stream has ended, in the middle of an event or not. One that was cut off is none to most readers.
    pub(crate) fn finish(
        &mut self,
        out: &mut Vec<u8>,
        shard: &Shard,
        view: &View,
        down: &Downstream,
    ) {
        let (guard, calls) = (Arc::clone(&self.guard), self.calls.clone());
        let eyes = Eyes::new(&guard, shard, view, Side::Response, down);
        let eyes = Eyes { calls: calls.as_deref(), ..eyes };
        self.end(&[], out, &eyes);
    }

    /// The last piece of an event.
    fn end(&mut self, piece: &[u8], out: &mut Vec<u8>, eyes: &Eyes<'_>) {
        match self.rest.take() {
            Some(Rest::Passes) => out.extend_from_slice(piece),
            Some(Rest::Drops) => {}
            None if self.held.is_empty() => self.event(piece, out, eyes),
            None => {
                self.hold(piece, out, eyes);
                if self.rest.take().is_none() {
                    let held = std::mem::take(&mut self.held);
                    self.event(&held, out, eyes);
                }
                self.held = Vec::new();
                self.counted.set(0);
            }
        }
    }

    /// A piece of an event whose end has not come.
    fn hold(&mut self, piece: &[u8], out: &mut Vec<u8>, eyes: &Eyes<'_>) {
        match self.rest {
            Some(Rest::Passes) => return out.extend_from_slice(piece),
            Some(Rest::Drops) => return,
            None => {}
        }
        let bytes = self.held.len() + piece.len();
        let stop = if bytes > self.guard.message_bytes {
            eyes.too_long(bytes as u64)
        } else if self.counted.set(bytes) {
            return self.held.extend_from_slice(piece);
        } else {
            Some(eyes.stop(Stop::because("too much is held at once to be looked into")))
        };
        let held = std::mem::take(&mut self.held);
        self.counted.set(0);
        match stop {
            None => {
                out.extend_from_slice(&held);
                out.extend_from_slice(piece);
                self.rest = Some(Rest::Passes);
            }
            Some(stop) => {
                // Whether it was the answer nobody has read, and the agent must not wait for what never comes.
                let error = self.asked.answer(ErrorKind::AnswerBlocked, &stop);
                if let Some(error) = told(error, &stop, eyes) {
                    write_data(&error, b"\n", out);
                    out.push(b'\n');
                }
                self.rest = Some(Rest::Drops);
            }
        }
    }

    /// A whole event.
    fn event(&self, raw: &[u8], out: &mut Vec<u8>, eyes: &Eyes<'_>) {
        if raw.is_empty() {
            return;
        }
        let event = parse_event(raw);
        if let Some(stop) = look_beside(raw, eyes) {
            // Nothing of it passes.
            if let Some(error) = self.instead(&data_of(&event, raw), &stop, eyes) {
                write_data(&error, b"\n", out);
                out.push(b'\n');
            }
            return;
        }
        let joined;
        let data = match event.data.len() {
            0 => return out.extend_from_slice(raw),
            1 => event.data.iter().next().map(|line| line.of(raw)).unwrap_or_default(),
            _ => {
                joined = data_of(&event, raw);
                &joined
            }
        };
        if data.is_empty() {
            return out.extend_from_slice(raw);
        }
        match look_at(data, event.data.len(), eyes) {
            Looked::Clean => out.extend_from_slice(raw),
            Looked::Changed(data) => with_data(raw, Some(&data), out),
            Looked::Stopped(stop) => match self.instead(data, &stop, eyes) {
                Some(error) => with_data(raw, Some(&error), out),
                // Its id still says from where on the stream can be resumed.
                None if event.id.is_some() => with_data(raw, None, out),
                None => {}
            },
        }
    }

    /// What stands in the place of a message that does not pass, where somebody waits for something: of an answer an
    /// error, of a request of the server's another request, [`UNKNOWN`] to every agent.
    fn instead(&self, data: &[u8], stop: &Stop, eyes: &Eyes<'_>) -> Option<Vec<u8>> {
        const KIND: ErrorKind = ErrorKind::AnswerBlocked;
        let mut message = Message::new();
        let limits = eyes.view.world.limits();
        let limits = ScanLimits { depth: limits.json_depth, batch: limits.batch_messages };
        if message.scan(data, &limits).is_err() {
            return told(self.asked.answer(KIND, stop), stop, eyes);
        }
        let mut messages = Vec::new();
        for one in message.envelopes() {
            let id = one.id.map(|id| id.of(data)).filter(|id| eyes.may_say(id));
            match (one.kind, id) {
                (Kind::Response, Some(id)) => messages.push(blocked(KIND, Some(id), stop)),
                (Kind::Response, None) => messages.extend(self.asked.errors(KIND, stop)),
                (Kind::Request, Some(id)) => messages.push(unknown(id)),
                (Kind::Request, None) | (Kind::Notification, _) => {}
            }
        }
        told(together(&messages, message.is_batch()), stop, eyes)
    }
}

/// A method that no agent has: what a server asks under it is answered by an error, `Method not found`.
const UNKNOWN: &str = "penstock/blocked";

/// A request of the server's of whose own nothing is left but the id. The agent answers that it does not know what is
/// asked, so that the server does not wait.
fn unknown(id: &[u8]) -> Vec<u8> {
    let method = format!(r#","method":"{UNKNOWN}"}}"#);
    [br#"{"jsonrpc":"2.0","id":"#, id, method.as_bytes()].concat()
}

/// Tells of a message that does not pass, with what stands in its place.
fn told(instead: Option<Vec<u8>>, stop: &Stop, eyes: &Eyes<'_>) -> Option<Vec<u8>> {
    let named = if instead.is_some() { Instead::Error } else { Instead::Nothing };
    eyes.tell_blocked(stop, named);
    instead
}

fn data_of(event: &Event, raw: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    event.data_bytes(raw, &mut data);
    data
}

/// Looks into an event's data, which came in so many lines.
fn look_at(data: &[u8], lines: usize, eyes: &Eyes<'_>) -> Looked {
    let looked = eyes.look(data, Place::Body { json: true }, &mut |_| {});
    let passes = match &looked {
        _ if lines < 2 => return looked,
        Looked::Clean => data,
        Looked::Changed(data) => data,
        Looked::Stopped(_) => return looked,
    };
    // Some readers join lines by nothing.
    let joined: Vec<u8> = passes.iter().copied().filter(|byte| *byte != b'\n').collect();
    match eyes.look(&joined, Place::Event, &mut |_| {}) {
        Looked::Stopped(stop) => Looked::Stopped(stop),
        Looked::Clean | Looked::Changed(_) => looked,
    }
}

/// Looks into all of an event but its data.
fn look_beside(raw: &[u8], eyes: &Eyes<'_>) -> Option<Stop> {
    let mut beside = Vec::new();
    for line in lines(raw) {
        let plain = matches!(line.text, b"" | b"event: message" | b"event:message");
        if !plain && !line.is_data() {
            beside.extend_from_slice(line.text);
            beside.push(b'\n');
        }
    }
    if beside.is_empty() {
        return None;
    }
    match eyes.look(&beside, Place::Event, &mut |_| {}) {
        Looked::Stopped(stop) => Some(stop),
        Looked::Clean | Looked::Changed(_) => None,
    }
}
