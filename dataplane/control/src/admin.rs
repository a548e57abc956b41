//! The operators' listener: whether penstock lives, whether it serves, what it counted.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::metrics::Metrics;
use crate::serve;

/// What the admin listener tells.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) shards: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The listener, wherever the configuration has it at the moment.
pub(crate) struct Admin {
    facts: Facts,
    open: Mutex<Option<(SocketAddr, AbortHandle)>>,
}

impl Admin {
    pub(crate) fn new(facts: Facts) -> Self {
        Self { facts, open: Mutex::new(None) }
    }

    /// Listens at `address` from now on, or nowhere. Where that fails, what was open stays open.
    pub(crate) async fn listen(&self, address: Option<SocketAddr>) -> std::io::Result<()> {
        let now = self.open.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|o| o.0);
        if now == address {
            return Ok(());
        }
        let opened = match address {
            Some(address) => {
                let listener = TcpListener::bind(address).await?;
                tracing::info!(address = %listener.local_addr()?, "admin listener open");
                let mut router = router(self.facts.clone());
                if address.ip().is_loopback() {
                    router = router.layer(middleware::from_fn(local_name));
                }
                let task = tokio::spawn(serve::admin(listener, router));
                Some((address, task.abort_handle()))
            }
            None => None,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, task)) = std::mem::replace(&mut *open, opened) {
            task.abort();
        }
        Ok(())
    }
}

fn router(facts: Facts) -> Router {
    Router::new()
        .route("/healthz", get(async || text(StatusCode::OK, "alive\n".into())))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(async || {
            text(StatusCode::NOT_FOUND, "here are /healthz, /readyz and /metrics\n".into())
        })
        .with_state(facts)
}

/// A page in a browser can make it connect here under a name of the page's own (DNS rebinding): on a
/// loopback address only names that cannot be one are served.
async fn local_name(request: Request, next: Next) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    let name = authority.as_ref().map_or("", |authority| authority.host());
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if name.eq_ignore_ascii_case("localhost") || address.is_ok() {
        return next.run(request).await;
    }
    let why = "this listener serves `localhost` and addresses as Host, no other names\n";
    text(StatusCode::FORBIDDEN, why.into())
}

async fn readyz(State(facts): State<Facts>) -> Response<Body> {
    match (facts.ready)() {
        Ok(()) => text(StatusCode::OK, "ready\n".into()),
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
    }
}

async fn metrics(State(facts): State<Facts>) -> Response<Body> {
    let mut out = (facts.shards)();
    facts.metrics.render(&mut out);
    let mut response = text(StatusCode::OK, out);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
