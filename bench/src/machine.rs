//! The machine: its cores and who runs on which, its limits, and what it is.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

/// How many core numbers an affinity mask holds.
const CORES_MAX: usize = 1024;

/// The cores this process may run on, as it was started.
#[derive(Debug, Clone)]
pub(crate) struct Cores {
    all: Vec<usize>,
    /// How many of them the load leaves to the proxy.
    reserved: usize,
}

impl Cores {
    /// Of four or more, two are left to the proxy and its second shard; of fewer, one.
    pub(crate) fn allowed() -> Result<Self> {
        let set = sched_getaffinity(None).context("cannot read which cores are allowed")?;
        let all: Vec<usize> = (0..CORES_MAX).filter(|core| set.is_set(*core)).collect();
        ensure!(
            all.len() >= 2,
            "one core is not enough: the proxy needs one that the load does not use"
        );
        Ok(Self { reserved: if all.len() >= 4 { 2 } else { 1 }, all })
    }

    /// The same with nothing left to the proxy alone.
    pub(crate) fn shared(&self) -> Self {
        Self { reserved: 0, ..self.clone() }
    }

    /// Whether two shards have cores that the load does not use.
    pub(crate) fn two_reserved(&self) -> bool {
        self.reserved >= 2
    }

    /// The first two cores: the proxy's, and its second shard's.
    pub(crate) fn proxy(&self) -> [usize; 2] {
        [0, 1].map(|index| self.all.get(index).copied().unwrap_or_default())
    }

    /// The cores of generator and mock.
    pub(crate) fn load(&self) -> &[usize] {
        self.all.get(self.reserved..).unwrap_or_default()
    }

    /// Threads of the generator, and of the mock.
    pub(crate) fn load_threads(&self) -> usize {
        self.load().len().div_ceil(2)
    }
}

/// Confines this thread, and the processes and threads that it starts, to these cores.
pub(crate) fn pin(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    sched_setaffinity(None, &set).with_context(|| format!("cannot move to cores {cores:?}"))
}

/// Lets this process and those that it starts open `wanted` descriptors, or as many as it may; the
/// limit then in force.
pub(crate) fn allow_descriptors(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(now.current) {
        return wanted;
    }
    let raised = Rlimit { current: Some(wanted), maximum: now.maximum.map(|max| max.max(wanted)) };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        return wanted;
    }
    // Only root may go beyond the hard limit; up to it everyone may.
    let highest = Rlimit { current: now.maximum, maximum: now.maximum };
    let reached = setrlimit(Resource::Nofile, highest).map_or(now.current, |()| now.maximum);
    reached.unwrap_or(wanted)
}

/// What the numbers were measured on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    nginx: String,
}

impl Machine {
    pub(crate) fn describe(cores: &Cores, nginx: String) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        // What follows the version may name the host's owner.
        let version = kernel.trim().split('-').next().unwrap_or_default();
        Self {
            cpu: cpu.map_or("unknown", |(_, model)| model).to_owned(),
            cores: cores.all.len(),
            kernel: version.to_owned(),
            nginx,
        }
    }
}

#[cfg(test)]
impl Machine {
    pub(crate) fn example() -> Self {
        let text = |text: &str| text.to_owned();
        Self { cpu: text("a processor"), cores: 2, kernel: text("6.18"), nginx: text("nginx/1.22") }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpu, cores, kernel, nginx } = self;
        write!(f, "{cores} cores ({cpu}), Linux {kernel}, {nginx}")
    }
}
