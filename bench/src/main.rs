//! `penstock-bench`: penstock against its peers, and against its own numbers to reach.
//!
//! Everything is a ratio of things measured in turn in one run, on one machine: nginx, penstock,
//! nginx, penstock, and so on, the median told. `docs/benchmarks.md` says how to read it.

#![forbid(unsafe_code)]

mod call;
mod compare;
mod egress;
mod inspection;
mod latency;
mod load;
mod machine;
mod peers;
mod report;
mod rig;
mod server;
mod shards;
mod soak;
mod streams;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use serde::Serialize;

use machine::{Cores, Machine, allow_descriptors, pin};
use peers::{Installed, Peer, nginx};
use rig::{Rig, Setting};

/// Benchmarks of penstock as a whole.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// What to measure; all of it where none is named.
    sections: Vec<Section>,
    /// Short rounds: to see that it works, not for numbers.
    #[arg(long)]
    quick: bool,
    /// The folder that holds `penstock` and `penstock-loadtest`, built with --release.
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// Where logs, `report.json` and `compare.md` go.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Who is compared beside penstock, by comma; all where none is named.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// How often each peer is started for the comparison; the medians over the starts are told.
    #[arg(long)]
    starts: Option<usize>,
    /// What the mock says for the section `inspection`: the start of this file. Without it, what it makes up.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// A gateway to compare with, as NAME@VERSION=PATH; without a path it could not be installed.
    #[arg(long)]
    gateway: Vec<Installed>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// What a call costs, how many go through and how long they take, beside peers.
    Compare,
    /// Latency at half the saturating rate, against nginx.
    Latency,
    /// Two shards against one.
    Shards,
    /// Thousands of open streams and their memory.
    Streams,
    /// Ten minutes of traffic: whether anything is lost or grows.
    Soak,
    /// What a call costs whose messages are looked into, against one whose are not.
    Inspection,
    /// What confinement costs; needs root.
    Egress,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    rounds: usize,
    seconds_a_round: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<compare::Compare>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Vec<latency::Latency>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shards: Option<shards::Shards>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<Vec<streams::Streams>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    soak: Option<soak::Soak>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inspection: Option<inspection::Inspection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    egress: Option<egress::Egress>,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [WORKER, kind, to, millis] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return worker(kind, to, millis);
    }
    let arguments = Arguments::parse();
    let out = std::path::absolute(&arguments.out)?;
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let millis = |quick, full| Duration::from_millis(if arguments.quick { quick } else { full });
    let setting = Setting {
        programs: std::path::absolute(&arguments.programs)?,
        dir: out.clone(),
        cores: Cores::allowed()?,
        rounds: 5,
        starts: arguments.starts.unwrap_or(if arguments.quick { 1 } else { 3 }),
        warm_up: millis(200, 500),
        duration: millis(500, 3000),
        streams: if arguments.quick { 1000 } else { 10_000 },
        soak: millis(20_000, 600_000),
    };
    let peers = peers::choose(&arguments.peers, &arguments.gateway)?;
    let text = arguments.text.as_deref();
    let report = measure(&setting, &arguments.sections, &peers, text)?;
    let file = out.join("report.json");
    fs::write(&file, serde_json::to_vec_pretty(&report)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("\nIn full: {}", file.display());
    Ok(())
}

/// What a process is told that does the traffic of the section `egress`.
const WORKER: &str = "egress-worker";

fn worker(kind: &str, to: &str, millis: &str) -> Result<()> {
    let kind = egress::worker::Kind::from_str(kind, false).map_err(anyhow::Error::msg)?;
    let done = egress::worker::work(kind, to.parse()?, Duration::from_millis(millis.parse()?))?;
    println!("{}", serde_json::to_string(&done)?);
    Ok(())
}

/// A stream is two of penstock's descriptors, which are limited.
fn as_many_as_allowed(streams: usize) -> Result<usize> {
    const OTHERS: usize = 100;
    let wanted = 2 * streams + OTHERS;
    let limit = usize::try_from(allow_descriptors(u64::try_from(wanted)?))?;
    if limit >= wanted {
        return Ok(streams);
    }
    let fewer = limit.saturating_sub(OTHERS) / 2;
    println!(
        "WARNING: {fewer} streams instead of {streams}: no more than {limit} descriptors are \
         allowed; for all, raise the hard limit (`ulimit -Hn {wanted}`)"
    );
    Ok(fewer)
}

/// Measures section by section; each is printed when it is done.
fn measure(
    setting: &Setting,
    sections: &[Section],
    peers: &[Box<dyn Peer>],
    text: Option<&Path>,
) -> Result<Report> {
    let wanted = |section| sections.is_empty() || sections.contains(&section);
    pin(setting.cores.load())?;
    let machine = Machine::describe(&setting.cores, nginx::version()?);
    println!("{machine}; {} rounds of {:?}", setting.rounds, setting.duration);
    let mut report = Report {
        machine,
        rounds: setting.rounds,
        seconds_a_round: setting.duration.as_secs_f64(),
        compare: None,
        latency: None,
        shards: None,
        streams: None,
        soak: None,
        inspection: None,
        egress: None,
    };
    if wanted(Section::Compare) {
        let compared = report.compare.insert(compare::measure(setting, peers)?);
        compare::print(compared);
        let file = setting.dir.join("compare.md");
        compare::write(compared, &report.machine, &file)?;
        println!("\nAs Markdown: {}", file.display());
    }
    if wanted(Section::Latency) {
        let rig = Rig::start(setting, &latency::TARGETS)?;
        latency::print(report.latency.insert(latency::measure(setting, &rig)?));
    }
    if wanted(Section::Shards) {
        shards::print(report.shards.insert(shards::measure(setting)?));
        pin(setting.cores.load())?;
    }
    if wanted(Section::Streams) {
        let streams = as_many_as_allowed(setting.streams)?;
        let setting = Setting { streams, ..setting.clone() };
        streams::print(report.streams.insert(streams::measure(&setting)?));
    }
    if wanted(Section::Soak) {
        soak::print(report.soak.insert(soak::measure(setting)?));
    }
    if wanted(Section::Inspection) {
        let measured = inspection::measure(setting, text)?;
        inspection::print(report.inspection.insert(measured));
    }
    if wanted(Section::Egress) {
        egress::print(report.egress.insert(egress::measure(setting)?));
    }
    Ok(report)
}
