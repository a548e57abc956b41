//! The units in `packaging/systemd` start what the command line has, as agents that the example has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PENSTOCK: &str = env!("CARGO_BIN_EXE_penstock");
/// Where the units expect what they start, and their configuration.
const INSTALLED: &str = "/usr/bin/penstock";
const AGENT: &str = "/usr/local/bin/claude-agent";
const CONFIG: &str = "/etc/penstock/penstock.yaml";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Name and text of each unit.
fn units() -> Vec<(String, String)> {
    let entries = fs::read_dir(project().join("packaging/systemd")).expect("the units");
    let units = entries.map(|entry| {
        let entry = entry.expect("a unit");
        let name = entry.file_name().into_string().expect("a name");
        (name, fs::read_to_string(entry.path()).expect("its text"))
    });
    units.collect()
}

/// The commands of penstock that a unit runs, without the program.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let exec = text.lines().filter(|line| line.starts_with("Exec"));
    let run = exec.filter_map(|line| line.split_once(INSTALLED));
    run.map(|(_, arguments)| arguments.split_whitespace().collect()).collect()
}

#[test]
fn every_command_of_a_unit_is_one_that_penstock_has() {
    let missing = std::env::temp_dir().join(format!("penstock-packaging-{}", std::process::id()));
    let missing = missing.to_str().expect("a path");
    let mut ran = 0;
    for (name, text) in units() {
        for mut command in commands(&text) {
            let at = command.iter().position(|word| *word == CONFIG);
            // So none does what it says: the command line is read first, then the configuration.
            command[at.unwrap_or_else(|| panic!("{name} relies on the working directory"))] =
                missing;
            let output = Command::new(PENSTOCK).args(&command).output().expect("penstock runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(66), "{name}: {command:?}: {said}");
            ran += 1;
        }
    }
    assert!(ran >= 6, "{ran} commands in the units");
}

#[test]
fn the_units_and_their_example_speak_of_the_same_agent_and_slice() {
    let example = project().join("examples/systemd-agent.yaml");
    let output = Command::new(PENSTOCK).arg("check").arg(example).output().expect("penstock runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("agent claude: unit agents-claude.slice"), "{said}");
    let units = units();
    assert!(units.iter().any(|(name, _)| name == "agents-claude.slice"));
    let (_, agent) = units.iter().find(|(name, _)| name == "claude-agent.service").expect("it");
    assert!(agent.contains("\nSlice=agents-claude.slice\n"), "{agent}");
    assert!(agent.contains("\nExecStartPre=+/usr/bin/penstock egress apply --agent claude "));
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let folder = std::env::temp_dir().join(format!("penstock-units-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    let mut files = Vec::new();
    for (name, text) in units() {
        let file = folder.join(name);
        fs::write(&file, text.replace(INSTALLED, PENSTOCK).replace(AGENT, PENSTOCK)).expect("it");
        files.push(file);
    }
    let verified = Command::new("systemd-analyze").arg("verify").args(&files).output();
    fs::remove_dir_all(&folder).expect("the folder goes");
    match verified {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let ours: Vec<_> = said.lines().filter(|line| line.contains("penstock")).collect();
            assert!(ours.is_empty(), "{ours:?}");
        }
        Err(error) => eprintln!("NOT RUN: systemd-analyze: {error}"),
    }
}
