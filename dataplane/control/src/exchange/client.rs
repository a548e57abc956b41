//! A legacy session on a connection: its GET stream, what it missed, and when it was last used.

use std::collections::HashSet;
use std::time::Instant;

use tokio::sync::mpsc;

use super::stream::{Kept, Replay, Stream};
use super::{Audience, Effects, Event, EventId, Exchange, Opened};
use crate::fault::Fault;

pub(crate) struct Client {
    pub(super) get: Option<u64>,
    pub(super) kept: Kept,
    pub(super) replay: Replay,
    /// Requests of the server's that this client was asked, by canonical id.
    pub(super) asked: HashSet<String>,
    pub(super) used: Instant,
}

impl Exchange {
    /// Adds a session.
    pub(crate) fn join(&mut self) -> u64 {
        let number = self.next_number();
        let client = Client {
            get: None,
            kept: Kept::default(),
            replay: Replay::default(),
            asked: HashSet::new(),
            used: Instant::now(),
        };
        self.clients.insert(number, client);
        number
    }

    /// Ends a session: its streams close, and a shared process is told to drop those of its requests that
    /// it was sent, but for an `initialize` that others wait for.
    pub(crate) fn leave(&mut self, client: u64) -> Effects {
        let mut effects = Effects::default();
        self.clients.remove(&client);
        self.streams.retain(|_, stream| stream.client != Some(client));
        let ids = self.ids(|pending| pending.client == Some(client));
        if self.audience == Audience::Many {
            let mut heard_of = Vec::new();
            for id in ids {
                if self.handshake.forget(id) {
                    self.pending.remove(&id);
                } else if !self.handshake.asks(id) {
                    heard_of.push(id);
                }
            }
            self.cancel(&heard_of, &mut effects);
        } else {
            self.pending.retain(|_, pending| pending.client != Some(client));
        }
        effects
    }

    /// Since when a session is unused; `None` while somebody waits on a stream of its own.
    pub(crate) fn unused_since(&self, client: u64) -> Option<Instant> {
        let waits = self
            .streams
            .values()
            .any(|stream| stream.client == Some(client) && stream.sender.is_some());
        let used = self.clients.get(&client)?.used;
        (!waits).then_some(used)
    }

    /// Opens a session's event stream, or resumes one after `last`.
    pub(crate) fn get(
        &mut self,
        client: u64,
        last: Option<EventId>,
    ) -> Result<(Opened, Effects), Fault> {
        let state = self.clients.get_mut(&client).ok_or(Fault::SessionUnknown)?;
        state.used = Instant::now();
        let missed = last.map(|last| state.replay.after(last)).unwrap_or_default();
        let ended = missed.iter().any(|event| event.last);
        let post = last.map(|last| last.stream).filter(|number| {
            Some(*number) != state.get
                && self.streams.get(number).is_some_and(|known| known.client == Some(client))
        });

        if let Some(number) = post {
            return Ok(self.take_over(number, missed, 0));
        }
        if ended {
            let opened = self.open_stream(Some(client), true, 0, missed.len());
            // Nothing comes after these: the stream closes once they are read.
            let sender = self.streams.remove(&opened.stream).and_then(|stream| stream.sender);
            let number = opened.stream;
            let to_clients = sender
                .into_iter()
                .flat_map(|sender| {
                    missed.iter().map(move |event| (number, sender.clone(), event.clone()))
                })
                .collect();
            return Ok((opened, Effects { to_clients, ..Effects::default() }));
        }
        // One number for all GETs of a session: an event's id means the same after any of them.
        let known = state.get;
        let number = match known {
            Some(open) if last.is_none() && !self.is_dead(open) => return Err(Fault::StreamOpen),
            Some(known) => known,
            None => self.open_stream(Some(client), true, 0, 0).stream,
        };
        let kept = self.clients.get_mut(&client).map(|state| {
            state.get = Some(number);
            state.kept.take()
        });
        let kept = kept.unwrap_or_default();
        let (opened, mut effects) = self.take_over(number, missed, kept.len());
        for data in kept {
            self.emit(number, Event::message(data), &mut effects);
        }
        Ok((opened, effects))
    }

    fn is_dead(&self, number: u64) -> bool {
        let sender = self.streams.get(&number).and_then(|stream| stream.sender.as_ref());
        sender.is_none_or(mpsc::Sender::is_closed)
    }

    /// What comes on a stream goes to a new connection, beginning with what it missed.
    fn take_over(&mut self, number: u64, missed: Vec<Event>, queued: usize) -> (Opened, Effects) {
        let (sender, events) = mpsc::channel(super::STREAM_QUEUE + missed.len() + queued);
        let to_clients = missed.into_iter().map(|event| (number, sender.clone(), event)).collect();
        if let Some(Stream { sender: old, .. }) = self.streams.get_mut(&number) {
            *old = Some(sender);
        }
        (Opened { stream: number, events }, Effects { to_clients, ..Effects::default() })
    }
}
