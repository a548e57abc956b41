//! Counts beside those of before: what became dearer, and what the file does not say.

use std::collections::BTreeSet;
use std::fmt;

use super::baseline::Counts;

/// What a case may differ by where nothing but the source does. Counts repeat to the last digit: this
/// is room for changes that move code without making it worse.
const BOUND_PERCENT: u64 = 3;

/// The same where compiler, libc, valgrind or processor are others.
const BOUND_PERCENT_ELSEWHERE: u64 = 10;

/// A comparison, case by case.
pub(super) struct Compared {
    rows: Vec<Row>,
    /// What differs beside the source, each as `name: before → now`.
    elsewhere: Vec<String>,
}

struct Row {
    case: String,
    before: Option<u64>,
    now: Option<u64>,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Within the bound.
    Same,
    Slower,
    Faster,
    /// Not in the baseline.
    New,
    /// Only in the baseline.
    Gone,
}

pub(super) fn compare(before: &Counts, now: &Counts) -> Compared {
    let environments = before.environment.parts().into_iter().zip(now.environment.parts());
    let elsewhere: Vec<_> = environments
        .filter(|((_, before), (_, now))| before != now)
        .map(|((name, before), (_, now))| format!("{name}: {before} → {now}"))
        .collect();
    let percent = if elsewhere.is_empty() { BOUND_PERCENT } else { BOUND_PERCENT_ELSEWHERE };
    let names: BTreeSet<&String> = before.cases.keys().chain(now.cases.keys()).collect();
    let rows = names.into_iter().map(|case| {
        let (before, now) = (before.cases.get(case).copied(), now.cases.get(case).copied());
        Row { case: case.clone(), before, now, outcome: outcome(before, now, percent) }
    });
    Compared { rows: rows.collect(), elsewhere }
}

fn outcome(before: Option<u64>, now: Option<u64>, percent: u64) -> Outcome {
    match (before, now) {
        (Some(before), Some(now)) if now * 100 > before * (100 + percent) => Outcome::Slower,
        (Some(before), Some(now)) if now * 100 < before * (100 - percent) => Outcome::Faster,
        (Some(_), Some(_)) => Outcome::Same,
        (None, _) => Outcome::New,
        (_, None) => Outcome::Gone,
    }
}

impl Compared {
    /// Why the change is not to pass, a line each. A case without a baseline, and one that is gone,
    /// are among them: both leave something unguarded.
    pub(super) fn failures(&self) -> Vec<String> {
        let what = |row: &Row| match row.outcome {
            Outcome::Slower => Some(format!("{}: {} over the baseline", row.case, row.change())),
            Outcome::New => Some(format!("{}: not in the baseline", row.case)),
            Outcome::Gone => Some(format!("{}: in the baseline, and no case", row.case)),
            Outcome::Same | Outcome::Faster => None,
        };
        let mut failures: Vec<_> = self.rows.iter().filter_map(what).collect();
        if !failures.is_empty() && !self.elsewhere.is_empty() {
            let doubt = "It may be the environment: count the commit before here, too.";
            failures.push(doubt.to_owned());
        }
        failures
    }
}

impl Compared {
    /// What is to be known though nothing failed, a line each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.rows.iter().any(|row| row.outcome == Outcome::Faster) {
            notes.push(
                "THE BASELINE IS STALE: what became faster may become slower again unseen; \
                 `cargo xtask bench instructions --accept`"
                    .to_owned(),
            );
        }
        if !self.elsewhere.is_empty() {
            notes.push(format!(
                "COMPARED LOOSELY, within {BOUND_PERCENT_ELSEWHERE} % and not {BOUND_PERCENT} %: the \
                 baseline was counted elsewhere"
            ));
            notes.extend(self.elsewhere.iter().map(|difference| format!("  {difference}")));
        }
        notes
    }
}

impl Row {
    /// In per cent, with its sign.
    fn change(&self) -> String {
        let (Some(before), Some(now)) = (self.before, self.now) else { return String::new() };
        let tenths = now.abs_diff(before) * 1000 / before.max(1);
        let sign = if now < before { '-' } else { '+' };
        format!("{sign}{}.{} %", tenths / 10, tenths % 10)
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<32} {:>9} {:>9}", "instructions", "baseline", "now")?;
        for row in &self.rows {
            let number = |count: Option<u64>| count.map_or("-".into(), |count| count.to_string());
            let (before, now) = (number(row.before), number(row.now));
            let mark = match row.outcome {
                Outcome::Same => "",
                Outcome::Slower => "SLOWER",
                Outcome::Faster => "FASTER",
                Outcome::New => "NEW",
                Outcome::Gone => "GONE",
            };
            let line = format!("{:<32} {before:>9} {now:>9} {:>9} {mark}", row.case, row.change());
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::baseline::Environment;

    const RUSTC: &str = "1.95.0";

    fn counts(rustc: &str, cases: &[(&str, u64)]) -> Counts {
        let environment = Environment { rustc: rustc.into(), ..Environment::default() };
        let cases = cases.iter().map(|(case, count)| ((*case).to_owned(), *count)).collect();
        Counts { environment, cases }
    }

    /// Failures, and what else is printed, for one case with these counts.
    fn one(before: u64, now: u64, rustc: &str) -> (Vec<String>, String) {
        let before = counts(RUSTC, &[("mcp/scan", before)]);
        let compared = compare(&before, &counts(rustc, &[("mcp/scan", now)]));
        (compared.failures(), format!("{compared}{}", compared.notes().join("\n")))
    }

    #[test]
    fn a_case_past_the_bound_fails_and_one_at_it_does_not() {
        assert_eq!(one(1000, 1030, RUSTC).0, [""; 0]);
        let (failures, printed) = one(1000, 1031, RUSTC);
        assert_eq!(failures, ["mcp/scan: +3.1 % over the baseline"]);
        assert!(printed.contains("1031    +3.1 % SLOWER"), "{printed}");
    }

    #[test]
    fn what_became_faster_passes_and_makes_the_baseline_stale() {
        let (failures, printed) = one(1000, 969, RUSTC);
        assert_eq!(failures, [""; 0]);
        assert!(printed.contains("-3.1 % FASTER"), "{printed}");
        assert!(printed.contains("THE BASELINE IS STALE"), "{printed}");
        assert!(!one(1000, 970, RUSTC).1.contains("STALE"));
    }

    #[test]
    fn a_case_that_only_one_side_has_fails() {
        let both = counts(RUSTC, &[("mcp/admit", 5), ("mcp/scan", 7)]);
        let one = counts(RUSTC, &[("mcp/admit", 5)]);
        assert_eq!(compare(&one, &both).failures(), ["mcp/scan: not in the baseline"]);
        assert_eq!(compare(&both, &one).failures(), ["mcp/scan: in the baseline, and no case"]);
    }

    #[test]
    fn another_compiler_widens_the_bound_and_is_said() {
        const OTHER: &str = "1.96.0";
        let (failures, printed) = one(1000, 1100, OTHER);
        assert_eq!(failures, [""; 0]);
        assert!(printed.contains("COMPARED LOOSELY, within 10 % and not 3 %"), "{printed}");
        assert!(printed.contains("rustc: 1.95.0 → 1.96.0"), "{printed}");
        let (failures, _) = one(1000, 1101, OTHER);
        assert_eq!(failures[0], "mcp/scan: +10.1 % over the baseline");
        assert!(failures[1].contains("the environment"), "{failures:?}");
    }
}
