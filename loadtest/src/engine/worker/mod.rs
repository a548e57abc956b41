//! A thread of the generator: a state machine over epoll.
//!
//! A call costs one write, one read and its share of an `epoll_pwait`; it allocates nothing, and
//! the time is read from the vDSO. A timer of the kernel's ends the wait when the next call is due,
//! for the wait itself counts in milliseconds; it is set when there is nothing to do until then.
//! Timeouts, streams' ends and reconnections are looked for on a tick.
//!
//! - `call`: whose turn it is, and what comes of it
//! - `hear`: what an answer says
//! - `link`: connections made and lost
//! - `reply`: what the server asks, answered
//! - `stream`: streams opened, held and closed
//! - `upkeep`: sessions

mod call;
mod hear;
mod link;
mod reply;
mod stream;
mod upkeep;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};

use anyhow::{Context as _, Result};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::thread::gettid;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

pub(super) use self::call::{LATE, Wants};
use self::reply::Reply;
use super::alarms::Alarms;
use super::answer::Heads;
use super::check::Checker;
use super::clock::{self, MILLISECOND, SECOND, nanoseconds};
use super::connection::{Connection, State};
use super::failure::Fault;
use super::mix::Choice;
use super::request::{Ids, session_lines};
use super::schedule::Backlog;
use super::session::Sessions;
use super::stint::{Command, Interval, Left, Orders, Ready, Setting, Share, Stint, StintEnd, Told};
use super::tally::Tally;
use crate::random::Random;

/// How often a worker looks for what is not an answer or a call that is due.
const TICK: u64 = 20 * MILLISECOND;
/// The same while it is waited for.
const TICK_WAITING: u64 = 2 * MILLISECOND;
/// How often it tells what it has counted.
pub(super) const INTERVAL: u64 = 500 * MILLISECOND;
/// Events that are taken from the kernel at once.
const EVENTS_MAX: usize = 256;
/// Event data of the timer; connections have their place and generation.
const TIMER: u64 = u64::MAX;
/// What one read can bring.
const SCRATCH_BYTES: usize = 256 << 10;
/// Times that every connection is tried before a run is given up because none can be made.
const SET_UP_ATTEMPTS: u32 = 3;
/// How long sessions may take to end.
const FINISH: u64 = 2 * SECOND;

pub(super) struct Worker<'a> {
    setting: &'a Setting<'a>,
    orders: &'a Orders,
    index: usize,
    commands: Receiver<Command>,
    told: SyncSender<Told>,
    epoll: OwnedFd,
    timer: OwnedFd,
    /// For when it is set.
    timer_at: u64,
    /// Those that carry calls, then those beside them: of streams, and of answers to the server.
    connections: Vec<Connection>,
    /// When they have to be looked at.
    alarms: Alarms,
    /// How many carry calls.
    carriers: usize,
    /// Carriers that are free, longest first, so that every one carries calls.
    /// With their generation: what was closed meanwhile stays until it is met.
    idle: VecDeque<(usize, u32)>,
    /// Carriers that are down.
    down: usize,
    /// Why no connection could be made; none since one could.
    refusal: Option<Fault>,
    /// How many are in use beside the carriers, and places there that are free.
    beside: usize,
    free: Vec<usize>,
    /// Which address the next connection goes to.
    next_address: usize,
    sessions: Sessions,
    choice: Choice,
    /// The template that was drawn for the next call.
    drawn: Option<usize>,
    random: Random,
    ids: Ids,
    timeout: u64,
    phase: Phase,
    stint: Option<Stint>,
    backlog: Backlog,
    /// Calls of the plan that were sent, or that a stream is being opened for.
    in_flight: usize,
    upkeep_in_flight: usize,
    /// Since when a call could be sent at once, and what it waits for now.
    free_since: u64,
    blocked: Option<Wants>,
    /// What those that waited last did wait for.
    waited_for: Wants,
    /// Not all that was due was looked at.
    cut_short: bool,
    /// Measured calls that were taken from the schedule, and what was told of those that are due.
    taken: u64,
    due_told: u64,
    last_sent: u64,
    /// When the clock was last looked at.
    seen: u64,
    tally: Tally,
    interval_begins: u64,
    wake_at: u64,
    checker: Checker,
    heads: Heads,
    /// Memory that answers under way take, and that connections keep for the next ones.
    kept_bytes: usize,
    scratch: Vec<u8>,
    out: Vec<u8>,
    /// Answers to what the server asked, and connections that are being made for them.
    replies: VecDeque<Reply>,
    replies_connecting: usize,
    /// Header lines of the session that is being ended.
    ending: Vec<u8>,
    left: Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Connections and sessions are opened.
    SetUp,
    Waiting,
    Driving,
    /// No more calls become due; what is due is sent, unless the run was stopped.
    Draining {
        until: u64,
        stopped: u64,
        sends: bool,
    },
    Finishing {
        until: u64,
    },
    Over,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        setting: &'a Setting<'a>,
        orders: &'a Orders,
        index: usize,
        commands: Receiver<Command>,
        told: SyncSender<Told>,
    ) -> Result<Self> {
        let plan = setting.plan;
        let share = (index, setting.threads);
        let carriers = share_of(plan.connections, share);
        let numbers: Vec<usize> = if plan.sessions < setting.threads {
            // Only the modern era has so few: there they are numbers, and may be shared.
            (0..plan.sessions).collect()
        } else {
            (index..plan.sessions).step_by(setting.threads).collect()
        };
        let agents =
            numbers.iter().filter_map(|number| plan.agents.get(number % plan.agents.len()));
        let agents = agents.map(session_lines).collect();
        let random = |what: u64| Random::of(plan.seed, (index as u64) << 8 | what);
        let down = State::Down { until: 0 };
        let mut alarms = Alarms::default();
        (0..carriers).for_each(|index| alarms.set(index, 0));
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("no epoll")?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )
        .context("no timer")?;
        // By its edge: then it need not be read.
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), edge).context("no timer")?;
        Ok(Self {
            setting,
            orders,
            index,
            commands,
            told,
            epoll,
            timer,
            timer_at: 0,
            connections: (0..carriers).map(|_| Connection::new(down)).collect(),
            alarms,
            carriers,
            idle: VecDeque::with_capacity(carriers),
            down: carriers,
            refusal: None,
            beside: 0,
            free: Vec::new(),
            next_address: index,
            sessions: Sessions::new(plan.era, agents, plan.session_calls),
            choice: Choice::new(&plan.traffic, share, random(0)),
            drawn: None,
            random: random(1),
            ids: Ids::new(index + 1),
            timeout: nanoseconds(plan.timeout),
            phase: Phase::SetUp,
            stint: None,
            backlog: Backlog::default(),
            in_flight: 0,
            upkeep_in_flight: 0,
            free_since: 0,
            blocked: None,
            waited_for: Wants::Connection,
            cut_short: false,
            taken: 0,
            due_told: 0,
            last_sent: 0,
            seen: 0,
            tally: Tally::new(setting.requests.operations.len())?,
            interval_begins: 0,
            wake_at: 0,
            checker: Checker::new(),
            heads: Heads::default(),
            kept_bytes: 0,
            scratch: vec![0; SCRATCH_BYTES],
            out: Vec::new(),
            replies: VecDeque::new(),
            replies_connecting: 0,
            ending: Vec::new(),
            left: Left::default(),
        })
    }

    /// Works until it is told to finish; what it could not finish.
    pub(super) fn run(mut self) -> Result<Left> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_MAX);
        while self.phase != Phase::Over {
            let now = clock::now();
            self.seen = now;
            if now >= self.wake_at {
                self.tick(now);
            }
            self.send(now);
            self.wait(&mut events)?;
            for event in events.drain(..) {
                self.event(event.data.u64(), event.flags);
                // A call that became due meanwhile does not wait for the rest of them.
                if self.next_due_at() <= self.seen {
                    self.send(self.seen);
                }
            }
        }
        self.leave();
        Ok(self.left)
    }

    /// Waits for events, or until there is something to do.
    fn wait(&mut self, events: &mut Vec<epoll::Event>) -> Result<()> {
        let now = clock::now();
        let due = self.next_due_at();
        if due > now && due < self.wake_at && due != self.timer_at {
            let it_value = timespec(due - now)?;
            let once = Itimerspec { it_interval: timespec(0)?, it_value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)
                .context("the timer cannot be set")?;
            self.timer_at = due;
        }
        let left = if due <= now { 0 } else { self.wake_at.saturating_sub(now) };
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&timespec(left)?)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("events cannot be waited for"),
        }
    }

    /// When the next call is due that only the time holds up.
    fn next_due_at(&self) -> u64 {
        match &self.stint {
            Some(Stint { share: Share::Open(schedule), .. })
                if self.sends() && (self.cut_short || self.blocked.is_none()) =>
            {
                schedule.peek().map_or(u64::MAX, |due| due.at)
            }
            _ => u64::MAX,
        }
    }

    /// Whether calls are sent at present.
    fn sends(&self) -> bool {
        matches!(self.phase, Phase::Driving | Phase::Draining { sends: true, .. })
    }

    /// All that time alone brings about.
    fn tick(&mut self, now: u64) {
        self.sweep(now);
        self.sessions.wake(now);
        if now >= self.interval_begins + INTERVAL && self.stint.is_some() {
            self.tell(now, None);
        }
        match self.phase {
            Phase::SetUp => self.set_up(),
            Phase::Waiting => self.obey(now),
            Phase::Driving => self.drive(now),
            Phase::Draining { until, stopped, .. } => self.drain(now, until, stopped),
            Phase::Finishing { until } => {
                let done = !self.sessions.has_chores() && self.upkeep_in_flight == 0;
                let aborted = self.orders.abort.load(Ordering::Relaxed);
                if done || aborted || now >= until || self.down == self.carriers {
                    self.phase = Phase::Over;
                }
            }
            Phase::Over => {}
        }
        let tick = match self.phase {
            Phase::Driving | Phase::Draining { .. } => TICK,
            _ => TICK_WAITING,
        };
        self.wake_at = now + tick;
        if let Some(stint) = &self.stint {
            let ends = if self.phase == Phase::Driving { stint.end } else { u64::MAX };
            let tells = self.interval_begins + INTERVAL;
            let starts = if now < stint.start { stint.start } else { u64::MAX };
            self.wake_at = self.wake_at.min(ends).min(tells).min(starts);
        }
    }

    fn set_up(&mut self) {
        let carriers = self.connections.get(..self.carriers).unwrap_or_default();
        let tried = |one: &Connection, times| match one.state {
            State::Connecting { .. } => false,
            State::Down { .. } => one.attempts >= times,
            _ => true,
        };
        let ready = carriers.iter().all(|one| tried(one, 1)) && self.sessions.settled();
        let hopeless = carriers.iter().all(|one| tried(one, SET_UP_ATTEMPTS))
            && self.down == self.carriers
            && self.refusal.is_some();
        if ready || hopeless || self.orders.stop.load(Ordering::Relaxed) {
            let ready = Ready {
                worker: self.index,
                tid: gettid().as_raw_pid().unsigned_abs(),
                sessions_closed: self.sessions.closed(),
                connections_down: self.down,
            };
            self.tell(clock::now(), None);
            // If nobody listens, nobody waits for it either.
            let _ = self.told.send(Told::Ready(ready));
            self.phase = Phase::Waiting;
        }
    }

    fn obey(&mut self, now: u64) {
        match self.commands.try_recv() {
            Ok(Command::Drive(stint)) => {
                self.interval_begins = grid(stint.measure_from, stint.start);
                self.stint = Some(stint);
                self.backlog = Backlog::default();
                (self.taken, self.due_told, self.last_sent) = (0, 0, 0);
                (self.blocked, self.cut_short) = (None, false);
                self.free_since = now;
                self.phase = Phase::Driving;
            }
            Err(TryRecvError::Empty) => {}
            Ok(Command::Finish) | Err(TryRecvError::Disconnected) => {
                self.sessions.end_all();
                self.phase = Phase::Finishing { until: now + FINISH };
            }
        }
    }

    fn drive(&mut self, now: u64) {
        let Some(stint) = &self.stint else { return };
        let stopped = self.orders.stop.load(Ordering::Relaxed);
        if now < stint.end && !stopped {
            return;
        }
        let (end, grace) = (stint.end.min(now), stint.grace);
        // What is due by now and can go out is no backlog.
        self.send(now);
        self.phase = Phase::Draining { until: now + grace, stopped: end, sends: !stopped };
        self.close_streams(now);
        self.drain(now, now + grace, end);
    }

    fn drain(&mut self, now: u64, until: u64, stopped: u64) {
        if self.orders.stop.load(Ordering::Relaxed) {
            self.phase = Phase::Draining { until, stopped, sends: false };
        }
        if let Some(Stint { share: Share::Open(schedule), .. }) = &self.stint {
            self.backlog.catch_up(schedule, stopped);
        }
        let waits = self.backlog.waiting() > 0 && self.sends();
        let aborted = self.orders.abort.load(Ordering::Relaxed);
        if (waits || self.in_flight > 0) && now < until && !aborted {
            // Streams that were being opened are closed as soon as they are open.
            return self.close_streams(now);
        }
        self.give_up(now, stopped);
        let last_sent = self.last_sent;
        self.tell(now, Some(StintEnd { last_sent, stopped }));
        self.stint = None;
        self.phase = Phase::Waiting;
    }

    /// Gives what was counted to the main thread. If that is busy, it is told with the next one;
    /// but the last of a stint is waited for.
    fn tell(&mut self, now: u64, ended: Option<StintEnd>) {
        let upto = match self.phase {
            Phase::Draining { stopped, .. } => stopped,
            _ => now,
        };
        if let Some(Stint { share: Share::Open(schedule), .. }) = &self.stint {
            self.backlog.catch_up(schedule, upto);
            let due = self.taken + if ended.is_none() { self.backlog.measured() } else { 0 };
            self.tally.rest.due += due.saturating_sub(self.due_told);
            self.due_told = due.max(self.due_told);
        }
        let (cells, rest) = self.tally.hand_over();
        let interval = Box::new(Interval {
            worker: self.index,
            begins: self.interval_begins,
            until: now,
            cells,
            rest,
            in_flight: self.backlog.waiting() + self.in_flight as u64,
            streams: self.open_streams(),
            ended,
        });
        let told = Told::Interval(interval);
        if ended.is_some() || self.stint.is_none() {
            let _ = self.told.send(told);
        } else if let Err(TrySendError::Full(Told::Interval(kept))) = self.told.try_send(told) {
            self.tally.take_back(*kept);
        }
        if let Some(stint) = &self.stint {
            self.interval_begins = grid(stint.measure_from, now);
        }
    }
}

fn timespec(nanoseconds: u64) -> Result<Timespec> {
    Ok(Timespec {
        tv_sec: i64::try_from(nanoseconds / SECOND)?,
        tv_nsec: i64::try_from(nanoseconds % SECOND)?,
    })
}

/// The last point at or before `now` of a grid of intervals that has one at `anchor`.
fn grid(anchor: u64, now: u64) -> u64 {
    if now >= anchor {
        now - (now - anchor) % INTERVAL
    } else {
        let before = (anchor - now).div_ceil(INTERVAL) * INTERVAL;
        anchor.saturating_sub(before)
    }
}

/// One thread's part of a number that all share.
pub(super) fn share_of(whole: usize, (share, shares): (usize, usize)) -> usize {
    whole / shares + usize::from(share < whole % shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        for (whole, shares) in [(1, 1), (7, 3), (64, 5), (3, 3)] {
            let sum: usize = (0..shares).map(|share| share_of(whole, (share, shares))).sum();
            assert_eq!(sum, whole);
        }
    }

    #[test]
    fn intervals_are_counted_from_when_measuring_begins() {
        let anchor = 10 * SECOND;
        assert_eq!(grid(anchor, anchor), anchor);
        assert_eq!(grid(anchor, anchor + INTERVAL + 7), anchor + INTERVAL);
        assert_eq!(grid(anchor, anchor - 1), anchor - INTERVAL);
        assert_eq!(grid(anchor, anchor - INTERVAL), anchor - INTERVAL);
    }
}
