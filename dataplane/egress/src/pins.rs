//! What is pinned where, so that enforcement outlives every process.
//!
//! ```text
//! <bpffs>/v1/callers, events             shared by all sets
//! <bpffs>/v1/changing, reading           locked while sets change, and while events are read
//! <bpffs>/v1/agents/<agent>/<cgroup id>/<n>/<links and maps of a set>
//! ```
//!
//! A set is made as `<n>-new` and renamed when the kernel runs all of it. Of several sets the last is
//! the one meant; those before it are on their way out, and as long as they are attached nothing
//! passes that they refuse.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use penstock_ebpf_abi::VERSION;

use crate::{EgressError, sys};

/// The pins of penstock in a BPF filesystem.
#[derive(Debug, Clone)]
pub(crate) struct Pins {
    root: PathBuf,
}

/// A set's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetDirectory {
    pub(crate) path: PathBuf,
    pub(crate) agent: String,
    pub(crate) cgroup: u64,
    pub(crate) number: u64,
    /// Whether it was finished.
    pub(crate) whole: bool,
}

/// Held while sets come and go; let go when dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "its descriptor is the lock")] File);

impl Pins {
    pub(crate) fn of(bpffs: &Path) -> Self {
        Self { root: bpffs.join(format!("v{VERSION}")) }
    }

    /// Those of every version that has pinned something there, this one's too: what another version put
    /// in force holds on until it is replaced or removed.
    pub(crate) fn of_all_versions(bpffs: &Path) -> Vec<Self> {
        let version = |name: &str| name.strip_prefix('v')?.parse::<u32>().ok();
        let roots = entries(bpffs).into_iter().filter(|(_, name)| version(name).is_some());
        roots.map(|(root, _)| Self { root }).collect()
    }

    /// Whose connection is whose.
    pub(crate) fn callers(&self) -> PathBuf {
        self.root.join("callers")
    }

    /// What was refused.
    pub(crate) fn events(&self) -> PathBuf {
        self.root.join("events")
    }

    pub(crate) fn create(&self) -> Result<(), EgressError> {
        directory(&self.root, FOR_ALL)?;
        directory(&self.root.join("agents"), FOR_ALL)?;
        directory(&self.root.join(CHANGING), OWN)?;
        directory(&self.root.join(READING), OWN)
    }

    /// Waits until nobody else makes or removes sets.
    pub(crate) fn lock(&self) -> Result<Lock, EgressError> {
        let path = self.root.join(CHANGING);
        let file = File::open(&path).map_err(EgressError::file("cannot open", &path))?;
        file.lock().map_err(EgressError::file("cannot lock", &path))?;
        Ok(Lock(file))
    }

    /// The reading of events, unless somebody else reads.
    pub(crate) fn try_read(&self) -> Result<Lock, EgressError> {
        let path = self.root.join(READING);
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => EgressError::NotRoot {
                doing: "reading the events",
                missing: vec!["CAP_DAC_OVERRIDE"],
            },
            _ => EgressError::file("cannot open", &path)(error),
        })?;
        file.try_lock().map_err(|_| EgressError::Read)?;
        Ok(Lock(file))
    }

    /// A directory for a set to come, behind all that the agent has at that cgroup.
    pub(crate) fn next(&self, agent: &str, cgroup: u64) -> Result<SetDirectory, EgressError> {
        let last = self.sets(Some(agent)).into_iter().rfind(|set| set.cgroup == cgroup);
        let number = last.map_or(1, |set| set.number + 1);
        let below = self.root.join("agents").join(agent).join(cgroup.to_string());
        directory(&self.root.join("agents").join(agent), FOR_ALL)?;
        directory(&below, FOR_ALL)?;
        let path = below.join(format!("{number}-new"));
        directory(&path, FOR_ALL)?;
        Ok(SetDirectory { path, agent: agent.to_owned(), cgroup, number, whole: false })
    }

    /// Every set, or those of one agent: by agent, cgroup and number.
    pub(crate) fn sets(&self, agent: Option<&str>) -> Vec<SetDirectory> {
        self.all_sets(agent).unwrap_or_default()
    }

    /// The same, all of them or an error.
    pub(crate) fn all_sets(&self, agent: Option<&str>) -> io::Result<Vec<SetDirectory>> {
        let mut found = Vec::new();
        for (agent_path, name) in listed(&self.root.join("agents"))? {
            if agent.is_some_and(|agent| agent != name) {
                continue;
            }
            for (cgroup_path, id) in listed(&agent_path)? {
                let Ok(cgroup) = id.parse() else { continue };
                for (path, set) in listed(&cgroup_path)? {
                    let whole = !set.ends_with(NEW);
                    let Ok(number) = set.trim_end_matches(NEW).parse() else { continue };
                    found.push(SetDirectory { path, agent: name.clone(), cgroup, number, whole });
                }
            }
        }
        found.sort_by(|a, b| (&a.agent, a.cgroup, a.number).cmp(&(&b.agent, b.cgroup, b.number)));
        Ok(found)
    }
}

const NEW: &str = "-new";

impl SetDirectory {
    /// Takes the name of a whole set: what is named so is all there.
    pub(crate) fn finish(self) -> Result<Self, EgressError> {
        let path = self.path.with_file_name(self.number.to_string());
        fs::rename(&self.path, &path).map_err(EgressError::file("cannot rename", &self.path))?;
        Ok(Self { path, whole: true, ..self })
    }

    /// Detaches and unpins all that is in it, and removes what is empty above it. Unpinning alone would
    /// do, but only when the kernel comes to it.
    pub(crate) fn remove(&self) -> Result<(), EgressError> {
        for (path, _) in entries(&self.path) {
            // What is no link, or is detached already, is unpinned only.
            let _ = sys::open_link(&path).and_then(|link| sys::detach(link.as_fd()));
            fs::remove_file(&path).map_err(EgressError::file("cannot unpin", &path))?;
        }
        fs::remove_dir(&self.path).map_err(EgressError::file("cannot remove", &self.path))?;
        for above in self.path.ancestors().skip(1).take(2) {
            // Another set may be there.
            if fs::remove_dir(above).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// That there are pins is for everybody to see; each has a mode of its own.
const FOR_ALL: u32 = 0o755;
/// Whoever can open a directory can lock it, and keep others waiting.
const OWN: u32 = 0o700;
/// Directories that are locked.
const CHANGING: &str = "changing";
const READING: &str = "reading";

fn directory(path: &Path, mode: u32) -> Result<(), EgressError> {
    match DirBuilder::new().create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(EgressError::file("cannot create", path)(error));
        }
        _ => {}
    }
    // Whatever the umask is.
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(EgressError::file("cannot set the mode of", path))
}

/// Lets everybody read a map: who calls, which is no more than /proc/net/tcp tells and the names of
/// agents, and how often something was refused. What an agent may reach is nobody else's business.
pub(crate) fn open_to_readers(path: &Path) -> Result<(), EgressError> {
    fs::set_permissions(path, Permissions::from_mode(0o644))
        .map_err(EgressError::file("cannot open to readers", path))
}

fn entries(path: &Path) -> Vec<(PathBuf, String)> {
    listed(path).unwrap_or_default()
}

/// What is in a directory; nothing where there is none.
fn listed(path: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let named = |entry: fs::DirEntry| Some((entry.path(), entry.file_name().into_string().ok()?));
    Ok(entries.flatten().filter_map(named).collect())
}
