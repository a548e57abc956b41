//! Debian's stock kernel, unpacked into the cache: nothing of it is installed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::steps::{output, run};

/// Depends on the newest kernel, whose package is named after its version.
const PACKAGE: &str = "linux-image-amd64";

/// Kinds of sockets and links that tests try, and that Debian's kernel has as modules. One that a
/// kernel has built in, or does not have, is not found and not missed.
const WANTED: &[&str] = &[
    // First: SCTP asks for it by another way than a dependency.
    "crc32c_generic",
    "af_alg",
    "algif_hash",
    "dccp_ipv4",
    "dccp_ipv6",
    "dummy",
    "l2tp_ip",
    "l2tp_ip6",
    "rds",
    "sctp",
    "tipc",
    "veth",
    "vsock",
    "vsock_loopback",
];

/// A kernel in the cache.
pub(super) struct Kernel {
    /// What boots.
    pub(super) image: PathBuf,
    modules: BTreeMap<String, PathBuf>,
}

impl Kernel {
    /// Fetched where the cache has none; to have a newer one, remove its folder.
    pub(super) fn ensure(paths: &Paths) -> Result<Self> {
        let root = paths.cache.join("vm/linux");
        if !root.exists() {
            fetch(&root)?;
        }
        let mut files = Vec::new();
        find(&root, &mut files)?;
        let image = files.iter().find(|file| name(file).starts_with("vmlinuz-")).cloned();
        let image = image.with_context(|| format!("there is no kernel in {}", root.display()))?;
        let modules = files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "ko"));
        let modules = modules.map(|file| (module(&file), file)).collect();
        Ok(Self { image, modules })
    }

    /// The wanted modules and what they need, each behind what it needs.
    pub(super) fn modules(&self) -> Result<Vec<&Path>> {
        let mut order = Vec::new();
        for wanted in WANTED {
            self.add(wanted, &mut order)?;
        }
        Ok(order)
    }

    fn add<'a>(&'a self, name: &str, order: &mut Vec<&'a Path>) -> Result<()> {
        let Some(file) = self.modules.get(name).map(PathBuf::as_path) else { return Ok(()) };
        if order.contains(&file) {
            return Ok(());
        }
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        for needed in needs(&bytes) {
            self.add(&needed, order)?;
        }
        order.push(file);
        Ok(())
    }
}

/// What a module says in its `.modinfo` section that it needs.
fn needs(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = module.get(at + KEY.len()..).unwrap_or_default().split(|byte| *byte == 0).next();
    let value = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    value.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn fetch(root: &Path) -> Result<()> {
    let part = root.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part).with_context(|| format!("cannot remove {}", part.display()))?;
    }
    fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
    let depends = output(Command::new("apt-cache").args(["depends", PACKAGE]))?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let package =
        package.with_context(|| format!("apt knows no {PACKAGE}: run `apt-get update`"))?;
    println!("  {package} into {}", root.display());
    run(Command::new("apt-get").args(["download", "--quiet", package]).current_dir(&part))?;
    // Without the drivers of hardware, which are nine tenths of it.
    let unpack = "dpkg --fsys-tarfile *.deb | tar --extract --wildcards \
        './boot/vmlinuz-*' '*/kernel/net/*' '*/kernel/drivers/net/*.ko' '*/kernel/crypto/*' \
        '*/kernel/lib/*' && rm *.deb";
    run(Command::new("sh").args(["-c", unpack]).current_dir(&part))?;
    fs::rename(&part, root).with_context(|| format!("cannot make {}", root.display()))
}

fn find(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() { find(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The kernel writes `_` where a file's name may have `-`.
fn module(file: &Path) -> String {
    name(file).trim_end_matches(".ko").replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_names_what_it_needs() {
        assert_eq!(needs(b"\x7fELF\0license=GPL\0depends=a,b_c\0name=x\0"), ["a", "b_c"]);
        assert!(needs(b"\x7fELF\0depends=\0name=x\0").is_empty());
        assert!(needs(b"\x7fELF").is_empty());
    }
}
