//! One shard's connections to one upstream.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use penstock_metrics::{Cells, Metric};

use super::connect::{ConnectError, connect};
use crate::io::{Conn, KEPT_BYTES_MAX, Timer, Timers};
use crate::world::Remote;

/// The first read of an answer, at least and at most: it follows the size of the upstream's answers,
/// so that most come in one piece and idle connections hold no larger buffer than they need.
pub(crate) const FIRST_READ_BYTES: usize = 16 << 10;
const FIRST_READ_BYTES_MAX: usize = KEPT_BYTES_MAX;

/// Connections to one upstream: idle ones are handed out last in, first out, so that those not
/// needed fall idle long enough to be closed.
pub(crate) struct Pool {
    pub(crate) remote: Arc<Remote>,
    cells: Arc<Cells>,
    timers: Rc<Timers>,
    idle: RefCell<Vec<Idle>>,
    open: Cell<u32>,
    first_read_bytes: Cell<usize>,
    closed: Cell<bool>,
    /// Those who wait for a place; one that has given up is gone from here.
    waiting: RefCell<VecDeque<Weak<Waker>>>,
}

/// Its lease keeps the place among `connections`. That the pool owns what owns the pool is undone by
/// [`Pool::close`].
struct Idle {
    lease: Lease,
    since_ms: u64,
}

/// A connection lent to one call.
pub(crate) struct Lease {
    pub(crate) conn: Conn,
    pub(crate) timer: Timer,
    /// Whether it has carried a call before.
    pub(crate) reused: bool,
    slot: Slot,
}

/// A place among `connections`.
struct Slot(Rc<Pool>);

impl Pool {
    pub(crate) fn new(remote: Arc<Remote>, cells: Arc<Cells>, timers: Rc<Timers>) -> Rc<Self> {
        Rc::new(Self {
            remote,
            cells,
            timers,
            idle: RefCell::default(),
            open: Cell::new(0),
            first_read_bytes: Cell::new(FIRST_READ_BYTES),
            closed: Cell::new(false),
            waiting: RefCell::default(),
        })
    }

    /// A connection that was made elsewhere, for one call: it is closed after it.
    pub(crate) fn once(
        conn: Conn,
        remote: Arc<Remote>,
        cells: Arc<Cells>,
        timers: &Rc<Timers>,
    ) -> Lease {
        let pool = Self::new(remote, cells, Rc::clone(timers));
        pool.closed.set(true);
        pool.open.set(1);
        pool.cells.inc(Metric::UpstreamOpen);
        Lease { conn, timer: timers.timer(), reused: false, slot: Slot(pool) }
    }

    /// Whether its connections may carry more than one call.
    pub(crate) fn keeps(&self) -> bool {
        !self.closed.get()
    }

    /// A connection that carries nothing else. `left` is asked while a place is waited for, whether there
    /// is anybody still to wait for it.
    pub(crate) async fn lease(
        self: &Rc<Self>,
        left: &mut dyn FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Result<Lease, ConnectError> {
        if let Some(lease) = self.reuse() {
            return Ok(lease);
        }
        // Rare, and large: the task of every connection would have to hold it.
        Box::pin(self.fresh(left)).await
    }

    /// An idle connection whose peer has neither closed it nor said anything out of turn.
    fn reuse(self: &Rc<Self>) -> Option<Lease> {
        loop {
            let mut lease = self.latest()?;
            // One whose read has not been to the kernel yet: what lies in its socket would be taken for
            // the answer to the call that goes out on it now.
            if !lease.conn.was_asked() && !lease.conn.is_silent() {
                continue;
            }
            let mut said = Vec::new();
            let mut cx = Context::from_waker(Waker::noop());
            if lease.conn.poll_read(&mut cx, &mut said, FIRST_READ_BYTES, false).is_pending() {
                lease.reused = true;
                self.cells.inc(Metric::UpstreamReused);
                return Some(lease);
            }
        }
    }

    /// The idle connection that was kept last, of those whose silence is known where there are any: of
    /// another it costs a system call to know. Between 32 busy agents that is one call in ten, where an
    /// agent's next request is there before its answer is known to be written.
    fn latest(&self) -> Option<Lease> {
        let mut idle = self.idle.borrow_mut();
        let known = idle.iter().rposition(|one| one.lease.conn.was_asked());
        let last = idle.len().checked_sub(1)?;
        Some(idle.remove(known.unwrap_or(last)).lease)
    }

    /// A new connection, made within `connect_timeout`.
    pub(crate) async fn fresh(
        self: &Rc<Self>,
        left: &mut dyn FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Result<Lease, ConnectError> {
        let timer = self.timers.timer();
        let limit = self.remote.config.connect_timeout;
        let place = async {
            loop {
                if let Some(slot) = self.slot().await {
                    return Ok(slot);
                }
                // One that came back may be closed by now, or be taken by somebody faster.
                if let Some(lease) = self.reuse() {
                    return Err(lease);
                }
            }
        };
        let mut place = pin!(timer.within(limit, place));
        // What follows is not given up: a connection that is dropped half made may lose its descriptor.
        let place = poll_fn(|cx| match place.as_mut().poll(cx) {
            Poll::Ready(place) => Poll::Ready(place.map_err(|_| ConnectError::Full)),
            Poll::Pending if left(cx).is_ready() => Poll::Ready(Err(ConnectError::Left)),
            Poll::Pending => Poll::Pending,
        });
        let slot = match place.await? {
            Ok(slot) => slot,
            Err(lease) => return Ok(lease),
        };
        let conn = self.connect(&timer).await?;
        Ok(Lease { conn, timer, reused: false, slot })
    }

    async fn connect(&self, timer: &Timer) -> Result<Conn, ConnectError> {
        let stagger = self.timers.timer();
        let conn = timer
            .within(self.remote.config.connect_timeout, connect(&self.remote, &stagger))
            .await
            .unwrap_or(Err(ConnectError::Timeout))
            .inspect_err(|_| self.cells.inc(Metric::UpstreamConnectErrors))?;
        self.cells.inc(Metric::UpstreamConnects);
        Ok(conn)
    }

    /// A place for one more connection; `None` when an idle one came back instead.
    async fn slot(self: &Rc<Self>) -> Option<Slot> {
        let mut turn = Rc::new(Waker::noop().clone());
        poll_fn(|cx| {
            if self.open.get() < self.remote.config.connections_max {
                self.open.set(self.open.get() + 1);
                self.cells.inc(Metric::UpstreamOpen);
                return Poll::Ready(Some(Slot(Rc::clone(self))));
            }
            if !self.idle.borrow().is_empty() {
                return Poll::Ready(None);
            }
            turn = Rc::new(cx.waker().clone());
            self.waiting.borrow_mut().push_back(Rc::downgrade(&turn));
            Poll::Pending
        })
        .await
    }

    fn wake_one(&self) {
        let next = || self.waiting.borrow_mut().pop_front();
        while let Some(turn) = next() {
            if let Some(waker) = turn.upgrade() {
                return waker.wake_by_ref();
            }
        }
    }

    /// Closes what was idle for too long and what its peer has closed.
    pub(crate) fn sweep(&self) {
        let now = self.timers.now_ms();
        let keep_ms = u64::try_from(self.remote.config.idle_timeout.as_millis());
        let keep_ms = keep_ms.unwrap_or(u64::MAX);
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        let mut cx = Context::from_waker(Waker::noop());
        for mut one in idle {
            let mut said = Vec::new();
            let conn = &mut one.lease.conn;
            let alive = conn.poll_read(&mut cx, &mut said, FIRST_READ_BYTES, false).is_pending();
            if alive && now.saturating_sub(one.since_ms) < keep_ms {
                self.idle.borrow_mut().push(one);
            }
        }
    }

    /// Closes all idle connections and those in use as they come back: the upstream is configured
    /// differently now, or no longer.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        drop(idle);
    }
}

impl Lease {
    pub(crate) fn remote(&self) -> &Remote {
        &self.slot.0.remote
    }

    /// A new connection in its place, for one that the upstream has closed.
    pub(crate) async fn renew(&mut self) -> Result<(), ConnectError> {
        self.conn = self.slot.0.connect(&self.timer).await?;
        self.reused = false;
        Ok(())
    }

    /// How large a buffer the next answer's first read gets.
    pub(crate) fn first_read_bytes(&self) -> usize {
        self.slot.0.first_read_bytes.get()
    }

    /// Learns from how much an answer's first read brought: grows at once, shrinks slowly.
    pub(crate) fn answered(&self, read: usize) {
        let now = self.first_read_bytes();
        let next = if read >= now {
            now * 2
        } else if read < now / 4 {
            now - now / 16
        } else {
            now
        };
        self.slot.0.first_read_bytes.set(next.clamp(FIRST_READ_BYTES, FIRST_READ_BYTES_MAX));
    }

    /// Gives the connection back: the answer ended where its framing said.
    pub(crate) fn keep(mut self) {
        let pool = Rc::clone(&self.slot.0);
        // The answer may have come before the request was written whole.
        if pool.closed.get() || self.conn.is_torn() {
            return;
        }
        // The next answer's read begins now, so that the end of the connection is seen when it comes.
        let mut said = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        let want = self.first_read_bytes();
        if self.conn.poll_read(&mut cx, &mut said, want, false).is_ready() {
            return;
        }
        let since_ms = pool.timers.now_ms();
        pool.idle.borrow_mut().push(Idle { lease: self, since_ms });
        pool.wake_one();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
        self.0.cells.dec(Metric::UpstreamOpen);
        self.0.wake_one();
    }
}
