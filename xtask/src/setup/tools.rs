//! npm and Python packages, of the test suites and of others, in the cache.
//!
//! Each set lies in a folder named after its lock file's contents, so that a second run has nothing
//! to do and a changed lock file never meets an old set.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::{Paths, fingerprint};
use crate::steps::run;

/// Node and the npm packages; `tests/node_modules` points at them.
pub(crate) fn node(paths: &Paths) -> Result<()> {
    let dir = node_dir(paths)?;
    npm_packages(&paths.root.join("tests"), &dir)?;
    point(&paths.node_modules(), &dir.join("node_modules"))
}

/// A major version of the Python SDK that clients are tested with: a virtual environment each.
#[derive(Clone, Copy)]
pub(crate) enum PythonSdk {
    One,
    Two,
}

impl PythonSdk {
    fn requirements(self) -> &'static str {
        match self {
            Self::One => "requirements-1.txt",
            Self::Two => "requirements.txt",
        }
    }
}

/// Virtual environments with the Python packages.
pub(crate) fn python(paths: &Paths) -> Result<()> {
    for sdk in [PythonSdk::One, PythonSdk::Two] {
        let requirements = paths.root.join("tests").join(sdk.requirements());
        python_packages(&requirements, &python_dir(paths, sdk)?)?;
    }
    Ok(())
}

/// What the lock file in the folder `from` lists, in `dir`.
pub(super) fn npm_packages(from: &Path, dir: &Path) -> Result<()> {
    if is_complete(dir) {
        return Ok(());
    }
    println!("  npm packages into {}", dir.display());
    start_over(dir)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(from.join(file), dir.join(file)).with_context(|| {
            format!("cannot copy {} to {}", from.join(file).display(), dir.display())
        })?;
    }
    // No script of a package runs: Node itself comes as a package with the binary inside.
    let flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new("npm").arg("ci").args(flags).current_dir(dir))?;
    mark_complete(dir)
}

/// What the file lists, in a virtual environment in `dir`.
pub(super) fn python_packages(requirements: &Path, dir: &Path) -> Result<()> {
    if is_complete(dir) {
        return Ok(());
    }
    println!("  Python packages into {}", dir.display());
    start_over(dir)?;
    run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
    run(Command::new(dir.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements))?;
    mark_complete(dir)
}

/// The Python that has the packages.
pub(crate) fn python_path(paths: &Paths, sdk: PythonSdk) -> Result<PathBuf> {
    Ok(python_dir(paths, sdk)?.join("bin/python"))
}

pub(crate) fn node_ready(paths: &Paths) -> Result<bool> {
    Ok(is_complete(&node_dir(paths)?))
}

pub(crate) fn python_ready(paths: &Paths) -> Result<bool> {
    let complete = |sdk| python_dir(paths, sdk).map(|dir| is_complete(&dir));
    Ok(complete(PythonSdk::One)? && complete(PythonSdk::Two)?)
}

/// Debian splits `ensurepip`, which a virtual environment needs, from Python itself.
pub(crate) fn python_has_venv() -> bool {
    Command::new("python3")
        .args(["-c", "import ensurepip"])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn node_dir(paths: &Paths) -> Result<PathBuf> {
    stamped(paths, "node", "package-lock.json")
}

fn python_dir(paths: &Paths, sdk: PythonSdk) -> Result<PathBuf> {
    stamped(paths, "python", sdk.requirements())
}

fn stamped(paths: &Paths, kind: &str, lock: &str) -> Result<PathBuf> {
    stamped_by(paths, kind, &paths.root.join("tests").join(lock))
}

/// The folder in the cache for what this lock file lists.
pub(super) fn stamped_by(paths: &Paths, kind: &str, lock: &Path) -> Result<PathBuf> {
    let text = fs::read(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    Ok(paths.cache.join(format!("{kind}-{:016x}", fingerprint(&text))))
}

fn is_complete(dir: &Path) -> bool {
    dir.join(".complete").exists()
}

fn mark_complete(dir: &Path) -> Result<()> {
    fs::write(dir.join(".complete"), "").with_context(|| format!("cannot write {}", dir.display()))
}

/// An interrupted installation is worth nothing: it goes.
fn start_over(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

fn point(link: &Path, to: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|target| target == to) {
        return Ok(());
    }
    if link.is_symlink() {
        fs::remove_file(link).with_context(|| format!("cannot replace {}", link.display()))?;
    }
    symlink(to, link).with_context(|| format!("cannot link {} to {}", link.display(), to.display()))
}
