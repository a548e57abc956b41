//! What a proxy adds to a call's latency at half the rate at which it saturates.

use anyhow::Result;
use serde::Serialize;

use crate::load::Pace;
use crate::report::{Table, lower_quartile, median, ratio};
use crate::rig::{Rig, SIZES, Setting, Target};

const CONNECTIONS: usize = 32;
/// A host that takes a core away for ten milliseconds, now and then, delays more than one call in a
/// hundred of a long round. Of many short ones some are spared, and the lower quartile is one of those.
const SHORTER: u32 = 6;
pub(crate) const TARGETS: [Target; 3] = [Target::Direct, Target::Nginx, Target::Penstock];
/// Per mille.
const PERCENTILES: [usize; 2] = [500, 990];

/// One target at one size: lower quartiles over the rounds of percentiles over every call of a round.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    answer_bytes: usize,
    target: Target,
    offered_calls_per_second: f64,
    answered_calls_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    /// Calls of all rounds, and how many of them found no free connection.
    calls: u64,
    late: u64,
}

pub(crate) fn measure(setting: &Setting, rig: &Rig) -> Result<Vec<Latency>> {
    let mut found = Vec::new();
    let long = setting;
    let setting = &Setting {
        rounds: long.rounds * SHORTER as usize,
        warm_up: long.warm_up / SHORTER,
        duration: long.duration / SHORTER,
        ..long.clone()
    };
    for size in SIZES {
        let offered = saturating_rate(long, rig, size)? / 2.0;
        let pace = Pace::Open { calls_per_second: offered };
        let mut rounds: Vec<Vec<Latency>> = TARGETS.iter().map(|_| Vec::new()).collect();
        for round in 1..=setting.rounds {
            eprintln!("latency: {size} B at {offered:.0}/s, round {round} of {}", setting.rounds);
            for (target, rounds) in TARGETS.iter().zip(&mut rounds) {
                let mut load = rig.load(setting, *target, size, CONNECTIONS, pace)?;
                let [p50_us, p99_us] = PERCENTILES.map(|per_mille| load.percentile_us(per_mille));
                rounds.push(Latency {
                    answer_bytes: size,
                    target: *target,
                    offered_calls_per_second: offered,
                    answered_calls_per_second: load.calls_per_second(),
                    p50_us,
                    p99_us,
                    calls: load.calls,
                    late: load.late,
                });
            }
        }
        for (target, rounds) in TARGETS.iter().zip(&rounds) {
            let of = |value: fn(&Latency) -> f64| lower_quartile(rounds.iter().map(value));
            found.push(Latency {
                answer_bytes: size,
                target: *target,
                offered_calls_per_second: offered,
                answered_calls_per_second: median(
                    rounds.iter().map(|one| one.answered_calls_per_second),
                ),
                p50_us: of(|one| one.p50_us),
                p99_us: of(|one| one.p99_us),
                calls: rounds.iter().map(|one| one.calls).sum(),
                late: rounds.iter().map(|one| one.late).sum(),
            });
        }
    }
    Ok(found)
}

/// What the slower of the two proxies carries in a closed loop.
fn saturating_rate(setting: &Setting, rig: &Rig, size: usize) -> Result<f64> {
    let mut rate = f64::INFINITY;
    for target in [Target::Nginx, Target::Penstock] {
        let load = rig.load(setting, target, size, CONNECTIONS, Pace::Closed)?;
        rate = rate.min(load.calls_per_second());
    }
    Ok(rate)
}

pub(crate) fn print(latencies: &[Latency]) {
    let mut table = Table::new(
        "Latency of a `tools/call` (µs), open loop at half the saturating rate",
        &[
            "answer",
            "target",
            "offered/s",
            "p50",
            "p99",
            "added p50",
            "÷ nginx",
            "added p99",
            "÷ nginx",
        ],
    );
    for one in latencies {
        let at = |target| {
            let same =
                |other: &&Latency| other.answer_bytes == one.answer_bytes && other.target == target;
            latencies.iter().find(same).map_or((f64::NAN, f64::NAN), |it| (it.p50_us, it.p99_us))
        };
        let (direct, nginx) = (at(Target::Direct), at(Target::Nginx));
        let (added_p50, added_p99) = (one.p50_us - direct.0, one.p99_us - direct.1);
        let proxy = one.target != Target::Direct;
        let of_proxy = |text: String| if proxy { text } else { String::new() };
        table.row(&[
            format!("{} B", one.answer_bytes),
            one.target.name().into(),
            format!("{:.0}", one.offered_calls_per_second),
            format!("{:.0}", one.p50_us),
            format!("{:.0}", one.p99_us),
            of_proxy(format!("{added_p50:.0}")),
            of_proxy(ratio(added_p50, nginx.0 - direct.0)),
            of_proxy(format!("{added_p99:.0}")),
            of_proxy(ratio(added_p99, nginx.1 - direct.1)),
        ]);
    }
    table.print();
    for one in latencies.iter().filter(|one| one.late * 100 > one.calls) {
        println!(
            "WARNING: {} of {} calls waited for a free connection ({}, {} B)",
            one.late,
            one.calls,
            one.target.name(),
            one.answer_bytes
        );
    }
}
