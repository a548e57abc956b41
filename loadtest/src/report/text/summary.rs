//! One report.

use super::table::Table;
use super::{verdicts, warnings};
use crate::report::alerts::alerts;
use crate::report::assertions::Assertion;
use crate::report::model::{Ended, ErrorReport, Measured, Report, SearchReport, StepReport};
use crate::report::names;
use crate::report::subject::{self, Subject, subject};
use crate::report::units::{Unit, count, counted, real, seconds};
use crate::terminal::{Paint, Style, clean, shortened};

/// Lines of errors; the rest is in the report.
const ERRORS_SHOWN: usize = 12;
/// Of what an error said.
const EXAMPLE_CHARS_MAX: usize = 100;

/// What a run found, the first thing first.
pub(crate) fn summary(report: &Report, assertions: &[Assertion], paint: Paint) -> String {
    let step = subject(report).ok().and_then(|subject| subject.step);
    [
        warnings(&alerts(report), paint),
        asked(report, paint),
        report.search.as_ref().map(|found| search(found, paint)).unwrap_or_default(),
        steps(&report.steps, paint),
        calls(report),
        latencies(report, paint),
        errors(&report.errors, paint),
        machines(report),
        verdicts(assertions, step.as_deref(), paint),
    ]
    .concat()
}

fn asked(report: &Report, paint: Paint) -> String {
    let plan = &report.plan;
    let ended = match report.ended {
        Ended::Completed => "",
        Ended::Interrupted => ", interrupted",
    };
    let url = paint.paint(Style::Heading, &clean(&plan.url));
    let lines = [
        format!("{url}  {}, {}{ended}", clean(&plan.era), clean(&report.started_at)),
        format!("  {}; {}", clean(&plan.pace), clean(&plan.traffic)),
        format!("  {}", names::scale(plan)),
    ];
    lines.join("\n") + "\n"
}

fn calls(report: &Report) -> String {
    let total = &report.total;
    let over = if report.search.is_some() { "All steps together: " } else { "" };
    format!(
        "\n{over}{} in {}: {} succeeded ({}), {} failed, {} unfinished; {} sent, {} received\n",
        counted(total.calls, "call"),
        seconds(total.seconds),
        count(total.succeeded),
        Unit::PerSecond.show(total.succeeded_per_second),
        count(total.failed),
        count(total.unfinished),
        Unit::Bytes.show(real(total.bytes_sent)),
        Unit::Bytes.show(real(total.bytes_received)),
    )
}

fn latencies(report: &Report, paint: Paint) -> String {
    let mut heads = vec!["latency", "calls", "failed", "succeeded"];
    heads.extend(names::LATENCIES.iter().map(|column| column.head));
    let mut table = Table::new(&heads);
    table.row(row("all", &report.total));
    if report.operations.len() > 1 {
        for operation in &report.operations {
            table.row(row(&operation.name, &operation.measured));
        }
    }
    let mut shown: Vec<&Measured> = vec![&report.total];
    if report.operations.len() > 1 {
        shown.extend(report.operations.iter().map(|operation| &operation.measured));
    }
    let remark = names::too_few(&shown).map(|said| format!("  {said}\n")).unwrap_or_default();
    format!("\n{}{remark}", table.show(paint))
}

fn row(name: &str, measured: &Measured) -> Vec<String> {
    let mut row = vec![
        name.to_owned(),
        count(measured.calls),
        count(measured.failed),
        Unit::PerSecond.show(measured.succeeded_per_second),
    ];
    row.extend(names::LATENCIES.iter().map(|column| column.show(measured)));
    row
}

fn steps(steps: &[StepReport], paint: Paint) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let mut table =
        Table::new(&["step", "succeeded", "failed", "p50", "p99", "p99.9", "max", "verdict"]);
    for step in steps {
        let time = |column: &names::Column| column.show(&step.measured);
        table.row([
            names::step(step),
            Unit::PerSecond.show(step.measured.succeeded_per_second),
            count(step.measured.failed),
            time(&names::P50),
            time(&names::P99),
            time(&names::P999),
            time(&names::MAX),
            names::verdict(step),
        ]);
    }
    format!("\n{}", table.show(paint))
}

fn search(search: &SearchReport, paint: Paint) -> String {
    format!("\n{}\n", paint.paint(Style::Heading, &clean(&names::found(search))))
}

fn errors(errors: &[ErrorReport], paint: Paint) -> String {
    let mut shown = String::new();
    for error in errors.iter().take(ERRORS_SHOWN) {
        let what = format!("{} {}", names::kind(error.kind), clean(&error.what));
        let times = paint.paint(Style::Bad, &format!("{:>9} ×", count(error.count)));
        shown.push_str(&format!("{times} {what}"));
        if !error.example.is_empty() {
            let example = clean(&error.example);
            shown.push_str(&format!(": {}", shortened(&example, EXAMPLE_CHARS_MAX)));
        }
        shown.push('\n');
    }
    if let Some(more) = errors.get(ERRORS_SHOWN..).filter(|more| !more.is_empty()) {
        shown.push_str(&format!("            and {} more kinds\n", more.len()));
    }
    if shown.is_empty() { shown } else { format!("\n{shown}") }
}

fn machines(report: &Report) -> String {
    let mut lines = Vec::new();
    lines.extend(process(report));
    let harness = &report.harness;
    lines.push(format!(
        "harness: busiest thread {}, without a core {}, {} sent late (p99 {}), {} waited for a \
         connection",
        Unit::Share.show(harness.busiest_thread),
        Unit::Share.show(harness.starved),
        count(harness.sent_late),
        Unit::Microseconds.show(harness.late_p99_us),
        count(harness.waited_for_connection),
    ));
    format!("\n{}\n", lines.join("\n"))
}

/// Of what the verdicts speak of too.
fn process(report: &Report) -> Option<String> {
    let Subject { measured, process, step } = subject::shown(report);
    let process = process?;
    let of = step.map(|step| format!("Of {step}:\n")).unwrap_or_default();
    let name = format!("{of}process {} {}", process.pid, clean(&process.name));
    if let Some(gone) = names::gone(&process) {
        return Some(format!("{name}: not measured, {gone}"));
    }
    Some(format!(
        "{name}: {} of CPU a call ({} in the kernel), {} cores, {} resident at most",
        Unit::Microseconds.show(process.cpu_us_per_call),
        Unit::Share.show(process.system_share),
        Unit::Cores.show(names::cores(&process, measured)),
        Unit::Bytes.show(real(process.rss_bytes_max)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::alerts::BOTTLENECK;
    use crate::report::sample;

    fn shown(report: &Report) -> String {
        summary(report, &[], Paint::NONE)
    }

    #[test]
    fn a_summary_has_what_an_operator_asks_for() {
        let text = shown(&sample::steady());
        for said in [
            "http://127.0.0.1:8808/mcp/files  legacy",
            "open, 2,000/s",
            "32 connections",
            "tools/call echo",
            "p99.99",
            "12 × timeout no answer in 5 s",
            "process 4242 penstock: 310 µs of CPU a call (44.0 % in the kernel), 0.62 cores",
            "harness: busiest thread 34.0 %",
        ] {
            assert!(text.contains(said), "{said} in:\n{text}");
        }
    }

    #[test]
    fn what_a_process_used_that_was_gone_is_not_shown() {
        let mut report = sample::steady();
        report.process.as_mut().unwrap().gone_after_seconds = Some(3.0);
        let text = shown(&report);
        let said = "process 4242 penstock: not measured, the process 4242 was gone after 3 s\n";
        assert!(text.contains(said) && !text.contains("310 µs"), "{text}");
    }

    #[test]
    fn the_process_of_a_search_is_that_of_the_step_that_it_found() {
        let mut report = sample::searched();
        let text = shown(&report);
        let said = "Of the step at 5,250/s, the highest that held:\nprocess 4242 penstock: ";
        assert!(text.contains(said), "{text}");
        report.search.as_mut().unwrap().highest_per_second = None;
        let text = shown(&report);
        assert!(text.contains("Of all steps together:\nprocess 4242 penstock: "), "{text}");
    }

    #[test]
    fn lines_fit_a_terminal() {
        for report in [sample::steady(), sample::searched(), sample::nothing()] {
            for line in shown(&report).lines() {
                assert!(line.chars().count() <= 132, "{line}");
            }
        }
    }

    #[test]
    fn that_the_harness_was_the_bottleneck_comes_first() {
        let mut report = sample::steady();
        report.harness.bottleneck = true;
        assert!(shown(&report).starts_with(&format!("!! {BOTTLENECK}\n")));
    }

    #[test]
    fn a_search_says_what_it_found() {
        let text = shown(&sample::searched());
        assert!(text.contains("5,250/s is the highest rate at which p99<5ms held"), "{text}");
        assert!(text.contains("broke p99<5ms"), "{text}");
    }

    #[test]
    fn nothing_from_a_report_steers_the_terminal() {
        let text = shown(&sample::filled_with("\x1b]0;owned\x07\r\n\u{9b}2J\u{202e}"));
        let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(harmful), "{text:?}");
        assert!(!text.contains("owned\n"), "no line of its own: {text:?}");
    }

    #[test]
    fn kinds_of_errors_beyond_the_limit_are_counted() {
        let mut report = sample::steady();
        report.errors = vec![report.errors[0].clone(); ERRORS_SHOWN + 5];
        assert!(shown(&report).contains("and 5 more kinds"));
    }
}
