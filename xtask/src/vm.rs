//! `vm-test`: a suite on another kernel than this machine's: Debian's stock one, started by QEMU
//! with all that the suite needs in memory.

mod archive;
mod guest;
mod kernel;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::ebpf::ebpf;
use crate::paths::{Paths, executables};
use crate::setup;
use crate::steps::{Steps, logged, output, seconds, tail};
use crate::suites::{not_run, scratch, tally};
use guest::{ENDED, Suite};
use kernel::Kernel;

/// Everything takes some twenty times as long as on the machine itself.
const LIMIT: Duration = Duration::from_mins(10);
/// Of what the machine said, this much is shown where it did not end well.
const SHOWN_BYTES: u64 = 64 * 1024;

pub(crate) fn vm_test(paths: &Paths, name: &str) -> Result<ExitCode> {
    ensure!(
        env::consts::ARCH == "x86_64",
        "vm-test starts a machine of x86_64 and needs one to build for it; this is {}",
        env::consts::ARCH
    );
    let mut steps = Steps::new();
    let kernel = steps.step("setup", || {
        setup::for_vm()?;
        Kernel::ensure(paths)
    })?;
    let suite = steps.step("build", || build(paths, name))?;
    let dir = scratch(paths, "vm-test")?;
    let root = dir.join("root.cpio");
    fs::write(&root, guest::root(paths, &kernel, &suite, &dir)?)
        .with_context(|| format!("cannot write {}", root.display()))?;
    let log = paths.logs.join("vm-test.log");
    fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
    let started = Instant::now();
    logged(&mut machine(&kernel.image, &root), "vm-test", &log, LIMIT)?;
    report(name, &log, started.elapsed())
}

/// The suite's program, and those that it starts.
fn build(paths: &Paths, name: &str) -> Result<Suite> {
    ebpf(paths)?;
    let mut cargo = paths.cargo_workspace("test");
    cargo.args(["--no-run", "--test", name, "--message-format", "json-render-diagnostics"]);
    let (mut suite, others): (Vec<PathBuf>, Vec<PathBuf>) =
        executables(&output(&mut cargo)?).into_iter().partition(|path| is_test(path, name));
    match (suite.pop(), suite.is_empty()) {
        (Some(program), true) => Ok(Suite { program, others }),
        _ => bail!("`{name}` should be one integration test of one package"),
    }
}

/// Whether it is `target/debug/deps/NAME-HASH`.
fn is_test(path: &Path, name: &str) -> bool {
    let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    path.parent().is_some_and(|dir| dir.ends_with("deps"))
        && file.rsplit_once('-').is_some_and(|(before, _)| before == name)
}

fn machine(kernel: &Path, root: &Path) -> Command {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"])
        // Without the processor's help: where it is offered, it does not always hold what it promises.
        .args(["-accel", "tcg,thread=multi", "-cpu", "max"])
        .args(["-smp", "2", "-m", "2G"])
        // A kernel that panics starts anew at once, and that ends the machine.
        .arg("-no-reboot")
        .args(["-append", "console=ttyS0 quiet panic=-1 lsm=landlock,yama,apparmor,bpf"]);
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(root);
    qemu
}

fn report(name: &str, log: &Path, took: Duration) -> Result<ExitCode> {
    let said = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let said = String::from_utf8_lossy(&said).replace('\r', "");
    let line = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
    let status = line(ENDED);
    let tally = tally(&said).or_failed(status == Some("0"));
    if tally.failed > 0 {
        print!("{}", tail(log, SHOWN_BYTES));
    }
    println!("kernel {}", line("kernel: ").unwrap_or("did not start"));
    for row in not_run(&said) {
        println!("  not run: {row}");
    }
    if status.is_none() {
        println!("the machine ended before the suite did");
    }
    let mark = if tally.failed == 0 { '✓' } else { '✗' };
    let counts =
        format!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    println!("{mark} {name:<12} {counts}  {}", seconds(took));
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
