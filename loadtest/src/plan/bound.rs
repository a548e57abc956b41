//! Bounds as they are written: `p99<2ms`.

use anyhow::{Context, Result, bail, ensure};

use super::{Bound, BoundValue, Relation};

/// What a report is held against.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asserted(pub(crate) Vec<Bound>);

impl Asserted {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bounds: Result<_> = text.split(',').map(|bound| Bound::parse(bound.trim())).collect();
        bounds.map(Self).map_err(|error| format!("{error:#}"))
    }
}

impl Bound {
    /// Reads one bound.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let at = text.find(['<', '>', '=']).with_context(|| {
            format!("`{text}` has no relation; write it as `p99<2ms`, `errors=0` or `rate>=1000`")
        })?;
        let (name, rest) = text.split_at(at);
        let (relation, limit) = relation(rest);
        let value = value(name.trim()).with_context(|| {
            format!(
                "`{}` is nothing that is measured; there are p50 (any percentile), mean, max, rate, \
                 errors, error-rate, cpu and rss",
                name.trim()
            )
        })?;
        let limit = limit_of(value, limit.trim())
            .with_context(|| format!("`{text}` has no limit that fits"))?;
        Ok(Self { value, relation, limit, text: text.trim().to_owned() })
    }
}

impl Bound {
    /// Reads one bound of a search, where `=` means at most.
    pub(crate) fn parse_searched(text: &str) -> Result<Self> {
        let bound = Self::parse(text)?;
        let at_most = bound.relation == Relation::Equal;
        let relation = if at_most { Relation::AtMost } else { bound.relation };
        Ok(Self { relation, ..bound })
    }
}

fn relation(text: &str) -> (Relation, &str) {
    let relations = [
        ("<=", Relation::AtMost),
        (">=", Relation::AtLeast),
        ("==", Relation::Equal),
        ("<", Relation::Less),
        (">", Relation::Greater),
    ];
    relations
        .into_iter()
        .find_map(|(sign, relation)| Some((relation, text.strip_prefix(sign)?)))
        .unwrap_or((Relation::Equal, text.trim_start_matches('=')))
}

fn value(name: &str) -> Option<BoundValue> {
    Some(match name {
        "mean" => BoundValue::Mean,
        "max" => BoundValue::Max,
        "rate" => BoundValue::Rate,
        "errors" => BoundValue::Errors,
        "error-rate" => BoundValue::ErrorRate,
        "cpu" => BoundValue::CpuPerCall,
        "rss" => BoundValue::Rss,
        _ => {
            let percentile: f64 = name.strip_prefix('p')?.parse().ok()?;
            (0.0..=100.0).contains(&percentile).then_some(BoundValue::Percentile(percentile))?
        }
    })
}

fn limit_of(value: BoundValue, text: &str) -> Result<f64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().with_context(|| format!("`{text}` begins with no number"))?;
    let factor = match (value, unit.trim()) {
        (BoundValue::Rate, "" | "/s")
        | (BoundValue::Errors | BoundValue::ErrorRate, "")
        | (BoundValue::Rss, "B") => 1.0,
        (BoundValue::ErrorRate, "%") => 0.01,
        (BoundValue::Rss, "KiB") => 1024.0,
        (BoundValue::Rss, "MiB") => 1024.0 * 1024.0,
        (BoundValue::Rss, "GiB") => 1024.0 * 1024.0 * 1024.0,
        (BoundValue::Rate | BoundValue::Errors | BoundValue::ErrorRate | BoundValue::Rss, _) => {
            bail!("`{unit}` is no unit of it")
        }
        (_, "us" | "µs") => 1.0,
        (_, "ms") => 1e3,
        (_, "s") => 1e6,
        (_, unit) => bail!("`{unit}` is no unit of time; there are us, ms and s"),
    };
    ensure!(number.is_finite(), "`{text}` is too large");
    Ok(number * factor)
}
