//! The load generator of `run`.
//!
//! The main thread conducts: it has a call made to see that the target answers, starts the workers,
//! tells them what to send and when, puts together what they count, and watches them, the target and
//! the clock. Workers share nothing while they send; each has its connections, its sessions and its
//! part of the schedule.
//!
//! Latency counts from when a call was due, and what is due is decided before the run, so a target
//! that stalls is charged for every call that it kept waiting. What is in no answer is counted too:
//! each call that became due ends as succeeded, failed or unfinished.
//!
//! - before: `request` (what is sent), `limits`, `probe`
//! - the threads: `worker`, with `connection`, `transport`, `answer`, `check`, `asked`, `session`, `mix`
//! - time: `clock`, `schedule`, `search`, `alarms`
//! - what is counted: `tally` (a thread's), `collect` (all of it), `failure`, `figures`
//! - the main thread: `conduct`, `observe`, `process`, `interrupts`, `assemble`

mod alarms;
mod answer;
mod asked;
mod assemble;
mod check;
mod clock;
mod collect;
mod conduct;
mod connection;
mod failure;
mod figures;
mod interrupts;
mod limits;
mod mix;
mod observe;
mod probe;
mod process;
mod request;
mod schedule;
mod search;
mod seldom;
mod session;
mod shape;
mod stint;
mod summary;
mod tally;
mod tls;
mod transport;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering;
use std::sync::mpsc::{channel, sync_channel};
use std::thread::{Builder, scope};
use std::time::SystemTime;

use anyhow::{Context as _, Result, anyhow, ensure};

use self::conduct::{Conducted, Conductor};
use self::interrupts::Interrupts;
use self::probe::Probed;
use self::process::Watched;
use self::request::Requests;
use self::stint::{Orders, Setting};
use self::worker::Worker;
use crate::plan::{Era, Pace, Plan, THREADS_MAX};
use crate::progress::Snapshot;
use crate::report::model::Report;

/// Intervals that may wait for the main thread, for each worker; what comes beyond waits with it.
const TOLD_MAX: usize = 8;

/// Runs the plan. `watch` is told about twice a second how it stands.
///
/// The first SIGINT or SIGTERM stops it, and the report so far is given; the second does not wait
/// for answers either.
pub(crate) fn run(plan: &Plan, watch: impl FnMut(&Snapshot)) -> Result<Report> {
    let interrupts = Interrupts::listen()?;
    run_until(plan, || interrupts.came(), watch)
}

/// The same, stopped by whatever `interrupted` looks at.
fn run_until(
    plan: &Plan,
    interrupted: impl FnMut() -> bool,
    watch: impl FnMut(&Snapshot),
) -> Result<Report> {
    run_with(&setting(plan)?, interrupted, watch)
}

fn run_with(
    setting: &Setting<'_>,
    mut interrupted: impl FnMut() -> bool,
    watch: impl FnMut(&Snapshot),
) -> Result<Report> {
    let started = SystemTime::now();
    let watched = setting.plan.pid.map(Watched::new).transpose()?;
    let orders = Orders::default();
    // A signal that came meanwhile stops what follows as soon as it begins.
    let stopped = probe::probe(setting, &mut interrupted)? == Probed::Stopped;
    let mut told = false;
    let interrupted = || (stopped && !std::mem::replace(&mut told, true)) || interrupted();
    let mut conducted = conduct(setting, &orders, watched, interrupted, watch)?;
    if stopped {
        let unheard = "the target had not answered the first call when the run was interrupted";
        conducted.warnings.push(unheard.to_owned());
    }
    assemble::report(setting, started, conducted)
}

fn setting(plan: &Plan) -> Result<Setting<'_>> {
    ensure!(!plan.target.addresses.is_empty(), "{} has no address", plan.target.url);
    ensure!(!plan.agents.is_empty(), "there is no agent to make calls as");
    ensure!(plan.connections > 0, "there is no connection to make calls on");
    ensure!(plan.sessions > 0, "there is no session to make calls in");
    let most = match &plan.pace {
        Pace::Closed { concurrency, .. } => {
            ensure!(*concurrency > 0, "there is nothing in flight with a concurrency of 0");
            *concurrency
        }
        _ => usize::MAX,
    };
    // A legacy session is one thread's.
    let sessions = if plan.era == Era::Legacy { plan.sessions } else { usize::MAX };
    let threads = plan.threads.min(plan.connections).min(most).min(sessions).clamp(1, THREADS_MAX);
    let streams = limits::allow(plan)?;
    Ok(Setting {
        plan,
        requests: Requests::new(plan)?,
        secure: plan.target.tls.as_ref().map(tls::secure).transpose()?,
        threads,
        streams_max: limits::of_thread(streams, threads),
    })
}

/// Starts the workers, conducts them, and waits for their end.
fn conduct(
    setting: &Setting<'_>,
    orders: &Orders,
    watched: Option<Watched>,
    interrupted: impl FnMut() -> bool,
    watch: impl FnMut(&Snapshot),
) -> Result<Conducted> {
    let (told, hear) = sync_channel(TOLD_MAX * setting.threads);
    scope(|scope| {
        let (mut threads, mut commands) = (Vec::new(), Vec::new());
        for index in 0..setting.threads {
            let (command, obeyed) = channel();
            let worker = Worker::new(setting, orders, index, obeyed, told.clone())?;
            let thread = Builder::new().name(format!("load-{index}"));
            let thread = thread.spawn_scoped(scope, move || worker.run());
            threads.push(thread.context("a thread of the generator cannot be started")?);
            commands.push(command);
        }
        drop(told);
        let all_alive = || !threads.iter().any(std::thread::ScopedJoinHandle::is_finished);
        let conductor =
            Conductor::new(setting, orders, commands, hear, watched, interrupted, watch);
        let mut conducted = conductor.and_then(|conductor| conductor.conduct(&all_alive));
        if conducted.is_err() {
            orders.stop.store(true, Ordering::Relaxed);
            orders.abort.store(true, Ordering::Relaxed);
        }
        for thread in threads {
            let left =
                thread.join().map_err(|_| anyhow!("a thread of the generator panicked"))??;
            if let Ok(conducted) = &mut conducted {
                conducted.left.0.merge(left.0);
            }
        }
        conducted
    })
}

/// Latencies in nanoseconds as a report has them, for tests of what reads reports.
#[cfg(test)]
pub(crate) fn measured(
    latencies: impl Iterator<Item = u64>,
    failed: u64,
    unfinished: u64,
    seconds: f64,
) -> crate::report::model::Measured {
    let mut cell = tally::Cell::new(tally::latencies().unwrap());
    for latency in latencies {
        cell.latency.record(latency).unwrap();
        cell.succeeded += 1;
    }
    (cell.failed, cell.unfinished) = (failed, unfinished);
    figures::measured(&cell, seconds).unwrap()
}
