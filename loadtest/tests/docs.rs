//! The commands of docs/load-test.md, run as they stand there. The mock is where the page has
//! penstock, times are cut short, and no bound is on speed: the machine may be doing something else.

#[allow(dead_code, reason = "others need the rest")]
mod client;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use client::Mock;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).expect(path)
}

fn page() -> String {
    read("docs/load-test.md")
}

/// Those that stand in blocks of their own and are not mere forms of one.
fn commands(page: &str) -> Vec<&str> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("penstock-loadtest "));
    lines.collect()
}

/// As a shell would take it apart; there are single quotes and nothing else.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in command.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("a word").push(letter),
        }
    }
    assert!(!quoted && !command.contains(['"', '\\']), "{command}");
    words
}

/// The word after this flag.
fn value<'w>(words: &'w mut [String], flag: &str) -> Option<&'w mut String> {
    let at = words.iter().position(|word| word == flag)?;
    Some(&mut words[at + 1])
}

/// Bounds on times, at a time that passes for none.
fn loosened(bounds: &str) -> String {
    let loose = |bound: &str| match bound.split_once('<') {
        Some((name, limit)) if limit.ends_with('s') => format!("{name}<1h"),
        _ => bound.to_owned(),
    };
    bounds.split(',').map(loose).collect::<Vec<_>>().join(",")
}

/// Milliseconds of each p99 in a text, whatever stands between.
fn p99s(text: &str) -> Vec<f64> {
    let after = text.split("p99").skip(1).map(|rest| rest.trim_start_matches(['<', '=']));
    after.filter_map(|rest| rest.split_once("ms")?.0.parse().ok()).collect()
}

/// A folder with what the page tells to have, and the mock.
struct Desk {
    folder: tempfile::TempDir,
    mock: Mock,
}

impl Desk {
    fn new(mock: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect(name);
        let scenario = read("examples/loadtest/scenario.yaml");
        let (before, bounds) = scenario.split_once("\nassert: ").expect("its bounds");
        put("scenario.yaml", &format!("{before}\nassert: {}\n", loosened(bounds.trim())));
        put("requests.jsonl", &read("examples/loadtest/recording.jsonl"));
        let mut flags = words(mock);
        let listen = value(&mut flags, "--listen").expect("where it listens");
        "127.0.0.1:0".clone_into(listen);
        let flags: Vec<&str> = flags.iter().skip(1).map(String::as_str).collect();
        Self { mock: Mock::start(&flags), folder }
    }

    /// What the command did; every file that it names is there.
    fn run(&self, command: &str) -> Output {
        let mut words =
            words(&command.replace("$(pidof -s penstock)", &self.mock.pid().to_string()));
        if words[0] == "run" {
            self.shorten(&mut words);
        }
        let mut program = Command::new(env!("CARGO_BIN_EXE_penstock-loadtest"));
        program.args(&words).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = program.output().expect("the program");
        for flag in ["--json", "--html"] {
            if let Some(file) = value(&mut words, flag) {
                assert!(self.folder.path().join(&file).exists(), "{file} of {command}: {output:?}");
            }
        }
        output
    }

    fn shorten(&self, words: &mut Vec<String>) {
        if let Some(bounds) = value(words, "--assert") {
            *bounds = loosened(bounds);
        }
        let has = |flag: &str| words.iter().any(|word| word == flag);
        let (scenario, search, replay) = (has("--scenario"), has("--search"), has("--replay"));
        let mut more = vec![("--connect", self.mock.address().to_string())];
        if scenario {
            more.push(("--rate", "50,100".to_owned()));
        }
        if search {
            more.push(("--search-to", "200".to_owned()));
        }
        // A recording is short as it is.
        if !replay {
            // So long that there are as many calls as a p99 takes.
            let step = if scenario { "2s" } else { "300ms" };
            more.extend([("--duration", step.to_owned()), ("--warm-up", "0s".to_owned())]);
        }
        for (flag, said) in more {
            match value(words, flag) {
                Some(there) => *there = said,
                None => words.extend([flag.to_owned(), said]),
            }
        }
    }
}

#[test]
fn every_command_of_the_page_works() {
    let page = page();
    let commands = commands(&page);
    let (mocks, others): (Vec<&str>, Vec<&str>) =
        commands.into_iter().partition(|command| command.starts_with("mock "));
    let [mock] = mocks.as_slice() else { panic!("the page starts one mock: {mocks:?}") };
    assert_eq!(others.len(), 6, "{others:#?}");
    let desk = Desk::new(mock);
    for command in others {
        let output = desk.run(command);
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}\n{said}\n{errors}");
        if command.contains("--replay") {
            assert!(said.contains("\n5 calls in "), "each of them once: {said}");
        }
        let base = desk.folder.path().join("base.json");
        if command.contains("new.json") && !base.exists() {
            // As the page says: what the version before has left, on a machine that did nothing else.
            let new = fs::read_to_string(desk.folder.path().join("new.json")).expect("a report");
            let mut report: serde_json::Value = serde_json::from_str(&new).expect("a report");
            report["harness"]["bottleneck"] = false.into();
            fs::write(base, report.to_string()).expect("a report");
        }
    }
}

#[test]
fn the_mock_of_the_page_is_faster_than_what_is_asked_of_it() {
    let (page, scenario) = (page(), read("examples/loadtest/scenario.yaml"));
    let commands = commands(&page);
    let (mocks, others): (Vec<&str>, Vec<&str>) =
        commands.into_iter().partition(|command| command.starts_with("mock "));
    let slow = p99s(&mocks.join("\n"));
    let asked = p99s(&others.join("\n")).into_iter();
    let asked: Vec<f64> =
        asked.chain(p99s(scenario.rsplit("\nassert: ").next().unwrap())).collect();
    assert!(slow.len() == 1 && asked.len() == 3, "{slow:?}, {asked:?}");
    assert!(asked.iter().all(|asked| *asked >= 2.0 * slow[0]), "{asked:?} of {slow:?}");
}

#[test]
fn the_page_has_every_exit_code() {
    let (_, help, _) = client::run(&["--help"]);
    let (_, codes) = help.split_once("Exit codes:\n").expect("its exit codes");
    let number = |text: &str| text.trim().parse::<u8>().ok();
    let codes: BTreeSet<u8> =
        codes.lines().filter_map(|line| number(line.trim().split(' ').next()?)).collect();
    let page = page();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    assert_eq!(rows.filter_map(number).collect::<BTreeSet<u8>>(), codes);
    assert!(codes.len() > 3, "{codes:?}");
}
