//! What the host offers: a kernel, the cgroup v2 hierarchy, a BPF filesystem.

use std::fs;
use std::path::{Path, PathBuf};

use crate::EgressError;
use crate::capabilities::TO_MOUNT;
use crate::sys;

/// The first kernel on which no v1 controller takes a socket out of its v2 cgroup.
const KERNEL_MIN: (u32, u32) = (5, 15);

/// Where enforcement happens and where it is kept.
#[derive(Debug, Clone)]
pub struct Host {
    /// The root of the cgroup v2 hierarchy.
    pub cgroup2: PathBuf,
    /// The BPF filesystem that keeps links and maps.
    pub bpffs: PathBuf,
}

impl Host {
    /// Looks at the host; mounts the BPF filesystem where there is none yet. Needs root.
    pub fn prepare(bpffs: &Path) -> Result<Self, EgressError> {
        let host = Self::look(bpffs)?;
        match mounted(bpffs)?.as_deref() {
            Some("bpf") => return Ok(host),
            Some(_) => return Err(EgressError::NotBpffs(bpffs.to_owned())),
            None => {}
        }
        EgressError::unless_capable("mounting the BPF filesystem", TO_MOUNT)?;
        fs::create_dir_all(bpffs).map_err(EgressError::file("cannot create", bpffs))?;
        let used = fs::read_dir(bpffs).is_ok_and(|mut entries| entries.next().is_some());
        if used {
            return Err(EgressError::NotBpffs(bpffs.to_owned()));
        }
        sys::mount_bpffs(bpffs)
            .map_err(EgressError::file("cannot mount a BPF filesystem at", bpffs))?;
        Ok(host)
    }

    /// Looks at the host and changes nothing; an error where the BPF filesystem is not mounted.
    pub fn find(bpffs: &Path) -> Result<Self, EgressError> {
        let host = Self::look(bpffs)?;
        match mounted(bpffs)?.as_deref() {
            Some("bpf") => Ok(host),
            _ => Err(EgressError::NotMounted(bpffs.to_owned())),
        }
    }

    fn look(bpffs: &Path) -> Result<Self, EgressError> {
        let release = kernel_release()?;
        if version(&release).is_some_and(|version| version < KERNEL_MIN) {
            return Err(EgressError::Kernel(release));
        }
        Ok(Self { cgroup2: cgroup2()?, bpffs: bpffs.to_owned() })
    }
}

/// The kernel's release, as in `6.1.0-13-amd64`.
pub(crate) fn kernel_release() -> Result<String, EgressError> {
    let path = Path::new("/proc/sys/kernel/osrelease");
    let release = fs::read_to_string(path).map_err(EgressError::file("cannot read", path))?;
    Ok(release.trim().to_owned())
}

pub(crate) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Where cgroup v2 is mounted: on a hybrid host not at `/sys/fs/cgroup`.
pub(crate) fn cgroup2() -> Result<PathBuf, EgressError> {
    let mut found: Vec<_> = mounts()?
        .into_iter()
        .filter(|mount| mount.kind == "cgroup2")
        .map(|mount| mount.at)
        .collect();
    // A second mount of the same hierarchy is as good; the shortest path is the host's own.
    found.sort_by_key(|path| path.as_os_str().len());
    found.into_iter().next().ok_or(EgressError::NoCgroup2)
}

/// The type of the filesystem mounted exactly there.
fn mounted(at: &Path) -> Result<Option<String>, EgressError> {
    // The last one mounted covers those before.
    Ok(mounts()?.into_iter().rev().find(|mount| mount.at == at).map(|mount| mount.kind))
}

/// A line of `/proc/self/mounts` (proc(5), fstab(5)).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) at: PathBuf,
    pub(crate) kind: String,
    pub(crate) options: String,
}

pub(crate) fn mounts() -> Result<Vec<Mount>, EgressError> {
    let path = Path::new("/proc/self/mounts");
    let text = fs::read_to_string(path).map_err(EgressError::file("cannot read", path))?;
    Ok(text.lines().filter_map(mount).collect())
}

fn mount(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ').skip(1);
    let at = unescaped(fields.next()?);
    Some(Mount {
        at: at.into(),
        kind: fields.next()?.to_owned(),
        options: fields.next()?.to_owned(),
    })
}

/// Spaces and the like stand as octal escapes (fstab(5)).
fn unescaped(field: &str) -> String {
    ["\\040 ", "\\011\t", "\\012\n", "\\134\\"].iter().fold(field.to_owned(), |text, escape| {
        let (written, meant) = escape.split_at(4);
        text.replace(written, meant)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_with_its_escapes() {
        let read = mount("none /mnt/with\\040space cgroup2 rw,nsdelegate 0 0").expect("it is read");
        let at = PathBuf::from("/mnt/with space");
        assert_eq!(read, Mount { at, kind: "cgroup2".into(), options: "rw,nsdelegate".into() });
        assert_eq!(mount("nonsense"), None);
    }

    #[test]
    fn kernels_that_leave_gaps_are_known() {
        for (release, good) in
            [("5.14.21-150500-default", false), ("5.15.0", true), ("6.1.0-13-amd64", true)]
        {
            assert_eq!(version(release).is_some_and(|v| v >= KERNEL_MIN), good, "{release}");
        }
    }
}
