//! The mounts of this process, as the kernel lists them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::error::LaunchError;

const LIST: &str = "/proc/self/mountinfo";

/// A line of `proc_pid_mountinfo(5)`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Which part of the filesystem is mounted.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) point: PathBuf,
    /// The filesystem's type.
    pub(super) kind: String,
    /// The options of the filesystem, as opposed to those of the mount.
    pub(super) options: String,
}

pub(super) fn mounts() -> Result<Vec<Mount>, LaunchError> {
    let list =
        fs::read(LIST).map_err(|source| LaunchError::Read { path: PathBuf::from(LIST), source })?;
    Ok(list.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// Where the cgroup v2 hierarchy is mounted.
pub fn unified_root() -> Result<PathBuf, LaunchError> {
    unified().map(|mount| mount.point)
}

pub(super) fn unified() -> Result<Mount, LaunchError> {
    let whole = |mount: &Mount| mount.kind == "cgroup2" && mount.root == Path::new("/");
    mounts()?.into_iter().find(whole).ok_or(LaunchError::NoUnified)
}

/// `36 35 98:0 /root /point options optional... - type source super-options`.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let root = unescape(fields.nth(3)?);
    let point = unescape(fields.next()?);
    fields.find(|field| *field == b"-")?;
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let kind = text(fields.next()?);
    let options = text(fields.nth(1)?);
    Some(Mount { root: root.into(), point: point.into(), kind, options })
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| byte == b'\\');
        let decoded = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_read_whatever_is_in_its_paths() {
        let line = br"29 23 0:26 /a /sys/fs/my\040\134\040group rw,nosuid shared:4 master:1 - cgroup cgroup rw,cpu,cpuacct";
        let read = parse(line).expect("it is read");
        assert_eq!(read.root, Path::new("/a"));
        assert_eq!(read.point, Path::new(r"/sys/fs/my \ group"));
        assert_eq!((read.kind.as_str(), read.options.as_str()), ("cgroup", "rw,cpu,cpuacct"));
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"29 23 0:26 / /x rw"), None);
    }

    #[test]
    fn the_proc_that_lists_the_mounts_is_among_them() {
        let found = mounts().expect("a list");
        assert!(found.iter().any(|mount| mount.kind == "proc"), "{found:?}");
    }
}
