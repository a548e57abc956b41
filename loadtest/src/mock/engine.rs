//! Which kernel interface a thread runs on.

use std::future::Future;
use std::io;

use anyhow::{Context as _, Result};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::arguments::Backend;

/// Submission entries of a thread's ring; a full queue is flushed, so this bounds no connections.
const RING_ENTRIES: u32 = 1024;

/// The kernel interface that all threads run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    IoUring,
    Epoll,
}

/// Flags without which io_uring interrupts the thread for each completion, and costs more than
/// epoll.
fn ring() -> io_uring::Builder {
    let mut builder = io_uring::IoUring::builder();
    builder.setup_coop_taskrun().setup_taskrun_flag().setup_single_issuer();
    builder
}

impl Engine {
    /// The one that was asked for; where any will do and io_uring is forbidden, epoll, which is said.
    pub(crate) fn choose(backend: Backend) -> Result<Self> {
        if backend == Backend::Epoll {
            return Ok(Self::Epoll);
        }
        match ring().build(8) {
            Ok(_) => Ok(Self::IoUring),
            Err(error) if backend == Backend::IoUring => {
                Err(error).context("this kernel does not allow io_uring; use --backend epoll")
            }
            Err(error) => {
                eprintln!("io_uring is forbidden here ({error}); epoll serves instead");
                Ok(Self::Epoll)
            }
        }
    }

    /// Runs a future to its end on this thread.
    pub(crate) fn run<F: Future>(self, future: F) -> io::Result<F::Output> {
        Ok(match self {
            Self::IoUring => {
                let uring = RuntimeBuilder::<IoUringDriver>::new().uring_builder(ring());
                uring.with_entries(RING_ENTRIES).enable_timer().build()?.block_on(future)
            }
            Self::Epoll => {
                RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?.block_on(future)
            }
        })
    }
}
