//! Counts and histograms as the report has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

use super::clock::precise;
use super::tally::Cell;
use crate::report::model::{Latency, Measured};

/// Calls over so many seconds.
pub(super) fn measured(cell: &Cell, seconds: f64) -> Measured {
    Measured {
        seconds,
        calls: cell.succeeded + cell.failed + cell.unfinished,
        succeeded: cell.succeeded,
        failed: cell.failed,
        unfinished: cell.unfinished,
        succeeded_per_second: per_second(cell.succeeded, seconds),
        bytes_sent: cell.bytes_sent,
        bytes_received: cell.bytes_received,
        events: cell.events,
        latency: latency(&cell.latency),
    }
}

pub(super) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { precise(count) / seconds } else { 0.0 }
}

/// A quantile in microseconds; 0 where nothing was recorded.
pub(super) fn quantile_us(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    if histogram.is_empty() { 0.0 } else { precise(histogram.value_at_quantile(quantile)) / 1e3 }
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let mut bytes = Vec::new();
    // Into memory, of bounds that the form can hold.
    let serialized = V2DeflateSerializer::new().serialize(histogram, &mut bytes).is_ok();
    let at = |quantile| quantile_us(histogram, quantile);
    let known = |value: f64| if histogram.is_empty() { 0.0 } else { value / 1e3 };
    Latency {
        min_us: known(precise(histogram.min())),
        mean_us: known(histogram.mean()),
        p50_us: at(0.5),
        p90_us: at(0.9),
        p99_us: at(0.99),
        p999_us: at(0.999),
        p9999_us: at(0.9999),
        max_us: known(precise(histogram.max())),
        standard_deviation_us: known(histogram.stdev()),
        histogram: if serialized { STANDARD.encode(bytes) } else { String::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tally::latencies;
    use crate::report::judge::histogram;

    #[test]
    fn a_histogram_is_the_same_when_it_is_read_back() {
        let mut cell = Cell::new(latencies().unwrap());
        for us in 1..=10_000 {
            cell.latency.record(us * 1000).unwrap();
            cell.succeeded += 1;
        }
        cell.failed = 3;
        let found = measured(&cell, 4.0);
        assert_eq!(
            (found.calls, found.succeeded_per_second.to_bits()),
            (10_003, 2500_f64.to_bits())
        );
        assert!((found.latency.p99_us / 9900.0 - 1.0).abs() < 0.002, "{found:?}");
        assert!((found.latency.mean_us / 5000.5 - 1.0).abs() < 0.002);
        let read = histogram(&found.latency).expect("it is one");
        assert_eq!(read.len(), 10_000);
        assert_eq!(read.value_at_quantile(0.5), cell.latency.value_at_quantile(0.5));
    }

    #[test]
    fn of_nothing_the_figures_are_zero() {
        let found = measured(&Cell::new(latencies().unwrap()), 0.0);
        let Latency { min_us, mean_us, p50_us, max_us, standard_deviation_us, .. } = found.latency;
        let all =
            [min_us, mean_us, p50_us, max_us, standard_deviation_us, found.succeeded_per_second];
        assert_eq!(all.map(f64::to_bits), [0; 6]);
    }
}
