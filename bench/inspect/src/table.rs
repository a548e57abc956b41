//! What was measured, for people: tables in Markdown.

use crate::speed::{Row, Speed, Way};
use crate::start_up::Started;

/// A thread that had less of the wall's time shared its core, and its numbers are worth nothing.
const UNDISTURBED: f64 = 0.95;
const MEBIBYTE: f64 = 1_048_576.0;

pub(crate) fn print(rows: &[Row], started: &[Started]) {
    println!("\n{}", speeds(rows));
    println!("{}", starts(started));
    for note in notes(rows) {
        println!("{note}");
    }
}

fn speeds(rows: &[Row]) -> String {
    let heads = [
        "made of",
        "message",
        "pieces with hits",
        "found a MiB",
        "scan, GB/s",
        "µs a message",
        "words alone, GB/s",
        "scan ÷ words",
        "policy, GB/s",
        "portable, GB/s",
        "regexes alone, GB/s",
        "scan ÷ regexes",
    ];
    let mut lines = vec![heads.map(str::to_owned).to_vec()];
    for row in rows {
        let rate = |way| row.speed(way).map_or(f64::NAN, |speed| speed.gb_a_second);
        let micros = row.speed(Way::Scan).map_or(f64::NAN, |speed| speed.us_a_message);
        lines.push(vec![
            row.of.to_owned(),
            size(row.size),
            format!("{} %", row.per_mille / 10),
            format!("{:.0}", row.findings_a_mebibyte),
            significant(rate(Way::Scan)),
            significant(micros),
            significant(rate(Way::Words)),
            format!("{:.2}", rate(Way::Scan) / rate(Way::Words)),
            significant(rate(Way::Policy)),
            significant(rate(Way::Portable)),
            significant(rate(Way::Regexes)),
            format!("{:.0}", rate(Way::Scan) / rate(Way::Regexes)),
        ]);
    }
    table(&lines)
}

fn starts(started: &[Started]) -> String {
    let row = |name: &str, value: fn(&Started) -> f64| {
        let mut cells = vec![name.to_owned()];
        cells.extend(started.iter().map(|one| significant(value(one))));
        cells
    };
    let mut heads = vec!["start-up and memory".to_owned()];
    heads.extend(started.iter().map(|one| one.engine.to_owned()));
    let mut lines = vec![heads];
    lines.push(row("built-in rules read, ms", |one| one.median.rules_ms));
    lines.push(row("prepared, ms", |one| one.median.prepared_ms));
    lines.push(row("4 KiB for the first time, µs", |one| one.median.first_us));
    lines.push(row("the same for the hundredth time, µs", |one| one.median.hundredth_us));
    lines.push(row("resident once prepared, MiB", |one| one.median.prepared_resident_kib / 1024.0));
    lines.push(row("and after 2 MiB of messages, MiB more", |one| {
        one.median.used_resident_kib / 1024.0
    }));
    lines.push(row("of it rules and engine, by the allocator, MiB", |one| {
        one.median.prepared_bytes / MEBIBYTE
    }));
    lines
        .push(row("of it the words, by the engine, MiB", |one| one.median.engine_bytes / MEBIBYTE));
    lines.push(row("a thread's memory, by the allocator, KiB", |one| {
        one.median.scratch_bytes / 1024.0
    }));
    lines.push(row("a thread's memory, by the engine, KiB", |one| {
        one.median.engine_scratch_bytes / 1024.0
    }));
    table(&lines)
}

/// What a number alone does not say.
fn notes(rows: &[Row]) -> Vec<String> {
    let mut notes = Vec::new();
    for row in rows {
        let disturbed = |way| {
            let speed: Option<&Speed> = row.speed(way);
            speed.is_some_and(|speed| speed.gb_a_second_wall < UNDISTURBED * speed.gb_a_second)
        };
        if [Way::Scan, Way::Words, Way::Policy, Way::Portable].into_iter().any(disturbed) {
            notes.push(format!(
                "WARNING: the core was shared at {}, {}, hits in {} % of pieces: these numbers are not to be kept",
                row.of,
                size(row.size),
                row.per_mille / 10
            ));
        }
    }
    notes
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

/// Three digits.
fn significant(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value if value >= 0.1 => format!("{value:.3}"),
        value => format!("{value:.4}"),
    }
}

/// Of rows, the first of which has the heads.
fn table(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        out.push_str(&format!("| {} |\n", row.join(" | ")));
        if index == 0 {
            out.push_str(&format!("|{}\n", " --- |".repeat(row.len())));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let told = [1234.6, 12.345, 1.2345, 0.123_45, 0.001_234].map(significant);
        assert_eq!(told, ["1235", "12.3", "1.23", "0.123", "0.0012"]);
    }

    #[test]
    fn a_table_has_a_rule_below_its_heads() {
        let rows = [["a", "b"], ["1", "2"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "| a | b |\n| --- | --- |\n| 1 | 2 |\n");
        assert_eq!([512, 4096, 1 << 20].map(size), ["512 B", "4 KiB", "1 MiB"]);
    }
}
