//! What whoever reads a report must not miss, the worst first.

use super::histogram;
use super::model::{Ended, Measured, Report};
use super::plot::SERIES_MAX;
use super::units::{Unit, count, counted, real, seconds};

/// One thing to know before the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) level: Level,
    pub(crate) text: String,
    /// What led to it, or what to do.
    pub(crate) details: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The numbers do not mean what they seem to.
    Void,
    /// The target, or the run, did wrong.
    Bad,
    /// Worth a look.
    Warning,
}

/// Of a report, and of what led to one of them.
const ALERTS_MAX: usize = 20;

pub(crate) const BOTTLENECK: &str =
    "The harness was the bottleneck: these numbers are its own, and not the target's.";

/// The same, where rates and counts are the target's.
const LATE: &str = "The harness was the bottleneck: the latencies hold its own.";

pub(crate) fn alerts(report: &Report) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut say = |level, text: String| alerts.push(Alert { level, text, details: Vec::new() });
    let total = &report.total;
    if total.calls == 0 {
        say(Level::Void, "No call was measured.".to_owned());
    } else if total.succeeded == 0 {
        say(Level::Void, format!("None of {} succeeded.", counted(total.calls, "call")));
    } else if total.failed > 0 {
        let share = Unit::Share.show(real(total.failed) / real(total.calls));
        // A search goes where calls fail.
        let level = if report.search.is_some() { Level::Warning } else { Level::Bad };
        let of = if report.search.is_some() { ", those of every step taken together" } else { "" };
        say(level, format!("{} failed ({share}){of}.", counted(total.failed, "call")));
    }
    let gone = report.process.as_ref().and_then(|process| process.gone_after_seconds);
    if let Some(after) = gone {
        say(Level::Bad, format!("The watched process was gone after {}.", seconds(after)));
    }
    if report.ended == Ended::Interrupted {
        let text = "The run was interrupted; this is what had been measured by then.";
        say(Level::Warning, text.to_owned());
    }
    if total.unfinished > 0 {
        let calls = count(total.unfinished);
        let text = format!("{calls} of the calls had no answer yet when the run ended.");
        say(Level::Warning, format!("{text} They are in no percentile."));
    }
    for (name, measured) in measurements(report) {
        if let Err(error) = histogram::decode(&measured.latency.histogram) {
            let error = format!("{error:#}");
            let error = error.trim_end_matches('.');
            let text = format!("The histogram of {name} cannot be read: {error}.");
            say(Level::Warning, format!("{text} Its curve has only the percentiles of the table."));
        }
    }
    of_harness(report, alerts)
}

fn of_harness(report: &Report, mut others: Vec<Alert>) -> Vec<Alert> {
    others.truncate(ALERTS_MAX);
    let harness = &report.harness;
    let bottleneck = harness.bottleneck.then(|| {
        let text = if harness.only_late { LATE } else { BOTTLENECK };
        let details = harness.reasons.iter().take(ALERTS_MAX).cloned().collect();
        Alert { level: Level::Void, text: text.to_owned(), details }
    });
    let warnings = harness.warnings.iter().take(ALERTS_MAX).cloned();
    let warning = |text| Alert { level: Level::Warning, text, details: Vec::new() };
    bottleneck.into_iter().chain(others).chain(warnings.map(warning)).collect()
}

/// Those that have a curve.
fn measurements(report: &Report) -> impl Iterator<Item = (&str, &Measured)> {
    let operations = report.operations.iter().take(SERIES_MAX);
    let operations = operations.map(|operation| (operation.name.as_str(), &operation.measured));
    [("all calls", &report.total)].into_iter().chain(operations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn texts(report: &Report) -> Vec<String> {
        alerts(report).into_iter().map(|alert| alert.text).collect()
    }

    #[test]
    fn a_harness_that_was_the_bottleneck_is_said_first_with_its_reasons() {
        let mut report = sample::steady();
        report.harness.bottleneck = true;
        report.harness.reasons = vec!["its threads had no core".to_owned()];
        report.harness.warnings = vec!["two cores are shared".to_owned()];
        let alerts = alerts(&report);
        let first = &alerts[0];
        assert_eq!((first.level, first.text.as_str()), (Level::Void, BOTTLENECK));
        assert_eq!(first.details, ["its threads had no core"]);
        let last = alerts.last().unwrap();
        let warning = (Level::Warning, "two cores are shared");
        assert_eq!((last.level, last.text.as_str()), warning, "which is no reason for it");
        report.harness.only_late = true;
        assert_eq!(super::alerts(&report).remove(0).text, LATE);
    }

    #[test]
    fn a_warning_of_a_harness_that_was_not_is_a_warning() {
        let mut report = sample::steady();
        report.harness.warnings = vec!["few connections".to_owned()];
        let last = alerts(&report).pop().unwrap();
        assert_eq!((last.level, last.text.as_str()), (Level::Warning, "few connections"));
    }

    #[test]
    fn nothing_and_only_failures_are_told_apart() {
        let mut report = sample::nothing();
        assert_eq!(texts(&report), ["No call was measured."]);
        (report.total.calls, report.total.failed) = (1, 1);
        assert_eq!(texts(&report), ["None of 1 call succeeded."]);
    }

    #[test]
    fn whatever_makes_the_numbers_less_than_they_seem_is_told() {
        let mut report = sample::steady();
        report.ended = Ended::Interrupted;
        report.total.unfinished = 7;
        report.operations[0].measured.latency.histogram = "?".to_owned();
        if let Some(process) = &mut report.process {
            process.gone_after_seconds = Some(12.0);
        }
        let texts = texts(&report).join("\n");
        for said in [
            "calls failed (",
            "gone after 12 s",
            "interrupted",
            "7 of the calls",
            "cannot be read: it is not base64",
        ] {
            assert!(texts.contains(said), "{said} in {texts}");
        }
    }
}
