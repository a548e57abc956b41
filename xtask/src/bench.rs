//! `bench`: the whole proxy against nginx, and its parts by themselves; all built as it is shipped.

mod baseline;
mod compared;
mod instructions;

use anyhow::{Result, bail};

use crate::build::{Profile, build};
use crate::paths::Paths;
use crate::setup;
use crate::steps::run;

pub(crate) use instructions::{Then, instructions};

const PARTS: &str = "penstock-bench-parts";

pub(crate) fn bench(paths: &Paths, arguments: &[&str]) -> Result<()> {
    match arguments {
        ["parts", filter @ ..] => parts(paths, filter),
        ["instructions"] => instructions(paths, Then::Compare),
        ["instructions", "--accept"] => instructions(paths, Then::Accept),
        ["instructions", rest @ ..] => {
            bail!("`bench instructions` takes `--accept` or nothing, and not `{}`", rest.join(" "))
        }
        sections => whole(paths, sections),
    }
}

/// Time and allocations of each part whose name holds the filter.
fn parts(paths: &Paths, filter: &[&str]) -> Result<()> {
    let mut cargo = paths.cargo(&["bench", "--package", PARTS, "--bench", "parts", "--"]);
    run(cargo.args(filter))
}

fn whole(paths: &Paths, arguments: &[&str]) -> Result<()> {
    setup::for_build(paths)?;
    setup::for_bench()?;
    // By itself: built together with the others, it would get what they ask of shared dependencies.
    build(paths, Profile::Release)?;
    let tools = ["build", "--release", "--package", "penstock-loadtest", "--package"];
    run(paths.cargo(&tools).arg("penstock-bench"))?;
    let programs = paths.target.join(Profile::Release.dir());
    let mut bench = std::process::Command::new(programs.join("penstock-bench"));
    bench.arg("--programs").arg(&programs).arg("--out").arg(paths.target.join("bench"));
    run(bench.args(arguments))
}
