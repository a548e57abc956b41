//! Two sets of runs, side by side.

mod bound;
mod side;

use anyhow::Result;

use super::alerts::{Alert, Level};
use super::model::Report;
use super::names;
use super::units::{Unit, real, seconds};

pub(crate) use bound::{Relative, assertions};
pub(crate) use side::Side;

/// A change by less is not marked as one: runs differ by as much by chance.
pub(crate) const NOTABLE: f64 = 0.05;
/// What may differ between runs: another seed draws other calls of the same kind.
const MAY_DIFFER: [&str; 1] = ["Seed"];

/// A base and what is held against it.
pub(crate) struct Comparison {
    pub(crate) base: Side,
    pub(crate) new: Side,
}

/// A number of both.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) base: Option<f64>,
    pub(crate) new: Option<f64>,
    better: Better,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Less,
    More,
    /// What was asked for is other, and this follows from it.
    Neither,
}

/// What a ratio says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Better,
    Worse,
    /// Within [`NOTABLE`].
    Same,
    /// One of them was not measured, or of too few calls; or what changed is what was asked for.
    Unknown,
}

impl Row {
    /// The new value in times of the base's.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let (base, new) = (self.base?, self.new?);
        if base == 0.0 && new == 0.0 {
            return Some(1.0);
        }
        Some(new / base).filter(|ratio| ratio.is_finite())
    }

    pub(crate) fn change(&self) -> Change {
        let (Some(base), Some(new)) = (self.base, self.new) else { return Change::Unknown };
        if self.better == Better::Neither {
            return Change::Unknown;
        }
        // From nothing to something has no ratio, and is a change all the same.
        if (new - base).abs() <= base.abs() * NOTABLE {
            return Change::Same;
        }
        if (new < base) == (self.better == Better::Less) { Change::Better } else { Change::Worse }
    }
}

impl Comparison {
    pub(crate) fn of(base: &[Report], new: &[Report]) -> Result<Self> {
        Ok(Self { base: Side::of("base", base)?, new: Side::of("new", new)? })
    }

    /// Of one run each.
    #[cfg(test)]
    pub(crate) fn of_two(base: &Report, new: &Report) -> Self {
        Self::of(std::slice::from_ref(base), std::slice::from_ref(new)).unwrap()
    }

    /// Of all calls.
    pub(crate) fn total(&self) -> Vec<Row> {
        let rate = self.row("highest rate", Unit::PerSecond, Better::More, |it| it.highest_rate);
        let mut rows: Vec<Row> =
            Some(rate).filter(|row| row.base.or(row.new).is_some()).into_iter().collect();
        rows.extend(self.measured("all"));
        rows.extend([
            self.row("CPU a call", Unit::Microseconds, Better::Less, |side| {
                side.process().map(|process| process.cpu_us_per_call)
            }),
            self.row("memory", Unit::Bytes, Better::Less, |side| {
                side.process().map(|process| real(process.rss_bytes_max))
            }),
        ]);
        rows
    }

    /// Of each kind of call, those of the base first.
    pub(crate) fn operations(&self) -> Vec<(String, Vec<Row>)> {
        let base = self.base.operations.keys();
        let only_new = self.new.operations.keys();
        let only_new = only_new.filter(|name| !self.base.operations.contains_key(*name));
        base.chain(only_new).map(|name| (name.clone(), self.measured(name))).collect()
    }

    fn measured(&self, operation: &str) -> Vec<Row> {
        let measured = |side: &'_ Side| side.of_operation(operation).cloned();
        let time = |column: &names::Column| {
            self.row(column.head, Unit::Microseconds, Better::Less, |side| {
                column.of(&measured(side)?)
            })
        };
        let mut rows = vec![
            self.row("succeeded", Unit::PerSecond, self.rate_is_better(), |side| {
                measured(side).map(|measured| measured.succeeded_per_second)
            }),
            self.row("failed", Unit::Share, Better::Less, |side| {
                let measured = measured(side)?;
                (measured.calls > 0).then(|| real(measured.failed) / real(measured.calls))
            }),
        ];
        rows.extend(names::LATENCIES.iter().map(time));
        rows
    }

    /// A higher rate is no merit where a higher one was asked for.
    fn rate_is_better(&self) -> Better {
        let (base, new) = (&self.base.plan.pace, &self.new.plan.pace);
        let given = |pace: &str| pace.starts_with("open");
        let other = base != new && (given(base) || given(new));
        if other { Better::Neither } else { Better::More }
    }

    fn row(
        &self,
        name: &'static str,
        unit: Unit,
        better: Better,
        value: impl Fn(&Side) -> Option<f64>,
    ) -> Row {
        Row { name, unit, base: value(&self.base), new: value(&self.new), better }
    }

    /// What was asked for, of both, by name.
    pub(crate) fn plans(&self) -> Vec<(&'static str, String, String)> {
        let both = |base: Vec<(&'static str, String)>, new: Vec<(&'static str, String)>| {
            let pairs = base.into_iter().zip(new);
            pairs.map(|((name, base), (_, new))| (name, base, new)).collect::<Vec<_>>()
        };
        let mut plans = both(names::plan(&self.base.plan), names::plan(&self.new.plan));
        plans.extend(both(names::machine(&self.base.machine), names::machine(&self.new.machine)));
        plans.push(("penstock-loadtest", self.base.version.clone(), self.new.version.clone()));
        plans.push(("Runs", self.base.runs.to_string(), self.new.runs.to_string()));
        plans
    }

    /// Why the two should not be compared, or with care.
    pub(crate) fn alerts(&self) -> Vec<Alert> {
        let mut alerts = [self.base.alerts.clone(), self.new.alerts.clone()].concat();
        let differ = |(name, base, new): &(&str, String, String)| {
            base != new && !MAY_DIFFER.contains(name) && *name != "Runs"
        };
        let differences = self.plans().into_iter().filter(differ);
        let mut details: Vec<String> =
            differences.map(|(name, base, new)| format!("{name}: {base} → {new}")).collect();
        let (base, new) = (self.base.total.seconds, self.new.total.seconds);
        if (new - base).abs() > NOTABLE * base {
            details.push(format!("Measured: {} → {}", seconds(base), seconds(new)));
        }
        if !details.is_empty() {
            let text = "The runs differ in more than what they measured:".to_owned();
            alerts.push(Alert { level: Level::Warning, text, details });
        }
        // The worst first; those of the base before those of the new.
        alerts.sort_by_key(|alert| match alert.level {
            Level::Void => 0,
            Level::Bad => 1,
            Level::Warning => 2,
        });
        alerts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::alerts::BOTTLENECK;
    use crate::report::sample;

    fn named<'a>(rows: &'a [Row], name: &str) -> &'a Row {
        rows.iter().find(|row| row.name == name).unwrap()
    }

    #[test]
    fn ratios_are_the_new_in_times_of_the_base() {
        let base = sample::steady();
        let mut new = base.clone();
        new.total.latency.p99_us = base.total.latency.p99_us * 2.0;
        new.process.as_mut().unwrap().cpu_us_per_call /= 2.0;
        new.total.succeeded_per_second *= 0.5;
        let rows = Comparison::of_two(&base, &new).total();
        let row = |name| {
            (named(&rows, name).ratio().map(|it| format!("{it:.2}")), named(&rows, name).change())
        };
        assert_eq!(row("p99"), (Some("2.00".to_owned()), Change::Worse));
        assert_eq!(row("p50"), (Some("1.00".to_owned()), Change::Same));
        assert_eq!(row("CPU a call"), (Some("0.50".to_owned()), Change::Better));
        assert_eq!(row("succeeded"), (Some("0.50".to_owned()), Change::Worse));
    }

    #[test]
    fn a_rate_that_was_asked_for_is_no_merit() {
        let base = sample::steady();
        let mut new = base.clone();
        new.total.succeeded_per_second *= 2.0;
        let succeeded = |base: &Report, new: &Report| {
            named(&Comparison::of_two(base, new).total(), "succeeded").change()
        };
        assert!(base.plan.pace.starts_with("open"));
        assert_eq!(succeeded(&base, &new), Change::Better, "the same was asked for");
        new.plan.pace = "open, 4,000/s for 1 min".to_owned();
        assert_eq!(succeeded(&base, &new), Change::Unknown);
        assert_eq!(succeeded(&new, &base), Change::Unknown);
    }

    #[test]
    fn from_nothing_to_something_is_a_change_without_a_ratio() {
        let mut base = sample::steady();
        base.total.failed = 0;
        let new = sample::steady();
        let rows = Comparison::of_two(&base, &new).total();
        assert_eq!(
            (named(&rows, "failed").ratio(), named(&rows, "failed").change()),
            (None, Change::Worse)
        );
        let rows = Comparison::of_two(&base, &base).total();
        assert_eq!(
            (named(&rows, "failed").ratio(), named(&rows, "failed").change()),
            (Some(1.0), Change::Same)
        );
    }

    #[test]
    fn what_one_lacks_is_unknown() {
        let base = sample::steady();
        let mut new = base.clone();
        new.process = None;
        new.operations[2].name = "prompts/get".to_owned();
        let comparison = Comparison::of_two(&base, &new);
        assert_eq!(named(&comparison.total(), "memory").change(), Change::Unknown);
        let operations = comparison.operations();
        let names: Vec<&str> = operations.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        let (_, rows) = operations.iter().find(|(name, _)| name == "prompts/get").unwrap();
        assert_eq!(named(rows, "p99").change(), Change::Unknown);
    }

    #[test]
    fn a_percentile_of_too_few_calls_is_none() {
        let base = sample::steady();
        let comparison = Comparison::of_two(&base, &sample::lasting(1));
        let operations = comparison.operations();
        let (_, rows) = operations.iter().find(|(name, _)| name == "resources/read").unwrap();
        assert_eq!(named(rows, "p99").new, None, "of forty calls");
        assert_eq!(named(rows, "p99").change(), Change::Unknown);
        assert!(named(rows, "p90").new.is_some() && named(rows, "p99").base.is_some());
        let alerts = comparison.alerts();
        assert_eq!(alerts.last().unwrap().details, ["Measured: 1 min → 1 s"]);
    }

    #[test]
    fn other_plans_and_machines_are_told() {
        let base = sample::steady();
        let mut new = base.clone();
        new.plan.connections = 64;
        new.machine.kernel = "7.0".to_owned();
        new.plan.url = "http://127.0.0.1:9/".to_owned();
        let alerts = Comparison::of_two(&base, &new).alerts();
        let details = &alerts.last().unwrap().details;
        let target = format!("Target: {} → http://127.0.0.1:9/", base.plan.url);
        assert_eq!(details, &[&target, "Connections: 32 → 64", "Kernel: 6.18.2-amd64 → 7.0"]);
        let alerts = Comparison::of_two(&base, &base).alerts();
        assert!(alerts.iter().all(|alert| alert.details.is_empty()), "{alerts:?}");
    }

    #[test]
    fn a_bottleneck_of_either_comes_first_and_says_whose() {
        let base = sample::steady();
        let mut new = base.clone();
        new.harness.bottleneck = true;
        let alerts = Comparison::of_two(&base, &new).alerts();
        assert_eq!(alerts[0].level, Level::Void);
        assert_eq!(alerts[0].text, format!("new: {BOTTLENECK}"));
    }
}
