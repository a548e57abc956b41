//! Whether a shard that serves for long costs, carries and holds at the end what it did at the start.
//!
//! The traffic is what wears: sessions that end and are opened again, streams that come and go, lists
//! and answers of 4 KiB, by `penstock-loadtest`, whose line a second is read from its report.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::load::precise;
use crate::peers::penstock;
use crate::report::{Table, median, ratio};
use crate::rig::{Setting, mock};
use crate::server::leashed;

const ANSWER_BYTES: usize = 4 << 10;
/// The eras at once would be two runs; in this one sessions open and end on the wire.
const TRAFFIC: [&str; 10] = [
    "--era",
    "legacy",
    "--concurrency",
    "32",
    "--sessions",
    "64",
    "--session-calls",
    "500",
    "--mix",
    "call=900,list=50,ping=49,stream=1",
];
/// Of a stream; one call in a thousand opens one, and as many close.
const HOLD: &str = "2s";
/// Until the allocator and the pools hold what this traffic needs.
const WARM_UP: &str = "10s";
/// The run is told by its first and its last so-manieth.
const PARTS: usize = 10;

#[derive(Debug, Serialize)]
pub(crate) struct Soak {
    seconds: usize,
    calls: u64,
    first: Part,
    last: Part,
    resident_kib_max: u64,
    /// Whether the harness set the rate; the cost of a call is penstock's in any case.
    harness_was_the_bottleneck: bool,
}

/// Medians of the seconds of a part.
#[derive(Debug, Serialize)]
struct Part {
    calls_per_second: f64,
    cpu_us_per_call: f64,
    resident_kib: f64,
    descriptors: f64,
}

/// What is read of the harness's report, version 1 of its schema.
#[derive(Deserialize)]
struct Report {
    total: Total,
    seconds: Vec<Second>,
    process: Process,
    harness: Harness,
    errors: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Total {
    calls: u64,
    failed: u64,
}

#[derive(Deserialize)]
struct Second {
    second: u64,
    succeeded: u64,
}

#[derive(Deserialize)]
struct Process {
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    second: u64,
    cores: f64,
    rss_bytes: u64,
    descriptors: u64,
}

#[derive(Deserialize)]
struct Harness {
    bottleneck: bool,
}

pub(crate) fn measure(setting: &Setting) -> Result<Soak> {
    eprintln!("soak: {:?}", setting.soak);
    let threads = setting.cores.load_threads().to_string();
    let arguments =
        ["--answer-bytes", &ANSWER_BYTES.to_string(), "--event-every", "1s", "--threads", &threads];
    let (_mock, upstream) = mock(setting, &arguments, "mock-soak")?;
    let [core, _] = setting.cores.proxy();
    let (server, address) =
        penstock::start(setting, "soak", &[core], &[(ANSWER_BYTES, upstream)], "")?;
    let file = setting.dir.join("soak.json");
    let mut harness = Command::new(setting.programs.join("penstock-loadtest"));
    harness
        .args(["run", &format!("http://{address}/mcp/b{ANSWER_BYTES}"), "--quiet"])
        .args(TRAFFIC)
        .args(["--hold", HOLD, "--warm-up", WARM_UP, "--threads", &threads])
        .args(["--duration", &duration(setting.soak)])
        .args(["--pid", &server.pid().to_string(), "--json"])
        .arg(&file);
    let output = leashed(&harness).output().context("the load harness could not be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the load harness failed, {}: {said}", output.status);
    let text = fs::read(&file).with_context(|| format!("no report at {}", file.display()))?;
    let report: Report = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not as it should be", file.display()))?;
    ensure!(report.total.failed == 0, "calls failed: {:?}", report.errors);
    told(&report)
}

fn told(report: &Report) -> Result<Soak> {
    // A process is not sampled in a second that was cut short, nor calls told of one without any.
    let samples: HashMap<u64, &Sample> =
        report.process.samples.iter().map(|sample| (sample.second, sample)).collect();
    let of = |second: &Second| samples.get(&second.second).copied();
    let seconds: Vec<(&Second, &Sample)> =
        report.seconds.iter().filter_map(|second| Some((second, of(second)?))).collect();
    let part = seconds.len() / PARTS;
    let (first, last) = (seconds.get(..part), seconds.get(seconds.len() - part..));
    let (Some(first @ [_, ..]), Some(last)) = (first, last) else {
        anyhow::bail!("a run of {} s is too short to be told by its ends", seconds.len());
    };
    let resident = report.process.samples.iter().map(|sample| sample.rss_bytes >> 10);
    Ok(Soak {
        seconds: seconds.len(),
        calls: report.total.calls,
        first: Part::of(first),
        last: Part::of(last),
        resident_kib_max: resident.max().unwrap_or_default(),
        harness_was_the_bottleneck: report.harness.bottleneck,
    })
}

impl Part {
    fn of(seconds: &[(&Second, &Sample)]) -> Self {
        let of = |value: fn(&Second, &Sample) -> f64| {
            median(seconds.iter().map(|(second, sample)| value(second, sample)))
        };
        Self {
            calls_per_second: of(|second, _| precise(second.succeeded)),
            cpu_us_per_call: of(|second, sample| sample.cores * 1e6 / precise(second.succeeded)),
            resident_kib: of(|_, sample| precise(sample.rss_bytes >> 10)),
            descriptors: of(|_, sample| precise(sample.descriptors)),
        }
    }
}

fn duration(of: Duration) -> String {
    format!("{}s", of.as_secs())
}

pub(crate) fn print(soak: &Soak) {
    let mut table = Table::new(
        &format!(
            "A soak of {} s: {} calls, none failed, answers of {ANSWER_BYTES} B",
            soak.seconds, soak.calls
        ),
        &["part", "of it", "calls/s", "CPU a call (µs)", "resident KiB", "descriptors"],
    );
    let share = format!("{} %", 100 / PARTS);
    for (name, part) in [("first", &soak.first), ("last", &soak.last)] {
        table.row(&[
            name.into(),
            share.clone(),
            format!("{:.0}", part.calls_per_second),
            format!("{:.2}", part.cpu_us_per_call),
            format!("{:.0}", part.resident_kib),
            format!("{:.0}", part.descriptors),
        ]);
    }
    let Soak { first, last, .. } = soak;
    table.row(&[
        "last ÷ first".into(),
        String::new(),
        ratio(last.calls_per_second, first.calls_per_second),
        ratio(last.cpu_us_per_call, first.cpu_us_per_call),
        ratio(last.resident_kib, first.resident_kib),
        ratio(last.descriptors, first.descriptors),
    ]);
    table.print();
    println!("\nAt most {} KiB were resident.", soak.resident_kib_max);
    if soak.harness_was_the_bottleneck {
        println!(
            "The harness shares its core with the mock and set the rate; the cost it did not."
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(seconds: u64) -> Report {
        let sample =
            |second| Sample { second, cores: 0.5, rss_bytes: second << 20, descriptors: 70 };
        Report {
            total: Total { calls: 1000 * seconds, failed: 0 },
            seconds: (0..seconds)
                .map(|second| Second { second, succeeded: 1000 - second })
                .collect(),
            process: Process { samples: (0..seconds).map(sample).collect() },
            harness: Harness { bottleneck: false },
            errors: Vec::new(),
        }
    }

    #[test]
    fn a_loss_and_a_leak_show_between_the_first_and_the_last_part() {
        let soak = told(&report(100)).expect("long enough");
        assert!((soak.first.calls_per_second - 995.0).abs() < 1.0);
        assert!((soak.last.calls_per_second - 905.0).abs() < 1.0);
        assert!(soak.last.cpu_us_per_call > soak.first.cpu_us_per_call);
        assert!((soak.last.resident_kib - soak.first.resident_kib - 90.0 * 1024.0).abs() < 1.0);
        assert_eq!(soak.resident_kib_max, 99 * 1024);
    }

    #[test]
    fn calls_and_what_they_cost_are_of_the_same_second() {
        let mut report = report(100);
        // No call was told of the first five seconds, no sample taken of the last five.
        report.seconds.drain(..5);
        report.process.samples.truncate(95);
        let soak = told(&report).expect("long enough");
        assert_eq!(soak.seconds, 90);
        // The first nine are 5 to 13.
        assert!((soak.first.calls_per_second - 991.0).abs() < 0.1);
        assert!((soak.first.resident_kib - 9.0 * 1024.0).abs() < 0.1);
    }

    #[test]
    fn a_run_without_ends_is_told_as_such() {
        assert!(told(&report(9)).is_err_and(|error| error.to_string().contains("too short")));
    }
}
