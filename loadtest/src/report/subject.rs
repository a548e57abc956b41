//! Which part of a report its verdicts and its first numbers speak of.

use super::model::{Measured, ProcessReport, Report, SearchReport};
use super::units::{Unit, real};

/// What was measured, and of what.
pub(crate) struct Subject<'a> {
    pub(crate) measured: &'a Measured,
    pub(crate) process: Option<ProcessReport>,
    /// Where it is not all of the report.
    pub(crate) step: Option<String>,
}

/// All that was measured. Of a search, the step at the highest rate that it found: it goes beyond
/// what the target carries on purpose, and all of it taken together says nothing. In words why, where
/// a search found nothing.
pub(crate) fn subject(report: &Report) -> Result<Subject<'_>, String> {
    match &report.search {
        Some(search) => found(report, search),
        None => {
            Ok(Subject { measured: &report.total, process: report.process.clone(), step: None })
        }
    }
}

fn found<'a>(report: &'a Report, search: &SearchReport) -> Result<Subject<'a>, String> {
    let nothing = || format!("no rate was found at which {} held", search.bounds.join(", "));
    let highest = search.highest_per_second.ok_or_else(nothing)?;
    let distance = |rate: f64| (rate - highest).abs();
    let held = report.steps.iter().filter(|step| step.held == Some(true));
    let step = held
        .min_by(|a, b| distance(a.to_per_second).total_cmp(&distance(b.to_per_second)))
        .ok_or_else(nothing)?;
    let process = report.process.as_ref();
    let rate = Unit::PerSecond.show(step.to_per_second);
    Ok(Subject {
        measured: &step.measured,
        process: process.and_then(|process| during(process, step.start_seconds, &step.measured)),
        step: Some(format!("the step at {rate}, the highest that held")),
    })
}

/// The watched process in the whole seconds of a step; `None` if it was not seen in one.
fn during(process: &ProcessReport, from: f64, measured: &Measured) -> Option<ProcessReport> {
    let to = from + measured.seconds;
    let within = |second: u64| real(second) >= from && real(second) + 1.0 <= to;
    let samples = process.samples.iter().filter(|sample| within(sample.second)).cloned();
    let samples: Vec<_> = samples.collect();
    let rss_bytes_max = samples.iter().map(|sample| sample.rss_bytes).max()?;
    let cores: f64 = samples.iter().map(|sample| sample.cores).sum();
    let cpu_seconds = cores / real(samples.len() as u64) * measured.seconds;
    let ended = measured.succeeded.saturating_add(measured.failed).max(1);
    Some(ProcessReport {
        cpu_seconds,
        cpu_us_per_call: cpu_seconds * 1e6 / real(ended),
        rss_bytes_max,
        samples,
        ..process.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_search_speaks_of_the_step_that_it_found() {
        let report = sample::searched();
        let subject = subject(&report).unwrap();
        assert_eq!(subject.step.as_deref(), Some("the step at 5,250/s, the highest that held"));
        assert!((subject.measured.succeeded_per_second - 5250.0).abs() < 1.0);
        let process = subject.process.unwrap();
        assert_eq!(process.samples.len(), 5, "the seconds of that step");
        let per_call = process.cpu_us_per_call * 5250.0 * 5.0 / 1e6;
        assert!((per_call - process.cpu_seconds).abs() < 0.01, "{per_call}");
    }

    #[test]
    fn a_search_that_found_nothing_speaks_of_nothing() {
        let mut report = sample::searched();
        report.steps.iter_mut().for_each(|step| step.held = Some(false));
        assert!(subject(&report).is_err());
        report.search.as_mut().unwrap().highest_per_second = None;
        assert!(subject(&report).err().unwrap().contains("at which p99<5ms held"));
    }

    #[test]
    fn any_other_run_speaks_of_all_of_it() {
        let report = sample::steady();
        let subject = subject(&report).unwrap();
        assert_eq!(subject.measured.calls, report.total.calls);
        assert!(subject.process.is_some() && subject.step.is_none());
    }
}
