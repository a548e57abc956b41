//! From clients to the server.

use std::time::Instant;

use super::handshake::Handshake;
use super::{Audience, Effects, Exchange, Opened, Outgoing, PENDING_MAX, Pending};
use crate::fault::Fault;
use crate::wire::{Kind, Message, canonical_id};

impl Exchange {
    /// Takes the messages of one POST. Where there is a request among them, its answer comes on the
    /// stream that is opened.
    pub(crate) fn post(
        &mut self,
        client: Option<u64>,
        messages: Vec<Message>,
        streams: bool,
    ) -> Result<(Option<Opened>, Effects), Fault> {
        if let Some(why) = &self.ended {
            return Err(Fault::Upstream(why.clone()));
        }
        if let Some(client) = client {
            self.clients.get_mut(&client).ok_or(Fault::SessionUnknown)?.used = Instant::now();
        }
        self.used = Instant::now();
        let requests = messages.iter().filter(|message| message.kind == Kind::Request).count();
        if self.pending.len() + requests > PENDING_MAX {
            let message = format!(
                "{} requests wait for this server already; wait for some of them",
                self.pending.len()
            );
            return Err(Fault::Busy { message, retry_after_s: 1 });
        }
        let opened = (requests > 0).then(|| self.open_stream(client, streams, requests, requests));
        let mut effects = Effects::default();
        for message in messages {
            match (message.kind, &opened) {
                (Kind::Request, Some(opened)) => {
                    self.ask(client, opened.stream, &message, &mut effects);
                }
                (Kind::Response, _) => self.reply(client, &message, &mut effects),
                _ => self.tell(client, &message, &mut effects),
            }
        }
        Ok((opened, effects))
    }

    fn ask(&mut self, client: Option<u64>, stream: u64, message: &Message, effects: &mut Effects) {
        let number = self.next_number();
        let pending = Pending {
            id: message.id_text().unwrap_or_default(),
            token: message.part(message.progress_token.as_ref()),
            client,
            stream,
            listens: message.is("subscriptions/listen"),
            cancelled: None,
        };
        if self.audience == Audience::Many && message.is("initialize") {
            match &mut self.handshake {
                Handshake::Done { answer, .. } => {
                    let data = answer.spliced([(answer.id.as_ref(), &pending.id)]);
                    self.answer(&pending, data, false, effects);
                    return;
                }
                Handshake::Asked { waiting, .. } => {
                    waiting.push(number);
                    self.pending.insert(number, pending);
                    return;
                }
                Handshake::Fresh => {
                    self.handshake = Handshake::Asked { id: number, waiting: Vec::new() };
                }
            }
        }
        let own = number.to_string();
        let text = message.spliced([
            (message.id.as_ref(), own.as_bytes()),
            (message.progress_token.as_ref(), own.as_bytes()),
        ]);
        self.pending.insert(number, pending);
        effects.to_server.push(Outgoing { id: Some(number), text });
    }

    fn tell(&mut self, client: Option<u64>, message: &Message, effects: &mut Effects) {
        if message.is("notifications/cancelled") {
            return self.tell_cancelled(client, message, effects);
        }
        let forward = match self.audience {
            Audience::Many if message.is("notifications/initialized") => self.handshake.confirm(),
            _ => true,
        };
        if forward {
            effects.to_server.push(Outgoing { id: None, text: message.text.clone() });
        }
    }

    /// A cancellation names the request by the client's id; the server knows it by ours.
    fn tell_cancelled(&mut self, client: Option<u64>, message: &Message, effects: &mut Effects) {
        let Some(raw) = message.part(message.request_id.as_ref()) else { return };
        let wanted = canonical_id(&raw);
        // A modern client cancels by closing its stream: its ids say nothing about whose they are.
        let Some(client) = client else { return };
        let found = self.pending.iter_mut().rev().find(|(_, pending)| {
            pending.client == Some(client) && canonical_id(&pending.id) == wanted
        });
        if let Some((id, pending)) = found {
            // It is not the client's to cancel (the specification says so), and others wait for it.
            if self.handshake.concerns(*id) {
                return;
            }
            pending.cancelled = Some(Instant::now());
            let own = id.to_string();
            let text = message.spliced([(message.request_id.as_ref(), own.as_bytes())]);
            effects.to_server.push(Outgoing { id: None, text });
        }
    }

    /// A response to a request of the server's; on a shared process only from who was asked.
    fn reply(&mut self, client: Option<u64>, message: &Message, effects: &mut Effects) {
        let asked = client.and_then(|client| self.clients.get_mut(&client)).is_some_and(|client| {
            client.asked.remove(&canonical_id(&message.id_text().unwrap_or_default()))
        });
        if asked {
            effects.to_server.push(Outgoing { id: None, text: message.text.clone() });
        } else {
            tracing::debug!(
                id = %String::from_utf8_lossy(&message.id_text().unwrap_or_default()),
                "a client answered a request that its server did not ask it; dropped"
            );
        }
    }
}
