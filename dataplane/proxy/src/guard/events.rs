//! An answer of events, each held until it has ended and was looked into.

use std::rc::Rc;
use std::sync::Arc;

use penstock_http1::{Event, parse_event};
use penstock_inspect::Side;
use penstock_mcp::{ErrorKind, Kind, Message, ScanLimits};

use super::lines::{lines, with_data, write_data};
use super::look::{Eyes, Looked, Place, Stop};
use super::{Guard, Holding};
use crate::downstream::Downstream;
use crate::respond::blocked;
use crate::shard::{Shard, View};

/// What is held of a stream, and whom it answers.
pub(crate) struct Watch {
    guard: Arc<Guard>,
    /// The request that the stream answers, as raw JSON.
    id: Option<Vec<u8>>,
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
        let id = down.message.reply_id().map(|id| id.of(down.body()).to_vec());
        let counted = Holding::new(shard);
        Self { guard: Arc::clone(guard), id, held: Vec::new(), counted, rest: None }
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
        let guard = Arc::clone(&self.guard);
        let eyes = Eyes::new(&guard, shard, view, Side::Response, down);
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
        let guard = Arc::clone(&self.guard);
        let eyes = Eyes::new(&guard, shard, view, Side::Response, down);
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
                if let Some(id) = &self.id {
                    let error = blocked(ErrorKind::AnswerBlocked, Some(id), &stop);
                    write_data(&error, b"\n", out);
                    out.push(b'\n');
                }
                left_out(&stop, eyes);
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

    /// What stands in the place of a message that does not pass: an error where it answers something.
    fn instead(&self, data: &[u8], stop: &Stop, eyes: &Eyes<'_>) -> Option<Vec<u8>> {
        let error = |id: &[u8]| blocked(ErrorKind::AnswerBlocked, Some(id), stop);
        let mut message = Message::new();
        let limits = eyes.view.world.limits();
        let limits = ScanLimits { depth: limits.json_depth, batch: limits.batch_messages };
        let errors: Vec<Vec<u8>> = if message.scan(data, &limits).is_ok() {
            let responses = message.envelopes().iter().filter(|one| one.kind == Kind::Response);
            // An id in which something is to be found is not said again.
            let clean = |id: &&[u8]| {
                let alone = [b"{\"id\":", *id, b"}"].concat();
                matches!(eyes.look(&alone, Place::Message, &mut |_| {}), Looked::Clean)
            };
            let of = |id: penstock_mcp::Span| Some(id.of(data)).filter(clean);
            let ids = responses.map(|one| one.id.and_then(of).or(self.id.as_deref()));
            ids.flatten().map(error).collect()
        } else {
            self.id.as_deref().map(error).into_iter().collect()
        };
        if errors.is_empty() {
            left_out(stop, eyes);
            return None;
        }
        if message.is_batch() {
            return Some([b"[", errors.join(&b","[..]).as_slice(), b"]"].concat());
        }
        errors.into_iter().next()
    }
}

fn left_out(stop: &Stop, eyes: &Eyes<'_>) {
    if !eyes.shard.evidence.take(eyes.shard.timers.now_ms()) {
        return;
    }
    tracing::warn!(
        target: "inspection",
        server = eyes.guard.server,
        agent = eyes.agent,
        why = %stop,
        "a message of a stream was left out; where it asked for something, the server gets no answer"
    );
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
