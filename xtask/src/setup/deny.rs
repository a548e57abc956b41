//! cargo-deny, in the cache: built once, kept.

use std::path::PathBuf;

use anyhow::Result;

use crate::paths::Paths;
use crate::steps::run;

const VERSION: &str = "0.20.2";

/// Builds cargo-deny where the cache has none; about 2½ minutes on two cores.
pub(crate) fn cargo_deny(paths: &Paths) -> Result<()> {
    if path(paths).exists() {
        return Ok(());
    }
    println!("  cargo-deny {VERSION} is missing: checks licences, advisories and sources");
    let mut cargo = paths.cargo(&["install", "--locked", "--version", VERSION, "--root"]);
    // Its build is nothing that ours could use again.
    run(cargo.arg(root(paths)).arg("cargo-deny").env_remove("CARGO_TARGET_DIR"))
}

pub(crate) fn path(paths: &Paths) -> PathBuf {
    root(paths).join("bin/cargo-deny")
}

fn root(paths: &Paths) -> PathBuf {
    paths.cache.join(format!("cargo-deny-{VERSION}"))
}
