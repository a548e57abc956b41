//! What the shards ask for, each thing one path.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{Method, Response, StatusCode};
use axum::routing::{any, get, post};

use crate::bridge::is_json;
use crate::fault::Fault;
use crate::hub::Hub;
use crate::legacy;

pub(crate) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/bridge/{upstream}", any(bridge))
        .route("/resolve/{host}", get(resolve))
        .route("/legacy/{server}/sse", get(legacy::open))
        .route("/legacy/{server}/messages", post(legacy::post))
        .fallback(async || Fault::NoPath.response(None))
        .with_state(hub)
}

async fn bridge(
    State(hub): State<Arc<Hub>>,
    Path(upstream): Path<String>,
    request: Request,
) -> Response<Body> {
    match bridged(&hub, &upstream, request).await {
        Ok(response) => response,
        Err(fault) => fault.response(None),
    }
}

async fn bridged(hub: &Hub, upstream: &str, request: Request) -> Result<Response<Body>, Fault> {
    let bridge = hub.bridge(upstream, request.headers()).ok_or(Fault::NoPath)?;
    match *request.method() {
        Method::POST => {
            if !is_json(request.headers()) {
                return Err(Fault::MediaType);
            }
            let (head, body) = request.into_parts();
            let body = whole(hub, body).await?;
            let batch_max = hub.snapshot.load().limits.batch_messages;
            let batch_max = usize::try_from(batch_max).unwrap_or(usize::MAX);
            Ok(bridge.post(&head.headers, body, batch_max, hub.is_draining()).await)
        }
        Method::GET if hub.is_draining() => Err(Fault::Draining),
        Method::GET => bridge.get(request.headers()).await,
        Method::DELETE => bridge.delete(request.headers()),
        _ => Err(Fault::Method("POST, GET, DELETE")),
    }
}

/// The addresses of any name: first how many seconds they hold, then one a line in the order to try
/// them; or 502 and why there are none.
async fn resolve(State(hub): State<Arc<Hub>>, Path(host): Path<String>) -> (StatusCode, String) {
    match hub.names.resolve(&host).await {
        Ok((addresses, ttl)) => {
            let lines = addresses.iter().map(|address| format!("\n{address}"));
            (StatusCode::OK, ttl.as_secs().to_string() + &lines.collect::<String>())
        }
        Err(why) => (StatusCode::BAD_GATEWAY, why),
    }
}

/// A body within the configured limit.
pub(crate) async fn whole(hub: &Hub, body: Body) -> Result<Bytes, Fault> {
    let bytes_max = hub.snapshot.load().limits.body_bytes;
    to_bytes(body, usize::try_from(bytes_max).unwrap_or(usize::MAX))
        .await
        .map_err(|_| Fault::BodyTooLarge(bytes_max))
}
