//! Entry points for benches: parts of a call's way that nothing else may reach.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use penstock_config::{Agent, Snapshot};
use penstock_http1::RequestHead;
use penstock_metrics::Cells;

use crate::caller::Caller;
use crate::forward;
use crate::io::{Engine, Timers, run};
use crate::upstream::Pool;
use crate::world::{Inside, World};

/// What a shard has, on the thread that made it.
pub struct Parts {
    world: World,
    pool: Rc<Pool>,
    /// The far end of the pool's one connection.
    _upstream: UnixListener,
}

/// Calls `with` on a shard's runtime. Always on epoll: unlike io_uring it runs under valgrind and
/// wherever CI does, and no case waits for it.
///
/// `directory` is an empty one, for sockets.
pub fn on_a_shard<T>(
    snapshot: Snapshot,
    directory: &Path,
    with: impl FnOnce(Rc<Parts>) -> T,
) -> io::Result<T> {
    let inside =
        Inside { control: directory.join("control.sock"), front: directory.join("front.sock") };
    let upstream = UnixListener::bind(&inside.control)?;
    let world =
        World::new(snapshot, &inside, &[], &mut |_, _| crate::Addresses::unresolved("a bench"))
            .map_err(io::Error::other)?;
    let remote = world.remotes.get(world.control()).map(Arc::clone);
    let remote = remote.ok_or_else(|| io::Error::other("a world without its control thread"))?;
    run(&Engine::Epoll("a bench".into()), async {
        let pool = Pool::new(remote, Arc::<Cells>::default(), Timers::new());
        pool.lease(&mut |_| Poll::Pending).await.map_err(io::Error::other)?.keep();
        Ok(with(Rc::new(Parts { world, pool, _upstream: upstream })))
    })?
}

impl Parts {
    /// Takes the idle connection out of the pool and puts it back; whether there was one.
    ///
    /// Its read is in flight throughout, so that the kernel has no part in it. The read that each
    /// answer ends, and that the pool begins again, is not in it.
    pub fn lend(&self) -> bool {
        let mut left = |_: &mut Context<'_>| Poll::Pending;
        let lease = pin!(self.pool.lease(&mut left)).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Ok(lease)) = lease else { return false };
        let reused = lease.reused;
        lease.keep();
        reused
    }

    /// Whether a virtual server has this path.
    pub fn route(&self, path: &[u8]) -> bool {
        self.world.route(path).is_some()
    }

    /// Whether the first listener serves this `Host`.
    pub fn host(&self, host: &[u8]) -> bool {
        self.world.listeners.first().is_some_and(|listener| listener.hosts.host(host))
    }

    /// Whether the first listener serves this `Origin`.
    pub fn origin(&self, origin: &[u8]) -> bool {
        self.world.listeners.first().is_some_and(|listener| listener.hosts.origin(origin))
    }

    /// Whom the kernel's word makes the caller of a connection; asked once a connection.
    pub fn caller(&self, attested: u64) -> Option<u64> {
        Caller::new(Some(attested), &self.world).id()
    }

    /// An agent of the configuration.
    pub fn agent(&self, id: u64) -> Option<&Agent> {
        self.world.agent(id).map(Arc::as_ref)
    }

    /// Whether a forward listener lets the agent's request through to where it wants to go.
    pub fn forward(&self, agent: &Agent, head: &RequestHead, buffer: &[u8]) -> bool {
        forward::allows(agent, head, buffer)
    }
}
