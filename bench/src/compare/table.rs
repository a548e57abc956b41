//! The comparison for people: on the terminal, and as Markdown.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::visit::Fixed;
use super::{Closed, Compare, Measured, Row};
use crate::call::Era;
use crate::load::Load;
use crate::machine::Machine;
use crate::peers::Kind;
use crate::report::{Table, ratio};
use crate::rig::SIZES;

const NONE: &str = "–";

pub(crate) fn print(compare: &Compare) {
    for table in tables(compare) {
        table.print();
    }
    println!();
    for note in notes(compare) {
        println!("{note}");
    }
}

/// Writes the same as Markdown, with what it was measured on.
pub(crate) fn write(compare: &Compare, machine: &Machine, file: &Path) -> Result<()> {
    fs::write(file, markdown(compare, machine))
        .with_context(|| format!("cannot write {}", file.display()))
}

fn markdown(compare: &Compare, machine: &Machine) -> String {
    let mut text = format!(
        "# Penstock beside its peers\n\n{}, `cargo xtask bench compare`, {} starts of each: {machine}.\n",
        compare.date, compare.starts
    );
    for table in tables(compare) {
        text.push_str(&format!("\n## {}\n\n{}", table.title(), table.markdown()));
    }
    let notes: String = notes(compare).iter().map(|note| format!("- {note}\n")).collect();
    if !notes.is_empty() {
        text.push_str(&format!("\n## Notes\n\n{notes}"));
    }
    text.push_str("\n## Versions\n\n");
    for one in &compare.peers {
        let version = one.says.as_deref().unwrap_or("not measured");
        text.push_str(&format!("- {}: {version}\n", one.peer));
    }
    text
}

fn tables(compare: &Compare) -> Vec<Table> {
    let mut tables: Vec<Table> = SIZES.iter().map(|size| by_size(compare, *size)).collect();
    tables.push(half(compare));
    tables.push(against(compare));
    tables
}

fn by_size(compare: &Compare, size: usize) -> Table {
    let title = format!(
        "Answers of {size} B: processor time a `tools/call` (µs), calls a second, latency at a \
         fixed rate (µs), memory (MiB)"
    );
    let mut table = Table::new(
        &title,
        &[
            "peer",
            "era",
            "CPU, c=32",
            "user",
            "system",
            "÷ nginx",
            "calls/s",
            "core used",
            "CPU, c=1",
            "calls/s, c=1",
            "at calls/s",
            "p50",
            "p99",
            "p99.9",
            "RSS",
        ],
    );
    for row in compare.of_size(size) {
        let mut cells = vec![row.peer.to_owned(), row.era.name().to_owned()];
        match &row.measured {
            Some(measured) => cells.extend(cells_of(compare, row, measured)),
            None => cells.push("failed, see below".to_owned()),
        }
        table.row(&cells);
    }
    table
}

fn cells_of(compare: &Compare, row: &Row, measured: &Measured) -> Vec<String> {
    let Measured { many, one, common, .. } = measured;
    // Where there is no proxy there is no proxy's time.
    let of_proxy = |text: String| if row.kind == Kind::Direct { NONE.to_owned() } else { text };
    let nginx = compare.nginx(row.answer_bytes, row.era);
    let against_nginx = nginx.map_or_else(
        || NONE.to_owned(),
        |nginx| ratio(many.cpu_us_per_call, nginx.cpu_us_per_call),
    );
    let mut cells = vec![
        of_proxy(micros(many.cpu_us_per_call)),
        of_proxy(micros(many.user_us_per_call)),
        of_proxy(micros(many.system_us_per_call)),
        of_proxy(against_nginx),
        format!("{:.0}", many.calls_per_second),
        of_proxy(format!("{:.0}%", many.utilisation * 100.0)),
        of_proxy(micros(one.cpu_us_per_call)),
        format!("{:.0}", one.calls_per_second),
    ];
    cells.extend(fixed(common));
    cells.push(of_proxy(format!("{:.1}", measured.resident_kib / 1024.0)));
    cells
}

fn fixed(fixed: &Fixed) -> [String; 4] {
    [fixed.offered_calls_per_second, fixed.p50_us, fixed.p99_us, fixed.p999_us]
        .map(|value| format!("{value:.0}"))
}

/// Tenths where they say something.
fn micros(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// Those that pass bytes on, close to what they carry.
fn half(compare: &Compare) -> Table {
    let mut table = Table::new(
        "Latency (µs) at half the rate at which the slower of nginx and penstock saturates",
        &["answer", "peer", "era", "at calls/s", "p50", "p99", "p99.9"],
    );
    for row in &compare.rows {
        let Some(half) = row.measured.as_ref().and_then(|measured| measured.half.as_ref()) else {
            continue;
        };
        let mut cells =
            vec![format!("{} B", row.answer_bytes), row.peer.to_owned(), row.era.name().to_owned()];
        cells.extend(fixed(half));
        table.row(&cells);
    }
    table
}

/// Penstock's cost held against the raw bound and against the cheapest gateway.
fn against(compare: &Compare) -> Table {
    let mut table = Table::new(
        "Penstock's processor time a call, held against the cheapest of each kind",
        &["answer", "penstock", "era", "÷ nginx", "cheapest gateway", "gateway ÷ penstock"],
    );
    for row in compare.rows.iter().filter(|row| row.peer.starts_with("penstock")) {
        let Some(measured) = &row.measured else { continue };
        let cost = measured.many.cpu_us_per_call;
        let nginx = compare.nginx(row.answer_bytes, row.era);
        let gateway =
            compare.cheapest(row.answer_bytes, row.era, |other| other.kind == Kind::Messages);
        table.row(&[
            format!("{} B", row.answer_bytes),
            row.peer.to_owned(),
            row.era.name().to_owned(),
            nginx.map_or_else(|| NONE.to_owned(), |nginx| ratio(cost, nginx.cpu_us_per_call)),
            gateway.map_or(NONE, |(peer, _)| peer).to_owned(),
            gateway.map_or_else(
                || NONE.to_owned(),
                |(_, gateway)| ratio(gateway.cpu_us_per_call, cost),
            ),
        ]);
    }
    table
}

impl Compare {
    fn of_size(&self, size: usize) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.answer_bytes == size)
    }

    /// The nginx that is cheaper at this size.
    fn nginx(&self, size: usize, era: Era) -> Option<&Closed> {
        self.cheapest(size, era, |row| row.peer.starts_with("nginx")).map(|(_, cost)| cost)
    }

    fn cheapest(
        &self,
        size: usize,
        era: Era,
        which: impl Fn(&Row) -> bool,
    ) -> Option<(&'static str, &Closed)> {
        self.of_size(size)
            .filter(|row| row.era == era && which(row))
            .filter_map(|row| Some((row.peer, &row.measured.as_ref()?.many)))
            .min_by(|(_, a), (_, b)| a.cpu_us_per_call.total_cmp(&b.cpu_us_per_call))
    }
}

/// What a number alone does not say.
fn notes(compare: &Compare) -> Vec<String> {
    let mut notes = Vec::new();
    for row in &compare.rows {
        let who = format!("{}, {}, {} B", row.peer, row.era.name(), row.answer_bytes);
        if let Some(why) = &row.failed {
            let measured = row.measured.as_ref().map_or(0, |measured| measured.starts);
            // A program's words may have many lines, and a cell's rules do not hold here.
            let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
            notes.push(format!("FAILED after {measured} starts: {who}: {why}"));
        }
        let Some(measured) = &row.measured else { continue };
        if measured.wrong > 0 {
            let why = measured.first_wrong.as_deref().unwrap_or_default();
            notes.push(format!("{} wrong answers: {who}: {why}", measured.wrong));
        }
        for fixed in [Some(&measured.common), measured.half.as_ref()].into_iter().flatten() {
            if fixed.late * 100 > fixed.calls {
                notes.push(format!(
                    "{} of {} calls waited for a free connection at {:.0}/s: {who}",
                    fixed.late, fixed.calls, fixed.offered_calls_per_second
                ));
            }
        }
        if measured.foreign > Load::FOREIGN_MAX {
            notes.push(format!(
                "WARNING: others used {:.0}% of the proxy's core: {who}",
                measured.foreign * 100.0
            ));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::{Version, Visit};
    use super::*;

    fn row(peer: &'static str, kind: Kind, cpu_us: Option<f64>) -> Row {
        let visits: Vec<Visit> = cpu_us.map(|cpu| Visit::example(cpu, "no")).into_iter().collect();
        Row {
            answer_bytes: 128,
            era: Era::Legacy,
            peer,
            kind,
            measured: Measured::over(&visits),
            failed: visits.is_empty().then(|| "start 1: it\ndied".to_owned()),
        }
    }

    fn compare() -> Compare {
        let peers = vec![
            Version { peer: "nginx", kind: Kind::Bytes, says: Ok("1.22".to_owned()) },
            Version { peer: "dead", kind: Kind::Messages, says: Err("no".to_owned()) },
        ];
        let rows = vec![
            row("direct", Kind::Direct, Some(0.0)),
            row("nginx", Kind::Bytes, Some(16.0)),
            row("nginx-defaults", Kind::Bytes, Some(20.0)),
            row("penstock", Kind::Bytes, Some(12.0)),
            row("slow", Kind::Messages, Some(600.0)),
            row("fast", Kind::Messages, Some(60.0)),
            row("dead", Kind::Messages, None),
        ];
        Compare { date: "2026-11-22".to_owned(), starts: 1, peers, rows }
    }

    #[test]
    fn penstock_is_held_against_the_cheapest_of_each_kind() {
        let table = against(&compare()).markdown();
        let cells: Vec<&str> = table.lines().nth(2).unwrap().split('|').map(str::trim).collect();
        assert_eq!(cells, ["", "128 B", "penstock", "legacy", "0.75", "fast", "5.00", ""]);
    }

    #[test]
    fn who_failed_is_in_the_table_and_the_reason_below() {
        let compare = compare();
        let table = by_size(&compare, 128).markdown();
        let dead = table.lines().find(|line| line.contains("dead")).unwrap();
        assert!(dead.contains("failed, see below"), "{dead}");
        let note = notes(&compare).into_iter().find(|note| note.contains("dead")).unwrap();
        assert_eq!(note, "FAILED after 0 starts: dead, legacy, 128 B: start 1: it died");
    }

    #[test]
    fn the_markdown_has_every_peer_and_what_it_was_measured_on() {
        let text = markdown(&compare(), &Machine::example());
        assert!(text.contains("2026-11-22, `cargo xtask bench compare`, 1 starts"), "{text}");
        assert!(text.contains("- nginx: 1.22\n- dead: not measured\n"), "{text}");
        assert!(text.contains("1 wrong answers: slow, legacy, 128 B: no"), "{text}");
    }

    #[test]
    fn the_server_itself_has_no_processor_time_of_a_proxy() {
        let table = by_size(&compare(), 128).markdown();
        let direct = table.lines().find(|line| line.contains("direct")).unwrap();
        assert_eq!(direct.split('|').nth(3).unwrap().trim(), NONE);
    }
}
