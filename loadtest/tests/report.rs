//! Reports through the binary: what it prints, what it writes, and how it exits.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

// The types of a report, and reports made of them: a binary has no library to take them from.
#[path = "../src/report"]
#[allow(dead_code, reason = "the tests need some of it")]
mod report {
    pub(crate) mod model;
    pub(crate) mod sample;
}

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use report::model::Report;
use report::sample;
use tempfile::TempDir;

/// A folder with reports in it.
struct Reports {
    folder: TempDir,
}

impl Reports {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, report: &Report) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, serde_json::to_vec(report).unwrap()).unwrap();
        path
    }
}

fn loadtest(arguments: &[&str], files: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_penstock-loadtest"));
    command.args(arguments).args(files).stdin(Stdio::null());
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_report_is_told_and_written_as_a_page() {
    let reports = Reports::new();
    let json = reports.write("run.json", &sample::steady());
    let html = reports.path("run.html");
    let output = loadtest(&["report", "--html", html.to_str().unwrap()], &[&json]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("120,000 calls in 1 min") && text.contains("tools/call echo"), "{text}");
    assert!(!text.contains('\x1b'), "a pipe has no colours");
    let page = fs::read_to_string(html).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    assert_eq!(page.matches("<svg role=\"img\"").count(), 10);
}

#[test]
fn assertions_decide_the_exit_code() {
    let reports = Reports::new();
    let json = reports.write("run.json", &sample::steady());
    for (bounds, code, said) in [
        ("p99<10s", 0, "held    p99<10s"),
        ("rate>=1000,errors<100", 0, "held    errors<100"),
        ("p99<10s,errors=0", 1, "BROKEN  errors=0"),
        ("p99<1us", 1, "BROKEN  p99<1us"),
    ] {
        let output = loadtest(&["report", "--assert", bounds], &[&json]);
        assert_eq!(output.status.code(), Some(code), "{bounds}: {}", stderr(&output));
        assert!(stdout(&output).contains(said), "{bounds}: {}", stdout(&output));
    }
    let twice = loadtest(&["report", "--assert", "p99<10s", "--assert", "errors=0"], &[&json]);
    assert_eq!(twice.status.code(), Some(1), "each of several counts");
}

#[test]
fn an_interrupted_run_is_shown_but_not_judged() {
    let reports = Reports::new();
    let mut interrupted = sample::steady();
    interrupted.ended = report::model::Ended::Interrupted;
    let json = reports.write("run.json", &interrupted);
    assert_eq!(loadtest(&["report"], &[&json]).status.code(), Some(0));
    let judged = loadtest(&["report", "--assert", "p99<10s"], &[&json]);
    assert_eq!(judged.status.code(), Some(4));
    let text = stdout(&judged);
    assert!(text.contains("not known: interrupted  p99<10s") && !text.contains("held "), "{text}");
    let page = reports.path("run.html");
    let judged = ["report", "--assert", "p99<10s", "--html", page.to_str().unwrap()];
    assert_eq!(loadtest(&judged, &[&json]).status.code(), Some(4));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("not known: interrupted") && !page.contains("✓ held"));
}

#[test]
fn a_comparison_with_an_interrupted_run_is_shown_but_not_judged() {
    let reports = Reports::new();
    let whole = reports.write("whole.json", &sample::steady());
    let mut interrupted = sample::steady();
    interrupted.ended = report::model::Ended::Interrupted;
    let cut = reports.write("cut.json", &interrupted);
    for (base, new) in [(&whole, &cut), (&cut, &whole)] {
        assert_eq!(loadtest(&["compare"], &[base, new]).status.code(), Some(0));
        let judged = loadtest(&["compare", "--assert", "p99<=1x"], &[base, new]);
        assert_eq!(judged.status.code(), Some(4));
        let text = stdout(&judged);
        assert!(text.contains("not known: interrupted  p99<=1x  1.00x ("), "{text}");
    }
}

#[test]
fn what_the_harness_broke_is_called_not_measured() {
    let reports = Reports::new();
    let mut bottleneck = sample::steady();
    bottleneck.harness.bottleneck = true;
    let json = reports.write("run.json", &bottleneck);
    let output = loadtest(&["report", "--assert", "p99<1us"], &[&json]);
    assert_eq!(output.status.code(), Some(1));
    let said = "BROKEN  p99<1us  not measured: the harness was the bottleneck (";
    assert!(stdout(&output).contains(said), "{}", stdout(&output));
}

#[test]
fn what_was_not_measured_breaks() {
    let reports = Reports::new();
    let mut unwatched = sample::steady();
    unwatched.process = None;
    let json = reports.write("run.json", &unwatched);
    let output = loadtest(&["report", "--assert", "cpu<1s"], &[&json]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("BROKEN  cpu<1s  not measured: no process was watched"), "{text}");
}

#[test]
fn a_bottleneck_is_the_first_thing_said() {
    let reports = Reports::new();
    let mut bottleneck = sample::steady();
    bottleneck.harness.bottleneck = true;
    bottleneck.harness.reasons = vec!["Its busiest thread worked 97 % of the time.".to_owned()];
    let json = reports.write("run.json", &bottleneck);
    let text = stdout(&loadtest(&["report"], &[&json]));
    let said = "!! The harness was the bottleneck: these numbers are its own, and not the \
                target's.\n   - Its busiest thread worked 97 % of the time.\n";
    assert!(text.starts_with(said), "{text}");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let reports = Reports::new();
    let write = |name: &str, text: &str| {
        fs::write(reports.path(name), text).unwrap();
        reports.path(name)
    };
    for (path, said) in [
        (reports.path("missing.json"), "cannot open"),
        (write("text.json", "hello"), "no report of penstock-loadtest"),
        (write("newer.json", r#"{"schemaVersion":2}"#), "`schemaVersion` is 2"),
        (write("older.json", r#"{"schemaVersion":0}"#), "`schemaVersion` is 0"),
        (write("short.json", r#"{"schemaVersion":1}"#), "missing field"),
        (reports.folder.path().to_path_buf(), "cannot read"),
    ] {
        let output = loadtest(&["report"], &[&path]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(said) && told.contains(path.to_str().unwrap()), "{said}: {told}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_wrong_bound_or_a_place_that_cannot_be_written_is_told_before_anything() {
    let reports = Reports::new();
    let json = reports.write("run.json", &sample::steady());
    for bounds in ["p99", "p99<fast", "speed<1ms", ""] {
        let output = loadtest(&["report", "--assert", bounds], &[&json]);
        assert_eq!(output.status.code(), Some(2), "{bounds}");
        assert!(output.stdout.is_empty(), "{bounds}");
    }
    let nowhere = reports.path("none/run.html");
    let output = loadtest(&["report", "--html", nowhere.to_str().unwrap()], &[&json]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let told = stderr(&output);
    assert!(told.contains("cannot write") && !told.contains(".part"), "{told}");
    assert!(told.contains("No such file or directory"), "{told}");
    let output = loadtest(&["report", "--html", "-"], &[&json]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("name a file"), "{}", stderr(&output));
}

#[test]
fn no_page_is_written_over_a_report() {
    let reports = Reports::new();
    let json = reports.write("run.json", &sample::lasting(2));
    let before = fs::read(&json).unwrap();
    let here = reports.path("./run.json");
    for output in [
        loadtest(&["report", "--html", here.to_str().unwrap()], &[&json]),
        loadtest(&["compare", "--html", here.to_str().unwrap()], &[&json, &json]),
    ] {
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("is a report"), "{}", stderr(&output));
    }
    assert_eq!(fs::read(&json).unwrap(), before);
}

#[test]
fn two_reports_are_compared() {
    let reports = Reports::new();
    let base = reports.write("base.json", &sample::steady());
    let mut changed = sample::steady();
    changed.process.as_mut().unwrap().cpu_us_per_call = 155.0;
    changed.plan.connections = 64;
    let new = reports.write("new.json", &changed);
    let html = reports.path("change.html");
    let output = loadtest(
        &["compare", "--html", html.to_str().unwrap(), "--assert", "p99<=1.1x,cpu<=0.6x"],
        &[&base, &new],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("- Connections: 32 → 64"), "{text}");
    assert!(text.contains("held    cpu<=0.6x  0.50x (310 µs → 155 µs)"), "{text}");
    assert!(fs::read_to_string(html).unwrap().contains("<h1>Load tests compared</h1>"));
    let output = loadtest(&["compare", "--assert", "cpu<=0.4x"], &[&base, &new]);
    assert_eq!(output.status.code(), Some(1));
    let output = loadtest(&["compare", "--assert", "cpu<50us"], &[&base, &new]);
    assert_eq!(output.status.code(), Some(2), "a bound of a comparison is a factor");
}

#[test]
fn several_runs_of_each_are_taken_together() {
    let reports = Reports::new();
    let base = reports.write("base.json", &sample::lasting(10));
    let new = reports.write("new.json", &sample::lasting(20));
    let more = ["--base", base.to_str().unwrap(), "--base", base.to_str().unwrap()];
    let arguments = [&["compare"], &more[..]].concat();
    let output = loadtest(&arguments, &[&base, &new]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("30 s of open") && text.contains("3 runs"), "{text}");
}

#[test]
fn nothing_in_a_report_reaches_the_terminal_as_a_command() {
    let reports = Reports::new();
    let hostile = sample::filled_with("\x1b]0;owned\x07\x1b[2J\r\n\u{9b}31m\u{202e}");
    let json = reports.write("\x1b[31mrun.json", &hostile);
    let newer = reports.path("\x1b[31mnewer.json");
    fs::write(&newer, r#"{"schemaVersion":2}"#).unwrap();
    let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    for output in [
        loadtest(&["report"], &[&json]),
        loadtest(&["compare"], &[&json, &json]),
        loadtest(&["report"], &[&newer]),
    ] {
        let told = stdout(&output) + &stderr(&output);
        assert!(!told.is_empty() && !told.contains(harmful), "{told:?}");
    }
}

#[test]
fn the_schema_that_is_printed_is_that_of_reports() {
    let output = loadtest(&["schema", "report"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&serde_json::to_value(sample::searched()).unwrap()));
    assert!(!validator.is_valid(&serde_json::json!({ "schemaVersion": 1 })));
}

#[test]
fn help_says_what_exit_codes_mean() {
    for command in ["report", "compare"] {
        let text = stdout(&loadtest(&[command, "--help"], &[]));
        let (_, codes) = text.split_once("\nExit codes:\n").unwrap();
        let codes: Vec<&str> = codes.lines().filter_map(|line| line.get(2..3)).collect();
        assert_eq!(codes, ["0", "1", "2", "4"], "{text}");
    }
    let text = stdout(&loadtest(&["--help"], &[]));
    for code in ["  0  done", "  1  done", "  2  the command line", "  3  the run"] {
        assert!(text.contains(code), "{code} in {text}");
    }
}
