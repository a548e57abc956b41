//! `--assert`: bounds that a report is held against, each with its verdict.

use super::judge::{Verdict, judge};
use super::model::{Ended, Measured, ProcessReport, Report};
use super::names;
use super::subject::subject;
use super::units::{Unit, counted};
use crate::exit::Exit;
use crate::plan::{Bound, BoundValue};

/// A bound and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assertion {
    /// As it was written.
    pub(crate) text: String,
    pub(crate) held: bool,
    /// A run that was to show it was interrupted: what it was by then says nothing of the whole.
    pub(crate) interrupted: bool,
    /// What it was, or why nobody knows.
    pub(crate) actual: String,
}

impl Assertion {
    pub(crate) fn new(text: &str, held: bool, actual: String) -> Self {
        Self { text: text.to_owned(), held, interrupted: false, actual }
    }

    /// The same of a run that was interrupted.
    pub(crate) fn of_interrupted(self) -> Self {
        Self { held: false, interrupted: true, ..self }
    }
}

/// Of one that is neither held nor broken, in the terminal as on the page.
pub(crate) const INTERRUPTED: &str = "not known: interrupted";

/// Whether a pipeline may go on.
pub(crate) fn exit(assertions: &[Assertion]) -> Exit {
    if assertions.iter().any(|assertion| assertion.interrupted) {
        return Exit::Interrupted;
    }
    if assertions.iter().all(|assertion| assertion.held) { Exit::Held } else { Exit::Broken }
}

/// Judges every bound. What was not measured has not held: not even that no call failed, where there
/// was none. Nor is a bound broken by the target where the harness set the numbers; one that held
/// for all that held. Of a run that was interrupted, nothing is known.
pub(crate) fn assertions(report: &Report, bounds: &[Bound]) -> Vec<Assertion> {
    let subject = subject(report);
    let assertion = |bound: &Bound| {
        let actual = match &subject {
            Ok(subject) => verdict(bound, subject.measured, subject.process.as_ref()),
            Err(reason) => Err(reason.clone()),
        };
        match actual {
            Ok(Verdict { held, actual }) => {
                let actual = shown(bound.value, actual.unwrap_or_default());
                let whose = if !held && report.harness.bottleneck {
                    format!("not measured: the harness was the bottleneck ({actual})")
                } else {
                    actual
                };
                Assertion::new(&bound.text, held, whose)
            }
            Err(reason) => Assertion::new(&bound.text, false, format!("not measured: {reason}")),
        }
    };
    let assertions = bounds.iter().map(assertion);
    match report.ended {
        Ended::Completed => assertions.collect(),
        Ended::Interrupted => assertions.map(Assertion::of_interrupted).collect(),
    }
}

/// A verdict with a value, or why there is none.
pub(crate) fn verdict(
    bound: &Bound,
    measured: &Measured,
    process: Option<&ProcessReport>,
) -> Result<Verdict, String> {
    if measured.calls == 0 {
        return Err("no call was made".to_owned());
    }
    if let BoundValue::Percentile(percent) = bound.value
        && !names::enough(measured, percent)
    {
        let calls = measured.succeeded.saturating_add(measured.failed);
        return Err(format!("of {} it is the slowest", counted(calls, "call")));
    }
    let verdict = judge(bound, measured, process);
    // A latency of nothing is none.
    let nothing = is_latency(bound.value) && verdict.actual == Some(0.0);
    if verdict.actual.is_some() && !nothing {
        return Ok(verdict);
    }
    Err(match (bound.value, process) {
        (BoundValue::CpuPerCall | BoundValue::Rss, process) => process
            .and_then(names::gone)
            .unwrap_or_else(|| "no process was watched; run it with --pid".to_owned()),
        _ => "no call has a latency".to_owned(),
    })
}

pub(crate) fn is_latency(value: BoundValue) -> bool {
    matches!(value, BoundValue::Percentile(_) | BoundValue::Mean | BoundValue::Max)
}

/// A value with its unit, as it is spoken of in a bound.
pub(crate) fn shown(value: BoundValue, actual: f64) -> String {
    if actual == f64::INFINITY {
        return "endless: too many calls were never answered".to_owned();
    }
    unit(value).show(actual)
}

pub(crate) fn unit(value: BoundValue) -> Unit {
    match value {
        BoundValue::Percentile(_) | BoundValue::Mean | BoundValue::Max | BoundValue::CpuPerCall => {
            Unit::Microseconds
        }
        BoundValue::Rate => Unit::PerSecond,
        BoundValue::Errors => Unit::Count,
        BoundValue::ErrorRate => Unit::Share,
        BoundValue::Rss => Unit::Bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::report::units::real;

    fn judged(report: &Report, text: &str) -> Assertion {
        assertions(report, &[Bound::parse(text).unwrap()]).remove(0)
    }

    #[test]
    fn a_verdict_has_the_value_that_it_rests_on() {
        let report = sample::steady();
        let rate = judged(&report, "rate>=1000");
        assert!(rate.held && rate.actual.ends_with("/s"), "{rate:?}");
        let errors = judged(&report, "errors=0");
        assert_eq!((errors.held, errors.actual), (false, real(report.total.failed).to_string()));
        let p99 = judged(&report, "p99<1us");
        assert!(!p99.held && p99.actual.ends_with("ms"), "{p99:?}");
        assert_eq!(exit(std::slice::from_ref(&rate)), Exit::Held);
        assert_eq!(exit(&[rate, p99]), Exit::Broken);
        assert_eq!(exit(&[]), Exit::Held);
    }

    #[test]
    fn what_was_not_measured_has_not_held() {
        let mut report = sample::steady();
        report.process = None;
        for text in ["cpu<1s", "cpu>=0us", "rss<1000GiB"] {
            let unknown = judged(&report, text);
            assert!(!unknown.held, "{unknown:?}");
            assert!(unknown.actual.starts_with("not measured: "), "{unknown:?}");
            assert!(unknown.actual.contains("--pid"), "{unknown:?}");
        }
        let mut report = sample::steady();
        report.process.as_mut().unwrap().gone_after_seconds = Some(3.0);
        for text in ["cpu<1s", "rss<1000GiB"] {
            let unknown = judged(&report, text);
            let said = "not measured: the process 4242 was gone after 3 s";
            assert_eq!((unknown.held, unknown.actual.as_str()), (false, said));
        }
    }

    #[test]
    fn a_percentile_of_too_few_calls_is_not_measured() {
        let report = sample::lasting(1);
        assert_eq!(report.total.succeeded + report.total.failed, 2000);
        assert!(judged(&report, "p99.9<1h").held);
        let unknown = judged(&report, "p99.99<1h");
        let said = "not measured: of 2,000 calls it is the slowest";
        assert_eq!((unknown.held, unknown.actual.as_str()), (false, said));
    }

    #[test]
    fn what_the_harness_broke_is_not_laid_on_the_target() {
        let mut report = sample::steady();
        report.harness.bottleneck = true;
        let broken = judged(&report, "p99<1us");
        let said = "not measured: the harness was the bottleneck (";
        assert!(!broken.held && broken.actual.starts_with(said), "{broken:?}");
        let held = judged(&report, "p99<10s");
        assert!(held.held && held.actual.ends_with("ms"), "{held:?}");
        assert_eq!(exit(&[held, broken]), Exit::Broken);
    }

    #[test]
    fn of_no_call_nothing_holds() {
        let report = sample::nothing();
        for text in ["p99<2ms", "max<1s", "mean<1s", "error-rate<100%", "errors=0", "rate<1"] {
            let unknown = judged(&report, text);
            assert!(!unknown.held, "{unknown:?}");
        }
    }

    #[test]
    fn calls_without_an_answer_are_slower_than_any_bound() {
        let mut report = sample::steady();
        report.total.unfinished = report.total.calls;
        let endless = judged(&report, "p99<1000s");
        assert!(!endless.held && endless.actual.starts_with("endless"), "{endless:?}");
    }

    #[test]
    fn a_search_is_judged_by_the_step_that_it_found() {
        let report = sample::searched();
        let search = report.search.as_ref().unwrap();
        let highest = search.highest_per_second.unwrap();
        let step = report
            .steps
            .iter()
            .find(|step| step.held == Some(true) && (step.to_per_second - highest).abs() < 1.0)
            .unwrap();
        let rate = judged(&report, &format!("rate>={}", (highest * 0.9).round()));
        assert!(rate.held, "{rate:?}");
        assert_eq!(rate.actual, Unit::PerSecond.show(step.measured.succeeded_per_second));
        assert!(judged(&report, "cpu<1s").held, "the process of that step");
        assert!(judged(&report, "errors=0").held, "errors of steps beyond it do not count");
        assert!(report.total.failed > 0, "though there are some");
    }

    #[test]
    fn a_search_that_found_nothing_holds_nothing() {
        let mut report = sample::searched();
        report.search.as_mut().unwrap().highest_per_second = None;
        let unknown = judged(&report, "p99<100s");
        assert!(!unknown.held && unknown.actual.contains("no rate was found"), "{unknown:?}");
    }
}
