//! The generator: many connections, one call at a time on each, every answer checked.
//!
//! [`run`] is the door: a plan goes in, what came of it comes out. Nothing else of the benchmark
//! knows how calls are made.

mod answer;
mod session;
mod worker;

use std::net::SocketAddr;
use std::ops::Add as _;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::call::Call;
use crate::server::{Cpu, Server, core_ticks};
pub(crate) use answer::{Expect, Slack};
pub(crate) use session::ask;
use worker::Worker;

/// How much longer than planned a load may take that has too few answers to tell anything.
const MORE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
/// What a clock tick of `/proc` is, on every Linux there is.
const TICK_SECONDS: f64 = 0.01;

/// When the next call goes out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as the one before is answered.
    Closed,
    /// At random moments, this many a second on average, whether or not others are answered; its
    /// latency counts from that moment on.
    Open { calls_per_second: f64 },
}

/// What to send, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// Connections go to each in turn.
    pub(crate) addresses: &'a [SocketAddr],
    pub(crate) call: Call<'a>,
    pub(crate) expect: Expect<'a>,
    pub(crate) connections: usize,
    /// No more than connections are used.
    pub(crate) threads: usize,
    pub(crate) pace: Pace,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
}

/// What came of it, between the end of the warm-up and the end.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
    /// Processor time of the proxy.
    pub(crate) cpu: Cpu,
    /// Clock ticks that the proxy's first core worked, for whomever.
    pub(crate) core_ticks: u64,
    /// Of every call, in no order.
    pub(crate) latencies_ns: Vec<u64>,
    /// Calls that found every connection busy and waited for one.
    pub(crate) late: u64,
    /// Answers that were wrong, warm-up included, which are no calls of the above.
    pub(crate) wrong: u64,
    /// What was wrong with the first of them.
    pub(crate) first_wrong: Option<String>,
}

/// What the threads of one load share.
#[derive(Default)]
struct Shared {
    answered: AtomicU64,
    measuring: AtomicBool,
    stop: AtomicBool,
}

/// Runs the plan; the proxy's processes are measured meanwhile, and all that its core does.
pub(crate) fn run(plan: &Plan<'_>, proxy: &[Server], core: usize) -> Result<Load> {
    let sample = || -> Result<(Cpu, u64)> {
        let used = proxy.iter().map(Server::cpu).collect::<Result<Vec<Cpu>>>()?;
        Ok((used.into_iter().fold(Cpu::default(), Cpu::add), core_ticks(core)?))
    };
    let shared = Shared::default();
    let plan = &Plan { threads: plan.threads.min(plan.connections), ..*plan };
    // Nothing is measured while connections are still opened.
    let ready = Barrier::new(plan.threads + 1);
    scope(|scope| {
        let threads: Vec<_> = (0..plan.threads)
            .map(|index| {
                let (shared, ready) = (&shared, &ready);
                scope.spawn(move || {
                    let worker = Worker::connect(plan, index, shared);
                    ready.wait();
                    worker?.run()
                })
            })
            .collect();
        ready.wait();
        // Errors of the measuring are told after the threads have ended.
        let measured = window(plan, &shared, &sample);
        shared.stop.store(true, Ordering::Relaxed);
        let mut ended = Vec::new();
        for thread in threads {
            ended.push(thread.join().map_err(|_| anyhow!("the generator panicked"))??);
        }
        let mut load = measured?;
        for one in ended {
            load.latencies_ns.extend(one.latencies_ns);
            load.late += one.late;
            load.wrong += one.wrong;
            load.first_wrong = load.first_wrong.or(one.first_wrong);
        }
        let why = load.first_wrong.as_deref().unwrap_or("no answer came");
        ensure!(load.calls > 0, "no call was answered in {:?}: {why}", plan.duration);
        Ok(load)
    })
}

fn window(
    plan: &Plan<'_>,
    shared: &Shared,
    sample: &impl Fn() -> Result<(Cpu, u64)>,
) -> Result<Load> {
    sleep(plan.warm_up);
    shared.measuring.store(true, Ordering::Relaxed);
    let (cpu, ticks) = sample()?;
    let (before, began) = (shared.answered.load(Ordering::Relaxed), Instant::now());
    sleep(plan.duration);
    // A slow target is given the time to answer each connection once.
    let once = before + u64::try_from(plan.connections)?;
    while shared.answered.load(Ordering::Relaxed) < once && began.elapsed() < plan.duration + MORE {
        sleep(POLL);
    }
    let (calls, seconds) =
        (shared.answered.load(Ordering::Relaxed) - before, began.elapsed().as_secs_f64());
    let (cpu_after, ticks_after) = sample()?;
    shared.measuring.store(false, Ordering::Relaxed);
    Ok(Load {
        calls,
        seconds,
        cpu: cpu_after - cpu,
        core_ticks: ticks_after - ticks,
        ..Load::default()
    })
}

impl Load {
    pub(crate) fn calls_per_second(&self) -> f64 {
        precise(self.calls) / self.seconds
    }

    /// Microseconds of processor time a call.
    pub(crate) fn cpu_us(&self) -> f64 {
        precise(self.cpu.total_ns) / 1e3 / precise(self.calls)
    }

    /// The kernel's share of the processor time.
    pub(crate) fn system_share(&self) -> f64 {
        let ticks = self.cpu.user_ticks + self.cpu.system_ticks;
        precise(self.cpu.system_ticks) / precise(ticks.max(1))
    }

    /// How much of one core the proxy used.
    pub(crate) fn utilisation(&self) -> f64 {
        precise(self.cpu.total_ns) / 1e9 / self.seconds
    }

    /// Of the proxy's core, used by others meanwhile: more and the numbers are not to be trusted.
    pub(crate) const FOREIGN_MAX: f64 = 0.05;

    /// How much of it was.
    pub(crate) fn foreign(&self) -> f64 {
        let worked = precise(self.core_ticks) * TICK_SECONDS / self.seconds;
        (worked - self.utilisation()).max(0.0)
    }

    /// The latency in microseconds that so many calls of a thousand did not exceed.
    pub(crate) fn percentile_us(&mut self, per_mille: usize) -> f64 {
        self.latencies_ns.sort_unstable();
        percentile(&self.latencies_ns, per_mille).map_or(f64::NAN, |ns| precise(ns) / 1e3)
    }
}

/// By the nearest rank: a value that was measured, none in between.
fn percentile(sorted: &[u64], per_mille: usize) -> Option<u64> {
    let rank = (sorted.len() * per_mille).div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Counts and nanoseconds here stay far below 2^53.
#[allow(clippy::cast_precision_loss, reason = "exact below 2^53")]
pub(crate) fn precise(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_latency_that_was_measured() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 500), Some(50));
        assert_eq!(percentile(&hundred, 990), Some(99));
        assert_eq!(percentile(&[7], 990), Some(7));
        assert_eq!(percentile(&[], 500), None);
    }
}
