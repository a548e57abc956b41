//! One start of one peer, and all that is measured on it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::Closed;
use crate::call::{Call, Era};
use crate::load::{Expect, Load, Pace, Plan, precise, run};
use crate::peers::{Kind, Peer, Running, Start};
use crate::report::median;
use crate::rig::{Mock, Setting};
use crate::server::Server;

const CONNECTIONS: usize = 32;
/// What all are given who can carry it: below what a gateway of an interpreted language carries.
const COMMON_RATE: f64 = 300.0;
/// How much of what it carries a peer may be given at most.
const LOAD_MAX: f64 = 0.8;
/// An open loop takes so much longer than a closed one: its percentiles want many calls.
const OPEN: u32 = 2;
/// Some take connections before they can answer.
const ANSWERS: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// What is asked of everyone who is compared in an era.
pub(super) struct Job<'a> {
    pub(super) setting: &'a Setting,
    pub(super) mock: &'a Mock,
    pub(super) era: Era,
    /// What the mock answers.
    pub(super) body: Vec<u8>,
    pub(super) half_rate: Option<f64>,
}

/// What one start gave.
pub(super) struct Visit {
    pub(super) many: Closed,
    pub(super) one: Closed,
    pub(super) common: Fixed,
    pub(super) half: Option<Fixed>,
    pub(super) resident_kib: f64,
    pub(super) foreign: f64,
    pub(super) wrong: u64,
    pub(super) first_wrong: Option<String>,
}

/// An open loop at a fixed rate.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fixed {
    pub(super) offered_calls_per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    pub(super) calls: u64,
    /// Calls that found no free connection.
    pub(super) late: u64,
}

pub(super) fn visit(job: &Job<'_>, peer: &dyn Peer) -> Result<Visit> {
    let on = job.start(peer)?;
    let (mut wrong, mut first_wrong) = (0, None);
    let mut load = |connections, pace| -> Result<Load> {
        let load = on.load(connections, pace)?;
        wrong += load.wrong;
        first_wrong = first_wrong.take().or_else(|| load.first_wrong.clone());
        Ok(load)
    };
    let many = load(CONNECTIONS, Pace::Closed)?;
    let one = load(1, Pace::Closed)?;
    let common = load(CONNECTIONS, open(common_rate(many.calls_per_second())))?;
    let half = match (job.half_rate, peer.kind()) {
        (None, _) | (_, Kind::Messages) => None,
        (Some(rate), _) => Some(Fixed::of(load(CONNECTIONS, open(rate))?, rate)),
    };
    let memory = on.running.servers.iter().map(Server::memory).collect::<Result<Vec<_>>>()?;
    Ok(Visit {
        common: Fixed::of(common, common_rate(many.calls_per_second())),
        foreign: if on.running.servers.is_empty() { 0.0 } else { many.foreign() },
        many: Closed::of(&many),
        one: Closed::of(&one),
        half,
        resident_kib: precise(memory.iter().map(|one| one.resident_kib).sum()),
        wrong,
        first_wrong,
    })
}

/// A peer that runs, and what is to be sent to it.
struct On<'a> {
    job: &'a Job<'a>,
    running: Running,
    kind: Kind,
    text: String,
}

impl Job<'_> {
    fn start(&self, peer: &dyn Peer) -> Result<On<'_>> {
        let Self { setting, mock, era, .. } = *self;
        let (answer_bytes, upstream) = (mock.answer_bytes, mock.address);
        let running = peer.start(&Start { setting, answer_bytes, upstream, era })?;
        let text = text_of(&self.body)?;
        let on = On { job: self, running, kind: peer.kind(), text };
        on.answers()?;
        Ok(on)
    }

    /// What the peer carries in a closed loop.
    pub(super) fn saturating_rate(&self, peer: &dyn Peer) -> Result<f64> {
        Ok(self.start(peer)?.load(CONNECTIONS, Pace::Closed)?.calls_per_second())
    }
}

impl On<'_> {
    fn load(&self, connections: usize, pace: Pace) -> Result<Load> {
        let setting = self.job.setting;
        let duration = match pace {
            Pace::Closed => setting.duration,
            Pace::Open { .. } => setting.duration * OPEN,
        };
        self.load_for(connections, pace, setting.warm_up, duration)
    }

    fn load_for(
        &self,
        connections: usize,
        pace: Pace,
        warm_up: Duration,
        duration: Duration,
    ) -> Result<Load> {
        let Self { job, running, kind, text } = self;
        let plan = Plan {
            addresses: &[running.address],
            call: Call { path: &running.path, tool: &running.tool, era: job.era },
            expect: match kind {
                Kind::Direct | Kind::Bytes => Expect::Body(&job.body),
                Kind::Messages => Expect::Text { text, slack: running.slack },
            },
            connections,
            threads: job.setting.cores.load_threads(),
            pace,
            warm_up,
            duration,
        };
        let [core, _] = job.setting.cores.proxy();
        run(&plan, &running.servers, core)
    }

    /// Waits until a call is answered as it should be.
    fn answers(&self) -> Result<()> {
        let deadline = Instant::now() + ANSWERS;
        loop {
            match self.load_for(1, Pace::Closed, Duration::ZERO, POLL) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => sleep(POLL),
            }
        }
    }
}

fn open(calls_per_second: f64) -> Pace {
    Pace::Open { calls_per_second }
}

/// The rate that is common to all, or half of what a peer carries that is too slow for it.
fn common_rate(carries: f64) -> f64 {
    if carries * LOAD_MAX >= COMMON_RATE { COMMON_RATE } else { carries / 2.0 }
}

/// The text in the mock's answer.
fn text_of(body: &[u8]) -> Result<String> {
    let answer: serde_json::Value = serde_json::from_slice(body)?;
    let text = answer.pointer("/result/content/0/text").and_then(serde_json::Value::as_str);
    text.map(str::to_owned).ok_or_else(|| anyhow!("the mock's answer has no text: {answer}"))
}

impl Closed {
    fn of(load: &Load) -> Self {
        let (cpu_us, system) = (load.cpu_us(), load.system_share());
        Self {
            cpu_us_per_call: cpu_us,
            user_us_per_call: cpu_us * (1.0 - system),
            system_us_per_call: cpu_us * system,
            calls_per_second: load.calls_per_second(),
            utilisation: load.utilisation(),
        }
    }
}

impl Fixed {
    fn of(mut load: Load, offered_calls_per_second: f64) -> Self {
        Self {
            offered_calls_per_second,
            p50_us: load.percentile_us(500),
            p99_us: load.percentile_us(990),
            p999_us: load.percentile_us(999),
            calls: load.calls,
            late: load.late,
        }
    }

    /// Of each number over the starts; calls are counted together.
    pub(super) fn median(all: &[&Self]) -> Option<Self> {
        let of = |value: fn(&Self) -> f64| median(all.iter().map(|one| value(one)));
        (!all.is_empty()).then(|| Self {
            offered_calls_per_second: of(|one| one.offered_calls_per_second),
            p50_us: of(|one| one.p50_us),
            p99_us: of(|one| one.p99_us),
            p999_us: of(|one| one.p999_us),
            calls: all.iter().map(|one| one.calls).sum(),
            late: all.iter().map(|one| one.late).sum(),
        })
    }
}

#[cfg(test)]
impl Visit {
    /// One of that cost, with one wrong answer.
    pub(super) fn example(cpu_us_per_call: f64, why: &str) -> Self {
        let closed = Closed {
            cpu_us_per_call,
            user_us_per_call: 1.0,
            system_us_per_call: 2.0,
            calls_per_second: 50_000.0,
            utilisation: 0.9,
        };
        let common = Fixed {
            offered_calls_per_second: COMMON_RATE,
            p50_us: 100.0,
            p99_us: 200.0,
            p999_us: 300.0,
            calls: 1200,
            late: 0,
        };
        Self {
            many: closed.clone(),
            one: closed,
            common,
            half: None,
            resident_kib: 6144.0,
            foreign: 0.0,
            wrong: 1,
            first_wrong: Some(why.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_carry_the_common_rate_gets_half_of_what_it_carries() {
        assert!((common_rate(50_000.0) - COMMON_RATE).abs() < f64::EPSILON);
        assert!((common_rate(375.0) - COMMON_RATE).abs() < f64::EPSILON);
        assert!((common_rate(374.0) - 187.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_text_is_what_the_mock_says() {
        let body =
            br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"xx"}]}}"#;
        assert_eq!(text_of(body).unwrap(), "xx");
        text_of(b"{}").unwrap_err();
    }
}
