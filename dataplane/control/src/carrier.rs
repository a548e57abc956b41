//! One client of the older transport as a Streamable HTTP client of the shards.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use penstock_config::{Endpoint, HostHeader, HttpTarget};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::dial::{DialError, Dialer};
use crate::exchange::Event;
use crate::fault::Fault;
use crate::legacy::event;
use crate::link::STALL_TIMEOUT;
use crate::resolve::Names;
use crate::sse::Events;
use crate::wire::{Kind, Message, Messages};

/// How long the shards may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before a stream that ended is opened again.
const REOPEN_AFTER: Duration = Duration::from_secs(1);
/// Messages in one batch of a server's.
const BATCH_MAX: usize = 1024;
/// The first revision with a version header (2025-06-18); versions compare as text.
const VERSION_HEADER_FROM: &str = "2025-06-18";

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

pub(crate) struct Carrier {
    dialer: Dialer,
    /// Headers of the client's connection, for what is not caused by a message.
    headers: HeaderMap,
    event_bytes_max: u64,
    /// Taken to end the client's stream.
    events: Mutex<Option<mpsc::Sender<Event>>>,
    session: Mutex<Session>,
    over: watch::Sender<bool>,
}

#[derive(Default, Clone)]
struct Session {
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
    listens: bool,
}

impl Carrier {
    pub(crate) fn new(
        front: PathBuf,
        path: String,
        headers: HeaderMap,
        event_bytes_max: u64,
        events: mpsc::Sender<Event>,
        names: Arc<Names>,
    ) -> Result<Self, DialError> {
        let target = HttpTarget {
            endpoint: Endpoint::Unix(front),
            tls: None,
            path,
            authority: "localhost".into(),
            host: HostHeader::Upstream,
        };
        Ok(Self {
            dialer: Dialer::new(target, CONNECT_TIMEOUT, names)?,
            headers,
            event_bytes_max,
            events: Mutex::new(Some(events)),
            session: Mutex::default(),
            over: watch::Sender::new(false),
        })
    }

    /// Ends the client's stream, which ends the rest.
    pub(crate) fn hang_up(&self) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The client is gone: so is its session.
    pub(crate) fn end(self: &Arc<Self>) {
        self.hang_up();
        self.over.send_replace(true);
        if self.session().id.is_some() {
            let carrier = Arc::clone(self);
            tokio::spawn(async move {
                let delete =
                    carrier.request(Method::DELETE, carrier.headers.clone(), Body::empty());
                // The session would end by itself, later.
                let _ = timeout(CONNECT_TIMEOUT, carrier.send(delete)).await;
            });
        }
    }

    /// Carries messages to the server, and what it answers to the client.
    pub(crate) async fn post(
        self: &Arc<Self>,
        headers: HeaderMap,
        body: Bytes,
        messages: Vec<Message>,
    ) -> Result<(), Fault> {
        let mut request = self.request(Method::POST, headers, Body::from(body));
        let out = request.headers_mut();
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let both = HeaderValue::from_static("application/json, text/event-stream");
        out.insert(header::ACCEPT, both);
        let mut waiting: Vec<Bytes> = messages
            .iter()
            .filter(|message| message.kind == Kind::Request)
            .filter_map(Message::id_text)
            .collect();
        let mut over = self.over.subscribe();
        let carried = tokio::select! {
            // The connection closes with it, which a modern server takes for a cancellation.
            _ = over.wait_for(|over| *over) => return Ok(()),
            carried = self.converse(request, &mut waiting) => carried,
        };
        let why = match carried {
            Ok(()) if waiting.is_empty() => {
                if messages.iter().any(|message| message.is("notifications/initialized")) {
                    self.listen();
                }
                return Ok(());
            }
            Ok(()) => "the stream ended before the answer".to_owned(),
            Err(why) => why,
        };
        let fault = Fault::Upstream(why);
        for id in waiting {
            self.deliver(fault.json(Some(&id))).await;
        }
        Err(fault)
    }

    async fn converse(
        self: &Arc<Self>,
        request: Request<Body>,
        waiting: &mut Vec<Bytes>,
    ) -> Result<(), String> {
        let response = self.send(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        if let Some(id) = response.headers().get(SESSION) {
            self.session.lock().unwrap_or_else(PoisonError::into_inner).id = Some(id.clone());
        }
        if is_stream(&response) && status.is_success() {
            let mut events = Events::new(response.into_body(), self.event_bytes_max);
            while let Some(event) = events.next().await.map_err(|error| error.to_string())? {
                self.arrived(event.data, waiting).await;
            }
            return Ok(());
        }
        let bytes_max = usize::try_from(self.event_bytes_max).unwrap_or(usize::MAX);
        let body = Limited::new(response.into_body(), bytes_max).collect().await;
        let body = body.map_err(|error| format!("the answer cannot be read: {error}"))?.to_bytes();
        if !body.is_empty() {
            self.arrived(body, waiting).await;
        }
        if status == StatusCode::NOT_FOUND && self.session().id.is_some() {
            // The session is over; this transport has no other way to say so.
            self.hang_up();
        }
        if status.is_success() || waiting.is_empty() && status.is_client_error() {
            Ok(())
        } else {
            Err(format!("the server answered {status}"))
        }
    }

    /// Messages from the server: noted, and given to the client.
    async fn arrived(&self, text: Bytes, waiting: &mut Vec<Bytes>) {
        // An event without data only gives its id, for a resumption.
        if text.is_empty() {
            return;
        }
        let Ok(messages) = Messages::parse(text, BATCH_MAX) else {
            tracing::warn!("skipped what is no message on the way to a client of HTTP+SSE");
            return;
        };
        for message in messages.list {
            if message.kind == Kind::Response {
                let id = message.id_text().unwrap_or_default();
                waiting.retain(|waits| *waits != id);
                self.note_version(&message);
            }
            self.deliver(message.text).await;
        }
    }

    /// The answer to `initialize` says which version is spoken.
    fn note_version(&self, message: &Message) {
        #[derive(serde::Deserialize)]
        struct Answer {
            result: Initialized,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Initialized {
            protocol_version: String,
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if session.version.is_none()
            && let Ok(answer) = serde_json::from_slice::<Answer>(&message.text)
            && answer.result.protocol_version.as_str() >= VERSION_HEADER_FROM
        {
            session.version = HeaderValue::from_str(&answer.result.protocol_version).ok();
        }
    }

    /// Opens the stream of what the server says unasked, once.
    fn listen(self: &Arc<Self>) {
        {
            let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            if session.id.is_none() || std::mem::replace(&mut session.listens, true) {
                return;
            }
        }
        let carrier = Arc::clone(self);
        let mut over = self.over.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                _ = over.wait_for(|over| *over) => {}
                () = carrier.hear() => {}
            }
        });
    }

    async fn hear(&self) {
        let mut last: Option<HeaderValue> = None;
        loop {
            let mut request = self.request(Method::GET, self.headers.clone(), Body::empty());
            let out = request.headers_mut();
            out.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
            if let Some(last) = &last {
                out.insert(LAST_EVENT, last.clone());
            }
            let Ok(response) = self.send(request).await else { return };
            // A server need not offer one (405).
            if response.status() != StatusCode::OK || !is_stream(&response) {
                return;
            }
            let mut events = Events::new(response.into_body(), self.event_bytes_max);
            while let Ok(Some(event)) = events.next().await {
                if let Some(id) = event.id.and_then(|id| HeaderValue::from_str(&id).ok()) {
                    last = Some(id);
                }
                self.arrived(event.data, &mut Vec::new()).await;
            }
            sleep(REOPEN_AFTER).await;
        }
    }

    async fn deliver(&self, data: Bytes) {
        let sender = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sender) = sender
            && timeout(STALL_TIMEOUT, sender.send(event(data))).await.is_err()
        {
            tracing::warn!("a client of HTTP+SSE stopped reading; its stream is closed");
            self.hang_up();
        }
    }

    fn session(&self) -> Session {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn request(&self, method: Method, headers: HeaderMap, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        // A virtual server's path is one of the configuration's; were it no URI, none would reach it.
        *request.uri_mut() = self.dialer.target().path.parse().unwrap_or_default();
        *request.headers_mut() = headers;
        let Session { id, version, .. } = self.session();
        for (name, value) in [(SESSION, id), (VERSION, version)] {
            if let Some(value) = value {
                request.headers_mut().insert(name, value);
            }
        }
        request
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, DialError> {
        let mut connection = self.dialer.connect().await?;
        self.dialer.send(&mut connection, request).await
    }
}

fn is_stream<B>(response: &Response<B>) -> bool {
    let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media.is_some_and(|media| media.to_ascii_lowercase().starts_with("text/event-stream"))
}
