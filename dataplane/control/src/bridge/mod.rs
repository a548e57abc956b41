//! An upstream that does not speak Streamable HTTP, made to look as if it did.
//!
//! With `process: session` each legacy session has a process of its own; with `process: shared` all
//! legacy sessions share one. A stdio connection belongs to one era, which its first message decides,
//! so modern requests, being stateless, share another process in either case.

mod backoff;
mod modern;
mod sessions;
mod transport;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;

use crate::answer::{Accept, Replies};
use crate::exchange::EventId;
use crate::fault::Fault;
use crate::link::Link;
use crate::metrics::Metrics;
use crate::wire::{Kind as MessageKind, Messages};
use modern::Modern;
pub(crate) use sessions::new_id;
use sessions::{Session, Sessions};
pub(crate) use transport::{Kind, Transport};

pub(crate) const SESSION_HEADER: &str = "mcp-session-id";
const VERSION_HEADER: &str = "mcp-protocol-version";
/// The first version of the modern era; versions are dates and compare as text.
const MODERN_FROM: &str = "2026-07-28";
/// How often unused sessions are looked for, at most and at least.
const SWEEP_MIN: Duration = Duration::from_millis(50);
const SWEEP_MAX: Duration = Duration::from_secs(1);

pub(crate) struct Bridge {
    name: String,
    transport: Transport,
    sessions: Mutex<Sessions>,
    modern: tokio::sync::Mutex<Modern>,
    shared: tokio::sync::Mutex<Option<Arc<Link>>>,
    metrics: Arc<Metrics>,
    /// No longer in the configuration: what is unused ends at once.
    removed: AtomicBool,
}

impl Bridge {
    pub(crate) fn start(name: &str, kind: Kind, metrics: Arc<Metrics>) -> Arc<Self> {
        let bridge = Arc::new(Self {
            name: name.into(),
            transport: Transport::new(name, kind),
            sessions: Mutex::default(),
            modern: tokio::sync::Mutex::default(),
            shared: tokio::sync::Mutex::default(),
            metrics,
            removed: AtomicBool::new(false),
        });
        let every = (bridge.transport.idle_timeout() / 4).clamp(SWEEP_MIN, SWEEP_MAX);
        let weak = Arc::downgrade(&bridge);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(bridge) = weak.upgrade() else { break };
                let removed = bridge.removed.load(Ordering::Relaxed);
                let idle = bridge.transport.idle_timeout();
                bridge.sweep(if removed { Duration::ZERO } else { idle });
            }
        });
        bridge
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The configuration has no such upstream any more.
    pub(crate) fn remove(&self) {
        self.removed.store(true, Ordering::Relaxed);
        self.end_gets();
    }

    /// A POST: messages for the server.
    pub(crate) async fn post(
        self: &Arc<Self>,
        headers: &HeaderMap,
        body: Bytes,
        batch_max: usize,
        draining: bool,
    ) -> Response<Body> {
        let messages = match Messages::parse(body, batch_max) {
            Ok(messages) => messages,
            Err(error) => return Fault::Parse(error.to_string()).response(None),
        };
        let id = match &*messages.list {
            [only] if only.kind == MessageKind::Request => only.id_text(),
            _ => None,
        };
        match self.take(headers, messages, draining).await {
            Ok(response) => response,
            Err(fault) => fault.response(id.as_deref()),
        }
    }

    async fn take(
        self: &Arc<Self>,
        headers: &HeaderMap,
        messages: Messages,
        draining: bool,
    ) -> Result<Response<Body>, Fault> {
        let accept = Accept::of(headers);
        let asks = messages.list.iter().any(|message| message.kind == MessageKind::Request);
        if asks && !accept.json && !accept.stream {
            return Err(Fault::NotAcceptable("application/json and text/event-stream"));
        }
        let begins = messages.list.iter().any(|message| message.is("initialize"));
        if begins && messages.batch {
            let why = "`initialize` cannot be part of a batch; send it by itself";
            return Err(Fault::InvalidRequest(why.into()));
        }
        if let Some(version) = modern_version(headers, &messages, begins) {
            let link = self.modern_link(&version).await.map_err(|fault| match fault {
                // A client that probes takes a modern error for a modern server.
                Fault::Version { .. } if messages.list.iter().any(|m| m.is("server/discover")) => {
                    Fault::NoDiscover
                }
                fault => fault,
            })?;
            return exchange(&link, None, messages, accept).await.map(|answered| answered.response);
        }
        if begins && draining {
            return Err(Fault::Draining);
        }
        if begins {
            return self.begin(headers, messages, accept).await;
        }
        let Session { link, client } = self.session_of(headers)?;
        let answered = exchange(&link, Some(client), messages, accept).await?;
        Ok(answered.response)
    }

    /// `initialize`: a session begins, if the server agrees.
    async fn begin(
        self: &Arc<Self>,
        headers: &HeaderMap,
        messages: Messages,
        accept: Accept,
    ) -> Result<Response<Body>, Fault> {
        let (unannounced, Session { link, client }) = self.open_session(headers).await?;
        let mut answered = exchange(&link, Some(client), messages, accept).await?;
        if !answered.failed {
            self.transport.served();
            let id = unannounced.announce();
            if let Ok(id) = HeaderValue::from_str(&id) {
                answered.response.headers_mut().insert(SESSION_HEADER, id);
            }
        }
        Ok(answered.response)
    }

    /// A GET: what the server says unasked.
    pub(crate) async fn get(&self, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
        if !Accept::of(headers).stream {
            return Err(Fault::NotAcceptable("text/event-stream"));
        }
        if is_modern(headers) {
            return Err(Fault::Method("POST"));
        }
        let Session { link, client } = self.session_of(headers)?;
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let last = last.and_then(EventId::parse);
        let (opened, effects) = link.exchange().get(client, last)?;
        let replies = Replies::new(&link, opened);
        link.carry_out(effects).await;
        Ok(replies.into_stream())
    }

    /// A DELETE: the session ends.
    pub(crate) fn delete(&self, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
        if is_modern(headers) {
            return Err(Fault::Method("POST"));
        }
        let id = session_id(headers)?;
        let Session { link, client } = self.session(id).ok_or(Fault::SessionUnknown)?;
        if !self.transport.is_shared() {
            // Who ends its session waits for no answer any more, not even for the error of its end.
            link.exchange().leave(client);
        }
        self.end_session(id, "the session was ended by its client");
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn session_of(&self, headers: &HeaderMap) -> Result<Session, Fault> {
        self.session(session_id(headers)?).ok_or(Fault::SessionUnknown)
    }
}

pub(crate) fn session_id(headers: &HeaderMap) -> Result<&str, Fault> {
    let value = headers.get(SESSION_HEADER).ok_or(Fault::SessionMissing)?;
    value.to_str().map_err(|_| Fault::SessionUnknown)
}

async fn exchange(
    link: &Arc<Link>,
    client: Option<u64>,
    messages: Messages,
    accept: Accept,
) -> Result<crate::answer::Answered, Fault> {
    let batch = messages.batch;
    let (opened, effects) = link.exchange().post(client, messages.list, accept.stream)?;
    let Some(opened) = opened else {
        link.carry_out(effects).await;
        let response = empty(StatusCode::ACCEPTED);
        return Ok(crate::answer::Answered { response, failed: false });
    };
    let replies = Replies::new(link, opened);
    link.carry_out(effects).await;
    Ok(replies.into_answer(accept, batch, client.is_none()).await)
}

/// The version of a modern message: its body says so, or the header where a body cannot.
fn modern_version(headers: &HeaderMap, messages: &Messages, begins: bool) -> Option<String> {
    let said = messages.list.iter().find_map(|message| message.version.clone());
    if said.is_some() || begins {
        return said;
    }
    is_modern(headers).then(|| version(headers).unwrap_or_default().to_owned())
}

fn is_modern(headers: &HeaderMap) -> bool {
    version(headers).is_some_and(|version| version >= MODERN_FROM)
}

fn version(headers: &HeaderMap) -> Option<&str> {
    headers.get(VERSION_HEADER)?.to_str().ok()
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media.is_some_and(|media| {
        let media = media.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("application/json")
    })
}

pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
