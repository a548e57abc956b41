//! The cgroup of one launch: a child of the agent's, made before the command and removed after it.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use penstock_config::Resources;

use super::error::LaunchError;
use super::limits;

/// `run-<pid of the launching process>`.
const PREFIX: &str = "run-";
/// How long killed processes may take to be gone.
const REMOVAL: Duration = Duration::from_secs(5);
/// How long processes may take to be held.
const FREEZING: Duration = Duration::from_millis(200);

/// Removed when dropped, with whatever is still in it.
pub(super) struct Leaf {
    directory: File,
    unified: PathBuf,
    agent: PathBuf,
    /// Those of v1 hierarchies below a limit. The first process joins them by itself.
    limited: Vec<PathBuf>,
}

impl Leaf {
    pub(super) fn new(agent: &Path, resources: &Resources) -> Result<Self, LaunchError> {
        remove_stale(agent);
        for limited in limits::limited_v1(agent) {
            remove_stale(&limited);
            // Unless another launch of the agent goes on.
            let _ = fs::remove_dir(limited);
        }
        let name = format!("{PREFIX}{}", std::process::id());
        let unified = agent.join(&name);
        let refused = |source| LaunchError::Cgroup { path: unified.clone(), source };
        make(&unified).map_err(refused)?;
        let directory = match File::open(&unified) {
            Ok(directory) => directory,
            Err(source) => {
                let _ = fs::remove_dir(&unified);
                return Err(refused(source));
            }
        };
        // From here on it is removed on every way out.
        let mut leaf = Self { directory, unified, agent: agent.to_owned(), limited: Vec::new() };
        leaf.limited = limits::apply(resources, agent, &name)?;
        Ok(leaf)
    }

    /// For `CLONE_INTO_CGROUP`.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Holds whatever is in it where it is, or lets it go on. Waits until all are held, but not for one that
    /// the kernel has in its hands for longer.
    pub(super) fn freeze(&self, frozen: bool) {
        let wanted = if frozen { "1" } else { "0" };
        if limits::write(&self.unified.join("cgroup.freeze"), wanted).is_err() {
            return;
        }
        let events = self.unified.join("cgroup.events");
        let all = || fs::read_to_string(&events).is_ok_and(|events| events.contains("frozen 1"));
        let deadline = Instant::now() + FREEZING;
        while frozen && !all() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How many processes the kernel has killed for want of memory: in v2 all of the agent's, in v1 those
    /// of this launch, which are counted where they are.
    pub(super) fn killed_for_memory(&self) -> u64 {
        let v1 = self.limited.iter().map(|directory| directory.join("memory.oom_control"));
        let count = |file: PathBuf| {
            // Of other controllers there is no such file.
            let text = fs::read_to_string(file).unwrap_or_default();
            let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
            count.and_then(|count| count.parse::<u64>().ok()).unwrap_or(0)
        };
        v1.chain([self.agent.join("memory.events")]).map(count).sum()
    }

    /// Puts the calling process into the v1 cgroups; it was born in the other.
    pub(super) fn join_limited(&self) -> Result<(), (PathBuf, io::Error)> {
        for directory in &self.limited {
            let members = directory.join("cgroup.procs");
            limits::write(&members, "0").map_err(|error| (members, error))?;
        }
        Ok(())
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        // Kernels before 5.14 have no such file; there the end of the PID namespace has to do.
        let _ = limits::write(&self.unified.join("cgroup.kill"), "1");
        let deadline = Instant::now() + REMOVAL;
        for directory in self.limited.iter().chain([&self.unified]) {
            while let Err(error) = fs::remove_dir(directory)
                && error.kind() == io::ErrorKind::ResourceBusy
                && Instant::now() < deadline
            {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        // Those above, unless another launch of the agent goes on.
        for above in self.limited.iter().filter_map(|directory| directory.parent()) {
            let _ = fs::remove_dir(above);
        }
    }
}

/// One may be left, frozen perhaps, by a process with the same id; its processes are gone.
fn make(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_dir(directory)?;
            fs::create_dir(directory)
        }
        other => other,
    }
}

/// What launching processes left that were killed. Their agents died with them.
fn remove_stale(agent: &Path) {
    let Ok(entries) = fs::read_dir(agent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            // One that is in use after all cannot be removed.
            let _ = fs::remove_dir(entry.path());
        }
    }
}
