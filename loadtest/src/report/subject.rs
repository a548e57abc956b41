//! Which part of a report its verdicts and its first numbers speak of.

use super::model::{Measured, ProcessReport, Report, SearchReport};
use super::units::Unit;

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

/// The same where it is only shown; all of it where a search found nothing.
pub(crate) fn shown(report: &Report) -> Subject<'_> {
    subject(report).unwrap_or_else(|_| Subject {
        measured: &report.total,
        process: report.process.clone(),
        step: Some("all steps together".to_owned()),
    })
}

fn found<'a>(report: &'a Report, search: &SearchReport) -> Result<Subject<'a>, String> {
    let nothing = || format!("no rate was found at which {} held", search.bounds.join(", "));
    let highest = search.highest_per_second.ok_or_else(nothing)?;
    let distance = |rate: f64| (rate - highest).abs();
    let held = report.steps.iter().filter(|step| step.held == Some(true));
    let step = held
        .min_by(|a, b| distance(a.to_per_second).total_cmp(&distance(b.to_per_second)))
        .ok_or_else(nothing)?;
    let rate = Unit::PerSecond.show(step.to_per_second);
    Ok(Subject {
        measured: &step.measured,
        process: step.process.clone(),
        step: Some(format!("the step at {rate}, the highest that held")),
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
        let whole = report.process.as_ref().unwrap();
        assert!(process.rss_bytes_max < whole.rss_bytes_max, "of that step");
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
