//! `run` against the mock, each a process of its own.

#[allow(dead_code, reason = "others need the rest")]
mod client;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use client::Mock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_penstock-loadtest"));
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A short run of 300 calls; its end, and its report if there is one.
fn run(url: &str, arguments: &[&str], dir: &Path) -> (Output, Option<Value>) {
    let json = dir.join("report.json");
    let output = program(&["run", url, "--quiet", "--json", json.to_str().expect("a path")])
        .args(["--rate", "300", "--arrival", "even", "--duration", "1s", "--warm-up", "200ms"])
        .args(arguments)
        .output()
        .expect("the program");
    (output, read(&json))
}

fn read(json: &Path) -> Option<Value> {
    Some(serde_json::from_str(&fs::read_to_string(json).ok()?).expect("a report"))
}

#[test]
fn both_eras_against_a_mock_that_checks_all_it_can() {
    let mock = Mock::start(&["--check-sessions", "--check-headers", "--stream-rate", "20%"]);
    let dir = tempfile::tempdir().unwrap();
    for era in ["modern", "legacy"] {
        let mix = ["--mix", "call=6,list=2,init=1,stream=1", "--hold", "100ms"];
        let arguments = [&mix[..], &["--era", era, "--sessions", "4"]].concat();
        let (output, report) = run(&mock.url(), &arguments, dir.path());
        assert!(output.status.success(), "{output:?}");
        let report = report.expect("a report");
        let total = &report["total"];
        assert_eq!(
            (&total["calls"], &total["succeeded"]),
            (&300.into(), &300.into()),
            "{report:#}"
        );
        assert_eq!(report["ended"], "completed");
    }
}

#[test]
fn what_fails_is_counted_and_breaks_an_assertion() {
    let mock = Mock::start(&["--http-error-rate", "20%", "--error-rate", "20%"]);
    let dir = tempfile::tempdir().unwrap();
    // The mock may fail the very first call too, and then there is no run: it is another's turn.
    let mut ended = run(&mock.url(), &["--assert", "errors=0"], dir.path());
    for _ in 0..50 {
        if ended.0.status.code() == Some(1) {
            break;
        }
        assert_eq!(ended.0.status.code(), Some(3), "{:?}", ended.0);
        ended = run(&mock.url(), &["--assert", "errors=0"], dir.path());
    }
    let report = ended.1.expect("a report");
    let errors = report["errors"].as_array().unwrap();
    let count = |what: &str| -> u64 {
        let same = errors.iter().filter(|one| one["what"] == what);
        same.map(|one| one["count"].as_u64().unwrap()).sum()
    };
    assert!(count("HTTP 503") > 20 && count("-32603") > 20, "{errors:?}");
    assert_eq!(count("HTTP 503") + count("-32603"), report["total"]["failed"].as_u64().unwrap());
}

#[test]
fn a_run_is_told_written_and_judged() {
    let mock = Mock::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("report.html");
    let html = ["--html", page.to_str().unwrap(), "--header", "Authorization: Basic eDp5"];
    let holds = ["--assert", "errors=0", "--assert", "rate>1,p99<1h"];
    let (output, report) = run(&mock.url(), &[html, holds].concat(), dir.path());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for held in ["held    errors=0", "held    rate>1", "held    p99<1h"] {
        assert!(said.contains(held), "{held} in {said}");
    }
    assert_eq!(report.expect("a report")["total"]["succeeded"], 300);
    assert!(fs::read_to_string(&page).unwrap().starts_with("<!DOCTYPE html>"));
    fs::remove_file(&page).unwrap();

    let breaks = ["--assert", "errors=0", "--assert", "rate>1000000"];
    let (output, report) = run(&mock.url(), &[html, breaks].concat(), dir.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(page.exists(), "a run that broke something is written too");
    // Asked to be quiet about progress, it still says what has to be known; so does the report.
    let note = "--header Authorization in the list of processes";
    assert!(String::from_utf8(output.stderr).unwrap().contains(note));
    let warnings = report.expect("a report")["harness"]["warnings"].to_string();
    assert!(warnings.contains(note), "{warnings}");
}

#[test]
fn a_report_that_has_nowhere_to_go_is_no_run() {
    let mock = Mock::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let same = dir.path().join("./report.json");
    let (output, report) = run(&mock.url(), &["--html", same.to_str().unwrap()], dir.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), report), (Some(2), None), "{said}");
    assert!(said.contains("cannot be both the JSON and the page"), "{said}");
}

#[test]
fn an_interrupt_gives_the_report_so_far() {
    let mock = Mock::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("report.json");
    let running = program(&["run", &mock.url(), "--quiet", "--json", json.to_str().unwrap()])
        .args(["--rate", "200", "--duration", "10m", "--warm-up", "100ms"])
        .spawn()
        .unwrap();
    sleep(Duration::from_secs(2));
    let pid = Pid::from_raw(running.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let report = read(&json).expect("a report");
    assert_eq!(report["ended"], "interrupted");
    let (calls, succeeded) = (&report["total"]["calls"], &report["total"]["succeeded"]);
    assert!(calls.as_u64() > Some(0) && calls == succeeded, "{report:#}");
}

#[test]
fn an_interrupt_before_the_first_answer_leaves_an_older_report() {
    // It takes connections and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", mute.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("base.json");
    fs::write(&json, "an older one").unwrap();
    let running = program(&["run", &url, "--assert", "errors=0", "--json", json.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The first call is under way.
    let held = mute.accept().unwrap();
    let pid = Pid::from_raw(running.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = running.wait_with_output().unwrap();
    drop(held);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let (said, told) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(said.contains("the target had not answered the first call"), "{said}");
    assert!(said.contains("not known: interrupted  errors=0"), "{said}");
    assert!(told.contains("is left as it was: no call had been measured"), "{told}");
    assert_eq!(fs::read_to_string(&json).unwrap(), "an older one");
}

#[test]
fn a_target_that_is_not_there_is_said_once() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (output, report) = run(&format!("http://{gone}/mcp"), &[], dir.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), report), (Some(3), None), "{said}");
    assert!(said.contains("is the server running") && said.lines().count() == 1, "{said}");
}
