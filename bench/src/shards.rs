//! What a second shard brings.
//!
//! Where the load has cores of its own, that is told by the calls a second of two shards against
//! those of one. On fewer cores it cannot be: then generator and mock run on both cores in either
//! case, both cores are kept busy, and what is compared is the processor time that penstock uses a
//! call. Two shards carry twice as many calls, less what each call costs more.

use anyhow::Result;
use serde::Serialize;

use crate::load::{Load, Pace};
use crate::report::{Table, median, ratio};
use crate::rig::{Rig, Setting, Target};

const ANSWER_BYTES: usize = 4 << 10;
const TARGETS: [(Target, usize); 2] = [(Target::Penstock, 32), (Target::TwoShards, 64)];

/// Medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Shards {
    measured_by: By,
    one: Row,
    two: Row,
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
    connections: usize,
    calls_per_second: f64,
    cpu_us_per_call: f64,
}

pub(crate) fn measure(setting: &Setting) -> Result<Shards> {
    let alone = setting.cores.two_reserved();
    let cores = if alone { setting.cores.clone() } else { setting.cores.shared() };
    let setting = Setting { cores, ..setting.clone() };
    let rig = Rig::start(&setting)?;
    let mut loads: [Vec<Load>; 2] = [const { Vec::new() }; 2];
    for round in 1..=setting.rounds {
        eprintln!("shards: round {round} of {}", setting.rounds);
        for ((target, connections), loads) in TARGETS.iter().zip(&mut loads) {
            loads.push(rig.load(&setting, *target, ANSWER_BYTES, *connections, Pace::Closed)?);
        }
    }
    let row = |connections, loads: &[Load]| Row {
        connections,
        calls_per_second: median(loads.iter().map(Load::calls_per_second)),
        cpu_us_per_call: median(loads.iter().map(Load::cpu_us)),
    };
    let ([(_, few), (_, many)], [one, two]) = (TARGETS, loads);
    let (one, two) = (row(few, &one), row(many, &two));
    let (measured_by, scaling) = if alone {
        (By::CallsPerSecond, two.calls_per_second / one.calls_per_second)
    } else {
        (By::CpuPerCall, 2.0 * one.cpu_us_per_call / two.cpu_us_per_call)
    };
    Ok(Shards { measured_by, one, two, scaling })
}

pub(crate) fn print(shards: &Shards) {
    let mut table = Table::new(
        "Two shards against one, answers of 4096 B, pushed",
        &["shards", "connections", "calls/s", "CPU a call (µs)"],
    );
    for (count, row) in [("1", &shards.one), ("2", &shards.two)] {
        table.row(&[
            count.into(),
            row.connections.to_string(),
            format!("{:.0}", row.calls_per_second),
            format!("{:.2}", row.cpu_us_per_call),
        ]);
    }
    table.print();
    let how = match shards.measured_by {
        By::CallsPerSecond => "calls a second",
        By::CpuPerCall => "twice the cost of a call on one by that on two; load on the same cores",
    };
    println!("\nTwo shards ÷ one: {} ({how})", ratio(shards.scaling, 1.0));
}
