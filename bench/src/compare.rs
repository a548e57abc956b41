//! What a call costs: processor time of the proxy alone, and calls a second when it is pushed.

use anyhow::Result;
use serde::Serialize;

use crate::load::{Load, Pace, precise};
use crate::report::{Table, median, ratio};
use crate::rig::{Rig, SIZES, Setting, Target};

const CONNECTIONS: usize = 32;
pub(crate) const TARGETS: [Target; 4] =
    [Target::Direct, Target::Nginx, Target::Penstock, Target::NginxDefaults];
/// Of a core, used by others meanwhile: more and the numbers are not to be trusted.
const FOREIGN_MAX: f64 = 0.05;
/// What a clock tick of `/proc` is, on every Linux there is.
const TICK_SECONDS: f64 = 0.01;

/// One target at one size: medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    answer_bytes: usize,
    target: Target,
    cpu_us_per_call: f64,
    user_us_per_call: f64,
    system_us_per_call: f64,
    calls_per_second: f64,
    /// Of the proxy's core, by the proxy.
    utilisation: f64,
    /// Of the proxy's core, by others.
    foreign: f64,
    /// Each round's processor time a call.
    rounds_cpu_us: Vec<f64>,
}

impl Cost {
    fn is_nginx(&self) -> bool {
        matches!(self.target, Target::Nginx | Target::NginxDefaults)
    }
}

pub(crate) fn measure(setting: &Setting, rig: &Rig) -> Result<Vec<Cost>> {
    let mut costs = Vec::new();
    for size in SIZES {
        let mut loads: Vec<Vec<Load>> = TARGETS.iter().map(|_| Vec::new()).collect();
        for round in 1..=setting.rounds {
            eprintln!("compare: {size} B, round {round} of {}", setting.rounds);
            for (target, loads) in TARGETS.iter().zip(&mut loads) {
                let mut load = rig.load(setting, *target, size, CONNECTIONS, Pace::Closed)?;
                // Some millions of them; the closed loop's say nothing.
                load.latencies_ns = Vec::new();
                loads.push(load);
            }
        }
        costs.extend(TARGETS.iter().zip(&loads).map(|(target, loads)| cost(*target, size, loads)));
    }
    Ok(costs)
}

fn cost(target: Target, answer_bytes: usize, loads: &[Load]) -> Cost {
    let of = |value: fn(&Load) -> f64| median(loads.iter().map(value));
    let direct = target == Target::Direct;
    Cost {
        answer_bytes,
        target,
        cpu_us_per_call: of(Load::cpu_us),
        user_us_per_call: of(|load| load.cpu_us() * (1.0 - load.system_share())),
        system_us_per_call: of(|load| load.cpu_us() * load.system_share()),
        calls_per_second: of(Load::calls_per_second),
        utilisation: of(Load::utilisation),
        foreign: if direct { 0.0 } else { of(foreign) },
        rounds_cpu_us: loads.iter().map(Load::cpu_us).collect(),
    }
}

fn foreign(load: &Load) -> f64 {
    let worked = precise(load.core_ticks) * TICK_SECONDS / load.seconds;
    (worked - load.utilisation()).max(0.0)
}

pub(crate) fn print(costs: &[Cost]) {
    let mut table = Table::new(
        "Processor time of the proxy a `tools/call` (µs), and calls a second with 32 connections",
        &[
            "answer",
            "target",
            "CPU",
            "user",
            "system",
            "÷ nginx",
            "calls/s",
            "÷ nginx",
            "core used",
        ],
    );
    for cost in costs {
        // Held against the nginx that is cheaper at this size.
        let nginx = costs
            .iter()
            .filter(|other| other.answer_bytes == cost.answer_bytes && other.is_nginx())
            .min_by(|a, b| a.cpu_us_per_call.total_cmp(&b.cpu_us_per_call))
            .unwrap_or(cost);
        let proxy = cost.target != Target::Direct;
        let of_proxy = |text: String| if proxy { text } else { String::new() };
        table.row(&[
            format!("{} B", cost.answer_bytes),
            cost.target.name().into(),
            of_proxy(format!("{:.2}", cost.cpu_us_per_call)),
            of_proxy(format!("{:.1}", cost.user_us_per_call)),
            of_proxy(format!("{:.1}", cost.system_us_per_call)),
            of_proxy(ratio(cost.cpu_us_per_call, nginx.cpu_us_per_call)),
            format!("{:.0}", cost.calls_per_second),
            ratio(cost.calls_per_second, nginx.calls_per_second),
            of_proxy(format!("{:.0}%", cost.utilisation * 100.0)),
        ]);
    }
    table.print();
    for cost in costs.iter().filter(|cost| cost.foreign > FOREIGN_MAX) {
        println!(
            "WARNING: others used {:.0}% of the proxy's core while {} answered {} B",
            cost.foreign * 100.0,
            cost.target.name(),
            cost.answer_bytes
        );
    }
}
