//! What confinement costs: each program by the kernel's own clock, and the same traffic held and free.

pub(crate) mod worker;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use penstock_config::{EgressMode, Place};
use penstock_egress::{Callers, Cgroup, Host, Measuring, Policy, costs};
use serde::Serialize;

use crate::machine::pin;
use crate::report::{Table, median};
use crate::rig::Setting;
use worker::{Done, Kind};

const AGENT: &str = "bench";
/// Any number that no other agent has.
const AGENT_ID: u64 = 0xbe9c;
const LOOKUPS: u32 = 100_000;

/// What confinement costs.
#[derive(Debug, Serialize)]
pub(crate) struct Egress {
    programs: Vec<Program>,
    traffic: Vec<Row>,
    /// One question of whose connection it is, all its system calls together.
    attest_nanos: f64,
    /// Putting a policy in force.
    apply_millis: f64,
}

#[derive(Debug, Serialize)]
struct Program {
    name: &'static str,
    runs: u32,
    /// The kernel's reading of its clock included.
    nanos_a_run: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    kind: Kind,
    free_per_second: f64,
    held_per_second: f64,
    free_cpu_nanos: f64,
    held_cpu_nanos: f64,
}

pub(crate) fn measure(setting: &Setting) -> Result<Egress> {
    let confined = Confined::new(&setting.dir)?;
    pin(setting.cores.load())?;
    let traffic = [Kind::Connect, Kind::Session, Kind::Request, Kind::Stream];
    let traffic = traffic.map(|kind| row(setting, &confined, kind));
    let traffic = traffic.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(Egress {
        traffic,
        programs: programs(setting, &confined)?,
        attest_nanos: attest(&confined)?,
        apply_millis: confined.apply_millis,
    })
}

fn row(setting: &Setting, confined: &Confined, kind: Kind) -> Result<Row> {
    let mut done: [Vec<Done>; 2] = [const { Vec::new() }; 2];
    for round in 1..=setting.rounds {
        eprintln!("egress, {kind:?}: round {round} of {}", setting.rounds);
        for (held, done) in [false, true].into_iter().zip(&mut done) {
            done.push(confined.run(setting, kind, held)?);
        }
    }
    let rate = |done: &[Done]| median(done.iter().map(|d| f64::from(d.operations) / d.seconds));
    let cpu =
        |done: &[Done]| median(done.iter().map(|d| d.cpu_seconds * 1e9 / f64::from(d.operations)));
    let [free, held] = done;
    Ok(Row {
        kind,
        free_per_second: rate(&free),
        held_per_second: rate(&held),
        free_cpu_nanos: cpu(&free),
        held_cpu_nanos: cpu(&held),
    })
}

/// Each program's cost, over connects, requests and streams together.
fn programs(setting: &Setting, confined: &Confined) -> Result<Vec<Program>> {
    let total = |before: &BTreeMap<&'static str, (u64, Duration)>| {
        let mut sum = before.clone();
        for cost in costs(&confined.host, AGENT) {
            let entry = sum.entry(cost.program).or_default();
            *entry = (cost.runs, cost.time);
        }
        sum
    };
    let _measuring = Measuring::begin()?;
    let before = total(&BTreeMap::new());
    for kind in [Kind::Connect, Kind::Session, Kind::Request] {
        confined.run(setting, kind, true)?;
    }
    let after = total(&before);
    let programs = after.into_iter().filter_map(|(name, (runs, time))| {
        let (runs_before, time_before) = before.get(name).copied().unwrap_or_default();
        let runs = runs.saturating_sub(runs_before);
        let nanos = time.saturating_sub(time_before).as_secs_f64() * 1e9;
        let runs = u32::try_from(runs).unwrap_or(u32::MAX);
        (runs > 0).then(|| Program { name, runs, nanos_a_run: nanos / f64::from(runs) })
    });
    Ok(programs.collect())
}

/// Asks again and again whose connection one is.
fn attest(confined: &Confined) -> Result<f64> {
    let callers = Callers::open(&confined.host).context("cannot open the map of callers")?;
    let to = confined.quiet.local_addr()?.to_string();
    // A process of the agent's that connects and waits to be answered.
    let mut agent = confined.command(true);
    let agent = agent.args(["egress-worker", "request", &to, "1"]).stderr(Stdio::null());
    let mut agent = agent.spawn()?;
    let (stream, _) = confined.quiet.accept().context("the agent did not connect")?;
    let began = Instant::now();
    let mut known = 0;
    for _ in 0..LOOKUPS {
        known += u32::from(callers.agent(stream.as_fd()) == Some(AGENT_ID));
    }
    let nanos = began.elapsed().as_secs_f64() * 1e9 / f64::from(LOOKUPS);
    drop(stream);
    // It fails, as its connection ends.
    let _ = agent.wait();
    ensure!(known == LOOKUPS, "the kernel knew the caller {known} times of {LOOKUPS}");
    Ok(nanos)
}

/// A cgroup that may reach three addresses, and who listens there.
struct Confined {
    host: Host,
    cgroup: PathBuf,
    /// Answers with what it was sent.
    echo: SocketAddr,
    /// Takes what it is sent.
    sink: SocketAddr,
    /// Nobody serves it.
    quiet: TcpListener,
    apply_millis: f64,
}

impl Confined {
    fn new(dir: &Path) -> Result<Self> {
        let host = Host::prepare(&dir.join("bpf"))?;
        let (echo, sink) = (served(true)?, served(false)?);
        let quiet = TcpListener::bind("127.0.0.1:0")?;
        let below = format!("penstock-bench-{}", std::process::id());
        let cgroup = Cgroup::of(&host, &Place::Cgroup(below.into()))?;
        let policy = Policy {
            agent: AGENT.into(),
            id: AGENT_ID,
            mode: EgressMode::Enforce,
            gateways: vec![echo, sink, quiet.local_addr()?],
            rules: Vec::new(),
            unix_sockets: false,
            netlink: false,
        };
        let began = Instant::now();
        penstock_egress::apply(&host, &policy, &cgroup)?;
        let apply_millis = began.elapsed().as_secs_f64() * 1e3;
        Ok(Self { host, cgroup: cgroup.path.clone(), echo, sink, quiet, apply_millis })
    }

    /// A shell that becomes this program's worker, in the cgroup or out of it.
    fn command(&self, held: bool) -> Command {
        let mut command = Command::new("sh");
        let join =
            "if [ -n \"$0\" ]; then echo $$ > \"$0/cgroup.procs\"; fi; exec /proc/$PPID/exe \"$@\"";
        command.args(["-c", join]);
        if held {
            command.arg(&self.cgroup)
        } else {
            command.arg("")
        };
        command
    }

    fn run(&self, setting: &Setting, kind: Kind, held: bool) -> Result<Done> {
        let to = if kind.is_answered() { self.echo } else { self.sink }.to_string();
        // The worker has the proxy's core to itself.
        pin(&setting.cores.proxy()[..1])?;
        let millis = setting.duration.as_millis().to_string();
        let mut command = self.command(held);
        let output = command.args(["egress-worker", &kind.name(), &to, &millis]).output();
        pin(setting.cores.load())?;
        let output = output.context("the worker cannot be started")?;
        ensure!(
            output.status.success(),
            "the worker failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("the worker said something else")
    }
}

/// A listener with a thread that serves it as long as this process lives.
fn served(answers: bool) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || worker::serve(&listener, answers));
    Ok(address)
}

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = penstock_egress::remove(&self.host, AGENT, None, true);
        let _ = std::fs::remove_dir(&self.cgroup);
        let _ = Command::new("umount").arg(&self.host.bpffs).status();
    }
}

pub(crate) fn print(egress: &Egress) {
    let mut table = Table::new(
        "The same traffic of one process, free and held",
        &[
            "traffic",
            "",
            "free /s",
            "held /s",
            "ratio",
            "free CPU (ns)",
            "held CPU (ns)",
            "more (ns)",
        ],
    );
    for row in &egress.traffic {
        table.row(&[
            row.kind.name(),
            String::new(),
            format!("{:.0}", row.free_per_second),
            format!("{:.0}", row.held_per_second),
            format!("{:.3}", row.held_per_second / row.free_per_second),
            format!("{:.0}", row.free_cpu_nanos),
            format!("{:.0}", row.held_cpu_nanos),
            format!("{:.0}", row.held_cpu_nanos - row.free_cpu_nanos),
        ]);
    }
    table.print();
    let mut table = Table::new(
        "Each program, by the kernel's clock (reading it included)",
        &["program", "", "runs", "ns a run"],
    );
    for program in &egress.programs {
        let nanos = format!("{:.0}", program.nanos_a_run);
        table.row(&[program.name.into(), String::new(), program.runs.to_string(), nanos]);
    }
    table.print();
    println!("\nWhose connection it is: {:.0} ns to ask", egress.attest_nanos);
    println!("A policy is in force after {:.0} ms", egress.apply_millis);
}
