//! The plot of latency by percentile.

use super::text;
use crate::report::curve::Curve;
use crate::report::model::Measured;
use crate::report::plot::{Axis, Ink, Plot, SERIES_MAX, Series};
use crate::report::units::Unit;

/// Columns that can be pointed at.
const COLUMNS: u32 = 120;

/// What was measured by name, that which matters most first. `None` where there was no call.
pub(super) fn percentiles(title: &str, named: &[(&str, &Measured)]) -> Option<Plot> {
    let curves = named.iter().filter_map(|(name, measured)| Some((*name, Curve::of(measured)?)));
    let shown: Vec<(&str, Curve)> = curves.take(SERIES_MAX).collect();
    let highest = |value: fn(&Curve) -> f64| {
        shown.iter().map(|(_, curve)| value(curve)).max_by(f64::total_cmp)
    };
    let lowest = shown.iter().map(|(_, curve)| curve.lowest()).min_by(f64::total_cmp)?;
    let x = Axis::percentiles(highest(Curve::decades)?);
    let series = shown.iter().enumerate().map(|(index, (name, curve))| Series {
        name: text(name),
        ink: Ink::Series(index),
        points: curve.points(),
        filled: false,
    });
    Some(Plot {
        title: title.to_owned(),
        summary: shown.iter().map(|(name, curve)| summary(name, curve)).collect(),
        note: (named.len() > SERIES_MAX)
            .then(|| format!("The first {} of {}.", shown.len(), named.len())),
        y: Axis::log("latency", Unit::Microseconds, lowest, highest(Curve::highest)?),
        series: series.collect(),
        rules: Vec::new(),
        markers: Vec::new(),
        readings: readings(&x, &shown),
        x,
    })
}

fn summary(name: &str, curve: &Curve) -> String {
    let at = |nines| curve.at(nines).map(|us| Unit::Microseconds.show(us));
    let at = |nines| at(nines).unwrap_or_else(|| "unknown".to_owned());
    let highest = Unit::Microseconds.show(curve.highest());
    format!("{}: p90 {}, p99 {}, at most {highest}. ", text(name), at(1.0), at(2.0))
}

fn readings(x: &Axis, curves: &[(&str, Curve)]) -> Vec<String> {
    let reading = |column| {
        let nines = x.value((f64::from(column) + 0.5) / f64::from(COLUMNS));
        let values = curves.iter().filter_map(|(name, curve)| {
            let us = Unit::Microseconds.show(curve.at(nines)?);
            Some(if curves.len() > 1 { format!("{} {us}", text(name)) } else { us })
        });
        let values: Vec<String> = values.collect();
        format!("{}: {}", percentile(nines), values.join(" · "))
    };
    (0..COLUMNS).map(reading).collect()
}

/// With as many digits as tell it from its neighbours.
fn percentile(nines: f64) -> String {
    let above = 10_f64.powf(-nines) * 100.0;
    let places = match nines {
        nines if nines < 1.0 => 0,
        nines if nines < 2.0 => 1,
        nines if nines < 3.0 => 2,
        nines if nines < 4.0 => 3,
        nines if nines < 5.0 => 4,
        _ => 6,
    };
    format!("{:.places$} %", 100.0 - above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn there_are_no_more_curves_than_colours_and_it_is_said() {
        let total = sample::steady().total;
        let plot = percentiles("Latency", &[("calls", &total); 12]).unwrap();
        assert_eq!(plot.series.len(), SERIES_MAX);
        assert_eq!(plot.note.as_deref(), Some("The first 7 of 12."));
    }

    #[test]
    fn pointing_at_a_percentile_tells_it() {
        let total = sample::steady().total;
        let plot = percentiles("Latency", &[("all", &total)]).unwrap();
        assert!(
            plot.readings.iter().any(|reading| reading.starts_with("99.0")),
            "{:?}",
            plot.readings
        );
        assert!(plot.readings.iter().all(|reading| reading.ends_with('s')), "{:?}", plot.readings);
    }

    #[test]
    fn without_calls_there_is_no_plot() {
        assert!(percentiles("Latency", &[("all", &sample::nothing().total)]).is_none());
        assert!(percentiles("Latency", &[]).is_none());
    }
}
