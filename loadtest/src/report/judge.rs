//! Whether a bound holds.

use super::histogram;
use super::model::{Measured, ProcessReport};
use super::units::real;
use crate::plan::{Bound, BoundValue, Relation};

/// What came of holding a bound against a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    /// A value that is not known holds no bound.
    pub(crate) held: bool,
    /// In the unit of the bound. Infinite where calls that were never answered decide it; none
    /// where it was not measured.
    pub(crate) actual: Option<f64>,
}

/// Holds a bound against what was measured.
///
/// A call that was unfinished when the run ended is in no percentile of the report; here it counts
/// as one that takes for ever, so that a target cannot pass by not answering. Of a process that was
/// gone before the end, what it used is not known.
pub(crate) fn judge(
    bound: &Bound,
    measured: &Measured,
    process: Option<&ProcessReport>,
) -> Verdict {
    let process = process.filter(|process| process.gone_after_seconds.is_none());
    let actual = actual(bound.value, measured, process);
    let held = actual.is_some_and(|actual| match bound.relation {
        Relation::Less => actual < bound.limit,
        Relation::AtMost => actual <= bound.limit,
        #[allow(clippy::float_cmp, reason = "asked for; of counts and bytes it is exact")]
        Relation::Equal => actual == bound.limit,
        Relation::AtLeast => actual >= bound.limit,
        Relation::Greater => actual > bound.limit,
    });
    Verdict { held, actual }
}

fn actual(value: BoundValue, measured: &Measured, process: Option<&ProcessReport>) -> Option<f64> {
    let ended = measured.calls > measured.unfinished;
    match value {
        BoundValue::Percentile(percent) => percentile(measured, percent / 100.0),
        BoundValue::Mean => ended.then_some(measured.latency.mean_us),
        BoundValue::Max if measured.unfinished > 0 => Some(f64::INFINITY),
        BoundValue::Max => ended.then_some(measured.latency.max_us),
        BoundValue::Rate => Some(measured.succeeded_per_second),
        BoundValue::Errors => Some(real(measured.failed)),
        BoundValue::ErrorRate => {
            (measured.calls > 0).then(|| real(measured.failed) / real(measured.calls))
        }
        BoundValue::CpuPerCall => process.map(|process| process.cpu_us_per_call),
        BoundValue::Rss => process.map(|process| real(process.rss_bytes_max)),
    }
}

/// Of all calls: one that was never answered takes for ever.
fn percentile(measured: &Measured, quantile: f64) -> Option<f64> {
    let histogram = histogram::decode(&measured.latency.histogram).ok()??;
    let answered = real(histogram.len());
    let rank = quantile * (answered + real(measured.unfinished));
    match answered {
        0.0 => None,
        _ if rank > answered => Some(f64::INFINITY),
        _ => Some(histogram::us(histogram.value_at_quantile(rank / answered))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::measured;
    use crate::report::sample;

    /// Latencies of 1 to 1000 µs.
    fn thousand(failed: u64, unfinished: u64) -> Measured {
        measured((1..=1000).map(|us| us * 1000), failed, unfinished, 2.0)
    }

    fn verdict(value: BoundValue, relation: Relation, limit: f64, measured: &Measured) -> Verdict {
        judge(&Bound { value, relation, limit, text: String::new() }, measured, None)
    }

    #[test]
    fn values_of_the_report_are_held_against_bounds() {
        use BoundValue::{ErrorRate, Errors, Max, Mean, Percentile, Rate};
        use Relation::{AtLeast, AtMost, Equal, Greater, Less};
        let all = thousand(0, 0);
        for (value, relation, limit, held) in [
            (Percentile(50.0), Less, 505.0, true),
            (Percentile(50.0), Less, 495.0, false),
            (Percentile(99.0), AtMost, 992.0, true),
            (Percentile(99.0), Greater, 985.0, true),
            (Percentile(100.0), Less, 1002.0, true),
            (Mean, Less, 502.0, true),
            (Max, Less, 999.0, false),
            (Rate, AtLeast, 500.0, true),
            (Rate, Greater, 500.0, false),
            (Errors, Equal, 0.0, true),
            (ErrorRate, AtMost, 0.0, true),
        ] {
            let verdict = verdict(value, relation, limit, &all);
            assert_eq!(verdict.held, held, "{value:?} {relation:?} {limit}: {verdict:?}");
        }
        let failing = thousand(250, 0);
        assert_eq!(verdict(ErrorRate, Less, 0.2, &failing).actual, Some(0.2));
        assert!(!verdict(Errors, Equal, 0.0, &failing).held);
    }

    #[test]
    fn a_call_without_an_answer_takes_for_ever() {
        let some = thousand(0, 20);
        let p99 = verdict(BoundValue::Percentile(99.0), Relation::Less, 1e9, &some);
        assert_eq!((p99.held, p99.actual), (false, Some(f64::INFINITY)));
        assert!(verdict(BoundValue::Percentile(98.0), Relation::Less, 1002.0, &some).held);
        assert!(!verdict(BoundValue::Max, Relation::Less, 1e9, &some).held);
    }

    #[test]
    fn what_was_not_measured_holds_nothing() {
        let none = measured(std::iter::empty(), 0, 0, 1.0);
        for value in [BoundValue::Percentile(50.0), BoundValue::Max, BoundValue::ErrorRate] {
            let verdict = verdict(value, Relation::AtLeast, 0.0, &none);
            assert_eq!((verdict.held, verdict.actual), (false, None), "{value:?}");
        }
        let mut process = sample::steady().process.unwrap();
        for value in [BoundValue::CpuPerCall, BoundValue::Rss] {
            let relation = Relation::Less;
            let bound = Bound { value, relation, limit: 1e12, text: String::new() };
            process.gone_after_seconds = None;
            assert!(judge(&bound, &thousand(0, 0), Some(&process)).held, "{value:?}");
            process.gone_after_seconds = Some(1.0);
            let verdict = judge(&bound, &thousand(0, 0), Some(&process));
            assert_eq!((verdict.held, verdict.actual), (false, None), "{value:?}: it was gone");
        }
        let unwatched = verdict(BoundValue::CpuPerCall, Relation::Less, 1e9, &thousand(0, 0));
        assert_eq!((unwatched.held, unwatched.actual), (false, None));
    }
}
