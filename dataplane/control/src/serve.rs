//! The accept loop of both listeners, and who may connect.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Connections of operators and scrapers at once.
const ADMIN_CONNECTIONS_MAX: usize = 64;
/// How long an admin request's head may take, and a connection between requests may be kept.
const ADMIN_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when a connection cannot be accepted, for want of descriptors most often.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves the shards. A socket file is only as safe as its directory, so the peer is asked for as
/// well: the kernel says which process connected.
pub(crate) async fn door(listener: UnixListener, router: Router) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a shard's connection could not be accepted");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
        if peer.and_then(|pid| u32::try_from(pid).ok()) != Some(std::process::id()) {
            let peer = peer.map(tracing::field::display);
            tracing::warn!(peer, "another process connected to the internal socket; refused");
            continue;
        }
        // No timeout on heads: shards keep idle connections as long as they like.
        let connection = connection(http1::Builder::new(), stream, router.clone());
        tokio::spawn(connection);
    }
}

/// Serves operators.
pub(crate) async fn admin(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "an admin connection could not be accepted");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(ADMIN_HEAD_TIMEOUT);
        let connection = connection(builder, stream, router.clone());
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
}

async fn connection<S>(builder: http1::Builder, stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    // A peer that breaks off is no event; what it was answered by has noticed.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
