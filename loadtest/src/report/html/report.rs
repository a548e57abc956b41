//! The page of one report.

use maud::{Markup, html};

use super::tables::{self, facts};
use super::{Tile, over_time, page, percentiles, steps, text};
use crate::report::alerts::alerts;
use crate::report::assertions::Assertion;
use crate::report::model::{Ended, Measured, ProcessReport, Report};
use crate::report::names;
use crate::report::plot::Plot;
use crate::report::subject::{self, Subject, subject};
use crate::report::units::{self, Unit, count, counted, real, seconds};

/// The whole page, with the verdicts on it.
pub(crate) fn report_page(report: &Report, assertions: &[Assertion]) -> String {
    let step = subject(report).ok().and_then(|subject| subject.step);
    let body = html! {
        header {
            h1 { "Load test" }
            p.target { (text(&report.plan.url)) }
            p { (text(&report.plan.pace)) " · " (text(&report.plan.traffic)) " · "
                (text(&report.plan.era)) }
            p.when { (text(&report.started_at)) " · penstock-loadtest " (text(&report.version))
                @if report.ended == Ended::Interrupted { " · interrupted" } }
        }
        (super::alerts(&alerts(report)))
        (super::tiles(&tiles(report)))
        (super::assertions(assertions, step.as_deref()))
        (stepped(report))
        (latency(report))
        (timeline(report))
        (errors(report))
        (process(report))
        (harness(report))
        (conditions(report))
    };
    page(&format!("Load test of {}", text(&report.plan.url)), &body)
}

fn tiles(report: &Report) -> Vec<Tile> {
    let search = report.search.iter().map(|search| {
        let rate = search.highest_per_second.map(|rate| Unit::PerSecond.show(rate));
        Tile {
            name: "Highest rate",
            bad: rate.is_none(),
            value: rate.unwrap_or_else(|| "none".to_owned()),
            beside: format!("at which {} held", text(&search.bounds.join(", "))),
        }
    });
    let subject = subject(report);
    let subject = subject.as_ref();
    let measured = subject.map_or(&report.total, |subject| subject.measured);
    let process = subject.ok().and_then(|subject| subject.process.as_ref());
    let process = process.filter(|process| names::gone(process).is_none());
    search.chain(of_calls(measured)).chain(process.into_iter().flat_map(of_cpu)).collect()
}

fn of_calls(measured: &Measured) -> [Tile; 5] {
    let time = |column: &names::Column| column.show(measured);
    let mean = units::latency(measured.latency.mean_us);
    let made = format!("{} in {}", counted(measured.calls, "call"), seconds(measured.seconds));
    let share = match measured.calls {
        0 => "of none".to_owned(),
        calls => Unit::Share.show(real(measured.failed) / real(calls)) + " of the calls",
    };
    [
        tile("Succeeded", Unit::PerSecond.show(measured.succeeded_per_second), made),
        tile("p50", time(&names::P50), format!("mean {mean}")),
        tile("p99", time(&names::P99), format!("p99.9 {}", time(&names::P999))),
        tile("Slowest", time(&names::MAX), format!("p99.99 {}", time(&names::P9999))),
        Tile { bad: measured.failed > 0, ..tile("Failed", count(measured.failed), share) },
    ]
}

fn of_cpu(process: &ProcessReport) -> [Tile; 2] {
    let kernel = format!("{} in the kernel", Unit::Share.show(process.system_share));
    let memory = Unit::Bytes.show(real(process.rss_bytes_max));
    [
        tile("CPU a call", Unit::Microseconds.show(process.cpu_us_per_call), kernel),
        tile("Memory", memory, "resident, at most".to_owned()),
    ]
}

fn tile(name: &'static str, value: String, beside: String) -> Tile {
    Tile { name, value, beside, bad: false }
}

fn latency(report: &Report) -> Markup {
    let mut curves = vec![("all", &report.total)];
    if report.operations.len() > 1 {
        let operations = report.operations.iter();
        curves.extend(operations.map(|it| (it.name.as_str(), &it.measured)));
    }
    html! {
        section {
            h2 { "Latency" }
            @if let Some(plot) = percentiles::percentiles("Latency by percentile", &curves) {
                div.tall { (plot.draw()) }
            } @else { p.note { "No call has a latency." } }
            (tables::operations(&report.total, &report.operations))
            @if report.search.is_some() {
                p.note { "Over all steps of the search, those beyond what the target carries too." }
            }
            p.note { "Of the calls that succeeded, and of those that timed out with the time that "
                "they were given. Where calls have a rate, from when they were due, whether or not "
                "they could be sent." }
        }
    }
}

fn stepped(report: &Report) -> Markup {
    html! {
        @if !report.steps.is_empty() {
            section {
                h2 { @if report.search.is_some() { "Search" } @else { "Steps" } }
                @if let Some(search) = &report.search { p.found { (text(&names::found(search))) } }
                @if let Some(plot) = steps::steps(report) { div.tall { (plot.draw()) } }
                (tables::steps(&report.steps))
            }
        }
    }
}

fn timeline(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Over time" }
            (grid(&over_time::of_calls(report), "No second was measured."))
        }
    }
}

fn errors(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Errors" }
            @if report.errors.is_empty() { p.note { "None." } }
            @else { (tables::errors(report)) }
        }
    }
}

fn process(report: &Report) -> Markup {
    html! {
        @if let Some(process) = &report.process {
            section {
                h2 { "The watched process" }
                (grid(&over_time::of_process(process), "It was not seen for a second."))
                (facts(&of_process(report)))
            }
        }
    }
}

/// Of what the tiles and the verdicts speak of too; the plots show all of the run.
fn of_process(report: &Report) -> Vec<(&'static str, String)> {
    let Subject { measured, process, step } = subject::shown(report);
    let Some(process) = process else { return Vec::new() };
    let name = ("Process", format!("{} {}, and its children", process.pid, text(&process.name)));
    if let Some(gone) = names::gone(&process) {
        return vec![name, ("CPU and memory", format!("not measured: {gone}"))];
    }
    vec![
        name,
        ("What it speaks of", step.unwrap_or_else(|| "the whole run".to_owned())),
        (
            "CPU",
            format!(
                "{:.2} s, {} of it in the kernel",
                process.cpu_seconds,
                Unit::Share.show(process.system_share)
            ),
        ),
        ("Cores", Unit::Cores.show(names::cores(&process, measured))),
        ("CPU a call", Unit::Microseconds.show(process.cpu_us_per_call)),
        ("Resident, at most", Unit::Bytes.show(real(process.rss_bytes_max))),
    ]
}

fn harness(report: &Report) -> Markup {
    let harness = &report.harness;
    html! {
        section {
            h2 { "The harness" }
            p { @if harness.bottleneck { strong.bad { "It was the bottleneck." } }
                @else { "It was not the bottleneck: the numbers are the target's." } }
            (grid(over_time::of_harness(report).as_slice(), "No second was measured."))
            (facts(&[
                ("Busiest thread", Unit::Share.show(harness.busiest_thread)),
                ("Ready, and without a core", Unit::Share.show(harness.starved)),
                ("Sent late", count(harness.sent_late)),
                ("By how much, p99", Unit::Microseconds.show(harness.late_p99_us)),
                ("Waited for a connection", count(harness.waited_for_connection)),
            ]))
        }
    }
}

fn conditions(report: &Report) -> Markup {
    html! {
        section.two {
            div { h2 { "Plan" } (facts(&names::plan(&report.plan))) }
            div { h2 { "Machine of the harness" } (facts(&names::machine(&report.machine))) }
        }
    }
}

fn grid(plots: &[Plot], otherwise: &str) -> Markup {
    html! {
        @if plots.is_empty() { p.note { (otherwise) } }
        @else { div.plots { @for plot in plots { (plot.draw()) } } }
    }
}
