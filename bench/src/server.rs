//! A server process: started where it belongs, measured from outside, ended whole.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::{Add, Sub};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::machine::pin;

const READY: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

/// A running server and its children; ended when dropped.
pub(crate) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Processor time used, of a server and its children.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// By the scheduler's clock.
    pub(crate) total_ns: u64,
    /// Clock ticks in user mode: a share of the total, and no more exact than a tick.
    pub(crate) user_ticks: u64,
    /// Clock ticks in the kernel.
    pub(crate) system_ticks: u64,
}

impl Add for Cpu {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            total_ns: self.total_ns + other.total_ns,
            user_ticks: self.user_ticks + other.user_ticks,
            system_ticks: self.system_ticks + other.system_ticks,
        }
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            total_ns: self.total_ns.saturating_sub(earlier.total_ns),
            user_ticks: self.user_ticks.saturating_sub(earlier.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(earlier.system_ticks),
        }
    }
}

impl Server {
    /// Starts `program` on `cores`, with its output in `dir/NAME.log`. The caller is on `back_to`
    /// again when this returns.
    pub(crate) fn start(
        name: &str,
        program: &mut Command,
        dir: &Path,
        cores: &[usize],
        back_to: &[usize],
    ) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = leashed(program);
        command.stdout(file.try_clone()?).stderr(file);
        pin(cores)?;
        let child = command.spawn().with_context(|| format!("{name} could not be started"));
        pin(back_to)?;
        Ok(Self { name: name.to_owned(), child: child?, log })
    }

    /// Waits until `address` takes connections.
    pub(crate) fn accepting(self, address: SocketAddr) -> Result<Self> {
        self.accepting_within(address, READY)
    }

    /// The same for one that takes its time.
    pub(crate) fn accepting_within(mut self, address: SocketAddr, limit: Duration) -> Result<Self> {
        let deadline = Instant::now() + limit;
        while TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("{} does not listen on {address}; it said:\n{said}", self.name);
            }
            sleep(POLL);
        }
        Ok(self)
    }

    /// Processor time used so far.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        let mut sum = Cpu::default();
        for pid in self.processes()? {
            // What ends meanwhile takes its time with it: no server here ends threads in numbers.
            let (Ok(fields), Ok(tasks)) = (stat(pid), fs::read_dir(format!("/proc/{pid}/task")))
            else {
                continue;
            };
            // proc_pid_stat(5): utime and stime are fields 14 and 15, the state is field 3.
            sum.user_ticks += field(&fields, 14 - 3)?;
            sum.system_ticks += field(&fields, 15 - 3)?;
            for task in tasks.flatten() {
                let Ok(schedstat) = fs::read_to_string(task.path().join("schedstat")) else {
                    continue;
                };
                let ran = schedstat.split(' ').next().unwrap_or_default();
                sum.total_ns += ran.parse::<u64>().context("schedstat holds no number")?;
            }
        }
        Ok(sum)
    }

    /// Resident memory in KiB, and of it that shared with others counted by its share.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let mut sum = Memory::default();
        for pid in self.processes()? {
            sum.resident_kib += kib(&format!("/proc/{pid}/status"), "VmRSS:")?;
            sum.proportional_kib += kib(&format!("/proc/{pid}/smaps_rollup"), "Pss:")?;
        }
        Ok(sum)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Descriptors the process itself holds open.
    pub(crate) fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    /// The process and its descendants, as nginx has workers.
    fn processes(&self) -> Result<Vec<u32>> {
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // One that ends meanwhile is not ours.
            let Ok(fields) = stat(pid) else { continue };
            parents.push((pid, u32::try_from(field(&fields, 4 - 3)?)?));
        }
        Ok(descendants(self.child.id(), &parents))
    }
}

/// The same program, ended by the kernel where we are killed.
pub(crate) fn leashed(program: &Command) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program.get_program());
    command.args(program.get_args()).stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        value.map(|value| command.env(name, value));
    }
    program.get_current_dir().map(|dir| command.current_dir(dir));
    command
}

/// `root` and all that descend from it, of pairs of a process and its parent.
fn descendants(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nobody to signal.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + END;
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            sleep(POLL);
        }
    }
}

/// What a process holds in memory.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct Memory {
    pub(crate) resident_kib: u64,
    pub(crate) proportional_kib: u64,
}

/// An address on loopback that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?.local_addr()?)
}

/// Clock ticks that a core has worked so far, for whomever.
pub(crate) fn core_ticks(core: usize) -> Result<u64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let label = format!("cpu{core}");
    let line = stat.lines().find(|line| line.split(' ').next() == Some(&label));
    let line = line.with_context(|| format!("/proc/stat has no line {label}"))?;
    let numbers: Vec<u64> = line.split(' ').skip(1).filter_map(|word| word.parse().ok()).collect();
    // proc_stat(5): user nice system idle iowait irq softirq steal; what follows is counted before.
    Ok(numbers.iter().take(8).sum::<u64>() - numbers.iter().skip(3).take(2).sum::<u64>())
}

/// The fields of `/proc/PID/stat` from the third; the second may hold any byte.
fn stat(pid: u32) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").context("/proc/PID/stat has no name")?;
    Ok(fields.split(' ').map(str::to_owned).collect())
}

fn field(fields: &[String], index: usize) -> Result<u64> {
    let text = fields.get(index).context("/proc/PID/stat is short of a field")?;
    text.trim().parse().with_context(|| format!("/proc/PID/stat: `{text}` is no number"))
}

fn kib(file: &str, label: &str) -> Result<u64> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(label)?.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("{file} has no {label}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grandchild_is_of_the_tree_and_a_stranger_is_not() {
        let parents = [(1, 0), (10, 1), (11, 10), (12, 11), (13, 11), (20, 1)];
        assert_eq!(descendants(10, &parents), [10, 11, 12, 13]);
        assert_eq!(descendants(20, &parents), [20]);
    }
}
