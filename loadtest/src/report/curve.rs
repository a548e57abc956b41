//! Latency by percentile.

use super::histogram;
use super::model::Measured;
use super::plot::nines;
use super::units::real;

/// Points between a quantile and the one with half as much above it.
const POINTS_PER_HALVING: u32 = 8;

/// Latency by the nines of its percentile, from the lowest to the highest.
pub(crate) struct Curve {
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// From the histogram; where it cannot be read, from the percentiles beside it. `None` where
    /// there was no call.
    pub(crate) fn of(measured: &Measured) -> Option<Self> {
        let points = match histogram::decode(&measured.latency.histogram) {
            Ok(Some(histogram)) => of_histogram(&histogram),
            Ok(None) | Err(_) => of_percentiles(measured),
        };
        (!points.is_empty()).then_some(Self { points })
    }

    /// For a plot.
    pub(crate) fn points(&self) -> Vec<Option<(f64, f64)>> {
        self.points.iter().copied().map(Some).collect()
    }

    /// How many nines the rarest call has.
    pub(crate) fn decades(&self) -> f64 {
        self.points.last().map_or(0.0, |(nines, _)| *nines)
    }

    /// Microseconds; `None` beyond the rarest call.
    pub(crate) fn at(&self, nines: f64) -> Option<f64> {
        self.points.iter().find(|(at, _)| *at >= nines).map(|(_, us)| *us)
    }

    /// In microseconds.
    pub(crate) fn lowest(&self) -> f64 {
        self.points.first().map_or(0.0, |(_, us)| *us)
    }

    /// In microseconds.
    pub(crate) fn highest(&self) -> f64 {
        self.points.last().map_or(0.0, |(_, us)| *us)
    }
}

fn of_histogram(histogram: &hdrhistogram::Histogram<u64>) -> Vec<(f64, f64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let max = histogram::us(histogram.max());
    let end = real(histogram.len()).log10();
    let points = histogram.iter_quantiles(POINTS_PER_HALVING);
    let points = points.map(|point| {
        let us = histogram::us(point.value_iterated_to());
        (nines(point.quantile_iterated_to()), us.min(max))
    });
    let before_the_end = points.take_while(|(nines, _)| *nines < end);
    before_the_end.chain([(end, max)]).collect()
}

fn of_percentiles(measured: &Measured) -> Vec<(f64, f64)> {
    let calls = measured.succeeded + measured.failed;
    if calls == 0 {
        return Vec::new();
    }
    let latency = &measured.latency;
    let end = real(calls).log10();
    let known = [
        (0.0, latency.min_us),
        (0.5, latency.p50_us),
        (0.9, latency.p90_us),
        (0.99, latency.p99_us),
        (0.999, latency.p999_us),
        (0.9999, latency.p9999_us),
    ];
    let known = known.map(|(quantile, us)| (nines(quantile), us));
    known.into_iter().take_while(|(nines, _)| *nines < end).chain([(end, latency.max_us)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_curve_passes_through_the_percentiles_and_ends_at_the_highest() {
        let total = sample::steady().total;
        let curve = Curve::of(&total).unwrap();
        let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 0.02, "{a} {b}");
        near(curve.at(nines(0.5)).unwrap(), total.latency.p50_us);
        near(curve.at(nines(0.99)).unwrap(), total.latency.p99_us);
        near(curve.highest(), total.latency.max_us);
        near(curve.decades(), real(total.calls).log10());
        assert!(curve.points.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));
        assert!(curve.points.len() < 300, "{}", curve.points.len());
    }

    #[test]
    fn without_a_histogram_it_has_the_percentiles_that_are_known() {
        let mut total = sample::steady().total;
        total.latency.histogram = "broken".to_owned();
        let curve = Curve::of(&total).unwrap();
        assert_eq!(curve.points.len(), 7);
        assert_eq!(curve.at(nines(0.99)), Some(total.latency.p99_us));
    }

    #[test]
    fn no_call_has_no_curve_and_one_has_a_point() {
        assert!(Curve::of(&sample::nothing().total).is_none());
        let mut one = sample::nothing().total;
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        histogram.record(5_000_000).unwrap();
        one.latency = histogram::latency(&histogram).unwrap();
        let curve = Curve::of(&one).unwrap();
        assert_eq!(curve.points.len(), 1);
        assert!(curve.decades().abs() < 1e-9);
    }
}
