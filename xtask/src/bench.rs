//! `bench`: the whole proxy against nginx, built as it is shipped.

use anyhow::Result;

use crate::build::{Profile, build};
use crate::paths::Paths;
use crate::setup;
use crate::steps::run;

pub(crate) fn bench(paths: &Paths, arguments: &[&str]) -> Result<()> {
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
