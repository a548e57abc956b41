//! The watched process and all that descend from it: what they use of cores and memory.
//!
//! The kernel keeps a task's time to the nanosecond only while the task lives, and what its dead
//! ones and reaped children used in clock ticks. So times are kept of every task that was ever
//! seen; where the ticks know of more, tasks came and went between two looks, and the ticks count.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

use super::clock::{SECOND, seconds};
use crate::exit::Ending;
use crate::report::model::{ProcessReport, ProcessSample};
use crate::report::units::real;

/// How far ticks can be off for each process: user and system time are rounded apart, twice.
const TICKS_OFF: u64 = 4;

pub(super) struct Watched {
    pid: u32,
    name: String,
    /// Of the process: another one of its number has another.
    started: u64,
    /// Nanoseconds of each task that lives, by process and task, and of all that do no more.
    tasks: HashMap<(u32, u32), u64>,
    past_ns: u64,
    last: Sample,
    /// Of the spans that were measured.
    spans: Used,
    span: Option<Sample>,
    /// Of the span under way.
    rss_bytes_max: u64,
    samples: Vec<ProcessSample>,
    gone: Option<f64>,
}

/// One look at all of them.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    at: u64,
    task_ns: u64,
    user_ticks: u64,
    system_ticks: u64,
    processes: u64,
    rss_bytes: u64,
    threads: u64,
    descriptors: u64,
}

/// What they used between two looks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    cpu_ns: u64,
    user_ticks: u64,
    system_ticks: u64,
    rss_bytes_max: u64,
}

/// A line of `/proc/PID/stat`.
struct Stat {
    name: String,
    zombie: bool,
    parent: u32,
    /// With those of children that were waited for.
    user_ticks: u64,
    system_ticks: u64,
    threads: u64,
    started: u64,
    rss_pages: u64,
}

impl Watched {
    pub(super) fn new(pid: u32) -> anyhow::Result<Self> {
        let stat = stat(pid).filter(|stat| !stat.zombie);
        let Some(stat) = stat else {
            let said =
                format!("there is no process {pid} to watch; name one that runs, on this host");
            return Err(Ending::usage(said).into());
        };
        Ok(Self {
            pid,
            name: stat.name,
            started: stat.started,
            tasks: HashMap::new(),
            past_ns: 0,
            last: Sample::default(),
            spans: Used::default(),
            span: None,
            rss_bytes_max: 0,
            samples: Vec::new(),
            gone: None,
        })
    }

    /// A span that is measured begins.
    pub(super) fn begin(&mut self, since_zero: u64, now: u64) {
        let Some(sample) = self.sample(now) else {
            self.gone.get_or_insert(seconds(since_zero));
            return;
        };
        self.last = sample;
        self.span = Some(sample);
        self.rss_bytes_max = sample.rss_bytes;
    }

    /// A line for the second that begins `second` after the measuring did, and ends now.
    pub(super) fn look(&mut self, second: u64, now: u64) {
        let Some(sample) = self.sample(now) else {
            self.gone.get_or_insert(real(second + 1));
            return;
        };
        let used = between(&self.last, &sample);
        let length = sample.at.saturating_sub(self.last.at).max(1);
        self.last = sample;
        self.rss_bytes_max = self.rss_bytes_max.max(sample.rss_bytes);
        self.samples.push(ProcessSample {
            second,
            cores: real(used.cpu_ns) / real(length),
            rss_bytes: sample.rss_bytes,
            threads: sample.threads,
            descriptors: sample.descriptors,
        });
    }

    /// The span ends; what was used in it.
    pub(super) fn end(&mut self, since_zero: u64, now: u64) -> Used {
        let Some(begin) = self.span.take() else { return Used::default() };
        let sample = self.sample(now);
        if let Some(sample) = sample {
            self.rss_bytes_max = self.rss_bytes_max.max(sample.rss_bytes);
            self.last = sample;
        } else {
            self.gone.get_or_insert(seconds(since_zero));
        }
        // Of one that is gone, up to the last look.
        let mut used = between(&begin, &self.last);
        used.rss_bytes_max = self.rss_bytes_max;
        self.spans.rss_bytes_max = self.spans.rss_bytes_max.max(used.rss_bytes_max);
        self.spans.cpu_ns += used.cpu_ns;
        self.spans.user_ticks += used.user_ticks;
        self.spans.system_ticks += used.system_ticks;
        used
    }

    /// The report of a span, or of all of them.
    pub(super) fn report(&self, of: Option<Used>, calls: u64) -> ProcessReport {
        let used = of.unwrap_or(self.spans);
        let ticks = used.user_ticks + used.system_ticks;
        ProcessReport {
            pid: self.pid,
            name: self.name.clone(),
            cpu_seconds: seconds(used.cpu_ns),
            system_share: if ticks == 0 { 0.0 } else { real(used.system_ticks) / real(ticks) },
            cpu_us_per_call: if calls == 0 { 0.0 } else { real(used.cpu_ns) / 1e3 / real(calls) },
            rss_bytes_max: used.rss_bytes_max,
            samples: if of.is_some() { Vec::new() } else { self.samples.clone() },
            gone_after_seconds: self.gone,
        }
    }

    /// Of the last line, for the progress.
    pub(super) fn latest(&self) -> Option<&ProcessSample> {
        self.samples.last().filter(|_| self.gone.is_none())
    }

    fn sample(&mut self, now: u64) -> Option<Sample> {
        let all = stats();
        let root = all.get(&self.pid)?;
        if root.zombie || root.started != self.started {
            return None;
        }
        let mut sample = Sample { at: now, ..Sample::default() };
        let mut alive = HashMap::new();
        for pid in descendants(self.pid, &all) {
            let Some(stat) = all.get(&pid) else { continue };
            sample.processes += 1;
            sample.user_ticks += stat.user_ticks;
            sample.system_ticks += stat.system_ticks;
            sample.threads += stat.threads;
            sample.rss_bytes += stat.rss_pages * page_size() as u64;
            sample.descriptors +=
                fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |all| all.count() as u64);
            alive.extend(tasks(pid).into_iter().map(|(task, ns)| ((pid, task), ns)));
        }
        for (task, ns) in std::mem::take(&mut self.tasks) {
            // A task of less time than before is another one of the same number.
            if alive.get(&task).is_none_or(|now| *now < ns) {
                self.past_ns += ns;
            }
        }
        sample.task_ns = self.past_ns + alive.values().sum::<u64>();
        self.tasks = alive;
        Some(sample)
    }
}

fn between(then: &Sample, now: &Sample) -> Used {
    let user_ticks = now.user_ticks.saturating_sub(then.user_ticks);
    let system_ticks = now.system_ticks.saturating_sub(then.system_ticks);
    let exact = now.task_ns.saturating_sub(then.task_ns);
    let off = TICKS_OFF * now.processes.max(then.processes);
    let ticks_ns = |ticks: u64| ticks * (SECOND / clock_ticks_per_second().max(1));
    let by_ticks = ticks_ns(user_ticks + system_ticks);
    let cpu_ns = if by_ticks > exact + ticks_ns(off) { by_ticks } else { exact };
    Used { cpu_ns, user_ticks, system_ticks, rss_bytes_max: 0 }
}

/// The process and those that descend from it.
fn descendants(root: u32, all: &BTreeMap<u32, Stat>) -> HashSet<u32> {
    let mut found = HashSet::from([root]);
    // Parents mostly have the lower number, but numbers begin again: until nothing is added.
    loop {
        let before = found.len();
        for (pid, stat) in all {
            if found.contains(&stat.parent) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

fn stats() -> BTreeMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

/// `proc_pid_stat(5)`; none if there is no such process any more.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, and may hold any byte.
    let (before, after) = text.rsplit_once(") ")?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    // They are numbered from 1, and the first of these is the third.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        name: name.to_owned(),
        zombie: fields.first() == Some(&"Z"),
        parent: u32::try_from(field(4)?).ok()?,
        user_ticks: field(14)? + field(16)?,
        system_ticks: field(15)? + field(17)?,
        threads: field(20)?,
        started: field(22)?,
        rss_pages: field(24)?,
    })
}

/// Nanoseconds that each task of a process was on a core.
fn tasks(pid: u32) -> Vec<(u32, u64)> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let times = entries.filter_map(|entry| {
        let task = entry.file_name().to_str()?.parse().ok()?;
        let text = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        Some((task, text.split(' ').next()?.parse().ok()?))
    });
    times.collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::engine::clock::now;

    #[test]
    fn children_count_also_when_they_are_gone_and_a_process_that_is_gone_is_said_to_be() {
        // A shell whose children work and end, each shorter than the time between two looks.
        let work = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done";
        let script = format!("while :; do sh -c '{work}'; done");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut watched = Watched::new(child.id()).unwrap();
        watched.begin(0, now());
        let children = |pid| stat(pid).map_or(0, |stat| stat.user_ticks + stat.system_ticks);
        // Until they are done, it has used no time itself that does not come from them.
        let began = now();
        while children(child.id()) < 40 && now() < began + 20 * SECOND {
            sleep(Duration::from_millis(20));
        }
        watched.look(0, now());
        let used = watched.end(0, now());
        assert!(used.cpu_ns >= 300_000_000, "{used:?}");
        let report = watched.report(None, 4);
        assert_eq!((report.name.as_str(), report.samples.len()), ("sh", 1));
        assert!(report.rss_bytes_max > 100_000 && report.samples[0].threads >= 1);
        assert!(report.samples[0].descriptors >= 3);
        assert!(report.cpu_us_per_call >= 10_000.0, "{report:?}");
        // The memory of a span is that of the span.
        watched.begin(SECOND, now());
        watched.rss_bytes_max = 1 << 40;
        watched.end(SECOND, now());
        watched.begin(SECOND, now());
        assert!(watched.end(SECOND, now()).rss_bytes_max < 1 << 40);
        assert_eq!(watched.report(None, 1).rss_bytes_max, 1 << 40);
        child.kill().unwrap();
        child.wait().unwrap();
        watched.begin(2 * SECOND, now());
        assert_eq!(watched.report(None, 1).gone_after_seconds, Some(2.0));
        let gone = Watched::new(child.id()).err().expect("it is gone").to_string();
        assert!(gone.contains("no process"), "{gone}");
    }

    #[test]
    fn ticks_count_where_tasks_came_and_went() {
        let tick = SECOND / clock_ticks_per_second();
        let then = Sample { processes: 1, ..Sample::default() };
        let seen = Sample { task_ns: 10 * tick, user_ticks: 12, processes: 1, ..then };
        assert_eq!(between(&then, &seen).cpu_ns, 10 * tick, "as close as ticks are");
        let unseen = Sample { task_ns: 10 * tick, user_ticks: 40, processes: 1, ..then };
        assert_eq!(between(&then, &unseen).cpu_ns, 40 * tick);
    }

    #[test]
    fn the_tree_is_followed_down() {
        let one = |parent| Stat {
            name: String::new(),
            zombie: false,
            parent,
            user_ticks: 0,
            system_ticks: 0,
            threads: 1,
            started: 0,
            rss_pages: 0,
        };
        let all =
            BTreeMap::from([(5, one(9)), (7, one(1)), (8, one(5)), (9, one(1)), (10, one(7))]);
        assert_eq!(descendants(9, &all), HashSet::from([9, 5, 8]));
    }
}
