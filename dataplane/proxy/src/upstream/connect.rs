//! Making a connection: happy eyeballs (RFC 8305) over the addresses, then TLS.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use monoio::net::{TcpStream, UnixStream};
use penstock_config::Endpoint;
use socket2::{Domain, Protocol, Type};

use crate::io::{Conn, Socket, Timer, nonblocking};
use crate::world::Remote;

/// How long an address may be tried alone before the next is tried beside it (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Why there is no connection; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("its name has no address: {0}")]
    Resolve(String),
    #[error("connecting to it failed: {0}")]
    Connect(io::Error),
    #[error("the TLS handshake with it failed: {0}")]
    Tls(io::Error),
    #[error("connecting to it took longer than `connect_timeout`")]
    Timeout,
    #[error("all `connections` to it were in use for longer than `connect_timeout`")]
    Full,
    #[error("nobody waits for it any more")]
    Left,
}

/// A connection to the remote, ready to carry a request. The caller limits the whole.
pub(crate) async fn connect(remote: &Remote, stagger: &Timer) -> Result<Conn, ConnectError> {
    let socket = match &remote.http.endpoint {
        Endpoint::Unix(path) => {
            Socket::Unix(UnixStream::connect(path).await.map_err(ConnectError::Connect)?)
        }
        Endpoint::Address(_) | Endpoint::Name(..) => {
            let addresses = remote.addresses.current();
            let addresses =
                addresses.as_ref().as_ref().map_err(|why| ConnectError::Resolve(why.clone()))?;
            Socket::Tcp(race(addresses, stagger).await.map_err(ConnectError::Connect)?)
        }
    };
    let mut conn = Conn::new(socket);
    if let Some((config, name)) = &remote.tls {
        let tls = rustls::ClientConnection::new(Arc::clone(config), name.clone())
            .map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
        conn.secure(tls.into()).await.map_err(ConnectError::Tls)?;
    }
    Ok(conn)
}

/// A connection to the first address to answer, and where its ends are: there, and here.
pub(crate) async fn dial(
    addresses: &[SocketAddr],
    stagger: &Timer,
) -> io::Result<(Conn, SocketAddr, SocketAddr)> {
    let stream = race(addresses, stagger).await?;
    let (there, here) = (stream.peer_addr()?, stream.local_addr()?);
    Ok((Conn::new(Socket::Tcp(stream)), there, here))
}

/// The first address to answer; what the others began is ended.
async fn race(addresses: &[SocketAddr], stagger: &Timer) -> io::Result<TcpStream> {
    let mut attempts = Vec::new();
    let mut error = None;
    for (index, address) in addresses.iter().enumerate() {
        attempts.push(Box::pin(attempt(*address)));
        let first = poll_fn(|cx| poll_first(&mut attempts, &mut error, cx));
        let won = if index + 1 == addresses.len() {
            first.await
        } else {
            // Late or failed, the next one is tried beside it.
            stagger.within(ATTEMPT_DELAY, first).await.unwrap_or(None)
        };
        if let Some(stream) = won {
            return Ok(stream);
        }
    }
    Err(error.unwrap_or_else(|| io::Error::other("it has no address")))
}

/// The first attempt to succeed, or `None` when all have failed.
fn poll_first<F: Future<Output = io::Result<TcpStream>> + Unpin>(
    attempts: &mut Vec<F>,
    error: &mut Option<io::Error>,
    cx: &mut Context<'_>,
) -> Poll<Option<TcpStream>> {
    let mut won = None;
    attempts.retain_mut(|attempt| match Pin::new(attempt).poll(cx) {
        Poll::Ready(Ok(stream)) => {
            won = Some(stream);
            false
        }
        Poll::Ready(Err(failed)) => {
            *error = Some(failed);
            false
        }
        Poll::Pending => true,
    });
    if won.is_some() || attempts.is_empty() { Poll::Ready(won) } else { Poll::Pending }
}

/// Connects without monoio's connect, which loses its descriptor when it is dropped in flight (0.2.4)
/// and else ends when the kernel gives up, minutes later. Waiting for the socket may be dropped.
async fn attempt(address: SocketAddr) -> io::Result<TcpStream> {
    let failed = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    let mut control = Control { socket: socket.try_clone()?, connected: false };
    let begun = socket.connect(&address.into());
    let stream = TcpStream::from_std(socket.into())?;
    match begun {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
            stream.writable(false).await?;
        }
        begun => begun.map_err(failed)?,
    }
    if let Some(error) = control.socket.take_error()? {
        return Err(failed(error));
    }
    control.socket.set_nonblocking(nonblocking())?;
    control.connected = true;
    Ok(stream)
}

/// A second handle of a connecting socket.
struct Control {
    socket: socket2::Socket,
    connected: bool,
}

impl Drop for Control {
    fn drop(&mut self) {
        if !self.connected {
            // The wait in flight holds the descriptor until the kernel has ended it: end it now.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::rc::Rc;

    use super::*;
    use crate::io::{Engine, Timers, run};

    /// An address that neither accepts nor refuses: its queue is full, and what would connect is
    /// dropped.
    fn stalled() -> (SocketAddr, impl Sized) {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) =
            std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))
        {
            queued.push(stream);
        }
        (address, (listener, queued))
    }

    /// What a race over these comes to on a shard that ticks, and how long it takes.
    fn raced(addresses: &[SocketAddr], engine: &Engine) -> (io::Result<TcpStream>, Duration) {
        let (mut ringer, bell) = std::os::unix::net::UnixStream::pair().unwrap();
        bell.set_nonblocking(*engine != Engine::IoUring).unwrap();
        std::thread::spawn(move || {
            while ringer.write_all(&[1]).is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let addresses = addresses.to_vec();
        run(engine, async move {
            let timers = Timers::new();
            let (ticking, mut bell) = (Rc::clone(&timers), UnixStream::from_std(bell).unwrap());
            monoio::spawn(async move {
                let mut sound = vec![0; 8];
                loop {
                    let (rung, buffer) = monoio::io::AsyncReadRent::read(&mut bell, sound).await;
                    sound = buffer;
                    assert!(rung.is_ok());
                    ticking.tick();
                }
            });
            let (limit, stagger) = (timers.timer(), timers.timer());
            let began = std::time::Instant::now();
            let result = limit.within(Duration::from_secs(1), race(&addresses, &stagger)).await;
            let late = |_| Err(io::ErrorKind::TimedOut.into());
            (result.unwrap_or_else(late), began.elapsed())
        })
        .unwrap()
    }

    #[test]
    fn an_address_that_refuses_or_stalls_costs_little_where_another_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let live = listener.local_addr().unwrap();
        let refusing = {
            let gone = TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap()
        };
        let (stalled, _queue) = stalled();
        for engine in [Engine::IoUring, Engine::Epoll("a test".into())] {
            let (won, took) = raced(&[refusing, live], &engine);
            assert!(won.is_ok() && took < ATTEMPT_DELAY, "{won:?} after {took:?}");
            let (won, took) = raced(&[stalled, live], &engine);
            assert!(won.is_ok() && took < 2 * ATTEMPT_DELAY, "{won:?} after {took:?}");
            let (lost, took) = raced(&[stalled, refusing], &engine);
            assert!(lost.is_err() && took >= Duration::from_secs(1), "{lost:?} after {took:?}");
            let (lost, took) = raced(&[refusing, refusing], &engine);
            let why = lost.expect_err("nobody listens").to_string();
            assert!(why.contains(&refusing.to_string()) && took < ATTEMPT_DELAY, "{why}");
        }
    }
}
