//! Penstock ends as its command ends, and passes on what it is sent.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use crate::common::eventually;
use crate::host::{Host, end, output, refusal, says, signal};

#[test]
fn the_exit_status_is_the_commands() {
    let Some(host) = Host::new() else { return };
    for status in [0, 1, 7, 77, 255] {
        let ended = output(host.run(&["sh", "-c", &format!("exit {status}")])).status;
        assert_eq!(ended.code(), Some(status));
    }
}

#[test]
fn what_follows_the_command_is_the_commands_with_two_dashes_before_it_or_without() {
    let Some(host) = Host::new() else { return };
    for dashes in [&["--"][..], &[]] {
        let mut run = host.bare();
        run.args(["--user", "54321"])
            .args(dashes)
            .args(["sh", "-c", "echo $*", "x", "--user", "0"]);
        assert_eq!(says(run), "--user 0\n");
    }
}

#[test]
fn a_command_that_dies_of_a_signal_takes_penstock_with_it() {
    let Some(host) = Host::new() else { return };
    for (name, number) in [("TERM", 15), ("KILL", 9), ("SEGV", 11), ("INT", 2)] {
        let ended = output(host.run(&["sh", "-c", &format!("kill -{name} $$")])).status;
        assert_eq!(ended.signal(), Some(number), "{name}");
    }
}

#[test]
fn what_penstock_is_sent_reaches_the_command() {
    let Some(host) = Host::new() else { return };
    let signals = ["TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "WINCH"];
    for (place, name) in signals.into_iter().enumerate() {
        let script =
            format!("trap 'exit 1{place}' {name}; touch ready; while :; do sleep 0.05; done");
        let ready = host.work().join("ready");
        let child = host.run(&["sh", "-c", &script]).stderr(Stdio::null()).spawn();
        let mut child = child.expect("it starts");
        eventually("the command runs", || ready.exists());
        signal(child.id(), name);
        let ended = end(&mut child);
        assert_eq!(ended.code(), Some(10 + i32::try_from(place).expect("small")), "{name}");
        std::fs::remove_file(ready).expect("it is removed");
    }
}

#[test]
fn a_command_that_stops_stops_penstock_until_it_is_continued() {
    let Some(host) = Host::new() else { return };
    let script = "touch ready; kill -STOP $$; exit 5";
    let mut child = host.run(&["sh", "-c", script]).spawn().expect("it starts");
    let state = format!("/proc/{}/stat", child.id());
    let stopped = || {
        let stat = std::fs::read_to_string(&state).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"))
    };
    eventually("penstock is stopped", stopped);
    signal(child.id(), "CONT");
    assert_eq!(end(&mut child).code(), Some(5));
}

#[test]
fn what_is_not_found_and_what_cannot_be_run_are_told_apart() {
    let Some(host) = Host::new() else { return };
    let (code, said) = refusal(host.run(&["no-such-command"]));
    assert_eq!(code, 127);
    assert!(said.contains("`no-such-command` is not found") && said.contains("PATH"), "{said}");
    let (code, said) = refusal(host.run(&["/etc/passwd"]));
    assert_eq!(code, 126);
    assert!(said.contains("`/etc/passwd` cannot be run"), "{said}");
}

#[test]
fn an_agent_that_is_not_configured_is_refused_with_those_that_are() {
    let Some(host) = Host::new() else { return };
    let mut run = host.bare();
    run.args(["--agent", "two", "--", "true"]);
    // Twice is an error of usage already.
    assert_eq!(refusal(run).0, 64);
    let text = host.work().parent().expect("a parent").join("penstock.yaml");
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_penstock"));
    run.args(["run", "--agent", "two", "--user", "1", "--config"]).arg(text).args(["--", "true"]);
    let (code, said) = refusal(run);
    assert_eq!(code, 64);
    assert!(said.contains("no agent `two`") && said.contains("`one`"), "{said}");
}

#[test]
fn whoever_starts_penstock_may_ignore_its_children() {
    let Some(host) = Host::new() else { return };
    let run = host.run(&["sh", "-c", "exit 3"]);
    let script = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    let mut python = std::process::Command::new("/usr/bin/python3");
    python.args(["-c", script]).arg(run.get_program()).args(run.get_args());
    python.current_dir(host.work());
    assert_eq!(output(python).status.code(), Some(3));
}
