//! The main thread while load runs: what is sent when, what has come in, and how it all stands.

mod search;
mod tell;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::engine::clock::{self, MILLISECOND, SECOND, nanoseconds, seconds};
use crate::engine::collect::Collector;
use crate::engine::failure::Failures;
use crate::engine::figures;
use crate::engine::observe::{Threads, Use};
use crate::engine::process::{Used, Watched};
use crate::engine::schedule::{Paced, Recorded, Schedule, is_level, moments};
use crate::engine::stint::{Command, Left, Orders, Setting, Share, Stint, StintEnd, Told};
use crate::engine::worker::share_of;
use crate::plan::{Arrival, Pace, Step};
use crate::progress::Snapshot;
use crate::random::Random;
use crate::report::model::{Ended, SearchReport, StepReport};
use crate::report::units;

/// Between the word to start and the start: every worker has heard it by then.
const START_AFTER: u64 = 30 * MILLISECOND;
/// How often the main thread looks for signals and for what is due, at least.
const LOOK: u64 = 50 * MILLISECOND;
/// Answers in flight at the end are waited for as long as the timeout, and no longer than this.
const GRACE_MAX: u64 = 5 * SECOND;

/// From this part of a step on, it is worth a word that its answers came after its end.
const BEHIND_PART: f64 = 0.05;

/// What a run came to.
pub(super) struct Conducted {
    pub(super) collector: Collector,
    pub(super) ended: Ended,
    /// How long was measured.
    pub(super) measured_seconds: f64,
    pub(super) steps: Vec<StepReport>,
    pub(super) search: Option<SearchReport>,
    pub(super) used: Use,
    pub(super) watched: Option<Watched>,
    /// The harness spoilt a step of a search.
    pub(super) spoilt: Vec<String>,
    /// By nothing but calls that went out late.
    pub(super) only_late: bool,
    pub(super) warnings: Vec<String>,
    pub(super) left: Left,
}

pub(super) struct Conductor<'c, I, W> {
    setting: &'c Setting<'c>,
    orders: &'c Orders,
    commands: Vec<Sender<Command>>,
    hear: Receiver<Told>,
    interrupted: I,
    interruptions: u32,
    watch: W,
    collector: Collector,
    threads: Threads,
    watched: Option<Watched>,
    progress: Snapshot,
    /// When the first load did.
    began: Option<u64>,
    told_at: u64,
    /// Second of the last look, by the grid that begins when measuring does.
    looked: u64,
    stints: u64,
    measured_seconds: f64,
    steps: Vec<StepReport>,
    spoilt: Vec<String>,
    /// The same of the highest step of a search that held: its rate holds, its latencies do not.
    strained: Vec<String>,
    only_late: bool,
    warnings: Vec<String>,
}

/// A stretch of load over all threads.
struct Plans<'s> {
    warm_up: Duration,
    length: Duration,
    load: Load<'s>,
}

enum Load<'s> {
    Closed(usize),
    /// With the warm-up as the first step.
    Open(&'s [Step], Arrival),
    /// At these moments, the warm-up's among them.
    Recorded(Arc<[u64]>),
}

/// What a stint came to.
struct Found {
    measure_from: u64,
    seconds: f64,
    used: Use,
    process: Option<Used>,
}

impl<'c, I: FnMut() -> bool, W: FnMut(&Snapshot)> Conductor<'c, I, W> {
    pub(super) fn new(
        setting: &'c Setting<'c>,
        orders: &'c Orders,
        commands: Vec<Sender<Command>>,
        hear: Receiver<Told>,
        watched: Option<Watched>,
        interrupted: I,
        watch: W,
    ) -> Result<Self> {
        Ok(Self {
            setting,
            orders,
            hear,
            interrupted,
            interruptions: 0,
            watch,
            collector: Collector::new(setting.requests.operations.len(), commands.len())?,
            commands,
            threads: Threads::new(Vec::new()),
            watched,
            progress: Snapshot::default(),
            began: None,
            told_at: clock::now(),
            looked: 0,
            stints: 0,
            measured_seconds: 0.0,
            steps: Vec::new(),
            spoilt: Vec::new(),
            strained: Vec::new(),
            only_late: false,
            warnings: Vec::new(),
        })
    }

    pub(super) fn conduct(mut self, alive: &dyn Fn() -> bool) -> Result<Conducted> {
        self.set_up(alive)?;
        let mut search = None;
        match &self.setting.plan.pace {
            Pace::Closed { concurrency, duration } => {
                let load = Load::Closed(*concurrency);
                let warm_up = self.setting.plan.warm_up;
                self.stint(&Plans { warm_up, length: *duration, load }, alive)?;
            }
            Pace::Open { steps, arrival } => self.open(steps, *arrival, alive)?,
            Pace::Recorded { duration, .. } => {
                let load = Load::Recorded(moments(&self.setting.plan.traffic));
                let warm_up = self.setting.plan.warm_up;
                self.stint(&Plans { warm_up, length: *duration, load }, alive)?;
            }
            Pace::Search(searched) => search = Some(self.search(searched, alive)?),
        }
        for command in &self.commands {
            // One that has ended meanwhile has nothing to finish.
            let _ = command.send(Command::Finish);
        }
        self.collector.close_all();
        Ok(Conducted {
            ended: if self.interruptions > 0 { Ended::Interrupted } else { Ended::Completed },
            collector: self.collector,
            measured_seconds: self.measured_seconds,
            steps: self.steps,
            search,
            used: self.threads.whole(),
            watched: self.watched,
            spoilt: if self.spoilt.is_empty() { self.strained } else { self.spoilt },
            only_late: self.only_late,
            warnings: self.warnings,
            // Not known before the threads have ended.
            left: Left::default(),
        })
    }

    /// Waits until every worker has its connections and sessions.
    fn set_up(&mut self, alive: &dyn Fn() -> bool) -> Result<()> {
        let workers = self.commands.len();
        let mut tids = vec![0; workers];
        let (mut ready, mut closed, mut down) = (0, 0, 0);
        while ready < workers {
            self.look_for_signals();
            match self.hear.recv_timeout(Duration::from_nanos(LOOK)) {
                Ok(Told::Ready(one)) => {
                    ready += 1;
                    closed += one.sessions_closed;
                    down += one.connections_down;
                    if let Some(tid) = tids.get_mut(one.worker) {
                        *tid = one.tid;
                    }
                }
                Ok(Told::Interval(interval)) => self.collector.take(*interval),
                Err(RecvTimeoutError::Timeout) if alive() => {}
                Err(_) => bail!("a thread of the generator has ended"),
            }
            self.tell(clock::now());
        }
        self.threads = Threads::new(tids);
        let plan = self.setting.plan;
        if self.interruptions > 0 {
            return Ok(());
        }
        let rest = &self.collector.rest;
        let first = |failures: &Failures| {
            failures.report().first().map(|one| format!("{}: {}", one.what, one.example))
        };
        if down >= plan.connections {
            let why = first(&rest.refused).unwrap_or_default();
            bail!(
                "none of {} connections to {} could be made: {why}",
                plan.connections,
                plan.target.url
            );
        }
        if closed >= plan.sessions {
            let why = first(&rest.warm_up_failures).unwrap_or_default();
            bail!("none of {} sessions could be opened: {why}", plan.sessions);
        }
        if closed > 0 {
            let why = first(&rest.warm_up_failures).unwrap_or_default();
            self.warnings.push(format!(
                "{closed} of {} sessions could not be opened before the load, and were tried again \
                 later: {why}",
                plan.sessions
            ));
        }
        Ok(())
    }

    fn open(&mut self, steps: &[Step], arrival: Arrival, alive: &dyn Fn() -> bool) -> Result<()> {
        let warm_up = self.setting.plan.warm_up;
        let rate = steps.first().map_or(0.0, |step| step.from_per_second);
        let mut all = vec![Step { from_per_second: rate, to_per_second: rate, duration: warm_up }];
        all.extend_from_slice(steps);
        let length = steps.iter().map(|step| step.duration).sum();
        let load = Load::Open(&all, arrival);
        let found = self.stint(&Plans { warm_up, length, load }, alive)?;
        if steps.len() == 1 && steps.iter().all(is_level) {
            return Ok(());
        }
        let mut begins = 0.0;
        for (number, step) in steps.iter().enumerate() {
            let last = number + 1 == steps.len();
            let left = (found.seconds - begins).max(0.0);
            // What was due in the last one was sent until the end.
            let length = if last { left } else { left.min(step.duration.as_secs_f64()) };
            if length <= 0.0 {
                break;
            }
            let Some(cell) = self.collector.steps.get(number + 1) else { break };
            // What it left behind was answered after it: the rate is over that time too.
            let answered = seconds(cell.last_answer.saturating_sub(found.measure_from)) - begins;
            let behind = answered - length;
            if !last && behind > BEHIND_PART * length {
                self.warnings.push(format!(
                    "calls of step {} were answered until {} after its end: what it left behind \
                     held up the step after it; let a level step run for itself to judge its rate",
                    number + 1,
                    units::seconds(behind)
                ));
            }
            let length = length.max(answered);
            self.steps.push(StepReport {
                from_per_second: step.from_per_second,
                to_per_second: step.to_per_second,
                start_seconds: begins,
                held: None,
                unjudged: None,
                broken: Vec::new(),
                process: None,
                measured: figures::measured(cell, length)?,
            });
            begins += step.duration.as_secs_f64();
        }
        Ok(())
    }

    /// Drives all threads through a stretch of load, and waits for its end.
    fn stint(&mut self, plans: &Plans<'_>, alive: &dyn Fn() -> bool) -> Result<Found> {
        let start = clock::now() + START_AFTER;
        let measure_from = start + nanoseconds(plans.warm_up);
        let end = measure_from + nanoseconds(plans.length);
        let mut found = Found { measure_from, seconds: 0.0, used: Use::default(), process: None };
        self.collector.begin(measure_from);
        if self.interruptions > 0 {
            // A thread that is slow to hear of it would have sent what was due by then.
            return Ok(found);
        }
        self.send_out(plans, start, measure_from, end)?;
        let timeline = Timeline { start, measure_from, end };
        let (mut begun, mut over) = (false, false);
        let mut ended: Vec<StintEnd> = Vec::new();
        while ended.len() < self.commands.len() {
            self.look_for_signals();
            let now = clock::now();
            if !begun && now >= measure_from {
                begun = true;
                self.begin_span(now);
            }
            if begun && !over && (now >= end || self.interruptions > 0) {
                over = true;
                found.used = self.threads.end(now);
            }
            let second = now.saturating_sub(self.collector.zero()) / SECOND;
            if begun && second > self.looked {
                self.look(second, now);
            }
            self.advance(plans, &timeline, now);
            let next = [measure_from, end, self.collector.zero() + (second + 1) * SECOND];
            let next = next.into_iter().filter(|at| *at > now).min().unwrap_or(u64::MAX);
            let wait = (next - now).min(LOOK);
            match self.hear.recv_timeout(Duration::from_nanos(wait)) {
                Ok(Told::Interval(interval)) => {
                    ended.extend(interval.ended);
                    self.collector.take(*interval);
                    self.tell_when_all_have(clock::now());
                }
                Ok(Told::Ready(_)) => {}
                Err(RecvTimeoutError::Timeout) if alive() => {}
                Err(_) => bail!("a thread of the generator has ended"),
            }
        }
        let now = clock::now();
        if begun {
            if !over {
                found.used = self.threads.end(now);
            }
            let since = now.saturating_sub(self.collector.zero());
            found.process = self.watched.as_mut().map(|watched| watched.end(since, now));
        }
        // What was due at the end may have been sent after it: the rate is over the whole time.
        let stopped = ended.iter().map(|one| one.stopped.max(one.last_sent)).max().unwrap_or(end);
        found.seconds = seconds(stopped.saturating_sub(measure_from));
        self.measured_seconds += found.seconds;
        Ok(found)
    }

    /// Gives every worker its part.
    fn send_out(
        &mut self,
        plans: &Plans<'_>,
        start: u64,
        measure_from: u64,
        end: u64,
    ) -> Result<()> {
        let plan = self.setting.plan;
        let shares = self.commands.len();
        for (index, command) in self.commands.iter().enumerate() {
            let share = match &plans.load {
                Load::Closed(concurrency) => {
                    Share::Closed { concurrency: share_of(*concurrency, (index, shares)) }
                }
                Load::Open(steps, arrival) => {
                    let stream = (self.stints << 32) | (index as u64) << 8 | 0xff;
                    let random = Random::of(plan.seed, stream);
                    let paced = Paced::new(steps, *arrival, start, (index, shares), random);
                    Share::Open(Box::new(Schedule::Paced(paced)))
                }
                Load::Recorded(moments) => {
                    let times = (start, measure_from, end);
                    let recorded = Recorded::new(Arc::clone(moments), times, (index, shares));
                    Share::Open(Box::new(Schedule::Recorded(recorded)))
                }
            };
            let grace = nanoseconds(plan.timeout).min(GRACE_MAX);
            let stint = Stint { start, measure_from, end, grace, share };
            let sent = command.send(Command::Drive(stint));
            sent.ok().context("a thread of the generator has ended")?;
        }
        self.stints += 1;
        Ok(())
    }

    fn begin_span(&mut self, now: u64) {
        let since = now.saturating_sub(self.collector.zero());
        self.threads.begin(now);
        if let Some(watched) = &mut self.watched {
            watched.begin(since, now);
        }
        self.looked = since / SECOND;
    }

    /// A second is over.
    fn look(&mut self, second: u64, now: u64) {
        let used = self.threads.look(now);
        self.progress.harness_busy = used.busy;
        self.collector.busy(self.looked, used.busy);
        if let Some(watched) = &mut self.watched {
            watched.look(self.looked, now);
            self.progress.process = watched.latest().map(|one| (one.cores, one.rss_bytes));
        }
        self.looked = second;
    }

    fn look_for_signals(&mut self) {
        if (self.interrupted)() {
            self.interruptions += 1;
            self.orders.stop.store(true, Ordering::Relaxed);
            self.orders.abort.store(self.interruptions > 1, Ordering::Relaxed);
        }
    }
}

struct Timeline {
    start: u64,
    measure_from: u64,
    end: u64,
}
