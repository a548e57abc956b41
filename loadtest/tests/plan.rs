//! What the program says before it calls anybody, and the files that it ships.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Exit code, what it printed, and what it complained of.
fn run(arguments: &[&str], token: Option<&str>) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_penstock-loadtest"));
    command.args(arguments).env_remove("PENSTOCK_LOADTEST_TOKEN");
    if let Some(token) = token {
        command.env("PENSTOCK_LOADTEST_TOKEN", token);
    }
    let output = command.output().expect("the program");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_run_that_cannot_begin_says_why_and_exits_with_2() {
    for (arguments, token, said) in [
        (
            &["run", "127.0.0.1:9/mcp"][..],
            None,
            "error: the URL `127.0.0.1:9/mcp` has no scheme: begin it with http:// or https://\n",
        ),
        (
            &["run", "http://127.0.0.1:9/mcp"],
            Some("hunter 2"),
            "error: the token in PENSTOCK_LOADTEST_TOKEN cannot be used: its character 7 is none \
             of letters, digits and -._~+/=\n",
        ),
        (
            &["run", "http://127.0.0.1:9/mcp", "--session-calls", "5"],
            None,
            "error: calls a session (5) have no meaning in the modern era, which has no sessions: \
             leave them out or take the legacy era\n",
        ),
    ] {
        let (code, stdout, stderr) = run(arguments, token);
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(2), "", said));
    }
    let (code, _, stderr) = run(&["run", "http://127.0.0.1:9/mcp", "--rate", "0"], None);
    let said = "error: invalid value '0' for '--rate <RATES>': the rate `0` sends nothing";
    assert!(code == Some(2) && stderr.starts_with(said), "{stderr}");
}

#[test]
fn a_process_that_is_not_there_is_found_out_before_any_call() {
    let pid = ["run", "http://127.0.0.1:9/mcp", "--pid", "4194305"];
    let said = "error: there is no process 4194305 to watch; name one that runs, on this host\n";
    let (code, stdout, stderr) = run(&pid, None);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(2), "", said));
}

#[test]
fn anything_but_one_process_is_told_how_to_name_one() {
    let url = "http://127.0.0.1:9/mcp";
    for (arguments, said) in [
        (&["run", url, "--pid", ""][..], "no process is named"),
        (&["run", url, "--pid", "--quiet"], "no process is named"),
        (&["run", url, "--pid", "12 34"], "`12 34` are several"),
        (&["run", url, "--pid", "12", "34"], "unexpected argument '34'"),
        (&["run", "--pid", "12", "34"], "`34` is no URL"),
        (&["run", url, "--pid", "penstock"], "`penstock` is no process id"),
    ] {
        let (code, _, stderr) = run(arguments, None);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(said) && stderr.contains("$(pidof -s penstock)"), "{stderr}");
    }
}

#[test]
fn a_file_of_tls_that_cannot_be_used_is_the_command_lines_and_a_host_without_address_is_not() {
    let ca = ["run", "https://127.0.0.1:9/mcp", "--ca", "/nowhere/ca.pem"];
    let (code, _, stderr) = run(&ca, None);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("certificates in /nowhere/ca.pem cannot be read"), "{stderr}");
    let identity = ["--cert", "/nowhere/cert.pem", "--key", "/nowhere/key.pem"];
    let (code, _, stderr) =
        run(&[&["run", "https://127.0.0.1:9/mcp"], &identity[..]].concat(), None);
    assert_eq!(code, Some(2), "{stderr}");
    let (code, _, stderr) = run(&["run", "http://nowhere.invalid/mcp"], None);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("cannot resolve the host `nowhere.invalid`"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for of in ["scenario", "report"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_penstock-loadtest"));
        let output = command.args(["schema", of]).stdout(writer).output().expect("the program");
        assert_eq!(output.status.code(), Some(0), "{of}: {output:?}");
    }
}

#[test]
fn the_schema_is_the_one_in_the_repository() {
    let file = project().join("loadtest/scenario.schema.json");
    let (code, printed, _) = run(&["schema", "scenario"], None);
    assert_eq!(code, Some(0));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        printed,
        "{} is out of date: write it with `penstock-loadtest schema scenario`",
        file.display()
    );
    let schema: Value = serde_json::from_str(&printed).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for (scenario, valid) in [
        ("{ url: 'http://a/', rate: 2000, warmUp: 5s }", true),
        ("{ url: 'http://a/', rate: '500,1000', mix: [{ operation: list }] }", true),
        ("{ warm_up: 5s }", false),
        ("{ mix: [{ operation: calls }] }", false),
        ("{ mix: [{ weight: 1 }] }", false),
        ("{ header: [] }", false),
    ] {
        let value: Value = serde_saphyr::from_str(scenario).expect("YAML");
        assert_eq!(validator.is_valid(&value), valid, "{scenario}");
    }
}

#[test]
fn the_example_is_accepted_by_the_schema() {
    let (_, schema, _) = run(&["schema", "scenario"], None);
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let example = project().join("examples/loadtest/scenario.yaml");
    let text = std::fs::read_to_string(example).expect("the example");
    let modeline = "# yaml-language-server: $schema=../../loadtest/scenario.schema.json\n";
    assert!(text.starts_with(modeline));
    let value: Value = serde_saphyr::from_str(&text).expect("YAML");
    let errors: Vec<String> = validator.iter_errors(&value).map(|it| it.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}
