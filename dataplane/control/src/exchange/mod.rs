//! Who waits for what on one connection to a server that speaks line by line: the core that stdio
//! and HTTP+SSE bridges share. It does no I/O; it turns a message into [`Effects`].
//!
//! Every request gets a number of penstock's own as its id and progress token, and its response the
//! client's back, so that clients sharing a process cannot collide and one client may use an id twice.

mod client;
mod handshake;
mod inbound;
mod outbound;
mod stream;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::fault::{Fault, error_json};
use crate::wire::{Message, own_number};
use client::Client;
pub(crate) use handshake::HANDSHAKE_MAX;
use handshake::Handshake;
pub(crate) use stream::{Event, EventId};
use stream::{STREAM_QUEUE, Stream};

/// Requests that one connection's clients may have under way.
pub(crate) const PENDING_MAX: usize = 1024;
/// Progress tokens remembered after their request was answered; a task reports beyond its answer.
const TOKENS_KEPT: usize = 256;
/// How long a cancelled request may still be answered before its stream is closed.
pub(crate) const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// JSON-RPC's code for a request cancelled by its client, as the language server protocol has it.
const CANCELLED: i32 = -32800;

/// Who is on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// One legacy session: all that the server says is for it.
    One,
    /// Several legacy sessions.
    Many,
    /// Modern requests, each for itself.
    Modern,
}

/// What is to be done after a change.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) to_server: Vec<Outgoing>,
    pub(crate) to_clients: Vec<(u64, mpsc::Sender<Event>, Event)>,
}

/// A message for the server; `id` is the request's number, where it is one.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) id: Option<u64>,
    pub(crate) text: Bytes,
}

/// An opened stream.
pub(crate) struct Opened {
    pub(crate) stream: u64,
    pub(crate) events: mpsc::Receiver<Event>,
}

struct Pending {
    /// The client's id and token, raw.
    id: Bytes,
    token: Option<Bytes>,
    client: Option<u64>,
    stream: u64,
    listens: bool,
    cancelled: Option<Instant>,
}

struct Token {
    raw: Bytes,
    client: Option<u64>,
}

pub(crate) struct Exchange {
    audience: Audience,
    numbers: u64,
    clients: BTreeMap<u64, Client>,
    streams: BTreeMap<u64, Stream>,
    pending: BTreeMap<u64, Pending>,
    tokens: BTreeMap<u64, Token>,
    handshake: Handshake,
    used: Instant,
    ended: Option<String>,
}

impl Exchange {
    pub(crate) fn new(audience: Audience) -> Self {
        Self {
            audience,
            numbers: 0,
            clients: BTreeMap::new(),
            streams: BTreeMap::new(),
            pending: BTreeMap::new(),
            tokens: BTreeMap::new(),
            handshake: Handshake::default(),
            used: Instant::now(),
            ended: None,
        }
    }

    /// Why the connection is over, once it is.
    pub(crate) fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    pub(crate) fn is_unused(&self) -> bool {
        self.clients.is_empty() && self.pending.is_empty()
    }

    /// Whether `initialize` was never answered.
    pub(crate) fn hangs(&self, now: Instant) -> bool {
        self.handshake.is_overdue(now)
    }

    /// When a message last passed.
    pub(crate) fn used(&self) -> Instant {
        self.used
    }

    /// Answers a request whose message could not be handed to the server.
    pub(crate) fn refuse(&mut self, id: u64, why: &str) -> Effects {
        let mut effects = Effects::default();
        let mut ids = vec![id];
        if self.handshake.asks(id)
            && let Handshake::Asked { waiting, .. } = std::mem::take(&mut self.handshake)
        {
            ids.extend(waiting);
        }
        for id in ids {
            if let Some(pending) = self.pending.remove(&id) {
                let error = Fault::Upstream(why.into()).json(Some(&pending.id));
                self.answer(&pending, error, true, &mut effects);
            }
        }
        effects
    }

    /// The connection is over: every pending request is answered with why, every stream ends.
    pub(crate) fn end(&mut self, why: &str) -> Effects {
        let mut effects = Effects::default();
        if self.ended.is_some() {
            return effects;
        }
        while let Some((_, pending)) = self.pending.pop_first() {
            let error = Fault::Upstream(why.into()).json(Some(&pending.id));
            self.answer(&pending, error, true, &mut effects);
        }
        self.ended = Some(why.into());
        self.streams.clear();
        self.clients.clear();
        effects
    }

    /// Ends event streams that no request waits on: what a drain closes at once.
    pub(crate) fn end_gets(&mut self) {
        for client in self.clients.values_mut() {
            if let Some(stream) = client.get.take() {
                self.streams.remove(&stream);
            }
        }
    }

    /// Closes the streams of requests that were cancelled and stayed unanswered.
    pub(crate) fn sweep(&mut self, now: Instant) -> Effects {
        let mut effects = Effects::default();
        let overdue: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, pending)| {
                pending.cancelled.is_some_and(|at| now.duration_since(at) >= CANCEL_GRACE)
            })
            .map(|(&id, _)| id)
            .collect();
        for id in overdue {
            if let Some(pending) = self.pending.remove(&id) {
                let message = "the request was cancelled by its client";
                let error = error_json(Some(&pending.id), CANCELLED, message);
                self.answer(&pending, error, true, &mut effects);
            }
        }
        effects
    }

    /// The client of a stream is gone. A modern one has thereby cancelled; a legacy one may resume.
    pub(crate) fn gone(&mut self, stream: u64) -> Effects {
        let mut effects = Effects::default();
        let Some(known) = self.streams.get_mut(&stream) else { return effects };
        match known.client {
            None => {
                self.streams.remove(&stream);
                let ids: Vec<u64> = self.ids(|pending| pending.stream == stream);
                self.cancel(&ids, &mut effects);
            }
            Some(client) => {
                // A newer connection may have taken the stream over; it closed ours by doing so.
                if known.sender.as_ref().is_none_or(mpsc::Sender::is_closed) {
                    known.sender = None;
                    if let Some(client) = self.clients.get_mut(&client) {
                        client.used = Instant::now();
                    }
                }
            }
        }
        effects
    }

    /// Closes a stream that its client does not read; the client is then [`gone`](Self::gone).
    pub(crate) fn abandon(&mut self, stream: u64) {
        if let Some(known) = self.streams.get_mut(&stream) {
            known.sender = None;
        }
    }

    fn ids(&self, wanted: impl Fn(&Pending) -> bool) -> Vec<u64> {
        self.pending.iter().filter(|(_, pending)| wanted(pending)).map(|(&id, _)| id).collect()
    }

    /// Forgets requests and tells the server so.
    fn cancel(&mut self, ids: &[u64], effects: &mut Effects) {
        for &id in ids {
            self.pending.remove(&id);
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the client disconnected"}}}}"#
            );
            effects.to_server.push(Outgoing { id: None, text: text.into() });
        }
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Sends a request's response on its stream, which it may end.
    fn answer(&mut self, pending: &Pending, data: Bytes, failed: bool, effects: &mut Effects) {
        let Some(stream) = self.streams.get_mut(&pending.stream) else { return };
        stream.open = stream.open.saturating_sub(1);
        let last = stream.open == 0;
        let cancelled = pending.cancelled.is_some();
        let event = Event { last, failed, cancelled, ..Event::message(data) };
        self.emit(pending.stream, event, effects);
        if last {
            self.streams.remove(&pending.stream);
        }
    }

    /// Sends what has no id yet.
    fn emit(&mut self, number: u64, event: Event, effects: &mut Effects) {
        self.used = Instant::now();
        let Some(stream) = self.streams.get_mut(&number) else { return };
        let client = stream.client.and_then(|client| self.clients.get_mut(&client));
        let id = client.is_some().then(|| EventId { stream: number, number: stream.next_event() });
        let event = Event { id, ..event };
        if let Some(client) = client {
            client.used = Instant::now();
            if stream.streams {
                client.replay.push(event.clone());
            }
        }
        if let Some(sender) = &stream.sender {
            effects.to_clients.push((number, sender.clone(), event));
        }
    }

    fn open_stream(
        &mut self,
        client: Option<u64>,
        streams: bool,
        open: usize,
        queued: usize,
    ) -> Opened {
        let stream = self.next_number();
        let (sender, events) = mpsc::channel(STREAM_QUEUE + queued);
        self.streams.insert(stream, Stream::new(client, sender, streams, open));
        Opened { stream, events }
    }

    fn pending_of(&self, message: &Message, part: Option<&std::ops::Range<usize>>) -> Option<u64> {
        let id = own_number(&message.part(part)?)?;
        self.pending.contains_key(&id).then_some(id)
    }
}
