//! What the main thread and the workers say to each other.

use std::sync::atomic::AtomicBool;

use super::failure::Failures;
use super::request::Requests;
use super::schedule::Schedule;
use super::tally::{Placed, Rest};
use super::tls::Secure;
use crate::plan::Plan;

/// What all threads have in common.
pub(super) struct Setting<'a> {
    pub(super) plan: &'a Plan,
    pub(super) requests: Requests,
    pub(super) secure: Option<Secure>,
    /// Threads that carry calls; no more than there are connections and sessions for.
    pub(super) threads: usize,
    /// Connections that one thread may have beside those that carry calls: for streams, and for
    /// answers to the server.
    pub(super) beside_max: usize,
}

/// Set by the main thread, seen by the workers within a tick.
#[derive(Default)]
pub(super) struct Orders {
    /// Nothing more is sent; what is in flight is waited for.
    pub(super) stop: AtomicBool,
    /// Nothing is waited for either.
    pub(super) abort: AtomicBool,
}

pub(super) enum Command {
    Drive(Stint),
    /// Sessions are ended, then the thread.
    Finish,
}

/// One thread's part of a stretch of load: a warm-up and what is measured.
pub(super) struct Stint {
    pub(super) start: u64,
    pub(super) measure_from: u64,
    pub(super) end: u64,
    /// How long answers are waited for after the end.
    pub(super) grace: u64,
    pub(super) share: Share,
}

pub(super) enum Share {
    Closed { concurrency: usize },
    Open(Box<Schedule>),
}

/// From a worker.
pub(super) enum Told {
    /// It is ready for its first stint, or as ready as it gets.
    Ready(Ready),
    Interval(Box<Interval>),
}

pub(super) struct Ready {
    pub(super) worker: usize,
    /// Of its thread, to the kernel.
    pub(super) tid: u32,
    /// Of its sessions, not open.
    pub(super) sessions_closed: usize,
    /// Of its connections, not there.
    pub(super) connections_down: usize,
}

/// What a worker counted in an interval of the grid that begins when measuring does.
pub(super) struct Interval {
    pub(super) worker: usize,
    /// When it began, and up to when all is told.
    pub(super) begins: u64,
    pub(super) until: u64,
    pub(super) cells: Vec<Placed>,
    pub(super) rest: Rest,
    /// At its end: calls due and not answered, and streams that are open.
    pub(super) in_flight: u64,
    pub(super) streams: u64,
    /// The last of its stint.
    pub(super) ended: Option<StintEnd>,
}

/// Sessions of which it is not known, when all is over, that the server has ended them, or that it never
/// opened them: how many, and why.
#[derive(Debug, Default)]
pub(super) struct Left(pub(super) Failures);

#[derive(Debug, Clone, Copy)]
pub(super) struct StintEnd {
    /// When the last call was sent, and when no more became due.
    pub(super) last_sent: u64,
    pub(super) stopped: u64,
}
