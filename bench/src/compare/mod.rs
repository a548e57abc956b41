//! Penstock beside its peers: what a call costs, how many go through, how long they take.
//!
//! In turns: each peer is started, measured and ended before the next, and all of them again, as
//! the starts of one process differ more than the loads on it. Told are medians over the starts.

mod table;
mod visit;

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::call::Era;
use crate::machine::pin;
use crate::peers::{Kind, Peer};
use crate::report::median;
use crate::rig::{Mock, SIZES, Setting};
pub(crate) use table::{print, write};
use visit::{Fixed, Job, Visit, visit};

/// The raw bound, and who is held against it: the slower one's rate is what both are given half of.
const HALF_RATE_OF: [&str; 2] = ["nginx", "penstock"];
/// The closed loops' share of a section's usual duration; open loops, whose percentiles want many
/// calls, take twice that.
const CLOSED: (u32, u32) = (2, 3);

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Compare {
    date: String,
    starts: usize,
    peers: Vec<Version>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Version {
    peer: &'static str,
    kind: Kind,
    /// What it calls itself, or why it cannot be measured.
    says: Result<String, String>,
}

/// One peer in one era at one size.
#[derive(Debug, Serialize)]
struct Row {
    answer_bytes: usize,
    era: Era,
    peer: &'static str,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
    /// Why it was not measured, or not as often as the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// Medians over the starts.
#[derive(Debug, Serialize)]
struct Measured {
    starts: usize,
    /// Pushed from 32 connections.
    many: Closed,
    /// Called from one.
    one: Closed,
    /// At a rate that is the same for all who can carry it.
    common: Fixed,
    /// At half the rate at which the slower of nginx and penstock saturates.
    #[serde(skip_serializing_if = "Option::is_none")]
    half: Option<Fixed>,
    /// After all that, the process and its descendants together.
    resident_kib: f64,
    /// Of the proxy's core, by others, while it was pushed.
    foreign: f64,
    /// Wrong answers in all starts together, and the first one's fault.
    wrong: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_wrong: Option<String>,
    /// Each start's processor time a call, pushed.
    starts_cpu_us: Vec<f64>,
}

/// A closed loop.
#[derive(Debug, Clone, Serialize)]
struct Closed {
    cpu_us_per_call: f64,
    user_us_per_call: f64,
    system_us_per_call: f64,
    calls_per_second: f64,
    /// How much of its core the proxy used.
    utilisation: f64,
}

pub(crate) fn measure(setting: &Setting, peers: &[Box<dyn Peer>]) -> Result<Compare> {
    ensure!(setting.starts > 0, "`--starts 0` measures nothing");
    pin(setting.cores.load())?;
    let setting = &Setting { duration: setting.duration * CLOSED.0 / CLOSED.1, ..setting.clone() };
    let versions: Vec<Version> = peers.iter().map(|peer| Version::of(peer.as_ref())).collect();
    for one in &versions {
        match &one.says {
            Ok(version) => eprintln!("  {}: {version}", one.peer),
            Err(why) => eprintln!("WARNING: {} is not measured: {why}", one.peer),
        }
    }
    let mut rows = Vec::new();
    for size in SIZES {
        let mock = Mock::start(setting, size)?;
        rows.extend(measure_size(setting, peers, &versions, &mock)?);
    }
    Ok(Compare { date: today()?, starts: setting.starts, peers: versions, rows })
}

impl Version {
    fn of(peer: &dyn Peer) -> Self {
        let says = peer.version().map_err(|error| format!("{error:#}"));
        Self { peer: peer.name(), kind: peer.kind(), says }
    }
}

/// A peer in an era, and what has come of it so far.
struct Lane<'a> {
    peer: &'a dyn Peer,
    era: Era,
    visits: Vec<Visit>,
    failed: Option<String>,
}

fn measure_size(
    setting: &Setting,
    peers: &[Box<dyn Peer>],
    versions: &[Version],
    mock: &Mock,
) -> Result<Vec<Row>> {
    let size = mock.answer_bytes;
    let mut lanes = Vec::new();
    let mut jobs = Vec::new();
    for era in [Era::Legacy, Era::Modern] {
        jobs.push(Job { setting, mock, era, body: mock.body(era)?, half_rate: None });
        for (peer, version) in peers.iter().zip(versions) {
            if peer.eras().contains(&era) {
                let failed = version.says.as_ref().err().cloned();
                lanes.push(Lane { peer: peer.as_ref(), era, visits: Vec::new(), failed });
            }
        }
    }
    for job in &mut jobs {
        job.half_rate = half_rate(job, peers);
    }
    for start in 1..=setting.starts {
        for lane in lanes.iter_mut().filter(|lane| lane.failed.is_none()) {
            let Some(job) = jobs.iter().find(|job| job.era == lane.era) else { continue };
            let (name, era) = (lane.peer.name(), lane.era.name());
            eprintln!("compare: {size} B, start {start} of {}: {name}, {era}", setting.starts);
            match visit(job, lane.peer) {
                Ok(visit) => lane.visits.push(visit),
                Err(error) => {
                    let why = format!("start {start}: {error:#}");
                    eprintln!("WARNING: {name} with answers of {size} B, {era}: {why}");
                    lane.failed = Some(why);
                }
            }
        }
    }
    Ok(lanes.into_iter().map(|lane| lane.row(size)).collect())
}

/// Half of what the slower of the two carries in a closed loop, each started for this alone.
fn half_rate(job: &Job<'_>, peers: &[Box<dyn Peer>]) -> Option<f64> {
    let mut slower: Option<f64> = None;
    for peer in peers.iter().filter(|peer| HALF_RATE_OF.contains(&peer.name())) {
        match job.saturating_rate(peer.as_ref()) {
            Ok(rate) => slower = Some(slower.map_or(rate, |slower| slower.min(rate))),
            Err(error) => eprintln!("WARNING: {} has no saturating rate: {error:#}", peer.name()),
        }
    }
    slower.map(|rate| rate / 2.0)
}

impl Lane<'_> {
    fn row(self, answer_bytes: usize) -> Row {
        let Self { peer, era, visits, failed } = self;
        let measured = Measured::over(&visits);
        Row { answer_bytes, era, peer: peer.name(), kind: peer.kind(), measured, failed }
    }
}

impl Measured {
    /// Nothing where there was no start.
    fn over(visits: &[Visit]) -> Option<Self> {
        let of = |value: &dyn Fn(&Visit) -> f64| median(visits.iter().map(value));
        let closed = |which: fn(&Visit) -> &Closed| Closed {
            cpu_us_per_call: of(&|visit| which(visit).cpu_us_per_call),
            user_us_per_call: of(&|visit| which(visit).user_us_per_call),
            system_us_per_call: of(&|visit| which(visit).system_us_per_call),
            calls_per_second: of(&|visit| which(visit).calls_per_second),
            utilisation: of(&|visit| which(visit).utilisation),
        };
        let halves: Vec<&Fixed> = visits.iter().filter_map(|visit| visit.half.as_ref()).collect();
        Some(Self {
            starts: visits.len(),
            many: closed(|visit| &visit.many),
            one: closed(|visit| &visit.one),
            common: Fixed::median(&visits.iter().map(|visit| &visit.common).collect::<Vec<_>>())?,
            half: Fixed::median(&halves),
            resident_kib: of(&|visit| visit.resident_kib),
            foreign: of(&|visit| visit.foreign),
            wrong: visits.iter().map(|visit| visit.wrong).sum(),
            first_wrong: visits.iter().find_map(|visit| visit.first_wrong.clone()),
            starts_cpu_us: visits.iter().map(|visit| visit.many.cpu_us_per_call).collect(),
        })
    }
}

fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%F"]).output().context("date does not run")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_over_starts_and_each_is_told() {
        let visits = [15.0, 13.0, 99.0].map(|cpu| Visit::example(cpu, "nothing"));
        let measured = Measured::over(&visits).unwrap();
        assert_eq!(measured.starts, 3);
        assert!((measured.many.cpu_us_per_call - 15.0).abs() < f64::EPSILON);
        assert_eq!(measured.starts_cpu_us, [15.0, 13.0, 99.0]);
        assert_eq!((measured.wrong, measured.first_wrong.as_deref()), (3, Some("nothing")));
        assert!(measured.half.is_none());
        assert!(Measured::over(&[]).is_none());
    }
}
