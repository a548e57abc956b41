//! Cgroups: which one is an agent's, and who is in it.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use penstock_config::Place;

use crate::launch::User;
use crate::{EgressError, Host};

/// A cgroup of the v2 hierarchy, held open.
#[derive(Debug)]
pub struct Cgroup {
    /// Its directory.
    pub path: PathBuf,
    /// What the kernel and its events call it.
    pub id: u64,
    file: File,
}

impl Cgroup {
    /// The cgroup of an agent; made where it is one of penstock's own to make.
    pub fn of(host: &Host, place: &Place) -> Result<Self, EgressError> {
        match place {
            Place::Cgroup(below) => {
                let path = host.cgroup2.join(below);
                fs::create_dir_all(&path).map_err(EgressError::file("cannot create", &path))?;
                Self::open(&path)
            }
            Place::Unit(unit) => Self::open(&host.cgroup2.join(unit_path(host, unit)?)),
            Place::User(user) => Self::open(&host.cgroup2.join(user_path(host, user)?)),
        }
    }

    /// The cgroup at a path below the root of the hierarchy.
    pub fn at(host: &Host, below: &Path) -> Result<Self, EgressError> {
        let plain = below.strip_prefix(&host.cgroup2).or(below.strip_prefix("/")).unwrap_or(below);
        let climbs = plain.components().any(|part| !matches!(part, Component::Normal(_)));
        if climbs || plain.as_os_str().is_empty() {
            return Err(EgressError::Place {
                what: format!("`{}`", below.display()),
                why: "name a cgroup below the root, without `..`".into(),
            });
        }
        Self::open(&host.cgroup2.join(plain))
    }

    /// The cgroup that a process is in.
    pub fn of_process(host: &Host, pid: u32) -> Result<Self, EgressError> {
        let what = format!("process {pid}");
        let path = path_of_process(pid).map_err(|error| EgressError::Place {
            what: what.clone(),
            why: match error.kind() {
                io::ErrorKind::NotFound => "no such process runs".into(),
                _ => error.to_string(),
            },
        })?;
        not_the_root(what, &path)?;
        Self::at(host, &path)
    }

    /// The cgroup that this process was started for: in a unit with `Delegate=`, systemd runs
    /// `ExecStartPre=` in a cgroup below that of the unit, in which the unit's own processes never are.
    pub fn here(host: &Host) -> Result<Self, EgressError> {
        let path = path_of_process(std::process::id()).map_err(|error| EgressError::Place {
            what: "this command".into(),
            why: error.to_string(),
        })?;
        let path = of_unit(&path);
        not_the_root("this command".into(), path)?;
        Self::at(host, path)
    }

    fn open(path: &Path) -> Result<Self, EgressError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => EgressError::Place {
                what: format!("`{}`", path.display()),
                why: format!("it is not there; `mkdir -p {}` makes it", path.display()),
            },
            _ => EgressError::file("cannot open the cgroup", path)(error),
        })?;
        let metadata =
            file.metadata().map_err(EgressError::file("cannot open the cgroup", path))?;
        Ok(Self { path: path.to_owned(), id: metadata.ino(), file })
    }

    /// The highest cgroup above it in which somebody but root may move processes, out of this one too; and
    /// who.
    pub fn delegated_above(&self) -> Option<(PathBuf, u32)> {
        let owned = |above: &Path| {
            let members = fs::metadata(above.join("cgroup.procs")).ok()?;
            (members.uid() != 0).then(|| (above.to_owned(), members.uid()))
        };
        self.path.ancestors().skip(1).filter_map(owned).last()
    }

    /// Processes in it and below it.
    pub fn processes(&self) -> Vec<u32> {
        processes(&self.path)
    }
}

impl AsFd for Cgroup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Processes in a cgroup and below it.
pub(crate) fn processes(path: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    collect(path, &mut found);
    found
}

fn collect(path: &Path, found: &mut Vec<u32>) {
    // A cgroup that goes meanwhile has no processes.
    let listed = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    found.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()));
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), found);
        }
    }
}

/// A process's cgroup, as a path from the root of the v2 hierarchy (cgroups(7)).
pub(crate) fn path_of_process(pid: u32) -> io::Result<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("0::"));
    line.map(PathBuf::from).ok_or_else(|| io::Error::other("it is in no cgroup v2"))
}

/// The root holds the whole host, penstock included.
fn not_the_root(what: String, path: &Path) -> Result<(), EgressError> {
    if path != Path::new("/") {
        return Ok(());
    }
    let why = "it is in the root cgroup, with the whole host; start it in one of its own".into();
    Err(EgressError::Place { what, why })
}

/// The unit's cgroup, where the path is that of its `ExecStartPre=` (systemd.resource-control(5)).
fn of_unit(path: &Path) -> &Path {
    match path.parent() {
        Some(unit) if path.ends_with(".control") => unit,
        _ => path,
    }
}

/// Where systemd keeps a unit. A slice's place is in its name; of others systemd is asked, for a unit
/// file may put them anywhere.
fn unit_path(host: &Host, unit: &str) -> Result<PathBuf, EgressError> {
    if let Some(path) = slice_path(unit) {
        return existing(host, unit, path);
    }
    let refused = |why: String| EgressError::Place { what: format!("unit `{unit}`"), why };
    if !unit.contains('.') {
        return Err(refused(format!("give its kind too, as in `{unit}.service`")));
    }
    let asked = Command::new("systemctl")
        .args(["show", "--property=ControlGroup", "--value", "--", unit])
        .output()
        .map_err(|error| refused(format!("systemctl cannot be asked: {error}")))?;
    let said = String::from_utf8_lossy(&asked.stdout);
    let path = said.trim().trim_start_matches('/');
    if !asked.status.success() || path.is_empty() {
        return Err(refused(
            "it does not run; write `ExecStartPre=+/usr/bin/penstock egress apply --agent … --here` \
             into it, which confines it whenever it starts"
                .into(),
        ));
    }
    existing(host, unit, path.into())
}

fn user_path(host: &Host, user: &str) -> Result<PathBuf, EgressError> {
    let found = User::parse(user).map_err(|error| EgressError::Place {
        what: format!("user `{user}`"),
        why: error.to_string(),
    })?;
    let slice = format!("user-{}.slice", found.uid);
    existing(host, &slice, Path::new("user.slice").join(&slice))
}

fn existing(host: &Host, unit: &str, path: PathBuf) -> Result<PathBuf, EgressError> {
    if host.cgroup2.join(&path).is_dir() {
        return Ok(path);
    }
    Err(EgressError::Place {
        what: format!("`{unit}`"),
        why: format!(
            "{} does not exist; it does while something runs in it (`systemctl start {unit}` for a \
             slice, `loginctl enable-linger USER` for a user)",
            path.display()
        ),
    })
}

/// `a-b.slice` lies in `a.slice` (systemd.slice(5)).
fn slice_path(unit: &str) -> Option<PathBuf> {
    let name = unit.strip_suffix(".slice")?;
    let ends = name.match_indices('-').map(|(at, _)| at).chain([name.len()]);
    Some(ends.map(|end| format!("{}.slice", &name[..end])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_lies_in_those_that_its_name_begins_with() {
        assert_eq!(slice_path("agents.slice"), Some("agents.slice".into()));
        let nested = Path::new("a.slice/a-b.slice/a-b-c.slice");
        assert_eq!(slice_path("a-b-c.slice").as_deref(), Some(nested));
        assert_eq!(slice_path("claude.service"), None);
    }

    #[test]
    fn a_unit_that_may_have_cgroups_of_its_own_is_confined_and_not_what_starts_it() {
        let unit = Path::new("/system.slice/claude.service");
        assert_eq!(of_unit(&unit.join(".control")), unit);
        assert_eq!(of_unit(unit), unit);
    }

    #[test]
    fn the_root_and_what_climbs_out_of_it_are_refused() {
        let host = Host { cgroup2: "/sys/fs/cgroup/unified".into(), bpffs: "/nowhere".into() };
        for path in ["", "/", "/sys/fs/cgroup/unified", "a/../..", ".."] {
            assert!(
                matches!(Cgroup::at(&host, Path::new(path)), Err(EgressError::Place { .. })),
                "{path}"
            );
        }
    }
}
