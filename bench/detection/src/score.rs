//! Findings held against labels.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::corpus::{Case, Label};

/// Something that was reported.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) rule: String,
    pub(crate) class: &'static str,
    pub(crate) range: Range<usize>,
}

/// How often what was labelled was found, and how often what was found was labelled.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) labelled: usize,
    pub(crate) labelled_found: usize,
    pub(crate) reported: usize,
    pub(crate) reported_right: usize,
}

/// A value that was missed, or reported where none is.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) case: String,
    pub(crate) class: String,
    /// Of what was reported.
    pub(crate) rule: Option<String>,
    pub(crate) text: String,
    pub(crate) around: String,
}

#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) classes: BTreeMap<String, Counts>,
    pub(crate) rules: BTreeMap<String, Counts>,
    pub(crate) missed: Vec<Wrong>,
    pub(crate) invented: Vec<Wrong>,
}

impl Score {
    /// A value is found where a report of its class covers half of it or more; a report is right where it covers
    /// some of a value of its class.
    pub(crate) fn add(&mut self, case: &Case, reports: &[Report]) {
        let values = || case.spans.iter().filter(|label| label.class != "none");
        for label in values() {
            let same = reports.iter().filter(|report| report.class == label.class);
            let found = same.map(|report| overlap(&report.range, &label.range())).sum::<usize>();
            let counts = self.classes.entry(label.class.clone()).or_default();
            counts.labelled += 1;
            if 2 * found >= label.range().len() {
                counts.labelled_found += 1;
            } else {
                self.missed.push(wrong(case, &label.range(), &label.class, None));
            }
        }
        for report in reports {
            let covers = |label: &Label| {
                label.class == report.class && overlap(&report.range, &label.range()) > 0
            };
            let right = values().any(covers);
            for counts in [
                self.classes.entry(report.class.to_owned()).or_default(),
                self.rules.entry(report.rule.clone()).or_default(),
            ] {
                counts.reported += 1;
                counts.reported_right += usize::from(right);
            }
            if !right {
                let rule = Some(report.rule.clone());
                self.invented.push(wrong(case, &report.range, report.class, rule));
            }
        }
    }
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> usize {
    one.end.min(other.end).saturating_sub(one.start.max(other.start))
}

fn wrong(case: &Case, range: &Range<usize>, class: &str, rule: Option<String>) -> Wrong {
    const AROUND: usize = 60;
    let part = |range: Range<usize>| {
        let bytes = case.text.as_bytes().get(range).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let end = range.end.saturating_add(AROUND / 2).min(case.text.len());
    Wrong {
        case: case.id.clone(),
        class: class.to_owned(),
        rule,
        text: part(range.clone()),
        around: part(range.start.saturating_sub(AROUND)..end),
    }
}

impl Counts {
    pub(crate) fn recall(&self) -> Share {
        Share { hits: self.labelled_found, of: self.labelled }
    }

    pub(crate) fn precision(&self) -> Share {
        Share { hits: self.reported_right, of: self.reported }
    }
}

/// A share of a number of cases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) hits: usize,
    pub(crate) of: usize,
}

impl Share {
    pub(crate) fn value(self) -> f64 {
        precise(self.hits) / precise(self.of)
    }

    /// Within which the share of all such cases lies, 19 times of 20 (Wilson's interval).
    pub(crate) fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        let (n, p) = (precise(self.of), self.value());
        let middle = p + Z * Z / (2.0 * n);
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + Z * Z / n;
        (((middle - reach) / whole).max(0.0), ((middle + reach) / whole).min(1.0))
    }
}

#[allow(clippy::cast_precision_loss, reason = "no corpus has 2^53 cases")]
fn precise(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(text: &str, spans: &[(usize, usize, &str)]) -> Case {
        let label =
            |&(start, end, class): &(usize, usize, &str)| Label { start, end, class: class.into() };
        Case { id: "a".into(), text: text.into(), spans: spans.iter().map(label).collect() }
    }

    fn report(class: &'static str, range: Range<usize>) -> Report {
        Report { rule: "r".into(), class, range }
    }

    #[test]
    fn half_of_a_value_by_its_class_is_found() {
        let mut score = Score::default();
        let labelled = case("0123456789", &[(0, 4, "email"), (5, 9, "secret")]);
        score.add(
            &labelled,
            &[report("email", 0..2), report("email", 5..9), report("secret", 8..9)],
        );
        let email = score.classes["email"];
        assert_eq!((email.labelled, email.labelled_found), (1, 1));
        assert_eq!((email.reported, email.reported_right), (2, 1));
        let secret = score.classes["secret"];
        assert_eq!((secret.labelled_found, secret.reported_right), (0, 1));
        assert_eq!((score.missed.len(), score.invented.len()), (1, 1));
    }

    #[test]
    fn a_part_in_which_nothing_is_counts_for_nothing() {
        let mut score = Score::default();
        score.add(&case("0123456789", &[(0, 4, "none")]), &[report("email", 0..2)]);
        assert_eq!(score.classes["email"].labelled, 0);
        assert_eq!(score.invented.len(), 1);
    }

    #[test]
    fn the_interval_is_wilsons() {
        let (low, high) = Share { hits: 95, of: 100 }.interval();
        assert!((low - 0.888).abs() < 0.001 && (high - 0.978).abs() < 0.001, "{low} {high}");
        assert!(Share { hits: 0, of: 0 }.value().is_nan());
    }
}
