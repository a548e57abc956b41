//! What an agent's processes may use of the host: cgroup controllers, in whichever hierarchy the host
//! has them. Limits hold for all launches of an agent together.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use penstock_config::Resources;

use super::error::LaunchError;
use crate::host::{self, Mount};

/// Those by which something is limited.
const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];

/// Which cgroups this process is in (`proc_pid_cgroup(5)`).
const OWN: &str = "/proc/self/cgroup";

/// A limit, as both versions of cgroups want it written.
struct Control {
    what: &'static str,
    controller: &'static str,
    v1: Vec<(&'static str, String)>,
    v2: Vec<(&'static str, String)>,
}

/// Writes the limits of the agent whose cgroup is `agent`. Returns the cgroups of v1 hierarchies that
/// its processes must join to be held by them, each named `leaf` and made already.
pub(super) fn apply(
    resources: &Resources,
    agent: &Path,
    leaf: &str,
) -> Result<Vec<PathBuf>, LaunchError> {
    let mut joined = Vec::new();
    for control in controls(resources) {
        let (directory, files) = match place(&control, agent)? {
            Place::V2 => (agent.to_owned(), &control.v2),
            Place::V1(limited) => {
                let leaf = limited.join(leaf);
                // Before the limit: nobody removes the one above while this one is in it.
                fs::create_dir_all(&leaf)
                    .map_err(|source| LaunchError::Cgroup { path: leaf.clone(), source })?;
                if !joined.contains(&leaf) {
                    joined.push(leaf);
                }
                (limited, &control.v1)
            }
        };
        for (file, value) in files {
            let path = directory.join(file);
            write(&path, value).map_err(|source| {
                let value = value.clone();
                LaunchError::Limit { path, value, source }
            })?;
        }
    }
    Ok(joined)
}

fn controls(resources: &Resources) -> Vec<Control> {
    let memory = resources.memory.map(|bytes| Control {
        what: "memory",
        controller: "memory",
        v1: vec![("memory.limit_in_bytes", bytes.to_string())],
        v2: vec![("memory.max", bytes.to_string())],
    });
    let cpu = resources.cpu_millis.map(|millis| {
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
    let pids = resources.pids.map(|count| {
        // Process 1 of the namespace is ours.
        let value = vec![("pids.max", (u64::from(count) + 1).to_string())];
        Control { what: "number of processes", controller: "pids", v1: value.clone(), v2: value }
    });
    [memory, cpu, pids].into_iter().flatten().collect()
}

/// Where a limit goes.
enum Place {
    /// To the agent's own cgroup.
    V2,
    /// To this cgroup of a v1 hierarchy.
    V1(PathBuf),
}

/// v2 where the controller is there, else v1: below the cgroup that this process is in, so that what
/// limits penstock limits the agent too.
fn place(control: &Control, agent: &Path) -> Result<Place, LaunchError> {
    let Control { what, controller, .. } = *control;
    let root = host::cgroup2()?;
    let offered = root.join("cgroup.controllers");
    if lists(&offered, controller)? {
        hand_down(controller, &root, agent)?;
        return Ok(Place::V2);
    }
    let own = Path::new(OWN);
    let own = fs::read_to_string(own)
        .map_err(|source| LaunchError::Read { path: own.to_owned(), source })?;
    v1_cgroup(&host::mounts()?, &own, controller)
        .map(|directory| Place::V1(directory.join(v1_name(&root, agent))))
        .ok_or(LaunchError::NoController { what, controller, looked: offered })
}

/// Where limits of the agent are in v1 hierarchies if any are: by a launch before this one perhaps,
/// under another configuration.
pub(super) fn limited_v1(agent: &Path) -> Vec<PathBuf> {
    let (Ok(root), Ok(mounts), Ok(own)) =
        (host::cgroup2(), host::mounts(), fs::read_to_string(OWN))
    else {
        return Vec::new();
    };
    let name = v1_name(&root, agent);
    let of = |controller| Some(v1_cgroup(&mounts, &own, controller)?.join(&name));
    CONTROLLERS.into_iter().filter_map(of).collect()
}

fn v1_name(root: &Path, agent: &Path) -> String {
    let below = agent.strip_prefix(root).unwrap_or(agent);
    format!("penstock-{}", below.to_string_lossy().replace('/', "-"))
}

/// Enables a controller for the children of every cgroup above the agent's.
fn hand_down(controller: &'static str, root: &Path, agent: &Path) -> Result<(), LaunchError> {
    let above = agent.ancestors().skip(1).take_while(|path| path.starts_with(root));
    for directory in above.collect::<Vec<_>>().into_iter().rev() {
        let path = directory.join("cgroup.subtree_control");
        if !lists(&path, controller)? {
            write(&path, &format!("+{controller}")).map_err(|source| LaunchError::Controller {
                controller,
                path,
                source,
            })?;
        }
    }
    Ok(())
}

fn lists(file: &Path, controller: &str) -> Result<bool, LaunchError> {
    fs::read_to_string(file)
        .map(|list| list.split_whitespace().any(|listed| listed == controller))
        .map_err(|source| LaunchError::Read { path: file.to_owned(), source })
}

/// The cgroup that the process of `own` (`proc_pid_cgroup(5)`) is in, in the v1 hierarchy of a
/// controller.
fn v1_cgroup(mounts: &[Mount], own: &str, controller: &str) -> Option<PathBuf> {
    let named = |list: &str| list.split(',').any(|listed| listed == controller);
    let mount = mounts.iter().find(|mount| mount.kind == "cgroup" && named(&mount.options))?;
    let path = own.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        named(controllers).then_some(path)
    })?;
    let directory = mount.at.join(path.trim_start_matches('/'));
    // A container may have mounted only the part of the hierarchy that it is in.
    Some(if directory.is_dir() { directory } else { mount.at.clone() })
}

/// Control files take their value in one write.
pub(super) fn write(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v1_controller_is_found_where_it_is_mounted_and_below_the_own_cgroup() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("cpu,cpuacct/user.slice")).expect("a folder");
        let mount = |name: &str, options: &str| Mount {
            at: at(name),
            kind: "cgroup".into(),
            options: options.into(),
        };
        let mounts = [mount("cpu,cpuacct", "rw,cpu,cpuacct"), mount("memory", "rw,memory")];
        let own = "5:cpu,cpuacct:/user.slice\n4:memory:/docker/1\n3:pids:/\n0::/x\n";
        let find = |controller| v1_cgroup(&mounts, own, controller);
        assert_eq!(find("cpu"), Some(at("cpu,cpuacct/user.slice")));
        assert_eq!(find("memory"), Some(at("memory")), "a container's part of it");
        assert_eq!(find("pids"), None, "it is not mounted");
    }

    #[test]
    fn limits_are_written_as_the_kernel_takes_them() {
        let some = Resources { memory: Some(1 << 20), cpu_millis: Some(1500), pids: Some(10) };
        let v2: Vec<_> = controls(&some).into_iter().flat_map(|control| control.v2).collect();
        let expected =
            [("memory.max", "1048576"), ("cpu.max", "150000 100000"), ("pids.max", "11")];
        assert_eq!(v2, expected.map(|(file, value)| (file, value.to_owned())));
        let little = controls(&Resources { cpu_millis: Some(1), ..Resources::default() });
        assert_eq!(little[0].v2[0].1, "1000 1000000");
        assert!(controls(&Resources::default()).is_empty());
    }

    #[test]
    fn a_v2_controller_is_enabled_in_every_cgroup_above_the_agents_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let agent = root.join("penstock/one");
        fs::create_dir_all(&agent).expect("a folder");
        let control = |directory: &Path| directory.join("cgroup.subtree_control");
        for (directory, enabled) in
            [(root, "cpu memory"), (&root.join("penstock"), ""), (&agent, "")]
        {
            fs::write(control(directory), enabled).expect("a file");
        }
        hand_down("memory", root, &agent).expect("it is handed down");
        let read = |directory: &Path| fs::read_to_string(control(directory)).expect("a file");
        assert_eq!(read(root), "cpu memory", "it had it");
        assert_eq!(read(&root.join("penstock")), "+memory");
        assert_eq!(read(&agent), "", "its processes are in it");
    }
}
