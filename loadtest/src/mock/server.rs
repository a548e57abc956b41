//! The threads, and how each takes its connections.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::arguments::Mock;
use super::connection;
use super::engine::Engine;
use super::script::Script;
use crate::descriptors;
use crate::terminal::print;

const BACKLOG: i32 = 4096;
/// Until descriptors are asked for again, after there were none.
const FULL_WAIT: Duration = Duration::from_millis(20);

/// Serves until it is killed.
pub(crate) fn serve(mock: &Mock) -> Result<()> {
    // Each connection is one. With fewer than the system allows it serves too.
    let _ = descriptors::raise_to(descriptors::limits().hard);
    let engine = Engine::choose(mock.backend)?;
    let script = Arc::new(Script::new(mock)?);
    let connections = Arc::new(AtomicU64::new(0));
    let mut address = mock.listen;
    let (ended, end) = mpsc::channel();
    for _ in 0..mock.threads {
        let listener =
            bind(address, engine).with_context(|| format!("cannot listen on {address}"))?;
        address = listener.local_addr()?;
        let (script, connections) = (Arc::clone(&script), Arc::clone(&connections));
        let ended = ended.clone();
        std::thread::spawn(move || {
            // Whoever waits for this ends the process.
            let _ = ended.send(run(listener, engine, &script, &connections));
        });
    }
    drop(ended);
    print(&format!("listening on {address}\n"))?;
    end.recv().context("the threads of the mock panicked")?
}

fn bind(address: SocketAddr, engine: Engine) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(engine == Engine::Epoll)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Takes connections for ever, one thread's share of them.
fn run(
    listener: TcpListener,
    engine: Engine,
    script: &Arc<Script>,
    connections: &AtomicU64,
) -> Result<()> {
    engine.run(async move {
        let listener = monoio::net::TcpListener::from_std(listener)?;
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                // The peer was gone before it was its turn.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                // Connections that end give theirs back, and the next waits in the backlog for one.
                Err(error) if is_full(&error) => {
                    monoio::time::sleep(FULL_WAIT).await;
                    continue;
                }
                Err(error) => return Err(error).context("cannot accept a connection"),
            };
            let number = connections.fetch_add(1, Ordering::Relaxed);
            let script = Arc::clone(script);
            monoio::spawn(async move {
                // A client that goes away is nothing to report.
                let _ = connection::serve(stream, &script, number).await;
            });
        }
    })?
}

/// Whether there is no descriptor left, in this process or on this host.
fn is_full(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
