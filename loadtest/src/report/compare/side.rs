//! One of the two that are compared: a run, or several taken together.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::{Alert, MAY_DIFFER};
use crate::report::alerts::{Level, alerts};
use crate::report::histogram;
use crate::report::model::{Ended, Machine, Measured, PlanSummary, ProcessReport, Report};
use crate::report::names;
use crate::report::subject::subject;
use crate::report::units::{per_second, real};

/// What is known of one side.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) runs: usize,
    pub(crate) version: String,
    pub(crate) started_at: String,
    pub(crate) plan: PlanSummary,
    pub(crate) machine: Machine,
    pub(crate) total: Measured,
    pub(crate) operations: BTreeMap<String, Measured>,
    pub(crate) process: Option<ProcessReport>,
    /// Whether the harness set the numbers of one of them.
    pub(super) bottleneck: bool,
    /// Whether one of them was.
    pub(super) interrupted: bool,
    /// What a search found.
    pub(crate) highest_rate: Option<f64>,
    pub(crate) alerts: Vec<Alert>,
}

impl Side {
    /// Takes runs together: their counts, seconds and histograms are added up. `name` leads what is
    /// said of it.
    pub(crate) fn of(name: &str, reports: &[Report]) -> Result<Self> {
        let first = reports.first().with_context(|| format!("there is no report of {name}"))?;
        let searched = reports.iter().any(|report| report.search.is_some());
        ensure!(
            reports.len() == 1 || !searched,
            "{name} has {} reports, and one of a search among them; searches end at rates of their \
             own and cannot be taken together",
            reports.len()
        );
        let side = Self {
            runs: reports.len(),
            version: first.version.clone(),
            started_at: first.started_at.clone(),
            plan: first.plan.clone(),
            machine: first.machine.clone(),
            total: first.total.clone(),
            operations: BTreeMap::new(),
            process: first.process.clone(),
            bottleneck: reports.iter().any(|report| report.harness.bottleneck),
            interrupted: reports.iter().any(|report| report.ended == Ended::Interrupted),
            highest_rate: first.search.as_ref().and_then(|search| search.highest_per_second),
            alerts: said(name, reports),
        };
        match reports {
            [only] => Ok(side.of_one(only)),
            several => side.of_several(several),
        }
    }

    /// What was measured of a kind of call; `all` is all of them.
    pub(crate) fn of_operation(&self, name: &str) -> Option<&Measured> {
        if name == "all" { Some(&self.total) } else { self.operations.get(name) }
    }

    /// None where it ended before the run did: what it used is not known.
    pub(super) fn process(&self) -> Option<&ProcessReport> {
        self.process.as_ref().filter(|process| process.gone_after_seconds.is_none())
    }

    fn of_one(mut self, report: &Report) -> Self {
        if let Ok(subject) = subject(report) {
            (self.total, self.process) = (subject.measured.clone(), subject.process);
        }
        // Kinds of calls are known for a whole search only, and that is not what is compared.
        if report.search.is_none() {
            let operations = report.operations.iter();
            self.operations = operations.map(|it| (it.name.clone(), it.measured.clone())).collect();
        }
        self
    }

    fn of_several(mut self, reports: &[Report]) -> Result<Self> {
        let totals: Vec<&Measured> = reports.iter().map(|report| &report.total).collect();
        self.total = together(&totals)?;
        let mut operations: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
        for operation in reports.iter().flat_map(|report| &report.operations) {
            operations.entry(&operation.name).or_default().push(&operation.measured);
        }
        for (name, measured) in operations {
            self.operations.insert(name.to_owned(), together(&measured)?);
        }
        let processes = reports.iter().map(|report| report.process.as_ref());
        let processes: Option<Vec<&ProcessReport>> = processes.collect();
        self.process = processes.and_then(|processes| process(&processes, &self.total));
        Ok(self)
    }
}

fn together(parts: &[&Measured]) -> Result<Measured> {
    let mut histograms = Vec::new();
    for part in parts {
        let histogram = histogram::decode(&part.latency.histogram)
            .context("runs cannot be taken together: a histogram cannot be read")?;
        histograms.extend(histogram);
    }
    let sum = |value: fn(&Measured) -> u64| {
        parts.iter().map(|part| value(part)).fold(0, u64::saturating_add)
    };
    let seconds: f64 = parts.iter().map(|part| part.seconds).sum();
    let succeeded = sum(|part| part.succeeded);
    Ok(Measured {
        seconds,
        calls: sum(|part| part.calls),
        succeeded,
        failed: sum(|part| part.failed),
        unfinished: sum(|part| part.unfinished),
        succeeded_per_second: per_second(succeeded, seconds),
        bytes_sent: sum(|part| part.bytes_sent),
        bytes_received: sum(|part| part.bytes_received),
        events: sum(|part| part.events),
        latency: histogram::latency(&histogram::merged(&histograms)?)?,
    })
}

/// `None` where a run had none; one that was gone in one of them, in all.
fn process(processes: &[&ProcessReport], total: &Measured) -> Option<ProcessReport> {
    let gone = processes.iter().find(|process| process.gone_after_seconds.is_some());
    let first = gone.or(processes.first())?;
    let cpu_seconds: f64 = processes.iter().map(|process| process.cpu_seconds).sum();
    let system: f64 = processes.iter().map(|it| it.cpu_seconds * it.system_share).sum();
    let ended = total.succeeded.saturating_add(total.failed).max(1);
    Some(ProcessReport {
        pid: first.pid,
        name: first.name.clone(),
        cpu_seconds,
        system_share: if cpu_seconds > 0.0 { system / cpu_seconds } else { 0.0 },
        cpu_us_per_call: cpu_seconds * 1e6 / real(ended),
        rss_bytes_max: processes.iter().map(|process| process.rss_bytes_max).max()?,
        samples: Vec::new(),
        gone_after_seconds: first.gone_after_seconds,
    })
}

/// What is to be known of each run, and where they are not alike among themselves.
fn said(name: &str, reports: &[Report]) -> Vec<Alert> {
    let mut said = Vec::new();
    for (report, number) in reports.iter().zip(1..) {
        let of = if reports.len() > 1 { format!("{name} {number}") } else { name.to_owned() };
        for alert in alerts(report) {
            said.push(Alert { text: format!("{of}: {}", alert.text), ..alert });
        }
    }
    let plans: Vec<_> = reports
        .iter()
        .map(|report| {
            let plan = names::plan(&report.plan).into_iter().chain(names::machine(&report.machine));
            plan.filter(|(field, _)| !MAY_DIFFER.contains(field)).collect::<Vec<_>>()
        })
        .collect();
    if plans.windows(2).any(|pair| pair.first() != pair.last()) {
        let text = format!("The runs of {name} are of different plans or machines.");
        said.push(Alert { level: Level::Warning, text, details: Vec::new() });
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn runs_taken_together_are_one_long_run() {
        let (one, other) = (sample::lasting(10), sample::lasting(20));
        let side = Side::of("base", &[one.clone(), other.clone()]).unwrap();
        assert_eq!(side.runs, 2);
        assert_eq!(side.total.calls, one.total.calls + other.total.calls);
        assert!((side.total.seconds - 30.0).abs() < 1e-9);
        assert!(
            (side.total.latency.max_us - one.total.latency.max_us.max(other.total.latency.max_us))
                .abs()
                < 0.01 * side.total.latency.max_us
        );
        let echo = &side.operations["tools/call echo"];
        assert_eq!(
            echo.calls,
            one.operations[0].measured.calls + other.operations[0].measured.calls
        );
        let cpu = side.process.unwrap();
        let expected = (10.0 + 20.0) * 0.62 * 1e6 / real(side.total.succeeded + side.total.failed);
        assert!((cpu.cpu_us_per_call - expected).abs() < 1e-6, "{}", cpu.cpu_us_per_call);
    }

    #[test]
    fn a_process_that_was_gone_in_one_run_is_unknown() {
        let mut gone = sample::lasting(5);
        gone.process.as_mut().unwrap().gone_after_seconds = Some(3.0);
        for runs in [&[gone.clone()][..], &[sample::lasting(5), gone]] {
            let side = Side::of("base", runs).unwrap();
            assert!(side.process().is_none());
            assert_eq!(side.process.unwrap().gone_after_seconds, Some(3.0));
        }
        assert!(Side::of("base", &[sample::lasting(5)]).unwrap().process().is_some());
    }

    #[test]
    fn a_process_that_one_run_did_not_watch_is_unknown() {
        let mut unwatched = sample::lasting(5);
        unwatched.process = None;
        let side = Side::of("base", &[sample::lasting(5), unwatched]).unwrap();
        assert!(side.process.is_none());
    }

    #[test]
    fn searches_are_not_taken_together_but_compared_by_what_they_found() {
        let search = sample::searched();
        let refused = Side::of("base", &[search.clone(), search.clone()]).unwrap_err();
        assert!(refused.to_string().contains("one of a search"), "{refused}");
        let side = Side::of("base", &[search]).unwrap();
        assert_eq!(side.highest_rate, Some(5250.0));
        assert!((side.total.seconds - 5.0).abs() < 1e-9, "the step, and not the whole search");
        assert!(side.operations.is_empty());
    }

    #[test]
    fn runs_that_differ_among_themselves_are_told() {
        let mut other = sample::lasting(5);
        other.plan.threads = 2;
        let side = Side::of("new", &[sample::lasting(5), other]).unwrap();
        let texts: Vec<&str> = side.alerts.iter().map(|alert| alert.text.as_str()).collect();
        assert!(
            texts.contains(&"The runs of new are of different plans or machines."),
            "{texts:?}"
        );
        assert!(texts.iter().any(|text| text.starts_with("new 2: ")), "{texts:?}");
    }
}
