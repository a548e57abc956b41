//! Nothing of an agent outlives its launch, and nothing of it takes more than it is given.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::eventually;
use crate::host::{Host, output, processes, signal};

/// Starts, beside the command, what has left its session and its parent.
const ORPHANS: &str = "setsid sh -c 'trap \"\" TERM HUP; (sleep 61.MARK & ) ; sleep 62.MARK' & \
                       nohup sleep 63.MARK >/dev/null 2>&1 & sleep 0.2; touch ready;";

#[test]
fn what_the_command_leaves_behind_ends_with_it() {
    let Some(host) = Host::new() else { return };
    host.sh(&ORPHANS.replace("MARK", "111"));
    assert!(host.work().join("ready").exists());
    assert_eq!(processes(".111"), 0);
    let left = fs::read_dir(host.cgroup()).expect("it is there").flatten();
    assert_eq!(left.filter(|entry| entry.path().is_dir()).count(), 0, "a cgroup is left");
}

#[test]
fn an_agent_does_not_outlive_penstock_even_if_that_is_killed() {
    let Some(host) = Host::new() else { return };
    let script = ORPHANS.replace("MARK", "222") + " sleep 64.222";
    let mut child = host.run(&["sh", "-c", &script]).spawn().expect("it starts");
    eventually("all of it runs", || host.work().join("ready").exists() && processes("64.222") > 1);
    signal(child.id(), "KILL");
    assert_eq!(child.wait().expect("its end").signal(), Some(9));
    eventually("none of it is left", || processes(".222") == 0);
    // What is left of the cgroup goes with the next launch.
    host.sh("true");
    let left = fs::read_dir(host.cgroup()).expect("it is there").flatten();
    assert_eq!(left.filter(|entry| entry.path().is_dir()).count(), 0, "a cgroup is left");
}

#[test]
fn what_penstock_left_when_it_was_killed_goes_with_the_next_launch() {
    let Some(host) = Host::with(", memory: 64MiB, cpus: 1, pids: 20") else { return };
    let name = format!("penstock-{}", host.place().replace('/', "-"));
    // On a host that has v2 alone there are none, and all is below the agent's own.
    let limited = || below(Path::new("/sys/fs/cgroup"), &name);
    let mut child = host.run(&["sleep", "65.444"]).spawn().expect("it starts");
    eventually("it runs", || processes("65.444") > 1);
    let clients = PathBuf::from(format!("/run/penstock/agent-{}", child.id()));
    assert!(clients.exists());
    signal(child.id(), "KILL");
    child.wait().expect("its end");
    eventually("nothing of it runs", || processes("65.444") == 0);
    let left = limited();
    assert!(left.iter().all(|limited| limited.join(format!("run-{}", child.id())).exists()));
    // Also where nothing is limited any more.
    host.configure("");
    host.sh("true");
    assert_eq!(limited(), Vec::<PathBuf>::new());
    assert!(!clients.exists(), "a list of servers is left");
}

/// Directories of that name, however far below.
fn below(directory: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut ahead = vec![directory.to_owned()];
    while let Some(directory) = ahead.pop() {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        for entry in directories {
            if entry.file_name() == name {
                found.push(entry.path());
            }
            ahead.push(entry.path());
        }
    }
    found
}

#[test]
fn memory_is_limited() {
    let Some(host) = Host::with(", memory: 64MiB") else { return };
    let take = |much| output(host.run(&["dd", "if=/dev/zero", "of=/dev/null", "count=1", much]));
    let said = |ended: &Output| String::from_utf8_lossy(&ended.stderr).into_owned();
    let why = "the kernel killed a process of agent `one`, which may use 64MiB of memory";
    let ended = take("bs=200M");
    assert_eq!(ended.status.signal(), Some(9));
    assert!(said(&ended).contains(why), "{}", said(&ended));
    let ended = take("bs=20M");
    assert!(ended.status.success());
    assert!(!said(&ended).contains(why), "{}", said(&ended));
}

#[test]
fn processes_are_limited() {
    let Some(host) = Host::with(", pids: 10") else { return };
    // A shell ends where it cannot fork.
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 30 & echo $i; done";
    let ended = output(host.run(&["sh", "-c", script]));
    assert!(!ended.status.success());
    assert_eq!(String::from_utf8_lossy(&ended.stdout).lines().last(), Some("9"), "{ended:?}");
}

#[test]
fn cpu_time_is_limited() {
    let Some(host) = Host::with(", cpus: 0.2") else { return };
    let said = host.sh("while :; do :; done & sleep 2; kill $!; wait $! || true; times");
    // The second line is of the children: `0m0.40s 0m0.00s`.
    let times = said.lines().nth(1).expect("two lines").split_whitespace();
    let seconds = |time: &str| time.trim_start_matches("0m").trim_end_matches('s').parse::<f64>();
    let used: f64 = times.map(|time| seconds(time).expect("seconds")).sum();
    assert!(used > 0.1 && used < 0.9, "{used} s of CPU in 2 s");
}
