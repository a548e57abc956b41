//! Two reports, side by side.

use super::table::Table;
use super::{verdicts, warnings};
use crate::report::assertions::Assertion;
use crate::report::compare::{Change, Comparison, NOTABLE, Row, Side};
use crate::report::units::{ratio, seconds};
use crate::terminal::{Paint, Style, clean};

/// Of a kind of call; the others are on the page.
const OPERATION_ROWS: [&str; 6] = ["succeeded", "failed", "p50", "p99", "p99.9", "max"];

/// What changed, all calls first.
pub(crate) fn comparison(
    comparison: &Comparison,
    assertions: &[Assertion],
    paint: Paint,
) -> String {
    let mut shown = warnings(&comparison.alerts(), paint);
    shown.push_str(&side("base", &comparison.base, paint));
    shown.push_str(&side("new ", &comparison.new, paint));
    shown.push_str(&rows("all calls", &comparison.total(), paint));
    let operations = comparison.operations();
    if operations.len() > 1 {
        for (name, mut changes) in operations {
            changes.retain(|row| OPERATION_ROWS.contains(&row.name));
            shown.push_str(&rows(&name, &changes, paint));
        }
    }
    shown.push_str(&format!(
        "\nMarked are changes of more than {:.0} %. x is times the base; – was not measured, or of too few \
         calls.\n",
        NOTABLE * 100.0
    ));
    shown.push_str(&verdicts(assertions, None, paint));
    shown
}

fn side(name: &str, side: &Side, paint: Paint) -> String {
    let runs = if side.runs > 1 { format!(", {} runs", side.runs) } else { String::new() };
    format!(
        "{}  {}  {}, {} of {}{runs}\n",
        paint.paint(Style::Heading, name),
        clean(&side.plan.url),
        clean(&side.started_at),
        seconds(side.total.seconds),
        clean(&side.plan.pace),
    )
}

fn rows(name: &str, rows: &[Row], paint: Paint) -> String {
    let mut table = Table::new(&[name, "base", "new", "ratio", ""]);
    for row in rows {
        let value =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| row.unit.show(value));
        let mark = match row.change() {
            Change::Better => "better",
            Change::Worse => "WORSE",
            Change::Same | Change::Unknown => "",
        };
        let times = row.ratio().map_or_else(|| "–".to_owned(), ratio);
        table.row([row.name.to_owned(), value(row.base), value(row.new), times, mark.to_owned()]);
    }
    format!("\n{}", table.show(paint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_number_of_both_stands_beside_the_other() {
        let base = sample::steady();
        let mut new = base.clone();
        new.total.latency.p99_us *= 1.24;
        new.process.as_mut().unwrap().cpu_us_per_call *= 0.5;
        let compared = Comparison::of_two(&base, &new);
        let text = comparison(&compared, &[], Paint::NONE);
        let line = |name: &str| {
            let mut lines = text.lines().map(str::trim).filter(|line| line.starts_with(name));
            lines.next().unwrap_or_default().to_owned()
        };
        assert!(line("p99 ").ends_with("1.24x   WORSE"), "{text}");
        assert!(line("CPU a call").ends_with("0.50x  better"), "{text}");
        assert!(line("p50").ends_with("1.00x"), "{text}");
        assert!(text.contains("\n  tools/call echo"), "{text}");
    }

    #[test]
    fn nothing_from_a_report_steers_the_terminal() {
        let report = sample::filled_with("\x1b]0;owned\x07\r\n");
        let compared = Comparison::of_two(&report, &report);
        let text = comparison(&compared, &[], Paint::NONE);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}
