//! The same agent twice: as it comes, and run by `penstock run`. Where the kernel is told of it, in the
//! cgroups and in a BPF filesystem, is a place of the demo's own, so that it touches no other enforcement.

use std::env;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::AGENT_COMMAND;
use super::agent::{REACHED, REFUSED, THROUGH};
use super::screen::{note, outcome, title};
use crate::build::Profile;
use crate::paths::Paths;
use crate::setup::is_root;

/// Who the agent is, confined or not. Any user but root will do; this one owns nothing.
pub(super) const USER: u32 = 65534;
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// Where the demo confines, and where it keeps what it confines. Gone when dropped.
pub(super) struct Place {
    /// Below the root of cgroup v2.
    pub(super) cgroup: String,
    /// For what the kernel pins, and a copy of the agent that its user may execute.
    folder: PathBuf,
}

impl Place {
    pub(super) fn new() -> Self {
        let name = format!("penstock-demo-{}", std::process::id());
        Self { folder: env::temp_dir().join(&name), cgroup: name }
    }

    pub(super) fn bpffs(&self) -> PathBuf {
        self.folder.join("bpf")
    }

    fn agent(&self) -> PathBuf {
        self.folder.join("agent")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // With the filesystem goes what it keeps in force. Where nothing was confined nothing is here.
        let _ = Command::new("umount").arg("--quiet").arg(self.bpffs()).output();
        let _ = fs::remove_dir(self.bpffs());
        let _ = fs::remove_file(self.agent());
        let _ = fs::remove_dir(&self.folder);
        let _ = cgroup2().map(|root| fs::remove_dir(root.join(&self.cgroup)));
    }
}

/// What was shown, and can be tried as long as this is there.
pub(super) struct Confined {
    /// Commands for whoever wants to see for themselves.
    pub(super) by_hand: Vec<String>,
    _listening: (UdpSocket, Option<TcpListener>),
    _place: Place,
}

/// What the demo has set up.
pub(super) struct World<'a> {
    pub(super) paths: &'a Paths,
    pub(super) gateway: SocketAddr,
    pub(super) server: SocketAddr,
    /// With the configuration and the log.
    pub(super) dir: &'a Path,
}

/// Shows it, or says why it cannot be shown here. What it took stays until the demo ends.
pub(super) fn show(world: &World, place: Place) -> Result<Confined> {
    title("An agent whose only way out is penstock");
    // What the agent may not reach, and would.
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    udp.set_nonblocking(true)?;
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).ok();
    // A host without IPv6 has nobody there; port 9 is as good as any.
    let v6_at = v6.as_ref().and_then(|v6| v6.local_addr().ok());
    let v6_at = v6_at.unwrap_or((Ipv6Addr::LOCALHOST, 9).into());
    let targets = [world.server, udp.local_addr()?, v6_at, world.gateway].map(|to| to.to_string());
    let shown = is_root() && twice(world, &place, &udp, &targets)?;
    if !is_root() {
        note("Skipped: it takes root to load eBPF programs. As root, `cargo xtask demo` shows it.");
    }
    let by_hand = if shown { by_hand(world, &place, &targets) } else { Vec::new() };
    Ok(Confined { by_hand, _listening: (udp, v6), _place: place })
}

/// The agent as it comes, then confined; whether this host allows the latter.
fn twice(world: &World, place: &Place, udp: &UdpSocket, targets: &[String]) -> Result<bool> {
    fs::create_dir_all(&place.folder)?;
    fs::copy(env::current_exe()?, place.agent()).context("the agent cannot be copied")?;
    println!("\n  As it comes:");
    let mut free = Command::new(place.agent());
    free.uid(USER).gid(USER);
    let as_it_comes = agent(free, place, targets)?;
    let reached = lines(&as_it_comes, REACHED);
    ensure!(reached >= 2, "the agent reaches nothing even unconfined: {}", said(&as_it_comes));
    ensure!(arrived(udp) == 1, "the datagram of the agent did not arrive");

    let penstock = world.paths.binary(Profile::Dev.dir(), "penstock");
    let config = world.dir.join("penstock.yaml");
    let mut run = Command::new(&penstock);
    run.args(["run", "--agent", "demo", "--config"]).arg(&config).arg("--");
    run.arg(place.agent());
    println!("\n  By `penstock run --agent demo`:");
    let confined = agent(run, place, targets)?;
    if lines(&confined, "") == 0 {
        note(&format!("Skipped: this host does not allow it: {}", said(&confined)));
        return Ok(false);
    }
    let reached = lines(&confined, REACHED);
    let through = String::from_utf8_lossy(&confined.stdout)
        .lines()
        .any(|line| line.starts_with(REACHED) && line.contains(THROUGH));
    ensure!(reached == 1 && through, "the agent reached {reached}: {}", said(&confined));
    ensure!(lines(&confined, REFUSED) >= 6, "not all was refused: {}", said(&confined));
    ensure!(arrived(udp) == 0, "a datagram of the confined agent has arrived");

    println!("\n  What the kernel says of it (`penstock egress events`):");
    let mut events = Command::new(&penstock);
    events.args(["egress", "events", "--config"]).arg(&config);
    let events = events.output().context("penstock cannot be run")?;
    let events = String::from_utf8_lossy(&events.stdout).into_owned();
    ensure!(events.contains("refused connect4"), "there are no events: {events}");
    events.lines().for_each(note);
    note("(raw packets and vsock did not come so far: the filter of system calls refused them)");
    println!("\n  And penstock, of the call that came through:");
    note(&called(&world.dir.join("penstock.log"))?);
    Ok(true)
}

fn by_hand(world: &World, place: &Place, targets: &[String]) -> Vec<String> {
    let penstock = world.paths.binary(Profile::Dev.dir(), "penstock");
    let config = world.dir.join("penstock.yaml");
    let call = |what: &str, more: &str| {
        format!("{} {what} --config {}{more}", penstock.display(), config.display())
    };
    let again = format!(" -- ./agent {AGENT_COMMAND} {}", targets.join(" "));
    vec![
        // Where its user may be, too.
        format!("cd {}", place.folder.display()),
        call("run --agent demo", &again),
        call("run --agent demo", " -- sh"),
        call("egress status", ""),
        call("egress test", ""),
        call("egress events", " --follow"),
    ]
}

/// Runs the agent and shows what it says.
fn agent(mut command: Command, place: &Place, targets: &[String]) -> Result<Output> {
    // Where its user may be, too.
    command.arg(AGENT_COMMAND).args(targets).current_dir(&place.folder);
    let output = command.output().context("the agent cannot be run")?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let word = line.split(' ').next().unwrap_or_default();
        outcome(word, word == REFUSED, line.trim_start_matches(word));
    }
    Ok(output)
}

fn lines(output: &Output, beginning: &str) -> usize {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| line.starts_with(beginning)).count()
}

fn said(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    [out, error].map(|text| String::from_utf8_lossy(text).trim().to_owned()).join(" ")
}

/// How many datagrams have come.
fn arrived(socket: &UdpSocket) -> usize {
    std::iter::from_fn(|| socket.recv(&mut [0; 16]).ok()).count()
}

/// The line of the access log that names the agent; the log is written a moment after the answer.
fn called(log: &Path) -> Result<String> {
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        let mut calls = text.lines().filter_map(|line| line.split_once("access: "));
        if let Some((_, call)) = calls.find(|(_, call)| call.contains("agent=\"demo\"")) {
            return Ok(call.to_owned());
        }
        ensure!(began.elapsed() < PATIENCE, "the access log does not name the agent");
        sleep(POLL);
    }
}

/// Where cgroup v2 is mounted (proc(5)).
fn cgroup2() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut fields = mounts.lines().map(|line| line.split(' ').skip(1));
    let found =
        fields.find_map(|mut line| Some((line.next()?, line.next()?)).filter(|m| m.1 == "cgroup2"));
    found.map(|(at, _)| at.into()).ok_or_else(|| io::ErrorKind::NotFound.into())
}
