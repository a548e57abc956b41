//! The page of two reports side by side.

use maud::{Markup, html};

use super::{ROWS_MAX, Tile, page, percentiles, text};
use crate::report::assertions::Assertion;
use crate::report::compare::{Change, Comparison, NOTABLE, Row, Side};
use crate::report::units::{ratio, seconds};

/// Kinds of calls that have a plot of their own.
const OPERATION_PLOTS_MAX: usize = 8;
/// Rows that are tiles, where they were measured.
const TILES: [(&str, &str); 7] = [
    ("highest rate", "Highest rate"),
    ("succeeded", "Succeeded"),
    ("p50", "p50"),
    ("p99", "p99"),
    ("p99.9", "p99.9"),
    ("CPU a call", "CPU a call"),
    ("memory", "Memory"),
];

/// The whole page, with the verdicts on it.
pub(crate) fn comparison_page(comparison: &Comparison, assertions: &[Assertion]) -> String {
    let total = comparison.total();
    let operations = comparison.operations();
    let body = html! {
        header {
            h1 { "Load tests compared" }
            (side("base", &comparison.base))
            (side("new", &comparison.new))
        }
        (super::alerts(&comparison.alerts()))
        (super::tiles(&tiles(&total)))
        (super::assertions(assertions, None))
        section {
            h2 { "Latency" }
            div.tall { (curves(comparison, "Latency by percentile", "all")) }
            (rows("all calls", &total))
            p.note { "Marked are changes of more than " (format!("{:.0}", NOTABLE * 100.0))
                " %. x is times the base; – was not measured, or of too few calls." }
        }
        @if operations.len() > 1 {
            section {
                h2 { "By kind of call" }
                div.pairs {
                    @for (index, (name, changes)) in operations.iter().take(ROWS_MAX).enumerate() {
                        div {
                            @if index < OPERATION_PLOTS_MAX {
                                (curves(comparison, &text(name), name))
                            }
                            (rows(&text(name), changes))
                        }
                    }
                }
            }
        }
        section { h2 { "Plans and machines" } (plans(comparison)) }
    };
    page("Load tests compared", &body)
}

fn side(name: &str, side: &Side) -> Markup {
    html! {
        p.target { span.badge { (name) } " " (text(&side.plan.url)) }
        p.when {
            (text(&side.started_at)) " · " (seconds(side.total.seconds)) " of "
            (text(&side.plan.pace))
            @if side.runs > 1 { " · " (side.runs) " runs taken together" }
        }
    }
}

fn tiles(total: &[Row]) -> Vec<Tile> {
    let tile = |(row, name): &(&str, &'static str)| {
        let row = total.iter().find(|it| it.name == *row)?;
        let (base, new) = (row.unit.show(row.base?), row.unit.show(row.new?));
        Some(Tile {
            name,
            value: row.ratio().map_or_else(|| "–".to_owned(), ratio),
            beside: format!("{base} → {new}"),
            bad: row.change() == Change::Worse,
        })
    };
    TILES.iter().filter_map(tile).collect()
}

fn curves(comparison: &Comparison, title: &str, operation: &str) -> Markup {
    let (base, new) = (&comparison.base, &comparison.new);
    let sides = [("base", base.of_operation(operation)), ("new", new.of_operation(operation))];
    let both: Vec<_> = sides.iter().filter_map(|(name, side)| Some((*name, (*side)?))).collect();
    html! {
        @match percentiles::percentiles(title, &both) {
            Some(plot) => (plot.draw()),
            None => p.note { (title) ": no call has a latency." },
        }
    }
}

fn rows(name: &str, rows: &[Row]) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { (name) }
                        @for name in ["base", "new", "ratio"] { th.number scope="col" { (name) } }
                        th scope="col" {}
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (row.name) }
                            td.number { (value(row, row.base)) }
                            td.number { (value(row, row.new)) }
                            td.number { (row.ratio().map_or_else(|| "–".to_owned(), ratio)) }
                            td { (change(row.change())) }
                        }
                    }
                }
            }
        }
    }
}

fn value(row: &Row, value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| row.unit.show(value))
}

fn change(change: Change) -> Markup {
    html! {
        @match change {
            Change::Better => span.badge.good { "✓ better" },
            Change::Worse => span.badge.bad { "✗ worse" },
            Change::Same | Change::Unknown => {},
        }
    }
}

fn plans(comparison: &Comparison) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th scope="col" {} th scope="col" { "base" } th scope="col" { "new" } } }
                tbody {
                    @for (name, base, new) in comparison.plans() {
                        tr.differs[base != new] {
                            th scope="row" { (name) }
                            td.long { (text(&base)) }
                            td.long { (text(&new)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn both_curves_are_in_one_plot() {
        let report = sample::steady();
        let compared = Comparison::of_two(&report, &report);
        let page = comparison_page(&compared, &[]);
        assert_eq!(page.matches("<svg role=\"img\"").count(), 1 + report.operations.len());
        let first = page.split("</figure>").next().unwrap();
        assert!(first.contains("</svg>base</li>") && first.contains("</svg>new</li>"), "{first}");
    }

    #[test]
    fn what_differs_is_marked() {
        let base = sample::steady();
        let mut new = base.clone();
        new.plan.connections = 64;
        new.total.latency.p99_us *= 3.0;
        let page = comparison_page(&Comparison::of_two(&base, &new), &[]);
        assert!(page.contains(r#"<tr class="differs"><th scope="row">Connections</th>"#));
        assert!(page.contains("✗ worse") && page.contains("3.00x"));
    }
}
