//! Clients of the HTTP+SSE transport (2024-11-05), carried to a virtual server as Streamable HTTP.
//!
//! The messages go back through the shards, so that everything that holds for a call holds for
//! these too.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use tokio::sync::{Semaphore, mpsc};

use crate::answer::{Accept, EventBody, event_stream};
use crate::bridge::{empty, is_json, new_id};
use crate::carrier::Carrier;
use crate::door::whole;
use crate::exchange::Event;
use crate::fault::Fault;
use crate::headers::carried;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::wire::{Kind, Messages};

/// Clients connected at once.
pub(crate) const CLIENTS_MAX: usize = 1024;
/// Posts of one client under way at once.
pub(crate) const POSTS_MAX: usize = 64;
/// Messages that wait for a client to read.
const QUEUE: usize = 64;

/// The clients connected.
pub(crate) struct Clients {
    connected: Arc<Mutex<HashMap<String, Client>>>,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
struct Client {
    server: String,
    carrier: Arc<Carrier>,
    posts: Arc<Semaphore>,
}

impl Client {
    fn is_idle(&self) -> bool {
        self.posts.available_permits() == POSTS_MAX
    }
}

impl Clients {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { connected: Arc::default(), metrics }
    }

    fn find(&self, id: &str) -> Option<Client> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Ends the streams of clients that wait for nothing.
    pub(crate) fn drain(&self) {
        for client in self.connected.lock().unwrap_or_else(PoisonError::into_inner).values() {
            if client.is_idle() {
                client.carrier.hang_up();
            }
        }
    }

    pub(crate) fn end(&self) {
        for client in self.connected.lock().unwrap_or_else(PoisonError::into_inner).values() {
            client.carrier.hang_up();
        }
    }
}

/// `GET …/sse`: a client connects, and is told where to post.
pub(crate) async fn open(
    State(hub): State<Arc<Hub>>,
    Path(server): Path<String>,
    request: Request,
) -> Response<Body> {
    match connect(&hub, &server, request.headers()) {
        Ok(response) => response,
        Err(fault) => fault.response(None),
    }
}

fn connect(hub: &Hub, server: &str, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
    if !Accept::of(headers).stream {
        return Err(Fault::NotAcceptable("text/event-stream"));
    }
    if hub.is_draining() {
        return Err(Fault::Draining);
    }
    let snapshot = hub.snapshot.load();
    let path = snapshot.servers.iter().find(|known| known.name == server);
    let path = path.map(|known| known.path.clone()).ok_or(Fault::NoPath)?;
    let id = new_id()?;
    let (sender, events) = mpsc::channel(QUEUE);
    let carrier = Carrier::new(
        PathBuf::clone(&hub.front),
        path.clone(),
        carried(headers),
        snapshot.limits.event_bytes,
        sender,
        Arc::clone(&hub.names),
    );
    let client = Client {
        server: server.into(),
        carrier: Arc::new(carrier.map_err(|error| Fault::Upstream(error.to_string()))?),
        posts: Arc::new(Semaphore::new(POSTS_MAX)),
    };
    let clients = &hub.clients;
    {
        let mut connected = clients.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if connected.len() >= CLIENTS_MAX {
            let message = format!("{CLIENTS_MAX} clients of HTTP+SSE are connected already");
            return Err(Fault::Busy { message, retry_after_s: 5 });
        }
        connected.insert(id.clone(), client);
    }
    clients.metrics.legacy_clients.inc();
    let endpoint = Bytes::from(format!("event: endpoint\ndata: {path}/messages?session={id}\n\n"));
    let presence = Connected {
        clients: Arc::clone(&clients.connected),
        metrics: Arc::clone(&clients.metrics),
        id,
    };
    let body = EventBody::new(Some(endpoint), false, events, presence);
    Ok(event_stream(Body::new(body)))
}

/// Ends a client's session when its stream is dropped.
struct Connected {
    clients: Arc<Mutex<HashMap<String, Client>>>,
    metrics: Arc<Metrics>,
    id: String,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let client = self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        if let Some(client) = client {
            self.metrics.legacy_clients.dec();
            client.carrier.end();
        }
    }
}

/// `POST …/messages?session=…`: a message of a connected client's.
pub(crate) async fn post(
    State(hub): State<Arc<Hub>>,
    Path(server): Path<String>,
    request: Request,
) -> Response<Body> {
    match carry(&hub, &server, request).await {
        Ok(()) => empty(StatusCode::ACCEPTED),
        Err(fault) => fault.response(None),
    }
}

async fn carry(hub: &Arc<Hub>, server: &str, request: Request) -> Result<(), Fault> {
    if !is_json(request.headers()) {
        return Err(Fault::MediaType);
    }
    let query = request.uri().query().unwrap_or_default();
    let id = query.split('&').find_map(|pair| pair.strip_prefix("session="));
    let client = id
        .and_then(|id| hub.clients.find(id))
        .filter(|client| client.server == server)
        .ok_or(Fault::SessionUnknown)?;
    let Ok(place) = Arc::clone(&client.posts).try_acquire_owned() else {
        let message = format!("{POSTS_MAX} messages of this session are under way already");
        return Err(Fault::Busy { message, retry_after_s: 1 });
    };
    let (head, body) = request.into_parts();
    let body = whole(hub, body).await?;
    let batch_max =
        usize::try_from(hub.snapshot.load().limits.batch_messages).unwrap_or(usize::MAX);
    let messages = Messages::parse(body.clone(), batch_max)
        .map_err(|error| Fault::Parse(error.to_string()))?;
    let asks = messages.list.iter().any(|message| message.kind == Kind::Request);
    let headers = carried(&head.headers);
    let carrier = Arc::clone(&client.carrier);
    if !asks {
        // Answered once it has arrived: what the client sends next comes after it.
        return carrier.post(headers, body, messages.list).await;
    }
    let hub = Arc::clone(hub);
    tokio::spawn(async move {
        // Its failure was told to the client as the answer.
        let _ = carrier.post(headers, body, messages.list).await;
        drop(place);
        if hub.is_draining() && client.is_idle() {
            client.carrier.hang_up();
        }
    });
    Ok(())
}

/// A message for a client.
pub(crate) fn event(data: Bytes) -> Event {
    Event::message(data)
}
