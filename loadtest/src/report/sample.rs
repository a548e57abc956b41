//! Reports to test with, drawn from a seed: they look like those of a run. Tests that drive the
//! binary include this file too.

#![allow(clippy::unwrap_used, reason = "test support")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use super::model::{
    Ended, ErrorKind, ErrorReport, Harness, Latency, Machine, Measured, OperationReport,
    PlanSummary, ProcessReport, ProcessSample, Report, SCHEMA_VERSION, SearchEnded, SearchReport,
    Second, StepReport,
};

/// Of a histogram's values, so many are drawn before they stand for more than one call.
const DRAWN: u64 = 2000;

/// A minute of an open loop at 2000 calls a second, with a few errors and a slow stretch.
pub(crate) fn steady() -> Report {
    lasting(60)
}

/// The same for as long as that.
pub(crate) fn lasting(seconds: u64) -> Report {
    let mut dice = Dice(42);
    let rate = 2000;
    let of = |share: f64, typical_us: f64, dice: &mut Dice| {
        measured(real(seconds), share * 2000.0, typical_us, 0, dice)
    };
    let call = of(0.9, 420.0, &mut dice);
    let list = of(0.08, 650.0, &mut dice);
    let read = of(0.02, 1300.0, &mut dice);
    let failed = 3 + 12 * seconds / 60;
    let mut total = call.clone();
    total.latency = together(&[&call, &list, &read]);
    total.calls = call.calls + list.calls + read.calls;
    total.bytes_sent = call.bytes_sent + list.bytes_sent + read.bytes_sent;
    total.bytes_received = call.bytes_received + list.bytes_received + read.bytes_received;
    total.failed = failed;
    total.succeeded = total.calls.saturating_sub(failed);
    total.succeeded_per_second = real(total.succeeded) / real(seconds);
    let slow = seconds / 2..seconds / 2 + 4;
    let line = |second: u64, dice: &mut Dice| {
        let factor: f64 = if slow.contains(&second) && seconds > 10 { 6.0 } else { 1.0 };
        let due = rate - 40 + dice.below(80);
        let failed = u64::from(dice.below(9) == 0) * dice.below(3);
        Second {
            second,
            due,
            succeeded: due - failed,
            failed,
            in_flight: 1 + dice.below(3) + if factor > 1.0 { 9 } else { 0 },
            streams: 16,
            p50_us: 420.0 * dice.around(0.05) * factor.sqrt(),
            p99_us: 1400.0 * dice.around(0.2) * factor,
            max_us: 3100.0 * dice.around(0.5) * factor,
            harness_busy: 0.31 * dice.around(0.1),
        }
    };
    Report {
        schema_version: SCHEMA_VERSION,
        version: "0.1.0".to_owned(),
        started_at: "2026-11-21T21:48:09Z".to_owned(),
        ended: Ended::Completed,
        machine: Machine {
            cpu: "AMD EPYC 7763 64-Core Processor".to_owned(),
            cores: 2,
            kernel: "6.18.2-amd64".to_owned(),
        },
        plan: plan("open, 2,000/s for 1 min"),
        operations: vec![
            OperationReport { name: "tools/call echo".to_owned(), measured: call },
            OperationReport { name: "tools/list".to_owned(), measured: list },
            OperationReport { name: "resources/read".to_owned(), measured: read },
        ],
        total,
        steps: Vec::new(),
        search: None,
        seconds: (0..seconds).map(|second| line(second, &mut dice)).collect(),
        errors: errors(failed),
        process: Some(process(seconds, &mut dice)),
        server_requests: None,
        harness: harness(),
    }
}

/// A search for the highest rate at which p99 stays below 5 ms.
pub(crate) fn searched() -> Report {
    let mut dice = Dice(7);
    let tried = [500.0, 1000.0, 2000.0, 4000.0, 8000.0, 6000.0, 5000.0, 5500.0, 5250.0];
    let mut report = lasting(tried.len() as u64 * 5);
    let mut start_seconds = 0.0;
    for rate in tried {
        let held = rate <= 5250.0;
        let queueing = 1.0 / (1.0 - (rate / 5900.0_f64).min(0.97));
        let failed = if held { 0 } else { 40 };
        let measured = measured(5.0, rate, 180.0 * queueing, failed, &mut dice);
        report.steps.push(StepReport {
            from_per_second: rate,
            to_per_second: rate,
            start_seconds,
            held: Some(held),
            broken: if held { Vec::new() } else { vec!["p99<5ms".to_owned()] },
            unjudged: None,
            measured,
            process: report.process.as_ref().map(|process| ProcessReport {
                rss_bytes_max: process.rss_bytes_max - (1 << 20),
                samples: Vec::new(),
                ..process.clone()
            }),
        });
        start_seconds += 5.0;
    }
    for second in &mut report.seconds {
        let step = usize::try_from(second.second / 5).ok().and_then(|step| report.steps.get(step));
        let rate = step.map_or(0.0, |step| step.to_per_second / 2000.0);
        let scaled = |calls: u64| whole(real(calls) * rate);
        (second.due, second.succeeded) = (scaled(second.due), scaled(second.succeeded));
        if let Some(latency) = step.map(|step| &step.measured.latency) {
            second.p50_us = latency.p50_us * dice.around(0.1);
            second.p99_us = latency.p99_us * dice.around(0.1);
            second.max_us = latency.max_us * dice.around(0.4);
        }
    }
    let measured: Vec<&Measured> = report.steps.iter().map(|step| &step.measured).collect();
    let sum = |value: fn(&Measured) -> u64| measured.iter().map(|it| value(it)).sum();
    report.total.latency = together(&measured);
    report.total.calls = sum(|it| it.calls);
    report.total.succeeded = sum(|it| it.succeeded);
    report.total.failed = sum(|it| it.failed);
    report.total.succeeded_per_second = real(report.total.succeeded) / report.total.seconds;
    report.plan = plan("search within p99<5ms, from 500/s, 5 s a step");
    report.search = Some(SearchReport {
        bounds: vec!["p99<5ms".to_owned()],
        highest_per_second: Some(5250.0),
        broken_per_second: Some(5500.0),
        ended: SearchEnded::Found,
    });
    report
}

/// A run that was ended before a call was made.
pub(crate) fn nothing() -> Report {
    let mut report = lasting(1);
    report.total = measured(0.0, 0.0, 0.0, 0, &mut Dice(1));
    report.operations.clear();
    report.seconds.clear();
    report.errors.clear();
    report.process = None;
    report
}

/// A report with this text wherever text can stand.
pub(crate) fn filled_with(text: &str) -> Report {
    let mut report = searched();
    let fill = |place: &mut String| text.clone_into(place);
    fill(&mut report.version);
    fill(&mut report.started_at);
    fill(&mut report.machine.cpu);
    fill(&mut report.machine.kernel);
    fill(&mut report.plan.url);
    fill(&mut report.plan.era);
    fill(&mut report.plan.pace);
    fill(&mut report.plan.traffic);
    report.operations.iter_mut().for_each(|operation| fill(&mut operation.name));
    report.errors.iter_mut().for_each(|error| fill(&mut error.what));
    report.errors.iter_mut().for_each(|error| fill(&mut error.example));
    report.steps.iter_mut().for_each(|step| step.broken = vec![text.to_owned()]);
    if let Some(search) = &mut report.search {
        search.bounds = vec![text.to_owned(), "p99<5ms".to_owned()];
    }
    if let Some(process) = &mut report.process {
        fill(&mut process.name);
    }
    report.harness.reasons = vec![text.to_owned()];
    report.harness.warnings = vec![text.to_owned()];
    fill(&mut report.total.latency.histogram);
    report
}

fn plan(pace: &str) -> PlanSummary {
    PlanSummary {
        url: "http://127.0.0.1:8808/mcp/files".to_owned(),
        era: "legacy".to_owned(),
        pace: pace.to_owned(),
        traffic: "90 call echo, 8 list, 2 read".to_owned(),
        connections: 32,
        agents: 4,
        sessions: 64,
        session_calls: Some(1000),
        threads: 1,
        warm_up_ms: 5000,
        timeout_ms: 5000,
        seed: 42,
    }
}

fn errors(failed: u64) -> Vec<ErrorReport> {
    let error = |kind, what: &str, count, example: &str| ErrorReport {
        kind,
        what: what.to_owned(),
        count,
        example: example.to_owned(),
    };
    vec![
        error(ErrorKind::Timeout, "no answer in 5 s", failed - 3, ""),
        error(ErrorKind::Status, "HTTP 503", 2, "upstream `files` has no connection to spare"),
        error(ErrorKind::Error, "-32603", 1, r#"{"code":-32603,"message":"disk <sda> is full"}"#),
    ]
}

fn process(seconds: u64, dice: &mut Dice) -> ProcessReport {
    let sample = |second: u64, dice: &mut Dice| ProcessSample {
        second,
        cores: 0.62 * dice.around(0.08),
        rss_bytes: (18 << 20) + second * 4096 + dice.below(1 << 19),
        threads: 4,
        descriptors: 118 + dice.below(4),
    };
    ProcessReport {
        pid: 4242,
        name: "penstock".to_owned(),
        cpu_seconds: 0.62 * real(seconds),
        system_share: 0.44,
        cpu_us_per_call: 310.0,
        rss_bytes_max: 19 << 20,
        samples: (0..seconds).map(|second| sample(second, dice)).collect(),
        gone_after_seconds: None,
    }
}

fn harness() -> Harness {
    Harness {
        busiest_thread: 0.34,
        starved: 0.02,
        sent_late: 18,
        late_p99_us: 41.0,
        waited_for_connection: 240,
        waited_for_session: 0,
        sessions_left: 0,
        bottleneck: false,
        only_late: false,
        reasons: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Latencies as they are: most are near the typical one, and some are far above.
fn measured(seconds: f64, rate: f64, typical_us: f64, failed: u64, dice: &mut Dice) -> Measured {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    let calls = whole(seconds * rate);
    let mut drawn = 0;
    while drawn < calls {
        let slow = if dice.below(100) == 0 { 2.5 * f64::exp(dice.normal().abs()) } else { 1.0 };
        let us = typical_us * slow * f64::exp(0.35 * dice.normal());
        // A long run has many of each: drawing them all would take as long.
        let alike = (1 + drawn / DRAWN).min(calls - drawn);
        histogram.record_n(whole(us * 1000.0), alike).unwrap();
        drawn += alike;
    }
    let succeeded = calls.saturating_sub(failed);
    Measured {
        seconds,
        calls,
        succeeded,
        failed: failed.min(calls),
        unfinished: 0,
        succeeded_per_second: if seconds > 0.0 { real(succeeded) / seconds } else { 0.0 },
        bytes_sent: calls * 512,
        bytes_received: calls * 741,
        events: 0,
        latency: latency(&histogram),
    }
}

fn together(parts: &[&Measured]) -> Latency {
    let mut sum = Histogram::<u64>::new(3).unwrap();
    for part in parts {
        let bytes = STANDARD.decode(&part.latency.histogram).unwrap();
        let mut deserializer = hdrhistogram::serialization::Deserializer::new();
        let part: Histogram<u64> = deserializer.deserialize(&mut bytes.as_slice()).unwrap();
        sum.add(&part).unwrap();
    }
    latency(&sum)
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let us = |nanoseconds: u64| real(nanoseconds) / 1000.0;
    let quantile = |quantile| us(histogram.value_at_quantile(quantile));
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).unwrap();
    Latency {
        min_us: us(histogram.min()),
        mean_us: histogram.mean() / 1000.0,
        p50_us: quantile(0.5),
        p90_us: quantile(0.9),
        p99_us: quantile(0.99),
        p999_us: quantile(0.999),
        p9999_us: quantile(0.9999),
        max_us: us(histogram.max()),
        standard_deviation_us: histogram.stdev() / 1000.0,
        histogram: STANDARD.encode(bytes),
    }
}

#[expect(clippy::cast_precision_loss, reason = "samples are small")]
fn real(count: u64) -> f64 {
    count as f64
}

fn whole(value: f64) -> u64 {
    format!("{value:.0}").parse().unwrap()
}

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 32) % end
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        real(self.below(1 << 30)) / real(1 << 30)
    }

    /// The sum of twelve has a variance of one, and is as good as normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }

    fn around(&mut self, spread: f64) -> f64 {
        1.0 + spread * (2.0 * self.share() - 1.0)
    }
}
