//! `ebpf`: the programs that hold agents to the proxy, as the one object that penstock embeds.
//!
//! They are for another machine and need a compiler whose `core` is built for it: Debian's.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::paths::{Paths, executables, fingerprint};
use crate::setup;
use crate::steps::{output, run};

const RUSTC: &str = "/usr/bin/rustc";
pub(crate) const MANIFEST: &str = "ebpf/programs/Cargo.toml";

/// Leaves the object at `target/ebpf/penstock.o`, newer than its sources. One that was built before
/// from the same sources with the same tools is taken from the cache.
pub(crate) fn ebpf(paths: &Paths) -> Result<()> {
    let linker = setup::for_ebpf(paths)?;
    let sources = Sources::read(&paths.root)?;
    let kept = paths.cache.join(format!("ebpf-{:016x}.o", fingerprint(&sources.and_tools()?)));
    if !kept.exists() {
        build(paths, &linker, &kept)?;
    }
    let object = paths.target.join("ebpf/penstock.o");
    // Touched without need, it would have the loader compiled again.
    if modified(&object).is_ok_and(|built| built >= sources.newest)
        && fs::read(&object)? == fs::read(&kept)?
    {
        return Ok(());
    }
    make_parent(&object)?;
    fs::copy(&kept, &object).with_context(|| format!("cannot write {}", object.display()))?;
    Ok(())
}

/// A cargo command on the programs, which are no members of the workspace.
pub(crate) fn cargo(paths: &Paths, verb: &str) -> Command {
    let mut cargo = paths.cargo(&[verb, "--manifest-path", MANIFEST]);
    if verb != "fmt" {
        cargo.arg("--locked").arg("--target-dir").arg(paths.target.join("ebpf/build"));
    }
    cargo
}

/// The lints of the programs. Clippy has no `core` for their target, so they are read as if they
/// were for this machine, where `no_std` wants to hear that a panic unwinds nothing.
pub(crate) fn clippy(paths: &Paths) -> Command {
    let mut cargo = cargo(paths, "clippy");
    cargo.args(["--", "--deny", "warnings"]).env("CARGO_PROFILE_DEV_PANIC", "abort");
    cargo
}

/// Builds the object anew.
pub(crate) fn build(paths: &Paths, linker: &Path, to: &Path) -> Result<()> {
    let mut flags = flags();
    flags.push(format!("-Clinker={}", linker.display()));
    // The verifier shows source lines; they read the same wherever the object was built.
    flags.push(format!("--remap-path-prefix={}/=", paths.root.display()));
    let mut cargo = cargo(paths, "build");
    cargo
        .args(["--release", "--target", "bpfel-unknown-none"])
        .args(["--message-format", "json-render-diagnostics"])
        .env("RUSTC", RUSTC)
        // aya-ebpf uses features of the language that are not stable yet.
        .env("RUSTC_BOOTSTRAP", "1")
        // Of all the ways to hand flags to rustc the one that comes first.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let built = executables(&output(&mut cargo)?);
    let [built] = built.as_slice() else {
        bail!("{MANIFEST} should make one object, and made {}", built.len());
    };
    make_parent(to)?;
    // Two builds may run at once; neither may find half of the other's.
    let part = to.with_extension(format!("{}.part", std::process::id()));
    // Without what only a debugger reads: the kernel takes the lines and types of BTF.
    let mut strip = Command::new(Path::new(setup::LLVM_PROGRAMS).join("llvm-objcopy"));
    run(strip.arg("--strip-debug").arg(built).arg(&part))?;
    fs::rename(&part, to).with_context(|| format!("cannot write {}", to.display()))
}

/// What changes the object, and tells nothing of where it was built.
fn flags() -> Vec<String> {
    // Lines for the verifier's messages, types for the loader, and the machine whose registers the
    // programs may ask for.
    let arch = format!("--cfg=bpf_target_arch=\"{}\"", env::consts::ARCH);
    vec!["-Cdebuginfo=2".to_owned(), "-Clink-arg=--btf".to_owned(), arch]
}

/// Every file that the object is made of.
struct Sources {
    contents: Vec<u8>,
    newest: SystemTime,
}

impl Sources {
    fn read(root: &Path) -> Result<Self> {
        let mut sources = Self { contents: Vec::new(), newest: SystemTime::UNIX_EPOCH };
        sources.add(root, &root.join("ebpf"))?;
        Ok(sources)
    }

    fn add(&mut self, root: &Path, dir: &Path) -> Result<()> {
        let entries =
            fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
        let mut entries = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<PathBuf>>>()
            .with_context(|| format!("cannot read {}", dir.display()))?;
        // Folders come in any order.
        entries.sort_unstable();
        for path in entries {
            if path.is_dir() {
                // What a `cargo build` by hand left there is none of it.
                if !path.ends_with("target") {
                    self.add(root, &path)?;
                }
                continue;
            }
            let text =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path);
            self.contents.extend(format!("{} {}\n", name.display(), text.len()).bytes());
            self.contents.extend(text);
            self.newest = self.newest.max(modified(&path)?);
        }
        Ok(())
    }

    /// With what else decides how the object turns out.
    fn and_tools(&self) -> Result<Vec<u8>> {
        let rustc = output(Command::new(RUSTC).arg("--version"))?;
        let linker = setup::BPF_LINKER.version;
        let tools = format!("{rustc} {linker} {}", flags().join(" "));
        Ok([self.contents.as_slice(), tools.as_bytes()].concat())
    }
}

fn modified(path: &Path) -> Result<SystemTime> {
    let time = fs::metadata(path).and_then(|meta| meta.modified());
    time.with_context(|| format!("cannot read {}", path.display()))
}

fn make_parent(path: &Path) -> Result<()> {
    let dir = path.parent().context("a file has a folder")?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}
