//! A live connection to one server: the exchange, and the tasks that move its messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::timeout;

use crate::exchange::{Audience, Effects, Event, Exchange, Outgoing};
use crate::wire::{Kind, Message, Messages};

/// How long a client may leave a full queue unread before its stream is closed. Its server is not
/// read in the meantime.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The same on a connection that several clients share: it is their time, too, and waits for one
/// stream after the other add up.
pub(crate) const SHARED_STALL_TIMEOUT: Duration = Duration::from_millis(250);
/// Messages that wait for the server to read.
pub(crate) const OUTGOING_QUEUE: usize = 64;
/// Messages of the server's that wait for the exchange.
pub(crate) const INCOMING_QUEUE: usize = 16;
/// Messages in one batch of a server's.
const SERVER_BATCH_MAX: usize = 1024;

/// What a transport says.
pub(crate) enum Incoming {
    /// A line or event.
    Text(Bytes),
    /// A message of ours that the server did not take.
    Refused { id: u64, why: String },
    /// The end, and why.
    Ended(String),
}

/// A transport, seen from the exchange. Dropping `closer` ends it.
pub(crate) struct Duplex {
    pub(crate) outgoing: mpsc::Sender<Outgoing>,
    pub(crate) incoming: mpsc::Receiver<Incoming>,
    pub(crate) closer: Closer,
    /// A place among those that may be open, where the transport does not hold it itself.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// Ends a transport when it is dropped or told to.
#[derive(Clone)]
pub(crate) struct Closer(watch::Sender<bool>);

impl Closer {
    pub(crate) fn new() -> (Self, Closing) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Closing(receiver))
    }

    pub(crate) fn close(&self) {
        self.0.send_replace(true);
    }
}

/// The transport's side of a [`Closer`].
#[derive(Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Waits until the transport is to end.
    pub(crate) async fn asked(&mut self) {
        // An error means that every closer is gone, which asks the same.
        let _ = self.0.wait_for(|closed| *closed).await;
    }
}

/// A connection that clients use.
pub(crate) struct Link {
    upstream: String,
    exchange: Mutex<Exchange>,
    outgoing: mpsc::Sender<Outgoing>,
    closer: Closer,
    stall_timeout: Duration,
}

impl Link {
    pub(crate) fn start(upstream: &str, audience: Audience, duplex: Duplex) -> Arc<Self> {
        let Duplex { outgoing, incoming, closer, place } = duplex;
        let link = Arc::new(Self {
            upstream: upstream.into(),
            exchange: Mutex::new(Exchange::new(audience)),
            outgoing,
            closer,
            stall_timeout: match audience {
                Audience::One => STALL_TIMEOUT,
                Audience::Many | Audience::Modern => SHARED_STALL_TIMEOUT,
            },
        });
        let pump = Arc::clone(&link).pump(incoming);
        tokio::spawn(async move {
            pump.await;
            drop(place);
        });
        link
    }

    /// The exchange; the lock is never held across an await.
    pub(crate) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        // A panic while it was held leaves at worst a stream without an end, which times out.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.exchange().ended().is_some()
    }

    /// Ends the connection; pending requests are told `why`.
    pub(crate) fn close(self: &Arc<Self>, why: &str) {
        let effects = self.exchange().end(why);
        self.closer.close();
        if !effects.to_clients.is_empty() {
            let link = Arc::clone(self);
            tokio::spawn(async move { link.deliver(effects).await });
        }
    }

    /// Carries effects out, waiting for the server to read and for clients within bounds.
    pub(crate) async fn carry_out(&self, mut effects: Effects) {
        for message in std::mem::take(&mut effects.to_server) {
            // A closed queue means the connection is ending; the pump answers who waits.
            if self.outgoing.send(message).await.is_err() {
                break;
            }
        }
        self.deliver(effects).await;
    }

    /// Carries effects out from where nothing can be awaited. What is for the server are
    /// cancellations: one that does not read is not told, for clients that come and go could pile
    /// up any number of them.
    pub(crate) fn carry_out_later(self: &Arc<Self>, mut effects: Effects) {
        for message in std::mem::take(&mut effects.to_server) {
            if self.outgoing.try_send(message).is_err() {
                tracing::debug!(upstream = self.upstream, "a cancellation was not sent");
            }
        }
        if !effects.to_clients.is_empty() {
            let link = Arc::clone(self);
            tokio::spawn(async move { link.deliver(effects).await });
        }
    }

    async fn deliver(&self, effects: Effects) {
        for (stream, sender, event) in effects.to_clients {
            self.deliver_one(stream, &sender, event).await;
        }
    }

    async fn deliver_one(&self, stream: u64, sender: &mpsc::Sender<Event>, event: Event) {
        if timeout(self.stall_timeout, sender.send(event)).await.is_err() {
            tracing::warn!(
                upstream = self.upstream,
                "a client stopped reading; its stream is closed"
            );
            self.exchange().abandon(stream);
        }
    }

    async fn pump(self: Arc<Self>, mut incoming: mpsc::Receiver<Incoming>) {
        let mut why = String::from("the connection to the server was closed");
        while let Some(next) = incoming.recv().await {
            match next {
                Incoming::Text(text) => self.take(text).await,
                Incoming::Refused { id, why } => {
                    let effects = self.exchange().refuse(id, &why);
                    self.deliver(effects).await;
                }
                Incoming::Ended(reason) => {
                    why = reason;
                    break;
                }
            }
        }
        let effects = self.exchange().end(&why);
        self.closer.close();
        self.deliver(effects).await;
    }

    async fn take(&self, text: Bytes) {
        match Messages::parse(text, SERVER_BATCH_MAX) {
            Ok(messages) => {
                for message in messages.list {
                    self.take_one(&message).await;
                }
            }
            Err(error) => {
                tracing::warn!(upstream = self.upstream, %error, "skipped what the server wrote");
            }
        }
    }

    async fn take_one(&self, message: &Message) {
        let effects = self.exchange().receive(message);
        if message.kind == Kind::Request {
            // A server that asks without reading must not stop its own answers from being read.
            for answer in &effects.to_server {
                if self.outgoing.try_send(answer.clone()).is_err() {
                    tracing::warn!(
                        upstream = self.upstream,
                        "the server does not read its answers"
                    );
                }
            }
        }
        self.deliver(Effects { to_server: Vec::new(), ..effects }).await;
    }
}
