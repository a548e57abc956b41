//! The tables of a page.

use maud::{Markup, html};

use super::{ROWS_MAX, text, verdict};
use crate::report::model::{Measured, OperationReport, Report, StepReport};
use crate::report::names;
use crate::report::units::{Unit, count, real, seconds};

pub(super) fn operations(total: &Measured, operations: &[OperationReport]) -> Markup {
    let rows = operations.iter().map(|operation| (text(&operation.name), &operation.measured));
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "calls" }
                        @let latencies = names::LATENCIES.iter().map(|column| column.head);
                        @for name in ["made", "failed", "succeeded"].into_iter()
                            .chain(latencies).chain(["sent", "received"])
                        { th.number scope="col" { (name) } }
                    }
                }
                tbody {
                    @for (name, measured) in rows.take(ROWS_MAX) { (measurement(&name, measured)) }
                }
                tfoot { (measurement("all", total)) }
            }
        }
        (left_out(operations.len(), "operations"))
        @let shown: Vec<&Measured> =
            [total].into_iter().chain(operations.iter().map(|one| &one.measured)).collect();
        @if let Some(said) = names::too_few(&shown) { p.note { (said) } }
    }
}

fn measurement(name: &str, measured: &Measured) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td.number { (count(measured.calls)) }
            td.number.bad[measured.failed > 0] { (count(measured.failed)) }
            td.number { (Unit::PerSecond.show(measured.succeeded_per_second)) }
            @for column in &names::LATENCIES {
                td.number { (column.show(measured)) }
            }
            td.number { (Unit::Bytes.show(real(measured.bytes_sent))) }
            td.number { (Unit::Bytes.show(real(measured.bytes_received))) }
        }
    }
}

pub(super) fn steps(steps: &[StepReport]) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "due" }
                        @for name in ["from", "succeeded", "failed", "p50", "p90", "p99", "p99.9",
                            "max"] { th.number scope="col" { (name) } }
                        th scope="col" { "verdict" }
                    }
                }
                tbody {
                    @for step in steps.iter().take(ROWS_MAX) {
                        tr {
                            th scope="row" { (names::step(step)) }
                            td.number { (seconds(step.start_seconds)) }
                            td.number { (Unit::PerSecond.show(step.measured.succeeded_per_second)) }
                            td.number.bad[step.measured.failed > 0] { (count(step.measured.failed)) }
                            @for column in [names::P50, names::P90, names::P99, names::P999,
                                names::MAX] {
                                td.number { (column.show(&step.measured)) }
                            }
                            td {
                                @match step.held {
                                    None => {},
                                    Some(true) => (verdict(true)),
                                    Some(false) => { (verdict(false)) " "
                                        code { (text(&step.broken.join(", "))) } },
                                }
                            }
                        }
                    }
                }
            }
        }
        (left_out(steps.len(), "steps"))
    }
}

pub(super) fn errors(report: &Report) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th.number scope="col" { "count" }
                        th scope="col" { "kind" }
                        th scope="col" { "what" }
                        th scope="col" { "the first one said" }
                    }
                }
                tbody {
                    @for error in report.errors.iter().take(ROWS_MAX) {
                        tr {
                            td.number.bad { (count(error.count)) }
                            td { (names::kind(error.kind)) }
                            th scope="row" { (text(&error.what)) }
                            td.long { code { (text(&error.example)) } }
                        }
                    }
                }
            }
        }
        (left_out(report.errors.len(), "kinds of errors"))
    }
}

fn left_out(rows: usize, what: &str) -> Markup {
    html! {
        @if rows > ROWS_MAX {
            p.note { "The first " (ROWS_MAX) " of " (count(rows as u64)) " " (what)
                "; all are in the JSON." }
        }
    }
}

/// Names and what is behind them.
pub(super) fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        table.facts {
            tbody { @for (name, value) in facts { tr { th scope="row" { (name) } td { (text(value)) } } } }
        }
    }
}
