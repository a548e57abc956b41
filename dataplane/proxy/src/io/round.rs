//! Whether the kernel was asked since a read was begun.
//!
//! monoio hands its ring's submissions over, and learns what came of them, between two rounds of a
//! shard's tasks. A read that was begun in this round is pending whatever lies in its socket. That a
//! round is over shows in any read or write: what was found pending is only ever found done in a later one.
//! Writes show it soonest, for most are done as they are handed over.

use std::cell::Cell;

thread_local! {
    /// How often a read or write of this thread's was found pending.
    static PENDING: Cell<u64> = const { Cell::new(0) };
    /// The latest of these findings after which that was found done.
    static OVER: Cell<u64> = const { Cell::new(0) };
}

/// A moment at which a read or write was found pending.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pended(u64);

impl Pended {
    pub(super) fn now() -> Self {
        let now = PENDING.get() + 1;
        PENDING.set(now);
        Self(now)
    }

    /// It is done.
    pub(super) fn done(self) {
        OVER.set(OVER.get().max(self.0));
    }

    /// Whether the kernel was certainly asked since.
    pub(super) fn is_over(self) -> bool {
        self.0 < OVER.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_read_that_was_pending_later_shows_that_the_kernel_was_asked() {
        let (agents, kept) = (Pended::now(), Pended::now());
        agents.done();
        assert!(!kept.is_over(), "both may have been done in the same round");
        let next = Pended::now();
        assert!(!kept.is_over());
        next.done();
        assert!(kept.is_over());
        kept.done();
        assert!(!next.is_over() && kept.is_over());
    }
}
