//! Counts and histograms as the report has them.

use anyhow::Result;
use hdrhistogram::Histogram;

use super::tally::Cell;
use crate::report::histogram::{latency, us};
use crate::report::model::Measured;
use crate::report::units::per_second;

/// Calls over so many seconds.
pub(super) fn measured(cell: &Cell, seconds: f64) -> Result<Measured> {
    Ok(Measured {
        seconds,
        calls: cell.succeeded + cell.failed + cell.unfinished,
        succeeded: cell.succeeded,
        failed: cell.failed,
        unfinished: cell.unfinished,
        succeeded_per_second: per_second(cell.succeeded, seconds),
        bytes_sent: cell.bytes_sent,
        bytes_received: cell.bytes_received,
        events: cell.events,
        latency: latency(&cell.latency)?,
    })
}

/// A quantile in microseconds; 0 where nothing was recorded.
pub(super) fn quantile_us(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    us(histogram.value_at_quantile(quantile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tally::latencies;
    use crate::report::histogram::decode;
    use crate::report::model::Latency;

    #[test]
    fn a_histogram_is_the_same_when_it_is_read_back() {
        let mut cell = Cell::new(latencies().unwrap());
        for us in 1..=10_000 {
            cell.latency.record(us * 1000).unwrap();
            cell.succeeded += 1;
        }
        cell.failed = 3;
        let found = measured(&cell, 4.0).unwrap();
        assert_eq!(
            (found.calls, found.succeeded_per_second.to_bits()),
            (10_003, 2500_f64.to_bits())
        );
        assert!((found.latency.p99_us / 9900.0 - 1.0).abs() < 0.002, "{found:?}");
        assert!((found.latency.mean_us / 5000.5 - 1.0).abs() < 0.002);
        let read = decode(&found.latency.histogram).unwrap().expect("it holds one");
        assert_eq!(read.len(), 10_000);
        assert_eq!(read.value_at_quantile(0.5), cell.latency.value_at_quantile(0.5));
    }

    #[test]
    fn of_nothing_the_figures_are_zero() {
        let found = measured(&Cell::new(latencies().unwrap()), 0.0).unwrap();
        let Latency { min_us, mean_us, p50_us, max_us, standard_deviation_us, .. } = found.latency;
        let all =
            [min_us, mean_us, p50_us, max_us, standard_deviation_us, found.succeeded_per_second];
        assert_eq!(all.map(f64::to_bits), [0; 6]);
    }
}
