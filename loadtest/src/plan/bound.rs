//! Bounds in words: `p99<2ms`, `errors=0`, `rate>=1000`, several of them with commas between.

use std::time::Duration;

use super::words::words;
use super::{Bound, BoundValue, Relation};
use crate::suggest::nearest;
use crate::units;

/// The most bounds in a list.
const BOUNDS_MAX: usize = 64;
/// Two before one that begins like them.
const RELATIONS: &[(&str, Relation)] = &[
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("<", Relation::Less),
    (">", Relation::Greater),
    ("==", Relation::Equal),
    ("=", Relation::Equal),
];
const NAMES: &[(&str, BoundValue)] = &[
    ("p99", BoundValue::Percentile(99.0)),
    ("mean", BoundValue::Mean),
    ("max", BoundValue::Max),
    ("rate", BoundValue::Rate),
    ("errors", BoundValue::Errors),
    ("error-rate", BoundValue::ErrorRate),
    ("cpu", BoundValue::CpuPerCall),
    ("rss", BoundValue::Rss),
];

/// What a report is held against.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asserted(pub(crate) Vec<Bound>);

impl Asserted {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        list(text, Bound::parse).map(Self)
    }
}

words!(Asserted, { "type": "string", "examples": ["p99<2ms,errors=0", "rate>=1000,cpu<50us"] });

/// What has to hold for a rate to be carried. `=` means at most here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Searched(pub(crate) Vec<Bound>);

impl Searched {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        list(text, Bound::parse_searched).map(Self)
    }
}

words!(Searched, { "type": "string", "examples": ["p99<=5ms", "p99=5ms,errors=0"] });

/// A list of bounds. An error names its place, in characters from 1.
fn list(text: &str, one: impl Fn(&str) -> Result<Bound, Problem>) -> Result<Vec<Bound>, String> {
    let mut bounds = Vec::new();
    let mut start = 0;
    for part in text.split(',') {
        let indent = part.len() - part.trim_start().len();
        bounds.push(one(part.trim()).map_err(|problem| {
            let before = text.get(..start + indent + problem.at).unwrap_or(text);
            format!("at character {}: {}", before.chars().count() + 1, problem.why)
        })?);
        start += part.len() + 1;
    }
    if bounds.len() > BOUNDS_MAX {
        return Err(format!("{} bounds are more than the limit of {BOUNDS_MAX}", bounds.len()));
    }
    Ok(bounds)
}

/// Why a text is no bound, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// In bytes.
    at: usize,
    why: String,
}

impl Bound {
    /// Reads one bound.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let (bound, operator) = Self::read(text)?;
        if bound.relation == Relation::Equal && !bound.value.is_counted() {
            let why = format!("`{text}` would have to be met exactly: write `<=`");
            return Err(Problem { at: operator, why });
        }
        Ok(bound)
    }

    /// Reads one bound of a search.
    pub(crate) fn parse_searched(text: &str) -> Result<Self, Problem> {
        let (mut bound, operator) = Self::read(text)?;
        if bound.value == BoundValue::Rate {
            let why = "a search looks for the rate itself: bound latencies or errors".into();
            return Err(Problem { at: 0, why });
        }
        match bound.relation {
            Relation::Equal => bound.relation = Relation::AtMost,
            Relation::Less | Relation::AtMost => {}
            Relation::Greater | Relation::AtLeast => {
                let why = "a search ends where a value grows too large: write `<` or `<=`".into();
                return Err(Problem { at: operator, why });
            }
        }
        Ok(bound)
    }

    /// A bound, and where its relation stands.
    fn read(text: &str) -> Result<(Self, usize), Problem> {
        let problem = |at, why| Problem { at, why };
        let Parts { name, operator, relation, number } = Parts::of(text).ok_or_else(|| {
            let why = format!("`{text}` is no bound: write one as p99<2ms, errors=0 or rate>=1000");
            problem(0, why)
        })?;
        let value = BoundValue::named(name).map_err(|why| problem(0, why))?;
        let limit = value.limit(number).map_err(|why| problem(text.len() - number.len(), why))?;
        if relation == Relation::Less && limit <= 0.0 {
            return Err(problem(operator, format!("nothing is less than {number}: write `<=`")));
        }
        Ok((Self { value, relation, limit, text: text.to_owned() }, operator))
    }

    /// Whether it can only be held against a process that is watched.
    pub(crate) fn needs_process(&self) -> bool {
        matches!(self.value, BoundValue::CpuPerCall | BoundValue::Rss)
    }
}

/// What a bound consists of, as it stands in a text.
#[derive(Debug)]
pub(crate) struct Parts<'t> {
    pub(crate) name: &'t str,
    /// Where the relation stands, in bytes.
    operator: usize,
    pub(crate) relation: Relation,
    /// With its unit.
    pub(crate) number: &'t str,
}

impl<'t> Parts<'t> {
    /// Nothing of a text without a relation.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        let operator = text.find(['<', '>', '='])?;
        let (name, rest) = text.split_at(operator);
        let split = |(sign, relation): &(&str, Relation)| {
            Some((rest.strip_prefix(sign)?.trim_start(), *relation))
        };
        let (number, relation) = RELATIONS.iter().find_map(split)?;
        Some(Self { name: name.trim_end(), operator, relation, number })
    }
}

impl BoundValue {
    /// The value of this name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        if let Some((_, value)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*value);
        }
        let percentile =
            name.strip_prefix('p').filter(|it| it.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(percentile) = percentile {
            let inside = units::decimal(percentile).filter(|it| *it > 0.0 && *it < 100.0);
            return inside.map(Self::Percentile).ok_or_else(|| {
                format!(
                    "`{name}` is no percentile: write p50, p99 or p99.9, and `max` for the highest"
                )
            });
        }
        let hint = nearest(name, NAMES.iter().map(|(known, _)| *known));
        let hint = hint.map_or(String::new(), |known| format!(" (did you mean `{known}`?)"));
        Err(format!(
            "`{name}` is nothing that is measured{hint}: write p50 to p99.99, mean, max, rate, \
             errors, error-rate, cpu or rss"
        ))
    }

    /// Whether it can be met exactly.
    fn is_counted(self) -> bool {
        matches!(self, Self::Errors | Self::ErrorRate)
    }

    /// A limit in this value's unit.
    fn limit(self, text: &str) -> Result<f64, String> {
        match self {
            Self::Percentile(_) | Self::Mean | Self::Max | Self::CpuPerCall => {
                let time = units::duration(text)?;
                Ok(time.div_duration_f64(Duration::from_micros(1)))
            }
            Self::Rate => units::decimal(text)
                .ok_or_else(|| format!("`{text}` is not a rate: write calls a second, as 1000")),
            Self::Errors => {
                let count: u32 = text
                    .parse()
                    .map_err(|_| format!("`{text}` is not a count: write a whole number, as 0"))?;
                Ok(f64::from(count))
            }
            // Of 1, nobody knows whether it is one in a hundred or all.
            Self::ErrorRate => match units::decimal(text) {
                Some(number) if number >= 1.0 => {
                    Err(format!("`{text}` has no `%`: write {text}% for {text} in a hundred"))
                }
                Some(number) if number > 0.0 => {
                    let percent = format!("{:.6}", number * 100.0);
                    let percent = percent.trim_end_matches('0').trim_end_matches('.');
                    Err(format!("`{text}` has no `%`: write {percent}%"))
                }
                _ => units::share(text),
            },
            Self::Rss => {
                let (number, unit) = units::number_and_unit(text);
                if unit.is_empty() && units::decimal(number).is_some() {
                    return Err(format!("`{text}` has no unit: write {text}MiB or {text}KiB"));
                }
                let bytes = units::size(text)?;
                let half = |bits: usize| f64::from(u32::try_from(bits).unwrap_or(u32::MAX));
                Ok(half(bytes >> 32) * 2f64.powi(32) + half(bytes & 0xFFFF_FFFF))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        use BoundValue::{
            CpuPerCall, ErrorRate, Errors, Max, Mean, Percentile, Rate as PerSecond, Rss,
        };
        use Relation::{AtLeast, AtMost, Equal, Greater, Less};
        for (text, value, relation, limit) in [
            ("p99<2ms", Percentile(99.0), Less, 2000.0),
            ("p99.9<=10ms", Percentile(99.9), AtMost, 10_000.0),
            ("p50 < 1.5ms", Percentile(50.0), Less, 1500.0),
            ("p99.99<250us", Percentile(99.99), Less, 250.0),
            ("mean<1ms", Mean, Less, 1000.0),
            ("max<1s", Max, Less, 1e6),
            ("max>1ns", Max, Greater, 0.001),
            ("rate>=1000", PerSecond, AtLeast, 1000.0),
            ("rate>0.5", PerSecond, Greater, 0.5),
            ("errors=0", Errors, Equal, 0.0),
            ("errors==3", Errors, Equal, 3.0),
            ("errors<10", Errors, Less, 10.0),
            ("error-rate<0.1%", ErrorRate, Less, 0.001),
            ("error-rate<=5%", ErrorRate, AtMost, 0.05),
            ("error-rate=0", ErrorRate, Equal, 0.0),
            ("cpu<50us", CpuPerCall, Less, 50.0),
            ("rss<200MiB", Rss, Less, 209_715_200.0),
            ("rss<5GB", Rss, Less, 5e9),
        ] {
            let bound = Bound::parse(text).unwrap();
            assert_eq!((bound.value, bound.relation, bound.text.as_str()), (value, relation, text));
            assert!((bound.limit - limit).abs() <= limit * 1e-12, "{text}: {}", bound.limit);
        }
        assert!(Bound::parse("cpu<50us").unwrap().needs_process());
        assert!(!Bound::parse("p99<50us").unwrap().needs_process());
    }

    #[test]
    fn what_is_no_bound_says_where_and_why() {
        let names = "write p50 to p99.99, mean, max, rate, errors, error-rate, cpu or rss";
        let percentile = "is no percentile: write p50, p99 or p99.9, and `max` for the highest";
        for (text, said) in [
            ("", "1: `` is no bound: write one as p99<2ms, errors=0 or rate>=1000".to_owned()),
            ("p99", "1: `p99` is no bound: write one as p99<2ms, errors=0 or rate>=1000".into()),
            ("p99<2ms,", "9: `` is no bound: write one as p99<2ms, errors=0 or rate>=1000".into()),
            ("p99<2", "5: `2` has no unit: write 2s for seconds, or 2ms or 2us".into()),
            (
                "errors=0, p99 < 2x",
                "17: `2x` is not a duration: write a number and us, ms, s, m or h, as 5ms or 1.5s"
                    .into(),
            ),
            ("p100<2ms", format!("1: `p100` {percentile}")),
            ("p0<2ms", format!("1: `p0` {percentile}")),
            ("p9x<2ms", format!("1: `p9x` {percentile}")),
            ("=5", format!("1: `` is nothing that is measured: {names}")),
            (
                "p99<2ms, error=0",
                format!(
                    "10: `error` is nothing that is measured (did you mean `errors`?): {names}"
                ),
            ),
            ("latency<2ms", format!("1: `latency` is nothing that is measured: {names}")),
            ("errors<0", "7: nothing is less than 0: write `<=`".into()),
            ("p99=5ms", "4: `p99=5ms` would have to be met exactly: write `<=`".into()),
            ("errors=some", "8: `some` is not a count: write a whole number, as 0".into()),
            ("rate>1k", "6: `1k` is not a rate: write calls a second, as 1000".into()),
            ("rss<200", "5: `200` has no unit: write 200MiB or 200KiB".into()),
            ("rss<x", "5: `x` is not a size: write bytes or a unit, as 4096, 4KiB or 1MiB".into()),
            (
                "error-rate<200%",
                "12: `200%` is not a share: write 0 to 1 or a percentage, as 0.05 or 5%".into(),
            ),
            ("error-rate<1", "12: `1` has no `%`: write 1% for 1 in a hundred".into()),
            ("error-rate<0.01", "12: `0.01` has no `%`: write 1%".into()),
            ("error-rate<0.0005", "12: `0.0005` has no `%`: write 0.05%".into()),
            (
                "p99<<2ms",
                "5: `<2ms` is not a duration: write a number and us, ms, s, m or h, as 5ms or 1.5s"
                    .into(),
            ),
        ] {
            let expected = format!("at character {said}");
            assert_eq!(Asserted::parse(text).unwrap_err(), expected, "{text}");
        }
        let many = vec!["errors=0"; 65].join(",");
        assert_eq!(Asserted::parse(&many).unwrap_err(), "65 bounds are more than the limit of 64");
    }

    #[test]
    fn equal_means_at_most_in_a_search() {
        let bounds = Searched::parse("p99=5ms,errors=0,mean<1ms").unwrap().0;
        let relations: Vec<_> = bounds.iter().map(|bound| bound.relation).collect();
        assert_eq!(relations, [Relation::AtMost, Relation::AtMost, Relation::Less]);
        assert_eq!(bounds[0].text, "p99=5ms");
        for (text, said) in [
            (
                "p99=5ms,rate>5",
                "at character 9: a search looks for the rate itself: bound latencies or errors",
            ),
            (
                "p99>5ms",
                "at character 4: a search ends where a value grows too large: write `<` or `<=`",
            ),
            ("p99=5", "at character 5: `5` has no unit: write 5s for seconds, or 5ms or 5us"),
        ] {
            assert_eq!(Searched::parse(text).unwrap_err(), said);
        }
    }
}
