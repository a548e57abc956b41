//! `build`: the penstock binary.

use anyhow::Result;

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
    let mut cargo = paths.cargo(&["build", "--package", "penstock"]);
    if let Profile::Release = profile {
        cargo.arg("--release");
    }
    run(&mut cargo)
}
