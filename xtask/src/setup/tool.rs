//! Programs of crates.io, in the cache: built once, kept.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::steps::run;

/// A program at the version at which it is known to do.
pub(crate) struct Tool {
    pub(super) name: &'static str,
    pub(crate) version: &'static str,
    pub(super) why: &'static str,
    /// What `cargo install` is told beside the name.
    pub(super) args: &'static [&'static str],
    /// Where its build finds programs before it looks in `PATH`.
    pub(super) programs: Option<&'static str>,
}

/// About 2½ minutes on two cores.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    why: "checks licences, advisories and sources",
    args: &[],
    programs: None,
};

/// About 50 seconds on two cores.
pub(crate) const BPF_LINKER: Tool = Tool {
    name: "bpf-linker",
    version: "0.13.0",
    why: "links the eBPF programs",
    // The LLVM of the compiler that makes what it links.
    args: &["--no-default-features", "--features", "llvm-22"],
    programs: Some(super::LLVM_PROGRAMS),
};

impl Tool {
    /// Where the program is; built first where the cache has none.
    pub(crate) fn ensure(&self, paths: &Paths) -> Result<PathBuf> {
        let Self { name, version, why, .. } = self;
        let root = paths.cache.join(format!("{name}-{version}"));
        let program = root.join("bin").join(name);
        if program.exists() {
            return Ok(program);
        }
        println!("  {name} {version} is missing: {why}");
        let mut cargo = paths.cargo(&["install", "--locked", "--version", version, name, "--root"]);
        // Its build is nothing that ours could use again.
        cargo.arg(root).args(self.args).env_remove("CARGO_TARGET_DIR");
        if let Some(first) = self.programs {
            let path = env::var_os("PATH").unwrap_or_default();
            let all = [PathBuf::from(first)].into_iter().chain(env::split_paths(&path));
            cargo.env("PATH", env::join_paths(all).context("PATH holds what no path may")?);
        }
        run(&mut cargo)?;
        Ok(program)
    }
}
