//! Timeouts that cost a call two stores.
//!
//! Every wait in the proxy has a limit of seconds, almost none is ever reached. So a timer is a slot
//! holding a deadline and a waker, and a sweep of all slots on each tick finds the late ones.
//! A timeout is late by up to two ticks, and never early.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The longest time between two ticks, in milliseconds.
pub(super) const TICK_MS: u64 = 100;

/// All timers of a shard.
pub(crate) struct Timers {
    start: Instant,
    now_ms: Cell<u64>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
}

#[derive(Default)]
struct Slot {
    /// `u64::MAX` while nobody waits.
    deadline_ms: u64,
    waker: Option<Waker>,
}

impl Timers {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            start: Instant::now(),
            now_ms: Cell::new(0),
            slots: RefCell::default(),
            free: RefCell::default(),
        })
    }

    /// A timer of one connection.
    pub(crate) fn timer(self: &Rc<Self>) -> Timer {
        let mut slots = self.slots.borrow_mut();
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(Slot::default());
            slots.len() - 1
        });
        slots[index] = Slot { deadline_ms: u64::MAX, waker: None };
        Timer { timers: Rc::clone(self), index }
    }

    /// Advances the time and wakes whoever is late.
    pub(crate) fn tick(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.now_ms.set(now);
        let late: Vec<Waker> = self
            .slots
            .borrow_mut()
            .iter_mut()
            .filter(|slot| slot.deadline_ms <= now)
            .filter_map(|slot| slot.waker.take())
            .collect();
        late.into_iter().for_each(Waker::wake);
    }

    /// Wakes everybody who waits: something that all must see has changed.
    pub(crate) fn wake_all(&self) {
        let all: Vec<Waker> =
            self.slots.borrow_mut().iter_mut().filter_map(|slot| slot.waker.take()).collect();
        all.into_iter().for_each(Waker::wake);
    }

    /// Milliseconds since the shard began, as of the last tick.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }
}

/// One connection's timer; it serves one wait at a time.
pub(crate) struct Timer {
    timers: Rc<Timers>,
    index: usize,
}

/// A limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed;

impl Timer {
    /// The future's output, unless it takes longer than `limit`.
    pub(crate) fn within<F: Future>(&self, limit: Duration, future: F) -> Within<'_, F> {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        // The time is that of the last tick, which may be as old as a tick is long.
        let deadline_ms = self.timers.now_ms().saturating_add(limit_ms).saturating_add(TICK_MS);
        Within { timer: self, deadline_ms, future }
    }

    /// Milliseconds since the shard began, as of the last tick.
    pub(super) fn now_ms(&self) -> u64 {
        self.timers.now_ms()
    }

    /// Nobody waits any more.
    pub(super) fn rest(&self) {
        self.timers.slots.borrow_mut()[self.index].deadline_ms = u64::MAX;
    }

    pub(super) fn wait(&self, deadline_ms: u64, cx: &Context<'_>) {
        let slot = &mut self.timers.slots.borrow_mut()[self.index];
        slot.deadline_ms = deadline_ms;
        match &slot.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => slot.waker = Some(cx.waker().clone()),
        }
    }
}

pin_project_lite::pin_project! {
    /// A future with a limit. A type and not an `async fn`, which would hold the future twice.
    pub(crate) struct Within<'a, F> {
        timer: &'a Timer,
        deadline_ms: u64,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Within<'_, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = match this.future.poll(cx) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending if this.timer.timers.now_ms() >= *this.deadline_ms => Err(Elapsed),
            Poll::Pending => {
                this.timer.wait(*this.deadline_ms, cx);
                return Poll::Pending;
            }
        };
        this.timer.rest();
        Poll::Ready(output)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.timers.slots.borrow_mut()[self.index] = Slot { deadline_ms: u64::MAX, waker: None };
        self.timers.free.borrow_mut().push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::pin;

    #[test]
    fn a_wait_ends_on_the_tick_after_its_limit_and_frees_its_slot() {
        let timers = Timers::new();
        let timer = timers.timer();
        let mut wait = pin!(timer.within(Duration::from_millis(5), pending::<()>()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        timers.tick();
        std::thread::sleep(Duration::from_millis(5));
        timers.tick();
        assert!(wait.as_mut().poll(&mut cx).is_pending(), "the tick it began by may have been old");
        std::thread::sleep(Duration::from_millis(TICK_MS));
        assert!(wait.as_mut().poll(&mut cx).is_pending(), "time moves by ticks only");
        timers.tick();
        assert_eq!(wait.as_mut().poll(&mut cx), Poll::Ready(Err(Elapsed)));
        let second = timers.timer();
        assert_eq!(second.index, 1);
        drop(second);
        assert_eq!(timers.timer().index, 1);
    }
}
