//! What a command sees of the host.

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::process::Command;

use crate::common::{Folder, eventually};
use crate::host::{Host, UID, cgroup2, output};

#[test]
fn a_command_is_in_its_agents_cgroup_from_its_first_instruction_on() {
    let Some(host) = Host::new() else { return };
    let mut child = host.run(&["sleep", "20"]).spawn().expect("it starts");
    let leaf = host.cgroup().join(format!("run-{}", child.id()));
    let members = || fs::read_to_string(leaf.join("cgroup.procs")).unwrap_or_default();
    // Process 1 of the namespace, and the command.
    eventually("both are in it", || members().lines().count() == 2);
    crate::host::signal(child.id(), "TERM");
    child.wait().expect("its end");
    assert!(!leaf.exists(), "the cgroup is left");
}

#[test]
fn a_command_cannot_leave_its_cgroup() {
    let Some(host) = Host::new() else { return };
    let root = cgroup2();
    let script = format!(
        "cat /proc/self/cgroup | grep ^0::; \
         for file in $(find /sys/fs/cgroup -name cgroup.procs -o -name tasks -o -name cgroup.threads); do \
           if (echo $$ > $file) 2>/dev/null; then echo \"joined $file\"; fi; \
         done; \
         mkdir {root}/own 2>/dev/null && echo made; ls -d {root}/penstock-test-run 2>/dev/null || true",
        root = root.display(),
    );
    // The root of its namespace is its own cgroup, and no other is to be seen.
    assert_eq!(host.sh(&script), "0::/\n");
}

#[test]
fn of_the_hosts_cgroups_none_is_in_sight() {
    let Some(host) = Host::with(", memory: 64MiB, pids: 20") else { return };
    // The host has cgroups of its own beside this one; only v1 could still show them.
    let script = "grep ' cgroup cgroup ' /proc/self/mountinfo | cut -d' ' -f5 | \
        while read at; do ls -A \"$at\"; done; \
        find /sys/fs/cgroup -name 'penstock*'; cat /proc/self/cgroup | grep ^0::";
    assert_eq!(host.sh(script), "0::/\n");
}

#[test]
fn a_directory_of_the_users_own_programs_is_empty_and_theirs_to_use() {
    let Some(host) = Host::with(", unix_sockets: true") else { return };
    let user = UID + 9;
    let tmux = PathBuf::from(format!("/tmp/tmux-{user}"));
    fs::create_dir(&tmux).expect("a directory");
    fs::write(tmux.join("default"), "").expect("a file");
    std::os::unix::fs::chown(&tmux, Some(user), Some(user)).expect("it is the user's");
    // What tmux looks at before it makes its socket there.
    let script = format!(
        "stat -c '%a %u %g' {0}; ls -A {0}; \
         python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{0}/default\")'; ls {0}",
        tmux.display()
    );
    let mut run = host.run_as(&user.to_string(), &["sh", "-ec", &script]);
    run.current_dir("/");
    let said = output(run);
    let outside = fs::read(tmux.join("default"));
    let _ = fs::remove_dir_all(&tmux);
    let errors = String::from_utf8_lossy(&said.stderr);
    let said = String::from_utf8_lossy(&said.stdout);
    assert_eq!(said, format!("700 {user} {user}\ndefault\n"), "{errors}");
    assert_eq!(outside.expect("it is as it was"), b"");
}

#[test]
fn sockets_of_what_starts_work_outside_are_not_there() {
    let Some(host) = Host::with(", unix_sockets: true") else { return };
    let docker = std::path::Path::new("/run/docker.sock");
    // Where there is a docker, its own will do.
    let own = (!docker.exists()).then(|| UnixListener::bind(docker).expect("it binds"));
    let tmux = std::env::temp_dir().join(format!("tmux-{}", std::process::id()));
    fs::create_dir(&tmux).expect("a directory");
    std::os::unix::fs::chown(&tmux, Some(UID), None).expect("it is the user's");
    let _server = UnixListener::bind(tmux.join("default")).expect("it binds");
    let agent = Folder::new();
    let _agent = UnixListener::bind(agent.path("agent.sock")).expect("it binds");
    let script = format!(
        "import os, socket\n\
         for path in ['/run/docker.sock', '/var/run/docker.sock', '/run/dbus/system_bus_socket', '/run/systemd/private', '{}', '{}']:\n\
         \x20   try:\n\
         \x20       socket.socket(socket.AF_UNIX).connect(path)\n\
         \x20       print('reached', path)\n\
         \x20   except (FileNotFoundError, ConnectionRefusedError):\n\
         \x20       pass\n\
         print(sorted(os.listdir('/run')), os.listdir('{}'))",
        tmux.join("default").display(),
        agent.path("agent.sock").display(),
        tmux.display(),
    );
    let mut run = host.run(&["/usr/bin/python3", "-c", &script]);
    run.env("SSH_AUTH_SOCK", agent.path("agent.sock"));
    let said = output(run);
    if own.is_some() {
        let _ = fs::remove_file(docker);
    }
    let _ = fs::remove_dir_all(&tmux);
    let (said, errors) =
        (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert_eq!(said, "['penstock', 'user'] []\n", "{errors}");
}

#[test]
fn of_a_users_runtime_directory_a_listener_brings_itself_into_sight_and_nothing_else() {
    let user = UID + 7;
    let directory = PathBuf::from(format!("/run/user/{user}"));
    let own = directory.join("penstock.sock");
    let Some(host) = Host::with(", unix_sockets: true") else { return };
    let host = host.listening(&format!("unix: {}", own.display()));
    fs::create_dir_all(&directory).expect("a runtime directory");
    std::os::unix::fs::chown(&directory, Some(user), None).expect("it is the user's");
    let sockets =
        [own, directory.join("bus")].map(|path| UnixListener::bind(path).expect("it binds"));
    let mut run = host.run_as(&user.to_string(), &["ls", &directory.display().to_string()]);
    run.current_dir("/");
    let said = output(run);
    drop(sockets);
    let _ = fs::remove_dir_all(&directory);
    let errors = String::from_utf8_lossy(&said.stderr);
    assert_eq!(String::from_utf8_lossy(&said.stdout), "penstock.sock\n", "{errors}");
}

#[test]
fn nothing_of_the_hosts_run_can_be_written() {
    let Some(host) = Host::new() else { return };
    let script = "cat $PENSTOCK_MCP_CONFIG >/dev/null; \
        touch ${PENSTOCK_MCP_CONFIG%/*}/more 2>/dev/null && echo made; \
        (echo >>$PENSTOCK_MCP_CONFIG) 2>/dev/null && echo written; \
        touch $XDG_RUNTIME_DIR/own && echo own";
    assert_eq!(host.sh(script), "own\n");
}

#[test]
fn message_queues_of_others_are_not_there() {
    let Some(host) = Host::new() else { return };
    let queues = host.work().join("queues");
    fs::create_dir(&queues).expect("a directory");
    let mount = |words: &[&str]| Command::new(words[0]).args(&words[1..]).arg(&queues).status();
    if !mount(&["mount", "-t", "mqueue", "none"]).expect("mount runs").success() {
        return println!("not run: this kernel has no POSIX message queues");
    }
    let queue = queues.join(format!("penstock-test-{}", std::process::id()));
    fs::write(&queue, "").expect("a queue");
    let said = host.sh("ls queues; touch queues/own; ls queues");
    let _ = fs::remove_file(&queue);
    let _ = mount(&["umount"]);
    assert_eq!(said, "own\n");
}

#[test]
fn links_of_the_enforcement_are_out_of_sight() {
    let Some(host) = Host::new() else { return };
    let other = host.work().join("bpf");
    fs::create_dir(&other).expect("a directory");
    let mount = |arguments: &[&str]| {
        let status = std::process::Command::new(arguments[0]).args(&arguments[1..]).status();
        assert!(status.expect("it runs").success());
    };
    let place = other.to_str().expect("text");
    mount(&["mount", "-t", "bpf", "none", place]);
    fs::create_dir(other.join("somebodys")).expect("a directory in it");
    let script =
        format!("ls -d {}/* {place}/* /sys/fs/bpf/* 2>/dev/null || true", host.bpffs().display());
    let said = output(host.run(&["sh", "-c", &script]));
    mount(&["umount", place]);
    assert!(said.status.success());
    assert_eq!(String::from_utf8_lossy(&said.stdout), "");
    // It is not empty.
    assert!(fs::read_dir(host.bpffs()).expect("it is mounted").count() > 0);
}

#[test]
fn other_processes_are_not_there_and_the_first_is_closed() {
    let Some(host) = Host::new() else { return };
    let script = "ls /proc | grep '^[0-9]' | grep -vx '[0-9]' || echo $$; \
        for part in environ maps mem fd root cwd ns/net; do \
          if ls -L /proc/1/$part >/dev/null 2>&1 && cat /proc/1/$part >/dev/null 2>&1; then echo \"open: $part\"; fi; \
        done; kill -KILL 1; kill -STOP 1; sleep 0.1; echo here";
    // No process but process 1, the shell and those of the pipe, which have one digit.
    let said = host.sh(&format!("{script} || true"));
    assert_eq!(said, "2\nhere\n");
}

#[test]
fn mounts_of_the_host_do_not_change() {
    let Some(host) = Host::new() else { return };
    // The BPF filesystem of this host, or of a test beside it, is meant to be there.
    let mounts = || {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
        let lines = mounts.lines().filter(|line| !line.contains("/penstock-test-"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = mounts();
    host.sh("true");
    assert_eq!(mounts(), before);
}

#[test]
fn abstract_sockets_of_others_are_out_of_reach() {
    let Some(host) = Host::with(", unix_sockets: true") else { return };
    let name = format!("penstock-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("an address");
    let listener = UnixListener::bind_addr(&address).expect("it binds");
    let script = format!(
        "import socket\n\
         own = socket.socket(socket.AF_UNIX); own.bind('\\0{name}-own'); own.listen()\n\
         socket.socket(socket.AF_UNIX).connect('\\0{name}-own')\n\
         try: socket.socket(socket.AF_UNIX).connect('\\0{name}'); print('reached')\n\
         except PermissionError: print('refused')"
    );
    // The control: without penstock it works.
    let mut outside = std::process::Command::new("/usr/bin/python3");
    outside.args(["-c", &script]);
    assert_eq!(crate::host::says(outside), "reached\n");
    let said = host.python(&script);
    if said == "reached\n" && !landlock_has_scopes() {
        println!("not run: abstract sockets: the kernel has no Landlock scopes (6.12)");
        return;
    }
    assert_eq!(said, "refused\n");
    drop(listener);
}

/// Whether landlock(7) is of version 6, asked the way that does not need unsafe code here.
fn landlock_has_scopes() -> bool {
    let script = "import ctypes; print(ctypes.CDLL(None).syscall(444, 0, 0, 1) >= 6)";
    let mut python = std::process::Command::new("/usr/bin/python3");
    python.args(["-c", script]);
    crate::host::says(python) == "True\n"
}
