//! What happened when: a plot for each thing that a second tells.

use crate::report::columns::{Columns, highest, mean};
use crate::report::model::{ProcessReport, ProcessSample, Report, Second};
use crate::report::plot::{Axis, Ink, Plot, Series};
use crate::report::units::{Unit, counted, real};

/// A last second of which less was measured has no rate.
const RATED_SECONDS_MIN: f64 = 0.2;

type Group<'a> = [&'a Second];
type Latency = fn(&Second) -> f64;
type Samples<'a> = [&'a ProcessSample];

/// Of the calls. None where no second was measured.
pub(super) fn of_calls(report: &Report) -> Vec<Plot> {
    let columns = Columns::of(&report.seconds, |second| second.second);
    if columns.groups.is_empty() {
        return Vec::new();
    }
    let time = Timeline { columns, measured: report.total.seconds };
    let mut plots = vec![time.rate(), time.latency()];
    plots.extend(time.failures());
    plots.push(time.in_flight());
    plots.extend(time.streams());
    plots
}

/// Of the harness itself.
pub(super) fn of_harness(report: &Report) -> Option<Plot> {
    let columns = Columns::of(&report.seconds, |second| second.second);
    let busy = |group: &Group| highest(group, |second| second.harness_busy);
    let share = |group: &Group| Unit::Share.show(busy(group).unwrap_or(0.0));
    (!columns.groups.is_empty()).then(|| Plot {
        title: "Harness: busiest thread".to_owned(),
        summary: format!("At most {}.", peak(&report.seconds, Unit::Share, |it| it.harness_busy)),
        note: columns.note(),
        x: Axis::time(columns.end()),
        y: Axis::from_zero("of its time at work", Unit::Share, 1.0),
        series: vec![line("busy", Ink::Series(5), columns.line(busy), true)],
        rules: Vec::new(),
        markers: Vec::new(),
        readings: columns.readings(share),
    })
}

/// Of the watched process.
pub(super) fn of_process(process: &ProcessReport) -> Vec<Plot> {
    let samples = &process.samples;
    let columns = Columns::of(samples, |sample| sample.second);
    if columns.groups.is_empty() {
        return Vec::new();
    }
    let plot = |title: &str, name: &str, unit: Unit, values: &[(&str, usize, Value)]| {
        let top = values
            .iter()
            .map(|(_, _, value)| samples.iter().map(value).max_by(f64::total_cmp).unwrap_or(0.0));
        let top = top.max_by(f64::total_cmp).unwrap_or(0.0);
        let reading = |group: &Samples| {
            let value = |(name, _, value): &(&str, usize, Value)| {
                let value = unit.show(highest(group, value).unwrap_or(0.0));
                if values.len() > 1 { format!("{name} {value}") } else { value }
            };
            values.iter().map(value).collect::<Vec<_>>().join(" · ")
        };
        Plot {
            title: title.to_owned(),
            summary: format!("At most {}.", unit.show(top)),
            note: columns.note(),
            x: Axis::time(columns.end()),
            y: Axis::from_zero(name, unit, top),
            series: values
                .iter()
                .map(|(name, ink, value)| {
                    let points = columns.line(|group| highest(group, value));
                    line(name, Ink::Series(*ink), points, values.len() == 1)
                })
                .collect(),
            rules: Vec::new(),
            markers: Vec::new(),
            readings: columns.readings(reading),
        }
    };
    let (threads, descriptors): (Value, Value) =
        (|sample| real(sample.threads), |sample| real(sample.descriptors));
    vec![
        plot("Process: CPU", "cores in use", Unit::Cores, &[("cores", 0, |sample| sample.cores)]),
        plot(
            "Process: memory",
            "resident",
            Unit::Bytes,
            &[("resident", 2, |sample| real(sample.rss_bytes))],
        ),
        plot(
            "Process: threads and descriptors",
            "open",
            Unit::Count,
            &[("threads", 3, threads), ("descriptors", 4, descriptors)],
        ),
    ]
}

type Value = fn(&ProcessSample) -> f64;

/// The seconds of a run, in columns.
struct Timeline<'a> {
    columns: Columns<'a, Second>,
    /// Seconds: the last one may be a part.
    measured: f64,
}

impl Timeline<'_> {
    fn rate(&self) -> Plot {
        let due = self.per_second(|second| second.due);
        let succeeded = self.per_second(|second| second.succeeded);
        let top = highest_of(&due).max(highest_of(&succeeded));
        let reading = |group: &Group| {
            let mean = |value: fn(&Second) -> u64| mean(group, |second| real(value(second)));
            let mean = |value| Unit::PerSecond.show(mean(value).unwrap_or(0.0));
            format!("{} due · {} succeeded", mean(|it| it.due), mean(|it| it.succeeded))
        };
        self.plot(
            "Rate",
            format!("At most {} succeeded.", Unit::PerSecond.show(highest_of(&succeeded))),
            Axis::from_zero("calls a second", Unit::Count, top),
            vec![
                line("succeeded", Ink::Series(0), succeeded, true),
                line("due", Ink::Faint, due, false),
            ],
            reading,
        )
    }

    fn latency(&self) -> Plot {
        let parts: [(&str, usize, Latency); 3] = [
            ("p50", 0, |second| second.p50_us),
            ("p99", 1, |second| second.p99_us),
            ("max", 2, |second| second.max_us),
        ];
        // A second without an answer has no latency, and none is not nothing.
        let known =
            |group: &Group, value: fn(&Second) -> f64| highest(group, value).filter(|us| *us > 0.0);
        let series: Vec<Series> = parts
            .iter()
            .map(|(name, ink, value)| {
                let points = self.columns.line(|group| known(group, *value));
                line(name, Ink::Series(*ink), points, false)
            })
            .collect();
        let values = series.iter().flat_map(|series| series.points.iter().flatten());
        let lowest = values.map(|(_, us)| *us).min_by(f64::total_cmp).unwrap_or(0.0);
        let top = series.iter().map(|series| highest_of(&series.points)).fold(0.0, f64::max);
        let worst = series.get(1).map_or(0.0, |p99| highest_of(&p99.points));
        let reading = |group: &Group| {
            let values = parts.iter().map(|(name, _, value)| match known(group, *value) {
                Some(us) => format!("{name} {}", Unit::Microseconds.show(us)),
                None => format!("{name} –"),
            });
            values.collect::<Vec<_>>().join(" · ")
        };
        self.plot(
            "Latency",
            format!("p99 of the worst second: {}.", Unit::Microseconds.show(worst)),
            Axis::log("latency", Unit::Microseconds, lowest, top),
            series,
            reading,
        )
    }

    fn failures(&self) -> Option<Plot> {
        let failed = self.per_second(|second| second.failed);
        let top = highest_of(&failed);
        let reading = |group: &Group| {
            let failed = group.iter().map(|second| second.failed).fold(0, u64::saturating_add);
            format!("{} failed", counted(failed, "call"))
        };
        (top > 0.0).then(|| {
            self.plot(
                "Failures",
                format!("At most {} failed.", Unit::PerSecond.show(top)),
                Axis::from_zero("failed calls a second", Unit::Count, top),
                vec![line("failed", Ink::Bad, self.bars(&failed), true)],
                reading,
            )
        })
    }

    fn in_flight(&self) -> Plot {
        self.count("Calls in flight", "due and not answered", 3, |second| second.in_flight)
    }

    fn streams(&self) -> Option<Plot> {
        let plot = || self.count("Open streams", "streams", 4, |second| second.streams);
        self.columns.groups.iter().flatten().any(|second| second.streams > 0).then(plot)
    }

    fn count(&self, title: &str, name: &str, ink: usize, value: fn(&Second) -> u64) -> Plot {
        let points = self.columns.line(|group| highest(group, |second| real(value(second))));
        let top = highest_of(&points);
        let reading = |group: &Group| {
            Unit::Count.show(highest(group, |second| real(value(second))).unwrap_or(0.0))
        };
        self.plot(
            title,
            format!("At most {}.", Unit::Count.show(top)),
            Axis::from_zero(name, Unit::Count, top),
            vec![line(name, Ink::Series(ink), points, true)],
            reading,
        )
    }

    fn plot(
        &self,
        title: &str,
        summary: String,
        y: Axis,
        series: Vec<Series>,
        reading: impl Fn(&Group) -> String,
    ) -> Plot {
        Plot {
            title: title.to_owned(),
            summary,
            note: self.columns.note(),
            x: Axis::time(self.columns.end()),
            y,
            series,
            rules: Vec::new(),
            markers: Vec::new(),
            readings: self.columns.readings(reading),
        }
    }

    /// As broad as their columns: a few single failures are no slope.
    fn bars(&self, points: &[Option<(f64, f64)>]) -> Vec<Option<(f64, f64)>> {
        let half = real(self.columns.width) / 2.0;
        let bar = |point: &Option<(f64, f64)>| match point {
            Some((x, y)) => [Some((x - half, *y)), Some((x + half, *y))],
            None => [None, None],
        };
        points.iter().flat_map(bar).collect()
    }

    /// A count as a rate. The last second may not be whole.
    fn per_second(&self, count: fn(&Second) -> u64) -> Vec<Option<(f64, f64)>> {
        let whole = |second: u64| (self.measured - real(second)).clamp(0.0, 1.0);
        let last = self.columns.groups.iter().flatten().map(|second| second.second).max();
        let covered = |second: &Second| match whole(second.second) {
            // What comes after the last that was due is waited for in whole seconds.
            part if part > 0.0 && Some(second.second) == last => part,
            _ => 1.0,
        };
        self.columns.line(|group| {
            let seconds: f64 = group.iter().map(|second| covered(second)).sum();
            let calls: f64 = group.iter().map(|second| real(count(second))).sum();
            (seconds >= RATED_SECONDS_MIN).then(|| calls / seconds)
        })
    }
}

fn line(name: &str, ink: Ink, points: Vec<Option<(f64, f64)>>, filled: bool) -> Series {
    Series { name: name.to_owned(), ink, points, filled }
}

fn highest_of(points: &[Option<(f64, f64)>]) -> f64 {
    points.iter().flatten().map(|(_, value)| *value).max_by(f64::total_cmp).unwrap_or(0.0)
}

fn peak(seconds: &[Second], unit: Unit, value: impl Fn(&Second) -> f64) -> String {
    unit.show(seconds.iter().map(value).max_by(f64::total_cmp).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn named<'a>(plots: &'a [Plot], title: &str) -> &'a Plot {
        plots.iter().find(|plot| plot.title == title).unwrap()
    }

    #[test]
    fn a_minute_has_a_point_a_second() {
        let report = sample::steady();
        let plots = of_calls(&report);
        let rate = named(&plots, "Rate");
        assert_eq!(rate.series[0].points.len(), 60);
        assert_eq!(rate.readings.len(), 60);
        assert!(rate.readings[7].starts_with("7 s: "), "{}", rate.readings[7]);
        assert_eq!(of_process(report.process.as_ref().unwrap()).len(), 3);
        assert_eq!(of_harness(&report).unwrap().series[0].points.len(), 60);
    }

    #[test]
    fn a_part_of_a_second_has_the_rate_of_a_whole_one() {
        let mut report = sample::lasting(3);
        report.total.seconds = 2.5;
        report.seconds[2].due = 1000;
        let plots = of_calls(&report);
        let due = &named(&plots, "Rate").series[1].points;
        assert_eq!(due[2], Some((2.5, 2000.0)));
        report.total.seconds = 2.1;
        let plots = of_calls(&report);
        assert_eq!(named(&plots, "Rate").series[1].points[2], None, "too short to tell");
    }

    #[test]
    fn a_second_without_an_answer_is_a_gap_in_the_latency() {
        let mut report = sample::lasting(3);
        let silent = &mut report.seconds[1];
        (silent.p50_us, silent.p99_us, silent.max_us) = (0.0, 0.0, 0.0);
        let plots = of_calls(&report);
        let latency = named(&plots, "Latency");
        assert_eq!(latency.series[1].points[1], None);
        assert_eq!(latency.readings[1], "1 s: p50 – · p99 – · max –");
    }

    #[test]
    fn what_never_happened_has_no_plot() {
        let mut report = sample::lasting(5);
        for second in &mut report.seconds {
            (second.failed, second.streams) = (0, 0);
        }
        let plots = of_calls(&report);
        assert!(plots.iter().all(|plot| plot.title != "Failures" && plot.title != "Open streams"));
        assert!(of_calls(&sample::nothing()).is_empty());
        assert!(of_harness(&sample::nothing()).is_none());
    }
}
