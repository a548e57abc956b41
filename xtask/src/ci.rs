//! `ci`: everything that a change must pass, timed step by step.

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};

use crate::bench;
use crate::ebpf;
use crate::paths::Paths;
use crate::setup;
use crate::steps::{Steps, run};
use crate::test;

pub(crate) fn ci(paths: &Paths) -> Result<ExitCode> {
    let mut steps = Steps::new();
    let result = every_step(paths, &mut steps);
    steps.report();
    result?;
    Ok(ExitCode::SUCCESS)
}

fn every_step(paths: &Paths, steps: &mut Steps) -> Result<()> {
    steps.step("setup", || {
        setup::for_build(paths)?;
        setup::for_instructions()?;
        setup::for_tests(paths)
    })?;
    steps.step("ebpf", || ebpf::ebpf(paths))?;
    steps.step("fmt", || {
        run(&mut paths.cargo(&["fmt", "--all", "--check"]))?;
        run(ebpf::cargo(paths, "fmt").arg("--check"))
    })?;
    let clippy =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];
    steps.step("clippy", || {
        run(&mut paths.cargo(&clippy))?;
        run(&mut ebpf::clippy(paths))
    })?;
    steps.step("deny", || deny(paths))?;
    steps.step("doc", || {
        let mut cargo = paths.cargo(&["doc", "--workspace", "--no-deps"]);
        run(cargo.env("RUSTDOCFLAGS", "--deny warnings"))
    })?;
    steps.step("instructions", || bench::instructions(paths, bench::Then::Compare))?;
    steps.step("test", || {
        ensure!(test::test(paths, &[])? == ExitCode::SUCCESS, "a suite failed");
        Ok(())
    })
}

/// Licences, duplicates and sources always; advisories where their database can be had.
pub(crate) fn deny(paths: &Paths) -> Result<()> {
    let tool = setup::CARGO_DENY.ensure(paths)?;
    let deny = |args: &[&str]| {
        let mut command = Command::new(&tool);
        command.args(args).current_dir(&paths.root);
        command
    };
    run(&mut deny(&["check", "bans", "licenses", "sources"]))?;
    // The eBPF programs have a lock file of their own, and use few of the licences.
    let programs = ["--manifest-path", ebpf::MANIFEST, "check", "-A", "license-not-encountered"];
    run(deny(&programs).args(["bans", "licenses", "sources"]))?;
    // A build host without a way to the database still checks the rest, and says so.
    if run(&mut deny(&["fetch", "db"])).is_err() {
        println!("  ADVISORIES WERE NOT CHECKED: their database could not be fetched");
        return Ok(());
    }
    run(&mut deny(&["check", "--disable-fetch", "advisories"]))
}
