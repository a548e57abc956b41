//! One thread of the generator, on epoll.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::answer::{Came, Expect, Judge};
use super::session::prepare;
use super::{Pace, Plan, Shared, precise};

/// No answer takes longer, or the load has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Event data of the timer; connections have their index.
const TIMER: u64 = u64::MAX;
const HEAD_BYTES: usize = 4 << 10;
/// What frames an answer beside its text, at most: a head, chunks, events, JSON.
const FRAME_BYTES: usize = 32 << 10;

struct Connection {
    stream: TcpStream,
    /// The call: in a legacy era it has the connection's session.
    request: Vec<u8>,
    /// When the call on it was due.
    due: Option<Instant>,
    received: usize,
    buffer: Vec<u8>,
}

pub(super) struct Worker<'a> {
    plan: &'a Plan<'a>,
    shared: &'a Shared,
    epoll: OwnedFd,
    timer: OwnedFd,
    connections: Vec<Connection>,
    /// Longest idle first, so that every connection carries calls.
    idle: VecDeque<usize>,
    /// Calls that wait for a connection.
    waiting: VecDeque<Instant>,
    judge: Judge,
    random: Random,
    ended: Ended,
}

/// What a worker has to tell at its end.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) latencies_ns: Vec<u64>,
    pub(super) late: u64,
    pub(super) wrong: u64,
    pub(super) first_wrong: Option<String>,
}

impl<'a> Worker<'a> {
    pub(super) fn connect(plan: &'a Plan<'a>, index: usize, shared: &'a Shared) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), edge)?;
        let mut connections = Vec::new();
        let addresses = plan.addresses.iter().cycle().take(plan.connections / plan.threads);
        let answer_bytes = match plan.expect {
            Expect::Body(body) => body.len() + HEAD_BYTES,
            Expect::Text { text, .. } => text.len() + FRAME_BYTES,
        };
        for (index, address) in addresses.enumerate() {
            let mut stream = TcpStream::connect(address)
                .with_context(|| format!("cannot connect to {address}"))?;
            stream.set_nodelay(true)?;
            let request = prepare(&mut stream, *address, &plan.call)?;
            stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, &stream, data, epoll::EventFlags::IN)?;
            let buffer = vec![0; answer_bytes];
            connections.push(Connection { stream, request, due: None, received: 0, buffer });
        }
        Ok(Self {
            plan,
            shared,
            epoll,
            timer,
            idle: (0..connections.len()).collect(),
            connections,
            waiting: VecDeque::new(),
            judge: Judge::default(),
            // The same moments in every round and for every target.
            random: Random(0x9e37_79b9_7f4a_7c15 + index as u64),
            ended: Ended::default(),
        })
    }

    /// Sends until it is told to stop, then waits for the last answers.
    pub(super) fn run(mut self) -> Result<Ended> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(self.connections.len() + 1);
        let mut due = Instant::now();
        let mut progress = Instant::now();
        loop {
            let stopping = self.shared.stop.load(Ordering::Relaxed);
            if stopping && self.idle.len() == self.connections.len() {
                return Ok(self.ended);
            }
            if !stopping {
                due = self.send_due(due)?;
            }
            events.clear();
            let second = Timespec { tv_sec: 1, tv_nsec: 0 };
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&second))?;
            let now = Instant::now();
            for event in &events {
                let data = event.data;
                if let Ok(index) = usize::try_from(data.u64())
                    && data.u64() != TIMER
                {
                    self.receive(index)?;
                    progress = now;
                }
            }
            let busy = self.idle.len() < self.connections.len();
            ensure!(!busy || now - progress < PATIENCE, "no answer came for {PATIENCE:?}");
        }
    }

    /// Sends what is due by now; when the next call is.
    fn send_due(&mut self, mut due: Instant) -> Result<Instant> {
        match self.plan.pace {
            Pace::Closed => {
                while let Some(index) = self.idle.pop_front() {
                    self.send(index, Instant::now())?;
                }
            }
            Pace::Open { calls_per_second } => {
                let now = Instant::now();
                while due <= now {
                    let late = self.waiting.len() >= self.idle.len();
                    self.ended.late +=
                        u64::from(late && self.shared.measuring.load(Ordering::Relaxed));
                    self.waiting.push_back(due);
                    let mean = precise(self.plan.threads as u64) / calls_per_second;
                    due += Duration::from_secs_f64(self.random.exponential() * mean);
                }
                while let (Some(index), Some(&due)) = (self.idle.front(), self.waiting.front()) {
                    self.send(*index, due)?;
                    self.idle.pop_front();
                    self.waiting.pop_front();
                }
                self.wake_at(due)?;
            }
        }
        Ok(due)
    }

    fn wake_at(&self, due: Instant) -> Result<()> {
        // Zero would disarm the timer.
        let left = due.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let it_value =
            Timespec { tv_sec: left.as_secs().try_into()?, tv_nsec: left.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    fn send(&mut self, index: usize, due: Instant) -> Result<()> {
        let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
        let Connection { stream, request, .. } = connection;
        let sent = stream.write(request).context("a call cannot be sent")?;
        ensure!(sent == request.len(), "a call does not fit into the socket's buffer");
        connection.due = Some(due);
        Ok(())
    }

    fn receive(&mut self, index: usize) -> Result<()> {
        let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
        let room = connection.buffer.get_mut(connection.received..).unwrap_or_default();
        match connection.stream.read(room) {
            Ok(0) => bail!("a connection was closed, or an answer is too long"),
            Ok(read) => connection.received += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("an answer cannot be read"),
        }
        let bytes = connection.buffer.get(..connection.received).unwrap_or_default();
        let Some(came) = self.judge.judge(bytes, &self.plan.expect)? else { return Ok(()) };
        let (Came::Right(whole) | Came::Wrong(whole, _)) = came;
        ensure!(whole == connection.received, "bytes came after an answer");
        let due = connection.due.take().context("an answer came that nobody had asked for")?;
        connection.received = 0;
        self.idle.push_back(index);
        if let Came::Wrong(_, why) = came {
            self.ended.wrong += 1;
            self.ended.first_wrong.get_or_insert(why);
            return Ok(());
        }
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        if self.shared.measuring.load(Ordering::Relaxed) {
            self.ended.latencies_ns.push(u64::try_from(due.elapsed().as_nanos())?);
        }
        Ok(())
    }
}

/// xorshift64: even enough for arrival times, and the same on every run.
struct Random(u64);

impl Random {
    /// Exponentially distributed around 1: the gaps of a Poisson process.
    fn exponential(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The upper 53 bits, never zero, as a number in (0, 1].
        let uniform = precise((self.0 >> 11) + 1) / precise(1 << 53);
        -uniform.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gaps_between_calls_average_to_one() {
        let mut random = Random(1);
        let sum: f64 = (0..100_000).map(|_| random.exponential()).sum();
        assert!((sum / 100_000.0 - 1.0).abs() < 0.02, "{sum}");
    }
}
