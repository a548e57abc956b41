//! `bench instructions`: what the parts cost by valgrind's count, held against what they cost before.
//!
//! Seconds differ from run to run and from machine to machine; instructions do not. Each case is a
//! process of its own, so that none depends on what ran before it, and leaves a profile.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::PARTS;
use super::baseline::{Counts, Environment};
use super::compared::{Compared, compare};
use crate::paths::Paths;
use crate::setup;
use crate::steps::{output, run};
use crate::test::in_ci;

/// What the repository keeps.
const BASELINE: &str = "bench/parts/instructions.txt";
/// The one function whose instructions count, with all that it calls.
const MEASURED: &str = "*penstock_bench_parts::measured*";

/// What is done with the counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// They are held against the baseline.
    Compare,
    /// They become it.
    Accept,
}

pub(crate) fn instructions(paths: &Paths, then: Then) -> Result<()> {
    setup::for_instructions()?;
    setup::for_inspection()?;
    let program = program(paths)?;
    let profiles = paths.target.join("bench/instructions");
    let counts = count(&program, &profiles)?;
    let file = paths.root.join(BASELINE);
    let before = match fs::read_to_string(&file) {
        Ok(text) => Counts::parse(&text).with_context(|| format!("{BASELINE} is damaged"))?,
        Err(_) if then == Then::Accept => Counts::default(),
        Err(error) => bail!("cannot read {BASELINE}: {error}; `--accept` writes it"),
    };
    if before.environment.architecture() != counts.environment.architecture()
        && then == Then::Compare
    {
        return incomparable(&before.environment, &counts.environment, in_ci());
    }
    let compared = compare(&before, &counts);
    print!("{compared}");
    println!("A profile of each: {}", profiles.display());
    match then {
        Then::Accept => {
            fs::write(&file, counts.to_string())
                .with_context(|| format!("cannot write {BASELINE}"))?;
            println!("Written to {BASELINE}: commit it, and say why the numbers changed.");
            Ok(())
        }
        Then::Compare => {
            compared.notes().iter().for_each(|note| println!("{note}"));
            verdict(&compared)
        }
    }
}

fn verdict(compared: &Compared) -> Result<()> {
    let failures = compared.failures();
    ensure!(
        failures.is_empty(),
        "{}\nWhere that is right, run `cargo xtask bench instructions --accept`, commit {BASELINE}, \
         and say why in the message",
        failures.join("\n")
    );
    Ok(())
}

/// Counts of another architecture say nothing at all.
fn incomparable(before: &Environment, now: &Environment, in_ci: bool) -> Result<()> {
    let what = format!(
        "INSTRUCTIONS WERE NOT COMPARED: {BASELINE} is of {}, this machine is {}",
        before.architecture(),
        now.architecture()
    );
    ensure!(!in_ci, "{what}; CI has to run on a machine of the first");
    println!("{what}");
    Ok(())
}

/// The program that runs the cases, as optimized as what is shipped.
fn program(paths: &Paths) -> Result<std::path::PathBuf> {
    // The proxy's own parts would take its whole build, and look into maps with random seeds.
    let build = ["build", "--release", "--package", PARTS, "--bin", PARTS];
    let features = ["--no-default-features", "--features", "inspect"];
    run(paths.cargo(&build).args(features))?;
    Ok(paths.binary("release", PARTS))
}

/// Runs every case under valgrind, as many at a time as there are cores.
fn count(program: &Path, profiles: &Path) -> Result<Counts> {
    // Profiles of cases that are no more would be taken for some.
    let _ = fs::remove_dir_all(profiles);
    fs::create_dir_all(profiles).with_context(|| format!("cannot make {}", profiles.display()))?;
    // As valgrind shows the processor to it, which is not as it is.
    let told = output(valgrind("none").arg(program))?;
    let word = |name: &str| told.lines().find_map(|line| line.strip_prefix(name));
    let processor = word("cpu ").context("the program does not say what processor it finds")?;
    let iterations: u64 =
        word("iterations ").context("the program does not say how often it iterates")?.parse()?;
    let names: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("case ")).collect();
    ensure!(iterations > 0 && !names.is_empty(), "the program names no case");
    let mut counts = Counts { environment: Environment::find(processor)?, ..Counts::default() };
    let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
    for names in names.chunks(at_once) {
        let started = names.iter().map(|name| {
            let profile = profiles.join(format!("{}.out", name.replace('/', ".")));
            let child = callgrind(program, name, &profile)?;
            Ok((name, profile, child))
        });
        for (name, profile, child) in started.collect::<Result<Vec<_>>>()? {
            let total = total(child, &profile).with_context(|| format!("case {name}"))?;
            counts.cases.insert((*name).to_owned(), total / iterations);
        }
    }
    Ok(counts)
}

fn valgrind(tool: &str) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--quiet", &format!("--tool={tool}")]);
    command
}

fn callgrind(program: &Path, case: &str, profile: &Path) -> Result<Child> {
    valgrind("callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(program)
        .arg(case)
        .stdin(Stdio::null())
        .spawn()
        .context("valgrind could not be started")
}

/// What the profile says that all of it came to.
fn total(mut child: Child, profile: &Path) -> Result<u64> {
    let status = child.wait()?;
    ensure!(status.success(), "valgrind ended with {status}");
    let text = fs::read_to_string(profile)
        .with_context(|| format!("cannot read {}", profile.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
    let total = total.context("the profile has no sum")?.trim().parse()?;
    ensure!(total > 0, "nothing was counted: valgrind did not find the function {MEASURED}");
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_compared_fails_in_ci_and_only_there() {
        let on = |cpu: &str| Environment { cpu: cpu.into(), ..Environment::default() };
        let (here, there) = (on("x86_64 avx2"), on("aarch64"));
        assert!(incomparable(&here, &there, false).is_ok());
        let error = incomparable(&here, &there, true).expect_err("it fails").to_string();
        assert!(error.contains("is of x86_64, this machine is aarch64"), "{error}");
    }
}
