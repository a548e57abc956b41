//! The harness looks at itself: how much of the time its threads worked, and how much of it they
//! wanted to and had no core.

use std::fs;

use hdrhistogram::Histogram;
use rustix::process::Pid;
use rustix::thread::sched_getaffinity;

use super::figures;
use super::worker::LATE;
use crate::report::units::real;

/// How many core numbers an affinity mask holds.
const CORES_MAX: usize = 1024;

/// What the threads of the generator did so far.
pub(super) struct Threads {
    tids: Vec<u32>,
    /// At the last sample.
    last: Sample,
    /// Over all spans that were measured: of each thread, worked and starved, and the length.
    worked: Vec<u64>,
    starved: Vec<u64>,
    length: u64,
    /// At the begin of the span under way.
    span: Option<Sample>,
}

#[derive(Debug, Clone, Default)]
struct Sample {
    at: u64,
    /// Nanoseconds on a core, and waiting for one, of each thread.
    threads: Vec<(u64, u64)>,
}

/// How much of a stretch of time threads worked, 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Use {
    /// Of the busiest thread.
    pub(super) busy: f64,
    /// Ready without a core, of the worst.
    pub(super) starved: f64,
}

impl Threads {
    pub(super) fn new(tids: Vec<u32>) -> Self {
        let count = tids.len();
        Self {
            tids,
            last: Sample::default(),
            worked: vec![0; count],
            starved: vec![0; count],
            length: 0,
            span: None,
        }
    }

    /// A span that is measured begins.
    pub(super) fn begin(&mut self, now: u64) {
        let sample = self.sample(now);
        self.last = sample.clone();
        self.span = Some(sample);
    }

    /// How busy they were since the last look.
    pub(super) fn look(&mut self, now: u64) -> Use {
        let sample = self.sample(now);
        let found = between(&self.last, &sample);
        self.last = sample;
        found
    }

    /// The span ends; how busy they were in it.
    pub(super) fn end(&mut self, now: u64) -> Use {
        let Some(begin) = self.span.take() else { return Use::default() };
        let sample = self.sample(now);
        for (index, (then, now)) in begin.threads.iter().zip(&sample.threads).enumerate() {
            if let (Some(worked), Some(starved)) =
                (self.worked.get_mut(index), self.starved.get_mut(index))
            {
                *worked += now.0.saturating_sub(then.0);
                *starved += now.1.saturating_sub(then.1);
            }
        }
        self.length += sample.at.saturating_sub(begin.at);
        between(&begin, &sample)
    }

    /// Over all spans.
    pub(super) fn whole(&self) -> Use {
        let part =
            |all: &[u64]| part_of(all.iter().copied().max().unwrap_or_default(), self.length);
        Use { busy: part(&self.worked), starved: part(&self.starved) }
    }

    fn sample(&self, now: u64) -> Sample {
        Sample { at: now, threads: self.tids.iter().map(|tid| schedstat(*tid)).collect() }
    }
}

fn between(then: &Sample, now: &Sample) -> Use {
    let length = now.at.saturating_sub(then.at);
    let mut found = Use::default();
    for (then, now) in then.threads.iter().zip(&now.threads) {
        found.busy = found.busy.max(part_of(now.0.saturating_sub(then.0), length));
        found.starved = found.starved.max(part_of(now.1.saturating_sub(then.1), length));
    }
    found
}

fn part_of(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (real(part) / real(whole)).min(1.0) }
}

/// Time on a core and time waiting for one; zero where the kernel does not count them.
fn schedstat(tid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/self/task/{tid}/schedstat")).unwrap_or_default();
    let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The cores that this process, or another, may run on.
pub(super) fn cores(pid: Option<u32>) -> Vec<usize> {
    let pid = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let set = sched_getaffinity(pid).unwrap_or_default();
    (0..CORES_MAX).filter(|core| set.is_set(*core)).collect()
}

/// What of the harness can spoil the numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strain<'a> {
    pub(super) used: Use,
    /// In nanoseconds.
    pub(super) lateness: &'a Histogram<u64>,
    pub(super) latency_p99_us: f64,
}

/// A thread that works more than this part of the time has no time left for answers that come
/// together.
const BUSY_MAX: f64 = 0.9;
/// Threads that wait for a core for more than this part of the time measure the scheduler.
const STARVED_MAX: f64 = 0.1;
/// Calls that go out so much later than they were due, and by this part of the latency, are the
/// harness's latency.
const LATE_US_MAX: f64 = 1000.0;
const LATE_PART_MAX: f64 = 0.25;
/// Fewer late calls are chance: of a hundred calls one alone would be the percentile.
const LATE_CALLS_MIN: u64 = 10;

/// Ways in which the harness set the numbers: of each, why, and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bottlenecks {
    busy: Option<String>,
    starved: Option<String>,
    late: Option<String>,
}

impl Bottlenecks {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn is_only_late(&self) -> bool {
        self.late.is_some() && self.busy.is_none() && self.starved.is_none()
    }

    /// But for those that do no more than add to latency.
    pub(super) fn of_busy(self) -> Self {
        Self { busy: self.busy, ..Self::default() }
    }

    pub(super) fn texts(&self) -> Vec<String> {
        [&self.busy, &self.starved, &self.late].into_iter().flatten().cloned().collect()
    }
}

/// Why the harness set the numbers, if it did, and what to do.
pub(super) fn bottlenecks(strain: &Strain<'_>) -> Bottlenecks {
    let Strain { used, lateness, latency_p99_us } = *strain;
    let late_p99_us = figures::quantile_us(lateness, 0.99);
    let mut found = Bottlenecks::default();
    let percent = |part: f64| format!("{:.0} %", part * 100.0);
    if used.busy > BUSY_MAX {
        found.busy = Some(format!(
            "the harness's busiest thread worked {} of the time: the numbers are its own, not the \
             target's; give it more --threads and cores for them, fewer connections, or another machine",
            percent(used.busy)
        ));
    }
    if used.starved > STARVED_MAX {
        found.starved = Some(format!(
            "a thread of the harness was ready and had no core for {} of the time: others had them; \
             give harness and target cores of their own (taskset), or another machine",
            percent(used.starved)
        ));
    }
    let many_late = lateness.count_between(LATE, u64::MAX) >= LATE_CALLS_MIN;
    if many_late && late_p99_us > LATE_US_MAX && late_p99_us > LATE_PART_MAX * latency_p99_us {
        found.late = Some(format!(
            "one call in a hundred went out {:.1} ms or more after it was due although a connection was \
             free: the latencies hold the harness's own; give it more --threads or cores of its own \
             (taskset), or a lower rate",
            late_p99_us / 1e3
        ));
    }
    found
}

/// A note where harness and target may run on the same cores.
pub(super) fn shared_cores(pid: Option<u32>) -> Option<String> {
    let (ours, theirs) = (cores(None), cores(Some(pid?)));
    let both: Vec<String> =
        ours.iter().filter(|core| theirs.contains(core)).map(usize::to_string).collect();
    if both.is_empty() {
        return None;
    }
    Some(format!(
        "harness and target may both run on {} {}, and take time from each other; give them cores of \
         their own (taskset), or run the harness on another machine",
        if both.len() == 1 { "core" } else { "cores" },
        both.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strained(busy: f64, starved: f64, late_us: u64, late_calls: u64) -> Bottlenecks {
        let mut lateness = Histogram::new(3).unwrap();
        lateness.record_n(late_us * 1000 + 1, late_calls).unwrap();
        let used = Use { busy, starved };
        bottlenecks(&Strain { used, lateness: &lateness, latency_p99_us: 5000.0 })
    }

    #[test]
    fn the_harness_says_when_it_is_the_bottleneck_and_why() {
        assert!(strained(0.5, 0.0, 100, 50).is_none());
        let said = |busy, starved, late_us| strained(busy, starved, late_us, 50).texts().join("\n");
        assert!(said(0.95, 0.0, 0).contains("worked 95 % of the time"));
        assert!(said(0.2, 0.3, 0).contains("had no core for 30 %"));
        assert!(said(0.2, 0.0, 2000).contains("2.0 ms or more"));
        // Little beside what the target took.
        assert!(strained(0.2, 0.0, 1200, 50).is_none());
    }

    #[test]
    fn a_late_call_or_two_say_nothing_and_late_calls_alone_spoil_no_step_that_held() {
        assert!(strained(0.2, 0.0, 9000, LATE_CALLS_MIN - 1).is_none());
        let late = strained(0.2, 0.0, 9000, LATE_CALLS_MIN);
        assert!(late.is_only_late() && late.of_busy().is_none());
        let all = strained(0.95, 0.3, 9000, LATE_CALLS_MIN);
        assert!(!all.is_only_late() && all.texts().len() == 3);
        assert_eq!(all.of_busy().texts().len(), 1);
    }

    #[test]
    fn a_thread_that_works_is_seen_to_work() {
        let tid = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
        let mut threads = Threads::new(vec![tid]);
        let began = super::super::clock::now();
        threads.begin(began);
        let mut spun = 0_u64;
        while super::super::clock::now() < began + 100 * super::super::clock::MILLISECOND {
            spun += 1;
        }
        let used = threads.end(super::super::clock::now());
        // However busy the machine is, it worked or it waited.
        assert!(spun > 0 && used.busy + used.starved > 0.5, "{used:?}");
        assert_eq!(threads.whole(), used);
    }

    #[test]
    fn cores_that_are_shared_are_named() {
        let note = shared_cores(Some(std::process::id())).expect("this process is both");
        assert!(note.contains("taskset"), "{note}");
        assert_eq!(shared_cores(None), None);
    }
}
