//! An archive that the kernel unpacks as its first root: cpio in the "newc" form
//! (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's source).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// Everything belongs to root.
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    /// A path is archived once: the kernel would take a second entry for a link.
    known: BTreeSet<String>,
}

impl Archive {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), entries: 0, known: BTreeSet::new() }
    }

    /// A folder and those above it.
    pub(super) fn folder(&mut self, path: &str) -> Result<()> {
        if let Some((above, _)) = path.trim_end_matches('/').rsplit_once('/') {
            self.folder(above)?;
        }
        self.entry(path, DIRECTORY | 0o755, (0, 0), &[])
    }

    /// A file with its folders.
    pub(super) fn file(&mut self, path: &str, mode: u32, contents: &[u8]) -> Result<()> {
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above)?;
        }
        self.entry(path, FILE | mode, (0, 0), contents)
    }

    /// A file of this machine, as it is, where it is.
    pub(super) fn copy(&mut self, from: &Path, to: &str) -> Result<()> {
        let failed = || format!("cannot read {}", from.display());
        let mode = fs::metadata(from).with_context(failed)?.permissions().mode() & 0o777;
        self.file(to, mode, &fs::read(from).with_context(failed)?)
    }

    pub(super) fn character_device(&mut self, path: &str, number: (u32, u32)) -> Result<()> {
        self.entry(path, CHARACTER_DEVICE | 0o600, number, &[])
    }

    /// The whole.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        Ok(self.bytes)
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), contents: &[u8]) -> Result<()> {
        let name = path.trim_matches('/');
        if name.is_empty() || !self.known.insert(name.to_owned()) {
            return Ok(());
        }
        self.entries += 1;
        let size = u32::try_from(contents.len()).with_context(|| format!("{path} is too big"))?;
        let name_size = u32::try_from(name.len() + 1)?;
        // Number, mode, user, group, links, time, size, device, its device, name, no sum.
        let (major, minor) = device;
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name_size, 0];
        self.bytes.extend(b"070701");
        self.bytes.extend(fields.map(|field| format!("{field:08x}")).concat().bytes());
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(contents);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_after_its_folders_and_each_of_them_once() {
        let mut archive = Archive::new();
        archive.file("/a/b/c", 0o644, b"text").unwrap();
        archive.file("/a/b/d", 0o644, b"").unwrap();
        let bytes = archive.finish().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let at = |name: &str| text.find(&format!("{name}\0")).unwrap();
        assert!(at("0a") < at("a/b") && at("a/b") < at("a/b/c") && at("a/b/c") < at("a/b/d"));
        assert_eq!(text.matches("070701").count(), 5, "a, a/b, c, d and the end");
        assert_eq!(bytes.len() % 4, 0);
    }
}
