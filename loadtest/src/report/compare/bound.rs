//! `--assert` of a comparison: `p99<=1.1x`, the new against so many times the base's.

use anyhow::{Context, Error, Result};

use super::{Comparison, Side};
use crate::plan::{Bound, BoundValue, Parts, Relation};
use crate::report::assertions::{Assertion, shown, verdict};
use crate::report::judge::Verdict;
use crate::report::units::ratio;
use crate::units;

/// A bound on a ratio.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relative {
    value: BoundValue,
    relation: Relation,
    factor: f64,
    /// As it was written.
    text: String,
}

impl Relative {
    /// Reads one bound: a value, a relation, and a factor that ends in `x`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let Parts { name, relation, number, .. } = Parts::of(text).with_context(|| {
            format!("`{text}` has no relation; write it as `p99<=1.1x` or `rate>=0.95x`")
        })?;
        let value = BoundValue::named(name).map_err(Error::msg)?;
        let number = number.strip_suffix('x').with_context(|| {
            format!("the limit of `{text}` is no factor; of a comparison it ends in x, as 1.1x")
        })?;
        let factor = units::decimal(number.trim_end()).with_context(|| {
            format!("`{number}` in `{text}` is no number; write one from 0 on, as 1.1")
        })?;
        Ok(Self { value, relation, factor, text: text.to_owned() })
    }

    fn judge(&self, comparison: &Comparison) -> Assertion {
        let assertion = |held, actual| Assertion::new(&self.text, held, actual);
        let base = match self.of(&comparison.base, f64::INFINITY) {
            Ok(Verdict { actual, .. }) => actual.unwrap_or_default(),
            Err(reason) => return assertion(false, format!("not measured in base: {reason}")),
        };
        // Multiplied, not divided: of a base of nothing, nothing is at most 1.1 times.
        match self.of(&comparison.new, self.factor * base) {
            Ok(Verdict { held, actual }) => {
                let new = actual.unwrap_or_default();
                let values = format!("{} → {}", shown(self.value, base), shown(self.value, new));
                // Neither is what was measured, and so what they are to each other is not known.
                let known = base.is_finite() && new.is_finite();
                let actual = format!("{} ({values})", ratio(new / base));
                match whose_harness(comparison, held && known) {
                    None => assertion(held && known, actual),
                    Some(whose) => {
                        let why = format!("the harness was the bottleneck of {whose}");
                        assertion(false, format!("not measured: {why} ({actual})"))
                    }
                }
            }
            Err(reason) => assertion(false, format!("not measured in new: {reason}")),
        }
    }

    fn of(&self, side: &Side, limit: f64) -> Result<Verdict, String> {
        let Self { value, relation, .. } = *self;
        let bound = Bound { value, relation, limit, text: self.text.clone() };
        verdict(&bound, &side.total, side.process.as_ref())
    }
}

/// Whose harness leaves unknown whether a bound held. That of the new makes it look worse, so what
/// held holds; that of the base makes every new one look better.
fn whose_harness(comparison: &Comparison, held: bool) -> Option<&'static str> {
    match (comparison.base.bottleneck, comparison.new.bottleneck && !held) {
        (true, true) => Some("both"),
        (true, false) => Some("base"),
        (false, true) => Some("new"),
        (false, false) => None,
    }
}

/// Judges every bound. What was not measured in both has not held; where a run of either was
/// interrupted, nothing is known.
pub(crate) fn assertions(comparison: &Comparison, bounds: &[Relative]) -> Vec<Assertion> {
    let judged = bounds.iter().map(|bound| bound.judge(comparison));
    if comparison.base.interrupted || comparison.new.interrupted {
        return judged.map(Assertion::of_interrupted).collect();
    }
    judged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::report::assertions::exit;
    use crate::report::model::{Ended, Report};
    use crate::report::sample;

    fn judged(base: &Report, new: &Report, text: &str) -> Assertion {
        let comparison = Comparison::of(std::slice::from_ref(base), std::slice::from_ref(new));
        assertions(&comparison.unwrap(), &[Relative::parse(text).unwrap()]).remove(0)
    }

    #[test]
    fn a_bound_is_a_value_a_relation_and_a_factor() {
        let bound = Relative::parse(" p99.9 <= 1.1x ").unwrap();
        assert_eq!(bound.value, BoundValue::Percentile(99.9));
        assert_eq!((bound.relation, bound.factor), (Relation::AtMost, 1.1));
        assert_eq!(bound.text, "p99.9 <= 1.1x");
        for (text, relation) in [
            ("cpu<1x", Relation::Less),
            ("rate>0.9x", Relation::Greater),
            ("errors=1x", Relation::Equal),
            ("errors==1x", Relation::Equal),
            ("rss>=0x", Relation::AtLeast),
        ] {
            assert_eq!(Relative::parse(text).unwrap().relation, relation, "{text}");
        }
    }

    #[test]
    fn what_is_no_bound_is_refused_with_a_reason() {
        for (text, reason) in [
            ("p99", "no relation"),
            ("p99<2ms", "ends in x"),
            ("p99<x", "no number"),
            ("p99<-1x", "no number"),
            ("p99<infx", "no number"),
            ("p99<nanx", "no number"),
            ("p99<1e1x", "no number"),
            ("p101<1x", "no percentile"),
            ("p1e1<1x", "no percentile"),
            ("pnan<1x", "nothing that is measured"),
            ("speed<1x", "nothing that is measured"),
            ("error<1x", "did you mean `errors`"),
            ("", "no relation"),
        ] {
            let said = format!("{:#}", Relative::parse(text).unwrap_err());
            assert!(said.contains(reason), "{text}: {said}");
        }
    }

    #[test]
    fn the_same_run_is_one_times_itself() {
        let report = sample::steady();
        for text in [
            "p99<=1x",
            "rate>=1x",
            "cpu=1x",
            "errors<=1x",
            "error-rate<=1x",
            "rss<=1x",
            "max=1x",
            "mean=1x",
        ] {
            let same = judged(&report, &report, text);
            assert!(same.held, "{same:?}");
            assert!(same.actual.starts_with("1.00x ("), "{same:?}");
        }
        assert!(!judged(&report, &report, "p99<1x").held);
    }

    #[test]
    fn what_one_of_them_did_not_measure_has_not_held() {
        let base = sample::steady();
        let mut new = base.clone();
        new.process = None;
        let unknown = judged(&base, &new, "cpu<=100x");
        assert!(!unknown.held && unknown.actual.contains("not measured in new"), "{unknown:?}");
        let unknown = judged(&new, &base, "cpu>=0x");
        assert!(!unknown.held && unknown.actual.contains("not measured in base"), "{unknown:?}");
        let unknown = judged(&sample::nothing(), &base, "p99>=0x");
        assert!(!unknown.held, "{unknown:?}");
    }

    #[test]
    fn a_percentile_that_the_table_leaves_out_is_not_judged() {
        let (many, few) = (sample::steady(), sample::lasting(1));
        assert!(judged(&many, &few, "p99.9<=1000x").held);
        let unknown = judged(&many, &few, "p99.99<=1000x");
        assert!(
            !unknown.held && unknown.actual.starts_with("not measured in new: of"),
            "{unknown:?}"
        );
    }

    #[test]
    fn what_a_harness_spoilt_on_either_side_is_not_measured() {
        let fine = sample::steady();
        let mut spoilt = fine.clone();
        spoilt.harness.bottleneck = true;
        let said =
            |whose: &str| format!("not measured: the harness was the bottleneck of {whose} (");
        for (base, new, text, expected) in [
            (&fine, &spoilt, "p99<1x", Some("new")),
            (&fine, &spoilt, "p99<=1x", None),
            (&spoilt, &fine, "p99<1x", Some("base")),
            (&spoilt, &fine, "p99<=1x", Some("base")),
            (&spoilt, &spoilt, "p99<1x", Some("both")),
        ] {
            let judged = judged(base, new, text);
            let start = expected.map_or("1.00x (".to_owned(), said);
            assert_eq!(judged.held, expected.is_none(), "{judged:?}");
            assert!(judged.actual.starts_with(&start), "{judged:?}");
        }
        // Of several runs taken together, one is enough.
        let base = [fine.clone(), spoilt];
        let comparison = Comparison::of(&base, std::slice::from_ref(&fine)).unwrap();
        let judged = assertions(&comparison, &[Relative::parse("rate>=0x").unwrap()]).remove(0);
        assert!(!judged.held && judged.actual.starts_with(&said("base")), "{judged:?}");
    }

    #[test]
    fn of_an_interrupted_run_nothing_is_known() {
        let whole = sample::steady();
        let mut cut = whole.clone();
        cut.ended = Ended::Interrupted;
        for (base, new) in [(&whole, &cut), (&cut, &whole)] {
            let judged = judged(base, new, "p99<=1x");
            assert!(!judged.held && judged.interrupted, "{judged:?}");
            assert_eq!(exit(&[judged]), Exit::Interrupted);
        }
        assert!(!judged(&whole, &whole, "p99<=1x").interrupted);
    }

    #[test]
    fn calls_without_an_answer_are_no_multiple_of_others() {
        let base = sample::steady();
        let mut endless = base.clone();
        endless.total.unfinished = endless.total.calls;
        for (base, new) in [(&base, &endless), (&endless, &base), (&endless, &endless)] {
            for text in ["p99<=1000x", "p99>=0x"] {
                let unknown = judged(base, new, text);
                assert!(!unknown.held && unknown.actual.contains("endless"), "{unknown:?}");
            }
        }
    }

    #[test]
    fn of_no_errors_none_are_allowed() {
        let mut base = sample::steady();
        base.total.failed = 0;
        assert!(judged(&base, &base, "errors<=1.1x").held);
        let more = judged(&base, &sample::steady(), "errors<=1.1x");
        assert!(!more.held && more.actual.starts_with("– (0 → "), "{more:?}");
    }
}
