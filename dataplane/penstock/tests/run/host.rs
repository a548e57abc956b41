//! A configuration with one agent, and `penstock run` for it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Once, mpsc};
use std::time::{Duration, Instant};

use crate::common::{Folder, PATIENCE, free_port};

/// Whom commands run as: a user that the user database does not know, in a group of another number.
pub(crate) const UID: u32 = 54_321;
pub(crate) const GID: u32 = 54_322;

/// A configuration of its own, with an own place in the cgroup hierarchy and an own BPF filesystem.
pub(crate) struct Host {
    folder: Folder,
    number: u32,
    /// Where its forward listener would be.
    pub(crate) forward: SocketAddr,
}

impl Host {
    /// With one agent, `one`. None without root: then the test has not been run, and says so.
    pub(crate) fn new() -> Option<Self> {
        Self::with("")
    }

    /// The same, with these keys beside, each with a comma in front.
    pub(crate) fn with(keys: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if effective_user() != 0 {
            assert!(std::env::var_os("CI").is_none(), "the suite `run` needs root, in CI too");
            println!("not run: needs root; `cargo xtask test run` as root runs it");
            return None;
        }
        signals_are_not_ignored();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let host = Self { folder: Folder::new(), number, forward: free_port() };
        host.configure(keys);
        let work = host.work();
        fs::create_dir(&work).expect("a working directory");
        chown(&work, Some(UID), Some(GID)).expect("it is the agent's");
        Some(host)
    }

    /// With one more listener.
    pub(crate) fn listening(self, listener: &str) -> Self {
        let file = self.folder.path("penstock.yaml");
        let text = fs::read_to_string(&file).expect("the configuration");
        let text = text.replacen("listeners: [", &format!("listeners: [ {{ {listener} }},"), 1);
        fs::write(file, text).expect("the configuration");
        self
    }

    /// Writes the configuration anew, with these keys for its agent.
    pub(crate) fn configure(&self, keys: &str) {
        self.configure_all("enforce", keys, "");
    }

    /// The same, in a mode of its own and with further agents.
    pub(crate) fn configure_all(&self, mode: &str, keys: &str, agents: &str) {
        let (forward, sections) = (self.forward, self.sections(mode, keys, agents));
        self.write(&format!(
            "listeners: [ {{ address: \"127.0.0.1:8808\" }}, {{ address: \"{forward}\", forward: true }} ]\n\
             upstreams: {{ up: {{ url: http://127.0.0.1:1/mcp }} }}\nservers: {{ up: up, other: up }}\n{sections}"
        ));
    }

    /// The same, whole.
    pub(crate) fn write(&self, configuration: &str) {
        self.folder.write("penstock.yaml", configuration);
    }

    /// What of the configuration is about agents.
    pub(crate) fn sections(&self, mode: &str, keys: &str, agents: &str) -> String {
        let (bpffs, place) = (self.bpffs(), self.place());
        format!(
            "egress: {{ mode: {mode}, bpffs: {} }}\n\
             agents: {{ one: {{ cgroup: {place}, forward: [ \"a.example:443\" ]{keys} }}{agents} }}\n",
            bpffs.display(),
        )
    }

    /// Where its configuration is.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.path("penstock.yaml")
    }

    /// `penstock` of these words, with the configuration. What the tests' own caller ignores (a shell's
    /// background job: SIGINT and SIGQUIT) it would hand on, as it should; these tests are about the rest.
    pub(crate) fn penstock(&self, words: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command.args(["--default-signal=INT,QUIT", env!("CARGO_BIN_EXE_penstock")]);
        command.arg("--config").arg(self.configuration()).args(words);
        command.stdin(Stdio::null());
        command
    }

    /// A directory of the agent's own, where commands start.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path("work")
    }

    /// The agent's cgroup.
    pub(crate) fn cgroup(&self) -> PathBuf {
        cgroup2().join(self.place())
    }

    /// The same, as the configuration writes it.
    pub(crate) fn place(&self) -> String {
        format!("penstock-test-run/{}-{}", std::process::id(), self.number)
    }

    pub(crate) fn bpffs(&self) -> PathBuf {
        format!("/run/penstock-test-{}-{}/bpf", std::process::id(), self.number).into()
    }

    /// `penstock run` of a command.
    pub(crate) fn run(&self, command: &[&str]) -> Command {
        self.run_as(&format!("{UID}:{GID}"), command)
    }

    pub(crate) fn run_as(&self, user: &str, command: &[&str]) -> Command {
        let mut run = self.bare();
        run.args(["--user", user, "--"]).args(command);
        run
    }

    /// `penstock run` up to the agent.
    pub(crate) fn bare(&self) -> Command {
        let mut run = self.penstock(&["run", "--agent", "one"]);
        run.current_dir(self.work());
        run.env_remove("RUNTIME_DIRECTORY").env_remove("SUDO_UID").env_remove("SUDO_GID");
        run
    }

    /// What a shell script says that must succeed.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        says(self.run(&["sh", "-ec", script]))
    }

    /// What a Python script says that must succeed.
    #[track_caller]
    pub(crate) fn python(&self, script: &str) -> String {
        says(self.run(&["/usr/bin/python3", "-c", script]))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A test that failed may have left its command.
        let _ = fs::write(self.cgroup().join("cgroup.kill"), "1");
        let bpffs = self.bpffs();
        let _ = Command::new("umount").arg(&bpffs).stderr(Stdio::null()).status();
        let _ = bpffs.parent().map(fs::remove_dir_all);
        for entry in fs::read_dir(self.cgroup()).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(self.cgroup());
        // The last one removes it.
        let _ = fs::remove_dir(cgroup2().join("penstock-test-run"));
    }
}

/// Whoever starts the tests by nohup(1) has SIGHUP ignored, and what ignores it at its start can do
/// nothing else. A handler ends with exec, an ignored signal does not.
fn signals_are_not_ignored() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let seen = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGHUP, seen).expect("a handler");
    });
}

/// Waits for the end, within bounds.
#[track_caller]
pub(crate) fn end(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("its state") {
            return status;
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs to the end, within bounds.
#[track_caller]
pub(crate) fn output(mut command: Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let id = child.id();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    let Ok(output) = end.recv_timeout(PATIENCE) else {
        signal(id, "KILL");
        panic!("it does not end: {command:?}");
    };
    output.expect("its output")
}

#[track_caller]
pub(crate) fn says(command: Command) -> String {
    let Output { status, stdout, stderr } = output(command);
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// What a command that is refused says on stderr, and with which code.
#[track_caller]
pub(crate) fn refusal(command: Command) -> (i32, String) {
    let Output { status, stdout, stderr } = output(command);
    assert!(stdout.is_empty(), "it ran: {}", String::from_utf8_lossy(&stdout));
    (status.code().expect("a code"), String::from_utf8_lossy(&stderr).into_owned())
}

pub(crate) fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status();
    assert!(sent.expect("kill runs").success());
}

pub(crate) fn cgroup2() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    line.and_then(|line| line.split(' ').nth(1)).expect("cgroup v2").into()
}

fn effective_user() -> u32 {
    let status = fs::read_to_string("/proc/self/status").expect("the status");
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("ids");
    ids.split_whitespace().nth(1).and_then(|id| id.parse().ok()).expect("a number")
}

/// A copy of the binary that any user can execute.
pub(crate) fn for_everybody(folder: &Path) -> PathBuf {
    let copy = folder.join("penstock");
    fs::copy(env!("CARGO_BIN_EXE_penstock"), &copy).expect("a copy");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("its mode");
    copy
}

/// Processes whose command line holds `mark`.
pub(crate) fn processes(mark: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let holds = |path: PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    };
    let own = PathBuf::from(format!("/proc/{}", std::process::id()));
    entries
        .map(|entry| entry.path())
        .filter(|path| *path != own)
        .filter(|path| holds(path.clone()))
        .count()
}
