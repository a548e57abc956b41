//! A shard: its listeners, its connections, its view of the world.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use penstock_http1::ResponseHead;
use penstock_inspect::{Inspector, Scratch};
use penstock_metrics::{Cells, Metric, Refusal};

use crate::caller::Caller;
use crate::downstream::Downstream;
use crate::forward::Forward;
use crate::guard::Evidence;
use crate::identity::Identity;
use crate::io::{Listener, Socket, Timers};
use crate::respond::Answer;
use crate::start::{Bound, Shared};
use crate::upstream::Pool;
use crate::world::{ListenerRules, World};

/// How long accepting pauses after an error such as a full descriptor table, in ticks.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection on which nothing was said yet is kept when draining begins.
const DRAIN_FIRST_REQUEST_MS: u64 = 1000;

/// Connections over `limits.connections` that one shard holds at a time, to tell them so. With TLS that
/// would cost a handshake each: there they are just closed.
const TOLD_MAX: u64 = 64;

/// Heads of answers that are kept for the next ones.
const HEADS_KEPT: usize = 64;

/// What all of a shard's connections share.
pub(crate) struct Shard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) cells: Arc<Cells>,
    pub(crate) timers: Rc<Timers>,
    pub(crate) forward: Forward,
    pub(crate) evidence: Evidence,
    #[expect(clippy::vec_box, reason = "a call takes one out and puts it back, as a pointer")]
    heads: RefCell<Vec<Box<ResponseHead>>>,
    view: RefCell<Rc<View>>,
    /// Connections from agents that are open.
    agents: Cell<u64>,
    pub(crate) draining: Cell<bool>,
    drain_began_ms: Cell<u64>,
}

/// The world as one shard holds it: with its own pools, and a reference count that no other core
/// writes.
pub(crate) struct View {
    pub(crate) world: Arc<World>,
    pub(crate) pools: Vec<Rc<Pool>>,
    /// Memory for looking into messages, and for which rules.
    pub(crate) scratch: RefCell<Option<(Arc<Inspector>, Scratch)>>,
}

impl View {
    fn new(world: Arc<World>, pools: Vec<Rc<Pool>>) -> Rc<Self> {
        Rc::new(Self { world, pools, scratch: RefCell::default() })
    }
}

impl Shard {
    pub(crate) fn view(&self) -> Rc<View> {
        Rc::clone(&self.view.borrow())
    }

    /// An empty head to read an answer's into.
    #[expect(clippy::unnecessary_box_returns, reason = "as it is kept")]
    pub(crate) fn head(&self) -> Box<ResponseHead> {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes back a head that is no longer needed, with the memory of its fields.
    pub(crate) fn give_back(&self, mut head: Box<ResponseHead>) {
        let mut heads = self.heads.borrow_mut();
        if heads.len() < HEADS_KEPT {
            head.reset();
            heads.push(head);
        }
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
        *self.view.borrow_mut() = View::new(world, pools);
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

    /// Whether there are more connections from agents than these beside `limits.connections`.
    fn is_over(&self, view: &View, more: u64) -> bool {
        self.agents.get() > u64::from(view.world.limits().connections) + more
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
    let empty = View::new(Arc::clone(&world), Vec::new());
    let shard = Rc::new(Shard {
        shared: outside,
        cells,
        timers,
        forward: Forward::default(),
        evidence: Evidence::default(),
        heads: RefCell::default(),
        view: RefCell::new(empty),
        agents: Cell::new(0),
        draining: Cell::new(false),
        drain_began_ms: Cell::new(0),
    });
    let pools = world.remotes.iter().map(|remote| shard.pool(remote)).collect();
    let inner = world.snapshot.listeners.len();
    *shard.view.borrow_mut() = View::new(world, pools);

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
                let place = Place::take(&shard, rules.inner);
                if !rules.inner && shard.is_over(&view, TOLD_MAX) {
                    shard.cells.refuse(Refusal::Busy);
                    continue;
                }
                let caller = Caller::new(shard.attested(&socket, rules, &view), &view.world);
                let down = Downstream::new(&shard, socket, peer, caller, Arc::clone(rules), place);
                monoio::spawn(connection(Rc::clone(&shard), down));
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

/// A block over the connection, which an `async fn` would hold twice.
fn connection(shard: Rc<Shard>, mut down: Downstream) -> impl Future<Output = ()> {
    let secures = down.rules.tls.is_some();
    async move {
        // The control thread's own have a place whatever agents do: the calls behind them have theirs.
        if !down.rules.inner && shard.is_over(&shard.view(), 0) {
            if secures {
                return shard.cells.refuse(Refusal::Busy);
            }
            // Rare, and large, as in `serve`.
            Box::pin(down.refuse(&shard, Answer::busy("connections"))).await;
        } else if !secures || secure(&shard, &mut down).await {
            down.serve(&shard).await;
        }
    }
}

/// Whether the TLS handshake came to its end.
async fn secure(shard: &Shard, down: &mut Downstream) -> bool {
    if let Err(error) = handshake(shard, down).await {
        shard.cells.inc(Metric::TlsErrors);
        let (listener, peer) = (&down.rules.name, down.peer);
        tracing::debug!(listener, ?peer, %error, "TLS handshake failed");
        return false;
    }
    let certificate = down.conn.peer_certificate().and_then(Identity::of);
    down.caller.certificate = certificate.map(Box::new);
    true
}

async fn handshake(shard: &Shard, down: &mut Downstream) -> io::Result<()> {
    let Some(config) = &down.rules.tls else { return Ok(()) };
    let session = rustls::ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let limit = shard.view().world.limits().head_timeout;
    let whole = down.timer.within(limit, down.conn.secure(session.into())).await;
    whole.unwrap_or_else(|_| Err(io::Error::other("it took longer than `head_timeout`")))
}

/// The place of an open connection, among the agents' unless it is the control thread's.
pub(crate) struct Place {
    shard: Rc<Shard>,
    inner: bool,
}

impl Place {
    pub(crate) fn take(shard: &Rc<Shard>, inner: bool) -> Self {
        shard.cells.inc(Metric::ConnectionsOpen);
        shard.agents.set(shard.agents.get() + u64::from(!inner));
        Self { shard: Rc::clone(shard), inner }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shard.cells.dec(Metric::ConnectionsOpen);
        self.shard.agents.set(self.shard.agents.get().saturating_sub(u64::from(!self.inner)));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for what a connection may have to wait for, all of it, from its accept to its end.
    #[cfg(target_pointer_width = "64")]
    const TASK_BYTES_MAX: usize = 1800;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_task_of_a_connection_is_small() {
        fn output_bytes<A, B, F>(_: fn(A, B) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = output_bytes(connection);
        assert!(
            bytes <= TASK_BYTES_MAX,
            "{bytes} bytes: an idle stream is made of this; put what is large and seldom waited for in a box, \
             and let nothing large live across a wait that does not need it"
        );
    }
}
