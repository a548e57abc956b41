//! A shard: its listeners, its connections, its view of the world.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use penstock_metrics::{Cells, Metric};

use crate::caller::Caller;
use crate::forward::Forward;
use crate::identity::Identity;
use crate::io::{Conn, Listener, Socket, Timers};
use crate::request::Downstream;
use crate::start::{Bound, Shared};
use crate::upstream::Pool;
use crate::world::{ListenerRules, World};

/// How long accepting pauses after an error such as a full descriptor table, in ticks.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection on which nothing was said yet is kept when draining begins.
const DRAIN_FIRST_REQUEST_MS: u64 = 1000;

/// What all of a shard's connections share.
pub(crate) struct Shard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) cells: Arc<Cells>,
    pub(crate) timers: Rc<Timers>,
    pub(crate) forward: Forward,
    view: RefCell<Rc<View>>,
    pub(crate) draining: Cell<bool>,
    drain_began_ms: Cell<u64>,
}

/// The world as one shard holds it: with its own pools, and a reference count that no other core
/// writes.
pub(crate) struct View {
    pub(crate) world: Arc<World>,
    pub(crate) pools: Vec<Rc<Pool>>,
}

impl Shard {
    pub(crate) fn view(&self) -> Rc<View> {
        Rc::clone(&self.view.borrow())
    }

    /// Whether a draining shard has waited long enough for connections that never said anything.
    pub(crate) fn drains_new_ones(&self) -> bool {
        self.timers.now_ms() >= self.drain_began_ms.get() + DRAIN_FIRST_REQUEST_MS
    }

    /// Takes over a new world; pools of upstreams that did not change are kept.
    fn refresh(&self) {
        let world = self.shared.world.load_full();
        let old = self.view();
        if Arc::ptr_eq(&old.world, &world) {
            return;
        }
        let mut kept = Vec::new();
        let pools = world
            .remotes
            .iter()
            .map(|remote| {
                let same = |pool: &&Rc<Pool>| {
                    pool.remote.config == remote.config && pool.remote.tls.is_none()
                };
                match old.pools.iter().find(same) {
                    Some(pool) => {
                        kept.push(Rc::as_ptr(pool));
                        Rc::clone(pool)
                    }
                    None => self.pool(remote),
                }
            })
            .collect();
        *self.view.borrow_mut() = Rc::new(View { world, pools });
        for pool in old.pools.iter().filter(|pool| !kept.contains(&Rc::as_ptr(pool))) {
            pool.close();
        }
    }

    /// Which agent the kernel says has opened a connection. Asked once, and only where there could be
    /// one.
    fn attested(&self, socket: &Socket, rules: &ListenerRules, view: &View) -> Option<u64> {
        if rules.inner || view.world.snapshot.agents.is_empty() {
            return None;
        }
        self.shared.attest.as_ref()?.agent(socket.descriptor())
    }

    fn pool(&self, remote: &Arc<crate::world::Remote>) -> Rc<Pool> {
        Pool::new(Arc::clone(remote), Arc::clone(&self.cells), Rc::clone(&self.timers))
    }
}

/// A shard's life.
pub(crate) async fn run(
    outside: Arc<Shared>,
    cells: Arc<Cells>,
    bound: Vec<Bound>,
    bell: std::os::unix::net::UnixStream,
) -> io::Result<()> {
    let world = outside.world.load_full();
    let timers = Timers::new();
    let empty = Rc::new(View { world: Arc::clone(&world), pools: Vec::new() });
    let shard = Rc::new(Shard {
        shared: outside,
        cells,
        timers,
        forward: Forward::default(),
        view: RefCell::new(empty),
        draining: Cell::new(false),
        drain_began_ms: Cell::new(0),
    });
    let pools = world.remotes.iter().map(|remote| shard.pool(remote)).collect();
    let inner = world.snapshot.listeners.len();
    *shard.view.borrow_mut() = Rc::new(View { world, pools });

    let mut listeners = Vec::new();
    for one in bound {
        let (listener, index) = match one {
            Bound::Tcp(listener, index) => (Listener::tcp(listener)?, index),
            Bound::Unix(listener, index) => (Listener::unix(listener)?, index),
        };
        let listener = Rc::new(listener);
        // The inner listener serves to the end: calls under way may go through it.
        if index < inner {
            listeners.push(Rc::clone(&listener));
        }
        monoio::spawn(accept(Rc::clone(&shard), listener, index));
    }

    let mut bell = monoio::net::UnixStream::from_std(bell)?;
    let mut sound = vec![0_u8; 64];
    loop {
        // The bell is rung on each tick and whenever something changed; at its end, penstock ends.
        let (rung, buffer) = monoio::io::AsyncReadRent::read(&mut bell, sound).await;
        sound = buffer;
        if rung? == 0 {
            return Ok(());
        }
        shard.timers.tick();
        shard.refresh();
        if shard.shared.draining.load(Ordering::Acquire) {
            if shard.draining.replace(true) {
                listeners.retain(|listener| !listener.shut_if_empty().unwrap_or(true));
            } else {
                shard.drain_began_ms.set(shard.timers.now_ms());
                for listener in &listeners {
                    if let Err(error) = listener.refuse_new() {
                        tracing::warn!(%error, "connections that come in now may be reset");
                    }
                }
            }
            // Whoever waits for a request looks again.
            shard.timers.wake_all();
        }
        for pool in &shard.view().pools {
            pool.sweep();
        }
        let idle = listeners.is_empty() && shard.cells.value(Metric::ConnectionsOpen) == 0;
        if shard.draining.get() && idle || shard.shared.quit.load(Ordering::Acquire) {
            return Ok(());
        }
    }
}

async fn accept(shard: Rc<Shard>, listener: Rc<Listener>, index: usize) {
    let pause = shard.timers.timer();
    loop {
        let accepted = listener.accept().await;
        let view = shard.view();
        match accepted {
            Ok((socket, peer)) => {
                let Some(rules) = view.world.listeners.get(index) else { continue };
                if rules.inner && !socket.is_own() {
                    tracing::warn!("another process connected to the inner listener; refused");
                    continue;
                }
                shard.cells.inc(Metric::Connections);
                let attested = shard.attested(&socket, rules, &view);
                let rules = Arc::clone(rules);
                monoio::spawn(connection(Rc::clone(&shard), socket, peer, attested, rules));
            }
            Err(_) if shard.draining.get() => return,
            Err(error) => {
                shard.cells.inc(Metric::AcceptErrors);
                tracing::warn!(listener = rules_name(&view, index), %error, "cannot accept");
                let _ = pause.within(ACCEPT_PAUSE, std::future::pending::<()>()).await;
            }
        }
    }
}

fn rules_name(view: &View, index: usize) -> &str {
    view.world.listeners.get(index).map_or("?", |rules| &rules.name)
}

async fn connection(
    shard: Rc<Shard>,
    socket: Socket,
    peer: Option<SocketAddr>,
    attested: Option<u64>,
    rules: Arc<ListenerRules>,
) {
    let _open = Gauge::up(&shard, Metric::ConnectionsOpen);
    let mut conn = Conn::new(socket);
    let timer = shard.timers.timer();
    if let Some(config) = &rules.tls {
        let limit = shard.view().world.limits().head_timeout;
        let secured = match rustls::ServerConnection::new(Arc::clone(config)) {
            Ok(tls) => timer.within(limit, Box::pin(conn.secure(tls.into()))).await,
            Err(error) => Ok(Err(io::Error::other(error))),
        };
        let error = match secured {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it took longer than `head_timeout`".into()),
        };
        if let Some(error) = error {
            shard.cells.inc(Metric::TlsErrors);
            tracing::debug!(listener = rules.name, ?peer, error, "TLS handshake failed");
            return;
        }
    }
    let certificate = conn.peer_certificate().and_then(Identity::of).map(Box::new);
    let caller = Caller::new(attested, certificate, &shard.view().world);
    let mut down = Downstream::new(conn, timer, peer, caller, rules);
    down.serve(&shard).await;
}

/// A gauge that goes down when this is dropped.
pub(crate) struct Gauge(Rc<Shard>, Metric);

impl Gauge {
    pub(crate) fn up(shard: &Rc<Shard>, metric: Metric) -> Self {
        shard.cells.inc(metric);
        Self(Rc::clone(shard), metric)
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.0.cells.dec(self.1);
    }
}
