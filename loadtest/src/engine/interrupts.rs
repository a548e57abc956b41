//! Signals that end a run: the first stops it and its report is given; the second does not wait
//! for answers any more; after the run they end the process as ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

pub(super) struct Interrupts {
    came: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Interrupts {
    pub(super) fn listen() -> Result<Self> {
        let (came, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&over))
                .and_then(|_| flag::register(signal, Arc::clone(&came)))
                .context("signals cannot be caught")?;
        }
        Ok(Self { came, over })
    }

    /// Whether a signal came since this was last asked.
    pub(super) fn came(&self) -> bool {
        self.came.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_is_seen_once() {
        let interrupts = Interrupts::listen().unwrap();
        assert!(!interrupts.came());
        for signal in [SIGINT, SIGTERM] {
            signal_hook::low_level::raise(signal).unwrap();
            assert!(interrupts.came() && !interrupts.came(), "{signal}");
        }
    }
}
