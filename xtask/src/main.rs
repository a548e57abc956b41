//! Every habit of the project as one command: `cargo xtask COMMAND`.

#![forbid(unsafe_code)]

mod bench;
mod build;
mod ci;
mod demo;
mod ebpf;
mod loadtest;
mod mutants;
mod paths;
mod process;
mod setup;
mod steps;
mod suites;
mod test;
mod vm;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  setup [--tests]    install what the build needs; with --tests what the suites need too
  ebpf               build the eBPF programs that penstock embeds; the commands below do it too
  build [--release]  build penstock
  demo [--stay]      build, put penstock in front of a small MCP server, drive sessions through
                     both, confine an agent and end; with --stay both run on until Ctrl-C
  loadtest [ARG...]  run the load harness: `loadtest run URL`, `loadtest mock`, `loadtest --help`
  test [SUITE...]    run every test suite, or those named:
                     unit identity faults streams limits transports lifecycle hostile
                     egress run browser conformance clients fuzz
  mutants [NAME...]  break the eBPF programs, one rule at a time, and see the suite `egress` catch it
  vm-test [SUITE]    run a suite, `egress` unless named, on Debian's stock kernel in QEMU
  bench [SECTION...] measure beside nginx and others; --quick only shows that it works:
                     compare latency shards streams soak inspection egress
                     `compare` by name installs MCP gateways too; --peers nginx,haproxy chooses
  bench detection [--corpus DIR] [--json]
                     recall and precision of the built-in rules on labelled texts
  bench inspect [--seconds N] [--json FILE]
                     how fast messages are looked into, beside the bare search and regexes alone
  bench parts [FILTER]
                     time and allocations of the parts of a call's way, each alone
  bench instructions [--accept]
                     hold their instructions against bench/parts/instructions.txt, or write it
  deny               licences, duplicates, sources and advisories of the dependencies
  ci                 what CI runs: formatting, lints, licences, documentation, instructions, every
                     test

Examples:
  cargo xtask demo --stay          then point a client at the URL it prints
  cargo xtask test unit clients    two suites
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<ExitCode> {
    if args == [demo::SERVER_COMMAND] {
        // Started by penstock, without cargo's environment.
        demo::serve_stdio()?;
        return Ok(ExitCode::SUCCESS);
    }
    if let [demo::AGENT_COMMAND, targets @ ..] = args {
        // Started by penstock, within an agent's confinement.
        demo::run_agent(targets)?;
        return Ok(ExitCode::SUCCESS);
    }
    let paths = paths::Paths::find()?;
    match args {
        [] | ["help" | "--help" | "-h", ..] => print!("{USAGE}"),
        // The load harness has a help of its own.
        [command, "--help" | "-h", ..] if *command != "loadtest" => print!("{USAGE}"),
        ["setup"] => setup::for_build(&paths)?,
        ["setup", "--tests"] => {
            setup::for_build(&paths)?;
            setup::for_instructions()?;
            setup::for_tests(&paths)?;
            setup::for_bench()?;
        }
        ["ebpf"] => ebpf::ebpf(&paths)?,
        ["build"] => build::build(&paths, build::Profile::Dev)?,
        ["build", "--release"] => build::build(&paths, build::Profile::Release)?,
        ["demo"] => demo::demo(&paths, demo::After::End)?,
        ["demo", "--stay"] => demo::demo(&paths, demo::After::Stay)?,
        ["loadtest", arguments @ ..] => loadtest::loadtest(&paths, arguments)?,
        ["test", suites @ ..] => return test::test(&paths, suites),
        ["mutants", names @ ..] => return mutants::mutants(&paths, names),
        ["vm-test"] => return vm::vm_test(&paths, "egress"),
        ["vm-test", suite] => return vm::vm_test(&paths, suite),
        ["bench", arguments @ ..] => bench::bench(&paths, arguments)?,
        ["deny"] => ci::deny(&paths)?,
        ["ci"] => return ci::ci(&paths),
        [command, rest @ ..] => bail!(
            "`{command} {}` is no command of xtask; `cargo xtask help` lists them",
            rest.join(" ")
        ),
    }
    Ok(ExitCode::SUCCESS)
}
