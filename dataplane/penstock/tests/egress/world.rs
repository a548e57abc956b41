//! A host with an agent on it, and a peer at the other end of a wire: made for one run, and gone
//! after it.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use penstock_config::{EgressMode, EgressRule, Place, Transport, agent_id};
use penstock_egress::{Cgroup, Enforced, Event, Events, Host, Policy, apply};
use tempfile::TempDir;

use crate::peer::{Peer, echo};
use crate::places::{
    ALLOWED, FENCE, GATEWAY, HOST4, HOST6, HTTP, METADATA4, METADATA6, OTHER, PEER4, PEER6,
    SERVICE, WRONG,
};
use crate::{probe, sys};

/// The host's end of the veth pair, and the peer's.
pub(crate) const DEVICE: &str = "agent0";
const PEER_DEVICE: &str = "peer0";

pub(crate) fn device_index() -> u32 {
    sys::device_index(DEVICE)
}

/// The host and its peer.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) peer: Peer,
    /// Below the root of the cgroup v2 hierarchy.
    below: PathBuf,
    scratch: TempDir,
    fence: UdpSocket,
}

impl World {
    /// From here on this process has a network and mounts of its own.
    pub(crate) fn new() -> io::Result<Self> {
        sys::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS)?;
        sys::mounts_private()?;
        let peer = Peer::new()?;
        wire(&peer)?;
        listen(&peer)?;
        reached()?;
        peer.watch()?;
        let scratch = TempDir::new()?;
        let host = Host::prepare(&scratch.path().join("bpf")).map_err(io::Error::other)?;
        let below = PathBuf::from(format!("penstock-test-{}", process::id()));
        let fence = UdpSocket::bind((HOST4, 0))?;
        Ok(Self { host, peer, below, scratch, fence })
    }

    /// A second place for pins, mounted.
    pub(crate) fn another_host(&self, name: &str) -> io::Result<Host> {
        Host::prepare(&self.scratch.path().join(name)).map_err(io::Error::other)
    }

    /// A cgroup of the run's own.
    pub(crate) fn cgroup(&self, name: &str) -> io::Result<Held> {
        let below = self.below.join(name);
        let cgroup = Cgroup::of(&self.host, &Place::Cgroup(below)).map_err(io::Error::other)?;
        Ok(Held { cgroup })
    }

    /// Puts a policy in force there.
    pub(crate) fn hold(&self, policy: &Policy, held: &Held) -> io::Result<Enforced> {
        apply(&self.host, policy, &held.cgroup).map_err(io::Error::other)
    }

    /// Runs a probe to its end.
    pub(crate) fn probe(&self, held: &Held, words: &[&str]) -> io::Result<Said> {
        let child = self.command(held, words).stdin(Stdio::null()).spawn()?;
        let pid = child.id();
        let output = child.wait_with_output()?;
        Ok(Said::read(pid, &String::from_utf8_lossy(&output.stdout)))
    }

    /// Starts a probe that says when it is ready.
    pub(crate) fn start(&self, held: &Held, words: &[&str]) -> io::Result<Running> {
        Running::new(self.command(held, words).stdin(Stdio::piped()))
    }

    /// This program again, as a probe.
    pub(crate) fn command(&self, held: &Held, words: &[&str]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command
            .args(words)
            .env(probe::CGROUP, held.cgroup.path.join("cgroup.procs"))
            .env(probe::PEER, self.peer.namespace())
            .stdout(Stdio::piped());
        command
    }

    /// Waits until the peer has seen whatever is on its way.
    pub(crate) fn settle(&self) -> io::Result<()> {
        // Of another core a packet may still be about to be delivered.
        thread::sleep(Duration::from_millis(1));
        let before = self.peer.fences();
        self.fence.send_to(&[], (PEER4, FENCE))?;
        for _ in 0..2000 {
            if self.peer.fences() > before {
                return Ok(());
            }
            thread::sleep(Duration::from_micros(500));
        }
        Err(io::Error::other("no packet reaches the peer any more"))
    }

    /// Whatever was refused and not read yet.
    pub(crate) fn events(&self, events: &mut Events) -> io::Result<Vec<Event>> {
        let mut found = Vec::new();
        while let Some(event) = events.next(Duration::ZERO)? {
            found.push(event);
        }
        Ok(found)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        remove(&self.host.cgroup2.join(&self.below));
        for entry in fs::read_dir(self.scratch.path()).into_iter().flatten().flatten() {
            let _ = sys::unmount(&entry.path());
        }
    }
}

/// Ends what still runs in a cgroup of ours and takes it away, with all below it.
fn remove(path: &Path) {
    let _ = fs::write(path.join("cgroup.kill"), "1");
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    for _ in 0..50 {
        if fs::remove_dir(path).is_ok() || !path.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// A cgroup of the run's own, which goes with this.
pub(crate) struct Held {
    pub(crate) cgroup: Cgroup,
}

impl Held {
    pub(crate) fn procs(&self) -> String {
        self.cgroup.path.join("cgroup.procs").display().to_string()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        remove(&self.cgroup.path);
    }
}

/// What an agent of this suite may reach: the gateway, and one service over UDP.
pub(crate) fn policy(agent: &str) -> Policy {
    let rule = |address: IpAddr, prefix| EgressRule {
        address,
        prefix,
        port: Some(ALLOWED),
        protocol: Transport::Udp,
    };
    let hosts: [IpAddr; 4] =
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), HOST4.into(), HOST6.into()];
    Policy {
        agent: agent.to_owned(),
        id: agent_id(agent),
        mode: EgressMode::Enforce,
        gateways: hosts.into_iter().map(|ip| SocketAddr::new(ip, GATEWAY)).collect(),
        rules: vec![rule(PEER4.into(), 32), rule(PEER6.into(), 128)],
        unix_sockets: true,
        netlink: true,
    }
}

/// What a probe said in the end.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) pid: u32,
    /// `ok`, or the step that failed.
    pub(crate) step: String,
    pub(crate) errno: i32,
}

impl Said {
    fn read(pid: u32, text: &str) -> Self {
        let last = text.lines().last().unwrap_or("died 0");
        let (step, errno) = last.split_once(' ').unwrap_or((last, "0"));
        Self { pid, step: step.to_owned(), errno: errno.parse().unwrap_or(0) }
    }

    pub(crate) fn ok(&self) -> bool {
        self.step == "ok"
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.ok() {
            return f.write_str("it succeeded");
        }
        write!(f, "`{}`: {}", self.step, io::Error::from_raw_os_error(self.errno))
    }
}

/// A probe that waits to be told. It is ended with this.
pub(crate) struct Running {
    pub(crate) child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Any command that writes lines.
    pub(crate) fn new(command: &mut Command) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
        Ok(Self { child, output: BufReader::new(output) })
    }

    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    /// Waits until it has what it is to have.
    pub(crate) fn ready(&mut self) -> io::Result<()> {
        let line = self.line()?;
        if line == "ready" { Ok(()) } else { Err(io::Error::other(format!("it said `{line}`"))) }
    }

    pub(crate) fn go(&mut self) -> io::Result<()> {
        self.child.stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(b"go\n"))
    }

    /// Tells a loop of connects to stop, and takes its counts: done, refused, anything else.
    pub(crate) fn counts(&mut self) -> io::Result<[u64; 3]> {
        self.go()?;
        let line = self.line()?;
        let mut numbers = line.split(' ').map(|number| number.parse().map_err(io::Error::other));
        let mut next = || numbers.next().unwrap_or_else(|| Err(io::Error::other(line.clone())));
        Ok([next()?, next()?, next()?])
    }

    /// What it says in the end.
    pub(crate) fn end(&mut self) -> io::Result<Said> {
        let mut lines = Vec::new();
        for line in self.output.by_ref().lines() {
            lines.push(line?);
        }
        self.child.wait()?;
        Ok(Said::read(self.child.id(), &lines.join("\n")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until IPv6 has found out that it may use the wire.
fn reached() -> io::Result<()> {
    let service = SocketAddr::from((PEER6, SERVICE));
    let mut answer = Ok(());
    for _ in 0..50 {
        answer = TcpStream::connect_timeout(&service, probe::WAIT).map(drop);
        if answer.is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    answer
}

/// Two ends with their addresses.
fn wire(peer: &Peer) -> io::Result<()> {
    let namespace = peer.namespace().display().to_string();
    ip(&format!("link add {DEVICE} type veth peer name {PEER_DEVICE} netns {namespace}"))?;
    ip("link set lo up")?;
    ip(&format!("addr add {HOST4}/24 brd + dev {DEVICE}"))?;
    ip(&format!("addr add {HOST6}/64 dev {DEVICE} nodad"))?;
    ip(&format!("link set {DEVICE} up"))?;
    peer.inside(|| {
        ip("link set lo up")?;
        for (address, bits) in [(IpAddr::from(PEER4), 24), (METADATA4.into(), 32)] {
            ip(&format!("addr add {address}/{bits} dev {PEER_DEVICE}"))?;
        }
        for (address, bits) in [(PEER6, 64), (METADATA6, 128)] {
            ip(&format!("addr add {address}/{bits} dev {PEER_DEVICE} nodad"))?;
        }
        ip(&format!("link set {PEER_DEVICE} up"))
    })?;
    ip(&format!("route add default via {PEER4}"))?;
    ip(&format!("-6 route add default via {PEER6}"))?;
    // So that what has to be refused would work.
    setting("ipv4/ping_group_range", "0 2147483647")?;
    setting("ipv4/tcp_fastopen", "5")
}

/// A setting of the calling thread's network namespace.
pub(crate) fn setting(name: &str, value: &str) -> io::Result<()> {
    fs::write(Path::new("/proc/sys/net").join(name), value)
}

fn listen(peer: &Peer) -> io::Result<()> {
    for ip in
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), HOST4.into(), IpAddr::from(HOST6)]
    {
        echo((ip, GATEWAY).into(), true)?;
        for port in [WRONG, OTHER] {
            echo((ip, port).into(), false)?;
        }
    }
    peer.inside(|| {
        for (ip, metadata) in
            [(IpAddr::from(PEER4), IpAddr::from(METADATA4)), (PEER6.into(), METADATA6.into())]
        {
            echo((ip, SERVICE).into(), false)?;
            echo((metadata, HTTP).into(), false)?;
            echo((ip, ALLOWED).into(), true)?;
        }
        Ok(())
    })
}

/// iproute2, in the calling thread's network namespace.
pub(crate) fn ip(arguments: &str) -> io::Result<()> {
    let done = Command::new("ip").args(arguments.split(' ')).env("PATH", path()).output()?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(io::Error::other(format!("ip {arguments}: {said}")))
}

/// Debian keeps it where a user's PATH need not reach.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin:/bin", env::var("PATH").unwrap_or_default())
}
