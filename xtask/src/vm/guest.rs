//! What is in the machine: the programs under test with their libraries, and a shell to start them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::archive::Archive;
use super::kernel::Kernel;
use crate::paths::{Paths, which};
use crate::steps::run;

const INIT: &str = include_str!("init");
const USERS: &str = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
const GROUPS: &str = "root:x:0:\nnogroup:x:65534:\n";

/// In front of a suite's exit status.
pub(super) const ENDED: &str = "vm-test: ended with ";

/// A suite's program, with the others that were built for it.
pub(super) struct Suite {
    pub(super) program: PathBuf,
    pub(super) others: Vec<PathBuf>,
}

/// The machine's first root, which is all that it has.
pub(super) fn root(
    paths: &Paths,
    kernel: &Kernel,
    suite: &Suite,
    scratch: &Path,
) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    for folder in ["dev", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/sbin"] {
        archive.folder(folder)?;
    }
    // The kernel opens it for `init`, before anything is mounted.
    archive.character_device("dev/console", (5, 1))?;
    archive.file("init", 0o755, INIT.as_bytes())?;
    archive.file("etc/passwd", 0o644, USERS.as_bytes())?;
    archive.file("etc/group", 0o644, GROUPS.as_bytes())?;
    archive.file("etc/hosts", 0o644, b"127.0.0.1 localhost\n::1 localhost\n")?;
    for (place, module) in kernel.modules()?.into_iter().enumerate() {
        let name = module.file_name().unwrap_or_default().display();
        archive.copy(module, &format!("modules/{place:03}-{name}"))?;
    }

    let busybox = which("busybox").context("busybox is not installed")?;
    archive.copy(&busybox, "bin/busybox")?;
    // Busybox has an `ip` of its own, that knows neither namespaces nor veth pairs.
    let ip = which("ip").context("iproute2 is not installed")?;
    archive.copy(&ip, "bin/ip")?;
    let mut libraries = libraries(&busybox);
    libraries.append(&mut self::libraries(&ip));
    for program in suite.others.iter().chain([&suite.program]) {
        // Tests find programs where they were built.
        let place = program.to_str().context("a path is not UTF-8")?;
        archive.copy(&without_debug_information(program, scratch)?, place)?;
        libraries.append(&mut self::libraries(program));
    }
    for library in libraries {
        archive.copy(Path::new(&library), &library)?;
    }
    // As `cargo test` would start it.
    let dir = paths.root.join("dataplane/penstock").display().to_string();
    archive.folder(&dir)?;
    archive.folder(&paths.target.join("tmp").display().to_string())?;
    let script = format!(
        "cd '{dir}'\n'{}' --test-threads=1 --show-output\nprintf '\\n{ENDED}%s\\n' $?\n",
        suite.program.display()
    );
    archive.file("suites", 0o755, script.as_bytes())?;
    archive.finish()
}

/// The shared libraries of a program, the loader included; none where it is a static one.
fn libraries(program: &Path) -> BTreeSet<String> {
    let said = Command::new("ldd").arg(program).output();
    let said =
        said.map_or(String::new(), |said| String::from_utf8_lossy(&said.stdout).into_owned());
    said.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

/// A copy that is a tenth in size: the machine holds everything in memory.
fn without_debug_information(program: &Path, scratch: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program has a name")?;
    let copy = scratch.join(name);
    fs::copy(program, &copy).with_context(|| format!("cannot copy {}", program.display()))?;
    run(Command::new("strip").arg("--strip-debug").arg(&copy))?;
    Ok(copy)
}
