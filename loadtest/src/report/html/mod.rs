//! Reports as pages: one file that asks for nothing else, runs nothing, and reads as well on a phone,
//! in the dark and on paper.
//!
//! What is spliced into maud's markup is escaped, whoever wrote it.

mod comparison;
mod over_time;
mod percentiles;
mod report;
mod steps;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::alerts::{Alert, Level};
use super::assertions::{Assertion, INTERRUPTED};
use crate::terminal::{clean, shortened};

pub(crate) use comparison::comparison_page;
pub(crate) use report::report_page;

/// No page is larger. Nothing is cut off to keep it: plots have no more columns, tables no more rows
/// and cells no more text than make up as much.
#[cfg(test)]
pub(crate) const PAGE_BYTES_MAX: usize = 4 << 20;
/// Rows of a table; the others are in the JSON.
const ROWS_MAX: usize = 200;
/// Of a text from the report.
const TEXT_CHARS_MAX: usize = 400;

/// Nothing is fetched and no script runs, whatever the page says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

fn page(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "penstock-loadtest " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { main { (body) } }
        }
    }
    .into_string()
}

/// Text from a report as a page shows it: in one line, and not without end.
fn text(from_report: &str) -> String {
    clean(&shortened(from_report, TEXT_CHARS_MAX)).into_owned()
}

fn alerts(alerts: &[Alert]) -> Markup {
    html! {
        @for alert in alerts {
            @let (class, mark) = match alert.level {
                Level::Void => ("alert void", "!!"),
                Level::Bad => ("alert bad", "!"),
                Level::Warning => ("alert", "!"),
            };
            div class=(class) role="alert" {
                span.mark aria-hidden="true" { (mark) }
                div {
                    p { (text(&alert.text)) }
                    @if !alert.details.is_empty() {
                        ul { @for detail in &alert.details { li { (text(detail)) } } }
                    }
                }
            }
        }
    }
}

/// One number that matters.
struct Tile {
    name: &'static str,
    value: String,
    /// What it is of, or beside.
    beside: String,
    bad: bool,
}

fn tiles(tiles: &[Tile]) -> Markup {
    html! {
        dl.tiles {
            @for tile in tiles {
                div.tile.bad[tile.bad] {
                    dt { (tile.name) }
                    dd.value { (tile.value) }
                    dd.beside { (tile.beside) }
                }
            }
        }
    }
}

fn assertions(assertions: &[Assertion], subject: Option<&str>) -> Markup {
    html! {
        @if !assertions.is_empty() {
            section {
                h2 { "Assertions" }
                @if let Some(subject) = subject { p.note { "What they speak of is " (subject) "." } }
                div.scroll {
                    table {
                        thead { tr { th scope="col" { "verdict" } th scope="col" { "assertion" }
                            th scope="col" { "it was" } } }
                        tbody {
                            @for assertion in assertions {
                                tr {
                                    td {
                                        @if assertion.interrupted { span.badge { (INTERRUPTED) } }
                                        @else { (verdict(assertion.held)) }
                                    }
                                    th scope="row" { code { (text(&assertion.text)) } }
                                    td { (text(&assertion.actual)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn verdict(held: bool) -> Markup {
    html! {
        @if held { span.badge.good { "✓ held" } } @else { span.badge.bad { "✗ broken" } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::assertions::assertions;
    use crate::report::model::Report;
    use crate::report::sample;

    fn shown(report: &Report) -> String {
        report_page(report, &assertions(report, &[]))
    }

    #[test]
    fn no_text_of_a_report_becomes_markup() {
        let hostile = r#"</td></style></title><script>alert(1)</script><img src=x onerror=alert(1)>"' onload="alert(1)"#;
        let report = sample::filled_with(hostile);
        let compared = crate::report::compare::Comparison::of_two(&report, &report);
        let pages = [shown(&report), comparison_page(&compared, &[])];
        for page in pages {
            for tag in ["<script", "<img", "<iframe", "<a ", "<link rel=\"stylesheet"] {
                assert!(!page.contains(tag), "{tag}");
            }
            assert_eq!(page.matches("</style>").count(), 1);
            assert_eq!(page.matches("</title></svg>").count(), 0);
            assert!(page.contains("&lt;script&gt;alert(1)"), "it is shown as what it is");
            let attributes = page.split('<').filter(|tag| tag.contains("onload=\""));
            assert_eq!(attributes.count(), 0, "no attribute is ended by a quote in it");
        }
    }

    #[test]
    fn what_a_process_used_that_was_gone_is_no_result() {
        let mut report = sample::steady();
        assert!(shown(&report).contains("<dt>CPU a call</dt>"));
        report.process.as_mut().unwrap().gone_after_seconds = Some(3.0);
        let page = shown(&report);
        assert!(page.contains("not measured: the process 4242 was gone after 3 s"));
        assert!(!page.contains("CPU a call") && !page.contains("<dt>Memory</dt>"));
        let steady = sample::steady();
        let compared = crate::report::compare::Comparison::of_two(&steady, &report);
        assert!(!comparison_page(&compared, &[]).contains("<dt>CPU a call</dt>"));
    }

    #[test]
    fn a_page_asks_for_nothing() {
        let page = shown(&sample::steady());
        assert!(page.contains("default-src 'none'"));
        for reference in ["src=", "@import", "url(", "<script", "href=\"http"] {
            assert!(!page.contains(reference), "{reference}");
        }
    }

    #[test]
    fn whatever_the_report_no_page_is_without_bounds() {
        let mut report = sample::lasting(4000);
        let long = "<&\"é".repeat(10_000);
        let operation = report.operations.remove(0);
        report.operations = vec![operation; 3000];
        report.operations.iter_mut().for_each(|operation| operation.name = long.clone());
        report.errors = vec![report.errors[0].clone(); 5000];
        report.errors.iter_mut().for_each(|error| error.example = long.clone());
        let step = sample::searched().steps.remove(0);
        report.steps = vec![step; 3000];
        report.steps.iter_mut().for_each(|step| step.broken = vec![long.clone(); 2]);
        report.harness.bottleneck = true;
        report.harness.reasons = vec![long.clone(); 500];
        report.harness.warnings = vec![long; 500];
        let bytes = shown(&report).len();
        assert!(bytes <= PAGE_BYTES_MAX, "{bytes}");
        assert!(bytes > PAGE_BYTES_MAX / 10, "and the bound is near what can be: {bytes}");
    }

    #[test]
    fn no_value_is_shown_that_is_none() {
        let mut strange = sample::steady();
        strange.seconds.truncate(1);
        strange.total.seconds = 0.0;
        for report in [sample::lasting(1), sample::nothing(), strange, sample::lasting(600)] {
            let page = shown(&report);
            for none in ["NaN", "inf", "Infinity"] {
                let found = page.find(none).map(|at| page.get(at.saturating_sub(80)..at + 40));
                assert_eq!(found, None, "{none}");
            }
        }
    }
}
