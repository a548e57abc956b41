//! Servers of the HTTP+SSE transport (2024-11-05): messages go out in POSTs, come in on one GET.

mod endpoint;
mod events;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::dial::{DialError, Dialer};
use crate::exchange::Outgoing;
use crate::link::{Closer, Closing, Duplex, INCOMING_QUEUE, Incoming, OUTGOING_QUEUE};
pub(crate) use events::{Events, StreamError};

/// Why a server's stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("GET {path} on {authority} was answered {status}; check the upstream's `url`")]
    Status { path: String, authority: String, status: StatusCode },
    #[error("GET {path} on {authority} was answered with {found}, not with an event stream")]
    NoStream { path: String, authority: String, found: String },
    #[error(
        "{authority} sent no `endpoint` event within {within:?}; if it speaks Streamable HTTP, remove `transport: sse`"
    )]
    NoEndpoint { authority: String, within: Duration },
    #[error("the `endpoint` event of {authority} is refused: {why}")]
    Endpoint { authority: String, why: String },
    #[error("{authority}: {error}")]
    Stream { authority: String, error: StreamError },
}

/// How long a server may take to say where it takes messages, which it has no reason to put off.
const ENDPOINT_WAIT: Duration = Duration::from_secs(10);

/// Timeouts and limits of one server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) first_byte: Duration,
    pub(crate) idle: Duration,
    pub(crate) event_bytes_max: u64,
}

/// Opens a server's stream and learns where it takes messages.
pub(crate) async fn open(
    upstream: &str,
    dialer: &Arc<Dialer>,
    patience: Patience,
    headers: HeaderMap,
) -> Result<Duplex, OpenError> {
    let target = dialer.target();
    let authority = || target.authority.clone();
    // What is said of it reaches logs and agents, and a query may hold a key.
    let path = || target.path.split('?').next().unwrap_or_default().to_owned();
    let within = patience.first_byte.min(ENDPOINT_WAIT);
    let slow = |_| OpenError::NoEndpoint { authority: authority(), within };
    let mut connection = dialer.connect().await?;
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = target.path.parse().map_err(|_| OpenError::Endpoint {
        authority: authority(),
        why: format!("`{}` is no valid path", path()),
    })?;
    *request.headers_mut() = headers.clone();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    let response = timeout(within, dialer.send(&mut connection, request)).await.map_err(slow)??;
    if response.status() != StatusCode::OK {
        let status = response.status();
        return Err(OpenError::Status { path: path(), authority: authority(), status });
    }
    let found = response.headers().get(header::CONTENT_TYPE);
    let found = found.and_then(|value| value.to_str().ok()).unwrap_or("no Content-Type");
    if !found.to_ascii_lowercase().starts_with("text/event-stream") {
        let found = found.to_owned();
        return Err(OpenError::NoStream { path: path(), authority: authority(), found });
    }
    let mut events = Events::new(response.into_body(), patience.event_bytes_max);
    let reference = timeout(within, first_endpoint(&mut events)).await.map_err(slow)?;
    let reference =
        reference.map_err(|error| OpenError::Stream { authority: authority(), error })?;
    let endpoint = match reference {
        Some(reference) => endpoint::resolve(target, &reference)
            .map_err(|why| OpenError::Endpoint { authority: authority(), why })?,
        None => return Err(slow_end(authority(), within)),
    };

    let (outgoing, to_post) = mpsc::channel(OUTGOING_QUEUE);
    let (incoming_in, incoming) = mpsc::channel(INCOMING_QUEUE);
    let (closer, closing) = Closer::new();
    let poster = Poster {
        upstream: upstream.into(),
        dialer: Arc::clone(dialer),
        endpoint,
        headers,
        first_byte: patience.first_byte,
    };
    tokio::spawn(poster.run(to_post, incoming_in.clone(), closing.clone()));
    let name = format!("the event stream of upstream `{upstream}`");
    tokio::spawn(async move {
        // The connection lives as long as its stream is read.
        let _connection = connection;
        let why = read(&name, events, patience.idle, &incoming_in, closing).await;
        let _ = incoming_in.send(Incoming::Ended(why)).await;
    });
    Ok(Duplex { outgoing, incoming, closer, place: None })
}

fn slow_end(authority: String, within: Duration) -> OpenError {
    OpenError::NoEndpoint { authority, within }
}

async fn first_endpoint(events: &mut Events) -> Result<Option<String>, StreamError> {
    while let Some(event) = events.next().await? {
        if event.kind == "endpoint" {
            return Ok(Some(String::from_utf8_lossy(&event.data).into_owned()));
        }
    }
    Ok(None)
}

/// Returns why the stream ended.
async fn read(
    name: &str,
    mut events: Events,
    idle: Duration,
    incoming: &mpsc::Sender<Incoming>,
    mut closing: Closing,
) -> String {
    loop {
        let next = tokio::select! {
            () = closing.asked() => return format!("{name} was closed"),
            next = timeout(idle, events.next()) => next,
        };
        match next {
            Err(_) => return format!("{name} was silent for {idle:?}; the session is over"),
            Ok(Err(error)) => return format!("{name}: {error}; the session is over"),
            Ok(Ok(None)) => return format!("{name} ended; the session is over"),
            Ok(Ok(Some(event))) if event.kind == "message" => {
                let _ = incoming.send(Incoming::Text(event.data)).await;
            }
            Ok(Ok(Some(_))) => {}
        }
    }
}

/// Posts messages one after another, so that they arrive in order.
struct Poster {
    upstream: String,
    dialer: Arc<Dialer>,
    endpoint: String,
    headers: HeaderMap,
    first_byte: Duration,
}

impl Poster {
    async fn run(
        self,
        mut messages: mpsc::Receiver<Outgoing>,
        incoming: mpsc::Sender<Incoming>,
        mut closing: Closing,
    ) {
        loop {
            let message = tokio::select! {
                () = closing.asked() => return,
                message = messages.recv() => message,
            };
            let Some(message) = message else { return };
            let posted = tokio::select! {
                () = closing.asked() => return,
                posted = timeout(self.first_byte, self.post(&message)) => posted,
            };
            let why = match posted {
                Ok(Ok(())) => continue,
                Ok(Err(why)) => why,
                Err(_) => format!("no answer within {:?}", self.first_byte),
            };
            let why = format!("upstream `{}` did not take the message: {why}", self.upstream);
            tracing::warn!("{why}");
            if let Some(id) = message.id {
                let _ = incoming.send(Incoming::Refused { id, why }).await;
            }
        }
    }

    /// On a connection of its own: on one that was kept, a message could meet the server's closing
    /// it, and nobody would know whether it was read.
    async fn post(&self, message: &Outgoing) -> Result<(), String> {
        let mut connection = self.dialer.connect().await.map_err(|error| error.to_string())?;
        let mut request = Request::new(Body::from(message.text.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            self.endpoint.parse().map_err(|_| format!("`{}` is no valid URI", self.endpoint))?;
        *request.headers_mut() = self.headers.clone();
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response =
            self.dialer.send(&mut connection, request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
    }
}
