//! Nothing of an agent outlives its launch, and nothing of it takes more than it is given.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Instant;

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
    let script = "x = bytearray(200 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1";
    let ended = output(host.run(&["/usr/bin/python3", "-c", script])).status;
    assert_eq!(ended.signal(), Some(9), "{ended}");
    assert_eq!(host.python("x = bytearray(20 << 20); print(len(x))"), "20971520\n");
}

#[test]
fn processes_are_limited() {
    let Some(host) = Host::with(", pids: 10") else { return };
    let script = r"
import os, time
started = 0
try:
    while started < 50:
        if os.fork() == 0:
            time.sleep(30)
        started += 1
except BlockingIOError:
    print(started + 1)
";
    assert_eq!(host.python(script), "10\n");
}

#[test]
fn cpu_time_is_limited() {
    let Some(host) = Host::with(", cpus: 0.2") else { return };
    let script = "import time\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass\nprint(time.process_time())";
    let began = Instant::now();
    let used: f64 = host.python(script).trim().parse().expect("seconds");
    assert!(used < 0.8, "{used} s of CPU in {:?}", began.elapsed());
}
