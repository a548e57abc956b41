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
pub(crate) fn judge(
    bound: &Bound,
    measured: &Measured,
    process: Option<&ProcessReport>,
) -> Verdict {
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
