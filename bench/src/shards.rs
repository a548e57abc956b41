//! What a second shard brings.
//!
//! Where the load has cores of its own, that is told by the calls a second of two shards against
//! those of one. On fewer cores they would say how the load shares the cores. There, two shards are
//! held against two processes of one shard each, on the same two cores under the same load: these
//! have nothing in common, so that what a call costs more in one process of two shards is what the
//! shards cost each other.

use anyhow::Result;
use serde::Serialize;

use crate::load::{Load, Pace};
use crate::report::{Table, median};
use crate::rig::{Rig, Setting, Target};

const ANSWER_BYTES: usize = 4 << 10;
/// Medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Shards {
    measured_by: By,
    base: Row,
    two: Row,
    /// Two shards against one.
    scaling: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    CallsPerSecond,
    CpuPerCall,
}

#[derive(Debug, Serialize)]
struct Row {
    target: Target,
    connections: usize,
    calls_per_second: f64,
    cpu_us_per_call: f64,
}

pub(crate) fn measure(setting: &Setting) -> Result<Shards> {
    let alone = setting.cores.two_reserved();
    let (measured_by, base, cores) = if alone {
        (By::CallsPerSecond, (Target::Penstock, 32), setting.cores.clone())
    } else {
        (By::CpuPerCall, (Target::TwoPenstocks, 64), setting.cores.shared())
    };
    let targets = [base, (Target::TwoShards, 64)];
    let setting = Setting { cores, ..setting.clone() };
    let rig = Rig::start(&setting, &targets.map(|(target, _)| target))?;
    let mut loads: [Vec<Load>; 2] = [const { Vec::new() }; 2];
    for round in 1..=setting.rounds {
        eprintln!("shards: round {round} of {}", setting.rounds);
        for ((target, connections), loads) in targets.iter().zip(&mut loads) {
            loads.push(rig.load(&setting, *target, ANSWER_BYTES, *connections, Pace::Closed)?);
        }
    }
    let row = |(target, connections), loads: &[Load]| Row {
        target,
        connections,
        calls_per_second: median(loads.iter().map(Load::calls_per_second)),
        cpu_us_per_call: median(loads.iter().map(Load::cpu_us)),
    };
    let ([base, two], [base_loads, two_loads]) = (targets, loads);
    let (base, two) = (row(base, &base_loads), row(two, &two_loads));
    let scaling = match measured_by {
        By::CallsPerSecond => two.calls_per_second / base.calls_per_second,
        By::CpuPerCall => 2.0 * base.cpu_us_per_call / two.cpu_us_per_call,
    };
    Ok(Shards { measured_by, base, two, scaling })
}

pub(crate) fn print(shards: &Shards) {
    let mut table = Table::new(
        "Two shards against one, answers of 4096 B, pushed",
        &["target", "connections", "calls/s", "CPU a call (µs)"],
    );
    for row in [&shards.base, &shards.two] {
        table.row(&[
            row.target.name().into(),
            row.connections.to_string(),
            format!("{:.0}", row.calls_per_second),
            format!("{:.2}", row.cpu_us_per_call),
        ]);
    }
    table.print();
    let how = match shards.measured_by {
        By::CallsPerSecond => "calls a second",
        By::CpuPerCall => "2 × cost of a call in two processes ÷ in two shards",
    };
    println!("\nTwo shards ÷ one: {:.2} ({how})", shards.scaling);
}
