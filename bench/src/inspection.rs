//! What it adds to a call that its messages are looked into: penstock with `inspection: {}` against itself without.
//!
//! By turns, each started anew, as two starts of one program differ by more than two loads on one of them. Nothing is
//! found in what is said, so that both pass on what came.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::call::{self, Call, Era};
use crate::load::{Expect, Load, Pace, Plan, precise, run};
use crate::machine::pin;
use crate::peers::penstock;
use crate::report::{Table, median, ratio};
use crate::rig::{Mock, SIZES, Setting};
use crate::server::Server;

const CONNECTIONS: usize = 32;
const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    starts: usize,
    /// What the answers said.
    text: String,
    rows: Vec<Row>,
}

/// Answers of a size, in an era.
#[derive(Debug, Serialize)]
struct Row {
    answer_bytes: usize,
    era: Era,
    off: Cost,
    on: Cost,
}

/// Medians over the starts.
#[derive(Debug, Serialize)]
struct Cost {
    cpu_us_per_call: f64,
    calls_per_second: f64,
    resident_kib: f64,
    /// Of the proxy's core, by others.
    foreign: f64,
    /// Each start's processor time a call.
    starts_cpu_us: Vec<f64>,
}

/// Whether messages are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Off,
    On,
}

impl Looks {
    const BOTH: [Self; 2] = [Self::Off, Self::On];

    fn name(self) -> &'static str {
        match self {
            Self::Off => "inspection-off",
            Self::On => "inspection-on",
        }
    }

    fn configuration(self) -> &'static str {
        match self {
            Self::Off => "",
            Self::On => "inspection: {}",
        }
    }
}

/// One load on one start.
struct Visit {
    answer_bytes: usize,
    era: Era,
    looks: Looks,
    load: Load,
    resident_kib: f64,
}

/// `text` is what the mock says; without it, what it makes up.
pub(crate) fn measure(setting: &Setting, text: Option<&Path>) -> Result<Inspection> {
    ensure!(setting.starts > 0, "`--starts 0` measures nothing");
    pin(setting.cores.load())?;
    let file = text.map(|text| text.to_str().context("`--text` is not UTF-8")).transpose()?;
    let says: Vec<&str> = file.map_or_else(Vec::new, |file| vec!["--text", file]);
    let mut visits = Vec::new();
    for size in SIZES {
        let mock = Mock::saying(setting, size, &says)?;
        for start in 1..=setting.starts {
            for looks in Looks::BOTH {
                eprintln!("{}: {size} B, start {start} of {}", looks.name(), setting.starts);
                visits.extend(visit(setting, &mock, looks)?);
            }
        }
    }
    let rows = SIZES.into_iter().flat_map(|size| ERAS.map(|era| Row::of(&visits, size, era)));
    let text = file.unwrap_or("made up by the mock").to_owned();
    Ok(Inspection { starts: setting.starts, text, rows: rows.collect() })
}

/// Starts penstock once, and loads it in each era.
fn visit(setting: &Setting, mock: &Mock, looks: Looks) -> Result<Vec<Visit>> {
    let [core, _] = setting.cores.proxy();
    let answer_bytes = mock.answer_bytes;
    let upstreams = [(answer_bytes, mock.address)];
    let (server, address) =
        penstock::start(setting, looks.name(), &[core], &upstreams, looks.configuration())?;
    let servers: [Server; 1] = [server];
    let mut visits = Vec::new();
    for era in ERAS {
        let body = mock.body(era)?;
        let path = format!("/mcp/b{answer_bytes}");
        let plan = Plan {
            addresses: &[address],
            call: Call { path: &path, tool: call::TOOL, era },
            expect: Expect::Body(&body),
            connections: CONNECTIONS,
            threads: setting.cores.load_threads(),
            pace: Pace::Closed,
            warm_up: setting.warm_up,
            duration: setting.duration,
        };
        let load = run(&plan, &servers, core)
            .with_context(|| format!("{} with answers of {answer_bytes} B", looks.name()))?;
        let memory = servers.iter().map(Server::memory).collect::<Result<Vec<_>>>()?;
        let resident_kib = precise(memory.iter().map(|one| one.resident_kib).sum());
        visits.push(Visit { answer_bytes, era, looks, load, resident_kib });
    }
    Ok(visits)
}

impl Row {
    fn of(visits: &[Visit], answer_bytes: usize, era: Era) -> Self {
        let cost = |looks| {
            let ours = |visit: &&Visit| {
                visit.answer_bytes == answer_bytes && visit.era == era && visit.looks == looks
            };
            Cost::over(&visits.iter().filter(ours).collect::<Vec<_>>())
        };
        Self { answer_bytes, era, off: cost(Looks::Off), on: cost(Looks::On) }
    }
}

impl Cost {
    fn over(visits: &[&Visit]) -> Self {
        let of = |value: fn(&Visit) -> f64| median(visits.iter().map(|visit| value(visit)));
        Self {
            cpu_us_per_call: of(|visit| visit.load.cpu_us()),
            calls_per_second: of(|visit| visit.load.calls_per_second()),
            resident_kib: of(|visit| visit.resident_kib),
            foreign: of(|visit| visit.load.foreign()),
            starts_cpu_us: visits.iter().map(|visit| visit.load.cpu_us()).collect(),
        }
    }
}

pub(crate) fn print(inspection: &Inspection) {
    let mut table = Table::new(
        &format!(
            "Messages looked into, and not: 32 connections that push, {} starts of each; text: {}",
            inspection.starts, inspection.text
        ),
        &[
            "answer",
            "era",
            "CPU µs a call, off",
            "on",
            "on ÷ off",
            "calls/s, off",
            "on",
            "RSS MiB, off",
            "on",
        ],
    );
    for Row { answer_bytes, era, off, on } in &inspection.rows {
        table.row(&[
            format!("{answer_bytes} B"),
            era.name().to_owned(),
            format!("{:.1}", off.cpu_us_per_call),
            format!("{:.1}", on.cpu_us_per_call),
            ratio(on.cpu_us_per_call, off.cpu_us_per_call),
            format!("{:.0}", off.calls_per_second),
            format!("{:.0}", on.calls_per_second),
            format!("{:.1}", off.resident_kib / 1024.0),
            format!("{:.1}", on.resident_kib / 1024.0),
        ]);
    }
    table.print();
    for Row { answer_bytes, era, off, on } in &inspection.rows {
        let foreign = off.foreign.max(on.foreign);
        if foreign > Load::FOREIGN_MAX {
            println!(
                "WARNING: others used {:.0}% of the proxy's core: {answer_bytes} B, {}",
                foreign * 100.0,
                era.name()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Cpu;

    fn visit(looks: Looks, cpu_us: u64) -> Visit {
        let cpu = Cpu { total_ns: cpu_us * 1000, ..Cpu::default() };
        let load = Load { calls: 1, seconds: 1.0, cpu, ..Load::default() };
        Visit { answer_bytes: 4096, era: Era::Modern, looks, load, resident_kib: 1024.0 }
    }

    #[test]
    fn medians_of_starts_are_held_against_each_other() {
        let visits = [(Looks::Off, 10), (Looks::On, 12), (Looks::Off, 90), (Looks::On, 11)];
        let mut visits: Vec<Visit> = visits.map(|(looks, cpu)| visit(looks, cpu)).into();
        visits.push(visit(Looks::Off, 9));
        visits.push(visit(Looks::On, 13));
        let row = Row::of(&visits, 4096, Era::Modern);
        let costs = [&row.off, &row.on].map(|cost| format!("{:.1}", cost.cpu_us_per_call));
        assert_eq!(costs, ["10.0", "12.0"]);
        assert_eq!(row.off.starts_cpu_us.len(), 3);
        assert!(Row::of(&visits, 4096, Era::Legacy).on.cpu_us_per_call.is_nan());
    }
}
