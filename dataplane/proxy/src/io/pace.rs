//! A write that goes on for as long as its peer takes something.

use std::future::Future;
use std::io;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::round::Pended;
use super::timer::{TICK_MS, Timer};

/// How often a waiting write is looked at within the time that its peer may take nothing.
const LOOKS: u64 = 4;

/// How long a peer may take nothing of what is written to it.
#[derive(Clone, Copy)]
pub(crate) struct Pace<'a> {
    timer: &'a Timer,
    pause_ms: u64,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(timer: &'a Timer, pause: Duration) -> Self {
        Self { timer, pause_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// Why not all that was to be written was taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwritten {
    #[error("nothing was taken for too long")]
    Slow,
    #[error(transparent)]
    Broken(#[from] io::Error),
}

impl From<Unwritten> for io::Error {
    fn from(error: Unwritten) -> Self {
        match error {
            Unwritten::Slow => io::ErrorKind::TimedOut.into(),
            Unwritten::Broken(error) => error,
        }
    }
}

pin_project_lite::pin_project! {
    /// A write's output, or `None` where its peer took nothing for too long. The kernel lets a write go
    /// on only when much of its buffer is free again, which a slow peer may need minutes for; so it is
    /// asked how much still waits there.
    pub(super) struct Paced<'a, F> {
        pace: Option<Pace<'a>>,
        descriptor: RawFd,
        next_look_ms: u64,
        // What waited when it was last looked at, and since when no less did; below zero before.
        waiting: i32,
        since_ms: u64,
        pended: Pended,
        #[pin]
        write: F,
    }
}

impl<'a, F> Paced<'a, F> {
    pub(super) fn new(pace: Option<Pace<'a>>, descriptor: RawFd, write: F) -> Self {
        let next_look_ms = pace.map_or(u64::MAX, |pace| {
            pace.timer.now_ms().saturating_add(pace.pause_ms / LOOKS).saturating_add(TICK_MS)
        });
        Self {
            pace,
            descriptor,
            next_look_ms,
            waiting: -1,
            since_ms: 0,
            pended: Pended::default(),
            write,
        }
    }
}

impl<F: Future> Future for Paced<'_, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let written = this.write.poll(cx);
        match &written {
            Poll::Ready(_) => this.pended.done(),
            Poll::Pending => *this.pended = Pended::now(),
        }
        let Some(pace) = this.pace else { return written.map(Some) };
        let now = pace.timer.now_ms();
        let output = match written {
            Poll::Ready(output) => Some(output),
            Poll::Pending => {
                if now >= *this.next_look_ms {
                    let waiting = waiting(*this.descriptor);
                    if waiting != *this.waiting {
                        (*this.waiting, *this.since_ms) = (waiting, now);
                    }
                    *this.next_look_ms = now.saturating_add(pace.pause_ms / LOOKS);
                }
                if *this.waiting < 0 || now.saturating_sub(*this.since_ms) < pace.pause_ms {
                    pace.timer.wait(*this.next_look_ms, cx);
                    return Poll::Pending;
                }
                None
            }
        };
        pace.timer.rest();
        Poll::Ready(output)
    }
}

/// Bytes that the peer has not taken; as many as ever where the kernel does not say.
fn waiting(descriptor: RawFd) -> i32 {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open while its write is in flight; the kernel writes the one number.
    unsafe { libc::ioctl(descriptor, libc::TIOCOUTQ, &raw mut bytes) };
    bytes.max(0)
}
