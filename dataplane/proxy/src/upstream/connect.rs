//! Making a connection: happy eyeballs (RFC 8305) over the addresses, then TLS.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use monoio::net::{TcpStream, UnixStream};
use penstock_config::Endpoint;

use crate::io::{Conn, Socket, Timer};
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

/// What the attempts of one race share.
#[derive(Default)]
struct Race {
    winner: Option<TcpStream>,
    over: bool,
    failed: usize,
    error: Option<io::Error>,
    waker: Option<Waker>,
}

/// The first address to answer. Each attempt is a task of its own and runs to its end, because
/// dropping a connect in flight would lose its descriptor (monoio 0.2.4); losers close themselves.
async fn race(addresses: &[SocketAddr], stagger: &Timer) -> io::Result<TcpStream> {
    let race = Rc::new(RefCell::new(Race::default()));
    let _over = OnDrop(Rc::clone(&race));
    for (index, address) in addresses.iter().enumerate() {
        monoio::spawn(attempt(*address, Rc::clone(&race)));
        let last = index + 1 == addresses.len();
        let wait = settled(&race, index + 1);
        if last {
            wait.await;
        } else {
            // Late or failed, the next one is tried; a success ends the loop below.
            let _ = stagger.within(ATTEMPT_DELAY, wait).await;
        }
        if let Some(stream) = race.borrow_mut().winner.take() {
            return Ok(stream);
        }
    }
    let error = race.borrow_mut().error.take();
    Err(error.unwrap_or_else(|| io::Error::other("it has no address")))
}

async fn attempt(address: SocketAddr, race: Rc<RefCell<Race>>) {
    let result = TcpStream::connect_addr(address).await.and_then(|stream| {
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    let mut race = race.borrow_mut();
    match result {
        Ok(stream) if !race.over && race.winner.is_none() => race.winner = Some(stream),
        Ok(_) => {}
        Err(error) => {
            race.failed += 1;
            race.error = Some(io::Error::new(error.kind(), format!("{address}: {error}")));
        }
    }
    if let Some(waker) = race.waker.take() {
        waker.wake();
    }
}

/// Ready when one attempt won or `begun` have failed.
async fn settled(race: &RefCell<Race>, begun: usize) {
    poll_fn(|cx| {
        let mut race = race.borrow_mut();
        if race.winner.is_some() || race.failed >= begun {
            return Poll::Ready(());
        }
        race.waker = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

struct OnDrop(Rc<RefCell<Race>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.borrow_mut().over = true;
    }
}
