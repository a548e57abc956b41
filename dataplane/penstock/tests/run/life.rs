//! Nothing of an agent outlives its launch, and nothing of it takes more than it is given.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;

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
fn memory_is_limited() {
    let Some(host) = Host::with(", memory: 64MiB") else { return };
    let take = |much| output(host.run(&["dd", "if=/dev/zero", "of=/dev/null", "count=1", much]));
    assert_eq!(take("bs=200M").status.signal(), Some(9));
    assert!(take("bs=20M").status.success());
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
