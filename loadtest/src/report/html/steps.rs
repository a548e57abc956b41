//! Latency against the rate of the steps, with what a search found.

use super::text;
use crate::plan::Bound;
use crate::report::assertions::is_latency;
use crate::report::model::{Report, StepReport};
use crate::report::names;
use crate::report::plot::{Along, Axis, Ink, Mark, Marker, Plot, Rule, Series};
use crate::report::units::Unit;

/// Steps that are drawn, spread over all of them.
const STEPS_MAX: usize = 300;

type Latency = fn(&StepReport) -> f64;

/// `None` where the rate had no steps.
pub(super) fn steps(report: &Report) -> Option<Plot> {
    let every = report.steps.len().div_ceil(STEPS_MAX).max(1);
    let mut steps: Vec<&StepReport> = report.steps.iter().step_by(every).collect();
    steps.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    let (lowest_rate, highest_rate) = (rate(steps.first()?), rate(steps.last()?));
    let bounds = bounds(report);
    let parts: [(&str, usize, Latency); 3] = [
        ("p50", 0, |step| step.measured.latency.p50_us),
        ("p99", 1, |step| step.measured.latency.p99_us),
        ("p99.9", 2, |step| step.measured.latency.p999_us),
    ];
    let values = parts.iter().flat_map(|(_, _, value)| steps.iter().map(|step| value(step)));
    let limits = bounds.iter().map(|bound| bound.limit);
    let values: Vec<f64> = values.chain(limits).filter(|us| *us > 0.0).collect();
    let lowest = values.iter().copied().min_by(f64::total_cmp)?;
    let highest = values.iter().copied().max_by(f64::total_cmp)?;
    Some(Plot {
        title: "Latency by rate".to_owned(),
        summary: report
            .search
            .as_ref()
            .map(|search| text(&names::found(search)))
            .unwrap_or_default(),
        note: Some(note(report)),
        x: Axis::positive("calls a second that were due", Unit::Count, lowest_rate, highest_rate),
        y: Axis::log("latency", Unit::Microseconds, lowest, highest),
        series: parts
            .iter()
            .map(|(name, ink, value)| Series {
                name: (*name).to_owned(),
                ink: Ink::Series(*ink),
                points: steps.iter().map(|step| point(step, *value)).collect(),
                filled: false,
            })
            .collect(),
        rules: rules(report, &bounds),
        markers: steps.iter().filter_map(|step| marker(step)).collect(),
        readings: Vec::new(),
    })
}

/// What was due, in the middle of the step.
fn rate(step: &StepReport) -> f64 {
    f64::midpoint(step.from_per_second, step.to_per_second)
}

fn point(step: &StepReport, value: Latency) -> Option<(f64, f64)> {
    Some((rate(step), value(step))).filter(|(_, us)| *us > 0.0)
}

fn marker(step: &StepReport) -> Option<Marker> {
    let (x, y) = point(step, |step| step.measured.latency.p99_us)?;
    let says = format!(
        "{}: p99 {}, {} succeeded. {}",
        names::step(step),
        Unit::Microseconds.show(y),
        Unit::PerSecond.show(step.measured.succeeded_per_second),
        text(&names::verdict(step)),
    );
    let mark = match (step.held, step.unjudged) {
        (Some(false), _) => Mark::Broken,
        (None, Some(_)) => Mark::Unjudged,
        _ => Mark::Good,
    };
    Some(Marker { x, y, mark, says })
}

/// Those of a search that can be drawn: latencies.
fn bounds(report: &Report) -> Vec<Bound> {
    let texts = report.search.iter().flat_map(|search| &search.bounds).take(super::ROWS_MAX);
    let bounds = texts.filter_map(|text| Bound::parse_searched(text).ok());
    bounds.filter(|bound| is_latency(bound.value)).collect()
}

fn rules(report: &Report, bounds: &[Bound]) -> Vec<Rule> {
    let limit = |bound: &Bound| Rule { along: Along::Y, at: bound.limit, label: text(&bound.text) };
    let found = report.search.as_ref().and_then(|search| search.highest_per_second);
    let found = found.map(|rate| Rule {
        along: Along::X,
        at: rate,
        label: format!("found: {}", Unit::PerSecond.show(rate)),
    });
    bounds.iter().map(limit).chain(found).collect()
}

fn note(report: &Report) -> String {
    match report.search {
        Some(_) if report.steps.iter().any(|step| step.unjudged.is_some()) => {
            "A dot is a step in which every bound held, a cross one in which one broke, a ring one \
             that was not judged."
        }
        Some(_) => "A dot is a step in which every bound held, a cross one in which one broke.",
        None => "A dot is a step, at the rate that was due.",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::Unjudged;
    use crate::report::sample;

    #[test]
    fn a_search_shows_its_bound_and_what_it_found() {
        let plot = steps(&sample::searched()).unwrap();
        let labels: Vec<&str> = plot.rules.iter().map(|rule| rule.label.as_str()).collect();
        assert_eq!(labels, ["p99<5ms", "found: 5,250/s"]);
        assert!((plot.rules[0].at - 5000.0).abs() < 1e-9);
        assert_eq!(plot.markers.iter().filter(|marker| marker.mark == Mark::Broken).count(), 3);
        let rates: Vec<f64> = plot.markers.iter().map(|marker| marker.x).collect();
        assert!(rates.is_sorted(), "{rates:?}");
    }

    #[test]
    fn a_step_that_was_not_judged_is_not_drawn_as_one_that_held() {
        let mut report = sample::searched();
        let step = report.steps.last_mut().unwrap();
        (step.held, step.unjudged) = (None, Some(Unjudged::Harness));
        let plot = steps(&report).unwrap();
        let unjudged = plot.markers.iter().filter(|marker| marker.mark == Mark::Unjudged);
        assert_eq!(unjudged.count(), 1);
        assert!(plot.note.unwrap().contains("a ring one"));
    }

    #[test]
    fn steps_without_a_search_have_no_bound() {
        let mut report = sample::searched();
        report.search = None;
        report.steps.iter_mut().for_each(|step| step.held = None);
        let plot = steps(&report).unwrap();
        assert!(
            plot.rules.is_empty() && plot.markers.iter().all(|marker| marker.mark == Mark::Good)
        );
    }

    #[test]
    fn without_steps_there_is_no_plot() {
        assert!(steps(&sample::steady()).is_none());
    }
}
