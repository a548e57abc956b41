//! Hands over the eBPF object that `cargo xtask ebpf` has built, as `penstock.o` in `OUT_DIR`.
//!
//! It is not built here: its compiler is another one than that of the workspace.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names another object than the one in the target directory.
const VARIABLE: &str = "PENSTOCK_EBPF_OBJECT";
/// What the object is made of, from this crate's folder.
const SOURCES: [&str; 4] = [
    "../../ebpf/abi/src",
    "../../ebpf/programs/Cargo.lock",
    "../../ebpf/programs/Cargo.toml",
    "../../ebpf/programs/src",
];

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    if let Err(problem) = hand_over() {
        println!("cargo::error={problem}");
    }
}

fn hand_over() -> Result<(), String> {
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo sets OUT_DIR")?;
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    let ours = named.is_none();
    let Some(object) = named.or_else(|| in_target(&out)) else {
        return Err("the eBPF object is not built: run `cargo xtask ebpf`".to_owned());
    };
    println!("cargo::rerun-if-changed={}", object.display());
    let failed = |error| format!("{}: {error}", object.display());
    // One that was built elsewhere may well be older than a fresh work tree.
    if ours && newest(&object).map_err(failed)? < sources() {
        return Err("the eBPF object is older than its sources: run `cargo xtask ebpf`".to_owned());
    }
    fs::copy(&object, out.join("penstock.o")).map_err(failed)?;
    Ok(())
}

/// The object in the target directory, which is one of those that hold `OUT_DIR`.
fn in_target(out: &Path) -> Option<PathBuf> {
    out.ancestors().map(|dir| dir.join("ebpf/penstock.o")).find(|object| object.is_file())
}

/// When the sources were last changed.
fn sources() -> SystemTime {
    SOURCES
        .iter()
        .filter_map(|path| newest(Path::new(path)).ok())
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn newest(path: &Path) -> io::Result<SystemTime> {
    let mut time = fs::metadata(path)?.modified()?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            time = time.max(newest(&entry?.path())?);
        }
    }
    Ok(time)
}
