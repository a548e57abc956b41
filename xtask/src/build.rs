//! `build`: the penstock binary, and before it the eBPF programs that it embeds.

use anyhow::Result;

use crate::ebpf::ebpf;
use crate::paths::Paths;
use crate::steps::run;

/// How much the compiler tries.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Builds fast.
    Dev,
    /// Runs fast.
    Release,
}

impl Profile {
    /// The folder below `target/` that holds the binaries.
    pub(crate) fn dir(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

pub(crate) fn build(paths: &Paths, profile: Profile) -> Result<()> {
    ebpf(paths)?;
    let mut cargo = match profile {
        // As the test suites build it, so that nothing is built twice.
        Profile::Dev => paths.cargo_workspace("build"),
        Profile::Release => paths.cargo(&["build", "--release", "--package", "penstock"]),
    };
    run(cargo.args(["--bin", "penstock"]))
}
