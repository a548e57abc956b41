//! Servers that a suite starts: found ready, ended whole, nothing of theirs left behind.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths::which;
use crate::steps::{append, tail};

const POLL: Duration = Duration::from_millis(20);

/// A running server; ended when dropped.
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts `command` with its output going to a log of its own in `dir`.
    pub(crate) fn start(name: &'static str, command: &Command, dir: &Path) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        fs::remove_file(&log).or_else(ignore_missing)?;
        let file = append(&log)?;
        let child = dying_with_us(command)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        Ok(Self { name, child, log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line `listening on ADDRESS` and returns the address.
    pub(crate) fn announced(&mut self, limit: Duration) -> Result<SocketAddr> {
        self.poll(limit, "say `listening on ADDRESS`", |log| {
            let text = fs::read_to_string(log).unwrap_or_default();
            text.lines().find_map(|line| {
                let (_, rest) = line.split_once("listening on ")?;
                rest.split_whitespace().next()?.trim_start_matches("http://").parse().ok()
            })
        })
    }

    /// Waits until the address takes connections.
    pub(crate) fn accepting(&mut self, address: SocketAddr, limit: Duration) -> Result<()> {
        self.poll(limit, &format!("accept connections on {address}"), |_| {
            TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok().map(drop)
        })
    }

    /// How the process ended, if it did.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks the process to end with SIGTERM, waits, and says whether it did so by itself.
    pub(crate) fn stop(&mut self, limit: Duration) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = self.pid().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("cannot run `kill`")?;
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            sleep(POLL);
        }
        self.kill();
        bail!("{} did not end within {limit:?} of SIGTERM and was killed", self.name)
    }

    fn poll<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut ready: impl FnMut(&Path) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(value) = ready(&self.log) {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}:\n{}", self.name, tail(&self.log, 4096));
            }
            if Instant::now() > deadline {
                bail!("{} did not {what} within {limit:?}:\n{}", self.name, tail(&self.log, 4096));
            }
            sleep(POLL);
        }
    }

    fn kill(&mut self) {
        // Failing here means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // `stop` has killed what did not end; its complaint has no reader any more.
        let _ = self.stop(Duration::from_secs(3));
    }
}

/// The command, ended by the kernel if xtask is killed, where util-linux has `setpriv` for it.
fn dying_with_us(command: &Command) -> Command {
    let Some(setpriv) = which("setpriv") else { return copied(command, command.get_program()) };
    let mut wrapped = Command::new(setpriv);
    wrapped.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program());
    inherit(&mut wrapped, command);
    wrapped
}

fn copied(command: &Command, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut copy = Command::new(program);
    inherit(&mut copy, command);
    copy
}

fn inherit(into: &mut Command, from: &Command) {
    into.args(from.get_args());
    for (key, value) in from.get_envs() {
        match value {
            Some(value) => into.env(key, value),
            None => into.env_remove(key),
        };
    }
    if let Some(dir) = from.get_current_dir() {
        into.current_dir(dir);
    }
}

/// An address on loopback that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?.local_addr()?)
}

/// A process as the kernel tells it from a later one of the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pid: u32,
    parent: u32,
    started: String,
    /// What it is, for messages.
    pub(crate) command: String,
}

/// Every process below `pid`.
pub(crate) fn descendants(pid: u32) -> Vec<Process> {
    let all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?))
        .collect();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            parents.push(child.pid);
            found.push(child.clone());
        }
    }
    found
}

/// Those of `processes` that are still there after `limit`.
pub(crate) fn survivors(processes: &[Process], limit: Duration) -> Vec<Process> {
    let deadline = Instant::now() + limit;
    loop {
        let alive: Vec<Process> = processes
            .iter()
            .filter(|one| process(one.pid).is_some_and(|now| now.started == one.started))
            .cloned()
            .collect();
        if alive.is_empty() || Instant::now() > deadline {
            return alive;
        }
        sleep(POLL);
    }
}

/// Reads `/proc/PID/stat` (proc(5)); the command stands in parentheses and may hold any byte.
fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = tail.split(' ').collect();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        started: (*fields.get(19)?).to_owned(),
        command: head.split_once('(')?.1.to_owned(),
    })
}

fn ignore_missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_and_its_end_is_noticed() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let found = descendants(std::process::id());
        assert!(found.iter().any(|process| process.pid == child.id()), "{found:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        let ours: Vec<Process> = found.into_iter().filter(|p| p.pid == child.id()).collect();
        assert_eq!(survivors(&ours, Duration::from_secs(1)), []);
    }

    #[test]
    fn a_service_that_ends_early_shows_its_output() {
        let dir = std::env::temp_dir().join(format!("xtask-test-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "echo the reason; exit 3"]);
        let mut service = Service::start("failing", &command, &dir).unwrap();
        let error = service.announced(Duration::from_secs(5)).unwrap_err().to_string();
        assert!(error.contains("the reason"), "{error}");
        fs::remove_dir_all(dir).unwrap();
    }
}
