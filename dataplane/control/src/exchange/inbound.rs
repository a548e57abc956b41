//! From the server to clients.

use bytes::Bytes;

use super::handshake::Handshake;
use super::{Audience, Effects, Event, Exchange, Outgoing, TOKENS_KEPT, Token};
use crate::fault::error_json;
use crate::wire::{Kind, Message, canonical_id, own_number};

/// Requests of the server's that one client may have open.
const ASKED_MAX: usize = 256;

impl Exchange {
    /// Takes a message of the server's.
    pub(crate) fn receive(&mut self, message: &Message) -> Effects {
        let mut effects = Effects::default();
        match message.kind {
            Kind::Response => self.response(message, &mut effects),
            Kind::Notification => self.notification(message, &mut effects),
            Kind::Request => self.request(message, &mut effects),
        }
        effects
    }

    fn response(&mut self, message: &Message, effects: &mut Effects) {
        let Some(id) = message.id_text().as_deref().and_then(own_number) else { return };
        if self.handshake.asks(id) {
            self.shake(id, message, effects);
        } else {
            self.resolve(id, message, effects);
        }
    }

    fn resolve(&mut self, id: u64, message: &Message, effects: &mut Effects) {
        let Some(pending) = self.pending.remove(&id) else {
            tracing::debug!(id, "the server answered a request that nobody waits for; dropped");
            return;
        };
        if let Some(raw) = pending.token.clone() {
            self.tokens.insert(id, Token { raw, client: pending.client });
            if self.tokens.len() > TOKENS_KEPT {
                self.tokens.pop_first();
            }
        }
        let subscription = message.subscription.as_ref().filter(|_| pending.listens);
        let data =
            message.spliced([(message.id.as_ref(), &pending.id), (subscription, &pending.id)]);
        self.answer(&pending, data, message.failed, effects);
    }

    /// The answer to a shared `initialize` goes to all who asked; a refused one is asked again by
    /// the next.
    fn shake(&mut self, id: u64, message: &Message, effects: &mut Effects) {
        let next = if message.failed {
            Handshake::Fresh
        } else {
            Handshake::Done { answer: message.clone(), confirmed: false }
        };
        let Handshake::Asked { waiting, .. } = std::mem::replace(&mut self.handshake, next) else {
            return;
        };
        for id in std::iter::once(id).chain(waiting) {
            self.resolve(id, message, effects);
        }
    }

    fn notification(&mut self, message: &Message, effects: &mut Effects) {
        if message.is("notifications/progress") && message.progress_token.is_some() {
            return self.progress(message, effects);
        }
        if self.audience == Audience::Modern {
            return self.modern_notification(message, effects);
        }
        let clients: Vec<u64> = self.clients.keys().copied().collect();
        for client in clients {
            self.send(client, message.text.clone(), effects);
        }
    }

    fn progress(&mut self, message: &Message, effects: &mut Effects) {
        let token = message.progress_token.as_ref();
        let id = message.part(token).as_deref().and_then(own_number);
        if let Some(pending) = id.and_then(|id| self.pending.get(&id)) {
            let Some(raw) = &pending.token else { return };
            let data = message.spliced([(token, raw)]);
            let stream = pending.stream;
            if self.streams.get(&stream).is_some_and(|stream| stream.streams) {
                self.emit(stream, Event::message(data), effects);
            }
        } else if let Some(known) = id.and_then(|id| self.tokens.get(&id)) {
            let data = message.spliced([(token, &known.raw)]);
            if let Some(client) = known.client {
                self.send(client, data, effects);
            }
        }
    }

    /// Modern notifications name their subscription. One that names none may be about any request that
    /// this process has had, whosever that was, and so is for nobody.
    fn modern_notification(&mut self, message: &Message, effects: &mut Effects) {
        if message.is("notifications/cancelled") {
            if let Some(pending) = self
                .pending_of(message, message.request_id.as_ref())
                .and_then(|id| self.pending.remove(&id))
            {
                self.streams.remove(&pending.stream);
            }
            return;
        }
        let subscription = message.subscription.as_ref();
        let id = self.pending_of(message, subscription);
        let Some(pending) = id.and_then(|id| self.pending.get(&id)) else {
            tracing::debug!(method = ?message.method, "a notification for no request; dropped");
            return;
        };
        let data = message.spliced([(subscription, &pending.id)]);
        let stream = pending.stream;
        if self.streams.get(&stream).is_some_and(|stream| stream.streams) {
            self.emit(stream, Event::message(data), effects);
        }
    }

    /// A request of the server's needs one client that it can be meant for.
    fn request(&mut self, message: &Message, effects: &mut Effects) {
        let id = message.id_text().unwrap_or_default();
        let only = match (self.audience, self.clients.len(), self.clients.first_key_value()) {
            (Audience::Modern, ..) => None,
            (_, 1, Some((&client, _))) => Some(client),
            _ => None,
        };
        if let Some(client) = only {
            let asked = self.clients.get_mut(&client).map(|client| &mut client.asked);
            if asked.is_some_and(|asked| {
                asked.len() < ASKED_MAX && {
                    asked.insert(canonical_id(&id));
                    true
                }
            }) {
                return self.send(client, message.text.clone(), effects);
            }
        }
        let text = if message.is("ping") {
            [br#"{"jsonrpc":"2.0","id":"#, &*id, br#","result":{}}"#].concat().into()
        } else {
            let what = "this server's process serves several clients, or ones that take no requests; set `process: session` to give each its own";
            error_json(Some(&id), -32601, what)
        };
        effects.to_server.push(Outgoing { id: None, text });
    }

    /// Sends what belongs to no request of a client's: on its GET stream, else beside the oldest
    /// answer that it reads, else later.
    fn send(&mut self, client: u64, data: Bytes, effects: &mut Effects) {
        let Some(state) = self.clients.get_mut(&client) else { return };
        let reads = |number: u64| {
            self.streams.get(&number).is_some_and(|s| s.streams && s.sender.is_some())
        };
        let stream = state.get.filter(|&number| reads(number)).or_else(|| {
            self.pending
                .values()
                .filter(|pending| pending.client == Some(client))
                .map(|pending| pending.stream)
                .find(|&number| reads(number))
        });
        if let Some(stream) = stream {
            return self.emit(stream, Event::message(data), effects);
        }
        let dropped = state.kept.push(data);
        if dropped > 0 {
            tracing::warn!(dropped, "a client opens no event stream; its oldest messages are lost");
        }
    }
}
