//! What an agent's processes may use of the host: cgroup controllers, in whichever hierarchy the host
//! has them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::LaunchError;
use super::mounts::{self, Mount};

/// What the processes of one launch may use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Thousandths of a CPU.
    pub cpu_millis: Option<u32>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

/// A limit, as both versions of cgroups want it written.
pub(super) struct Control {
    what: &'static str,
    controller: &'static str,
    v1: Vec<(&'static str, String)>,
    v2: Vec<(&'static str, String)>,
}

pub(super) fn controls(limits: &Limits) -> Vec<Control> {
    let memory = limits.memory.map(|bytes| Control {
        what: "memory",
        controller: "memory",
        v1: vec![("memory.limit_in_bytes", bytes.to_string())],
        v2: vec![("memory.max", bytes.to_string())],
    });
    let cpu = limits.cpu_millis.map(|millis| {
        // The kernel takes no quota below a millisecond, and no period above a second.
        let period_micros: u64 = if millis < 10 { 1_000_000 } else { 100_000 };
        let quota_micros = (u64::from(millis) * period_micros / 1000).max(1000);
        Control {
            what: "CPU time",
            controller: "cpu",
            v1: vec![
                ("cpu.cfs_period_us", period_micros.to_string()),
                ("cpu.cfs_quota_us", quota_micros.to_string()),
            ],
            v2: vec![("cpu.max", format!("{quota_micros} {period_micros}"))],
        }
    });
    let pids = limits.pids.map(|count| {
        // Process 1 of the namespace is ours.
        let count = u64::from(count) + 1;
        Control {
            what: "number of processes",
            controller: "pids",
            v1: vec![("pids.max", count.to_string())],
            v2: vec![("pids.max", count.to_string())],
        }
    });
    [memory, cpu, pids].into_iter().flatten().collect()
}

/// The cgroup that a limit is written to.
pub(super) enum Place {
    V1(PathBuf),
    V2(PathBuf),
}

impl Place {
    /// One of a v1 hierarchy, which is not there yet.
    pub(super) fn v1(&self) -> Option<&Path> {
        match self {
            Self::V1(directory) => Some(directory),
            Self::V2(_) => None,
        }
    }

    pub(super) fn write(&self, control: &Control) -> Result<(), LaunchError> {
        let (directory, files) = match self {
            Self::V1(directory) => (directory, &control.v1),
            Self::V2(directory) => (directory, &control.v2),
        };
        for (file, value) in files {
            let path = directory.join(file);
            write(&path, value).map_err(|source| LaunchError::Limit {
                path,
                value: value.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

/// Where a limit on `leaf` goes: to v2 where the controller is there, else to a v1 hierarchy, below
/// the cgroup that this process is in, so that what limits penstock there limits the agent too.
pub(super) fn place(
    control: &Control,
    agent: &Path,
    leaf: &Path,
    name: &str,
) -> Result<Place, LaunchError> {
    let Control { what, controller, .. } = *control;
    let root = mounts::unified()?.point;
    let offered = root.join("cgroup.controllers");
    if lists(&offered, controller)? {
        hand_down(controller, &root, agent)?;
        return Ok(Place::V2(leaf.to_owned()));
    }
    let own =
        fs::read_to_string(OWN).map_err(|source| LaunchError::Read { path: OWN.into(), source })?;
    v1_cgroup(&mounts::mounts()?, &own, controller)
        .map(|directory| Place::V1(directory.join(format!("penstock-{name}"))))
        .ok_or(LaunchError::NoController { what, controller, looked: offered })
}

const OWN: &str = "/proc/self/cgroup";

/// Enables a controller for the children of every cgroup from the root to the agent's.
fn hand_down(controller: &'static str, root: &Path, agent: &Path) -> Result<(), LaunchError> {
    let mut path = agent.ancestors().take_while(|path| path.starts_with(root)).collect::<Vec<_>>();
    path.reverse();
    for directory in path {
        let enabled = directory.join("cgroup.subtree_control");
        if !lists(&enabled, controller)? {
            write(&enabled, &format!("+{controller}"))
                .map_err(|source| LaunchError::Controller { controller, path: enabled, source })?;
        }
    }
    Ok(())
}

fn lists(file: &Path, controller: &str) -> Result<bool, LaunchError> {
    fs::read_to_string(file)
        .map(|list| list.split_whitespace().any(|listed| listed == controller))
        .map_err(|source| LaunchError::Read { path: file.to_owned(), source })
}

/// The cgroup that the process of `own` (`proc_pid_cgroup(5)`) is in, in the v1 hierarchy of a controller.
fn v1_cgroup(mounts: &[Mount], own: &str, controller: &str) -> Option<PathBuf> {
    let named = |list: &str| list.split(',').any(|listed| listed == controller);
    let mount = mounts.iter().find(|mount| mount.kind == "cgroup" && named(&mount.options))?;
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        fields.next().filter(|list| named(list)).and_then(|_| fields.next())
    })?;
    // In a container a part of the hierarchy is mounted; what is not in it cannot be named.
    let below = Path::new(path).strip_prefix(&mount.root).ok()?;
    Some(mount.point.join(below))
}

/// Control files take their value in one write.
pub(super) fn write(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(root: &str, point: &str, options: &str) -> Mount {
        let (root, point) = (root.into(), point.into());
        Mount { root, point, kind: "cgroup".into(), options: options.into() }
    }

    #[test]
    fn a_v1_controller_is_found_where_it_is_mounted_and_below_the_own_cgroup() {
        let mounts = [
            mount("/", "/sys/fs/cgroup/cpu,cpuacct", "rw,cpu,cpuacct"),
            mount("/docker/1", "/sys/fs/cgroup/memory", "rw,memory"),
        ];
        let own = "5:cpu,cpuacct:/user.slice\n4:memory:/docker/1/a\n3:pids:/\n0::/x\n";
        let find = |controller| v1_cgroup(&mounts, own, controller);
        assert_eq!(find("cpu"), Some("/sys/fs/cgroup/cpu,cpuacct/user.slice".into()));
        assert_eq!(find("memory"), Some("/sys/fs/cgroup/memory/a".into()));
        assert_eq!(find("pids"), None, "it is not mounted");
        let elsewhere = "4:memory:/docker/2\n";
        assert_eq!(v1_cgroup(&mounts, elsewhere, "memory"), None);
    }

    #[test]
    fn limits_are_written_as_the_kernel_takes_them() {
        let limits = Limits { memory: Some(1 << 20), cpu_millis: Some(1500), pids: Some(10) };
        let controls = controls(&limits);
        let v2: Vec<_> = controls.iter().flat_map(|control| control.v2.clone()).collect();
        let expected =
            [("memory.max", "1048576"), ("cpu.max", "150000 100000"), ("pids.max", "11")];
        assert_eq!(v2, expected.map(|(file, value)| (file, value.to_owned())));
        let little = super::controls(&Limits { cpu_millis: Some(1), ..Limits::default() });
        assert_eq!(little[0].v2[0].1, "1000 1000000");
        assert_eq!(super::controls(&Limits::default()).len(), 0);
    }
}
