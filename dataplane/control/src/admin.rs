//! The operators' listener: whether penstock lives, whether it serves, what it counted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
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
                let task = tokio::spawn(serve::admin(listener, router(self.facts.clone())));
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
