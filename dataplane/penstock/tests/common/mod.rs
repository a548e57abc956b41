//! A real penstock between scripted peers.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]
#![allow(missing_docs, unreachable_pub, reason = "test support")]

mod peers;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use peers::{
    Client, always, call, chunk, find, free_port, modern_call, ok, post, post_with, read_request,
    reset, upstream,
};

/// No wait in a test takes longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of a test's own, removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("penstock-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file is written");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A configuration of one shard, to be started. Paths in it are relative to its folder.
pub struct Setup {
    pub folder: Folder,
    upstreams: Vec<(&'static str, String)>,
    /// What a server's entry has beside its upstream.
    servers: String,
    listeners: String,
    more: String,
    backend: &'static str,
    descriptors: Option<u32>,
    stderr: Option<Stdio>,
}

impl Setup {
    /// `upstream` is served at `/mcp/up`.
    pub fn to(upstream: SocketAddr) -> Self {
        Self::with(&format!("{{ url: \"http://{upstream}/mcp\" }}"))
    }

    /// As `to`, with the upstream's whole entry.
    pub fn with(upstream: &str) -> Self {
        Self {
            folder: Folder::new(),
            upstreams: vec![("up", upstream.to_owned())],
            servers: String::new(),
            listeners: String::new(),
            more: String::new(),
            backend: "auto",
            descriptors: None,
            stderr: None,
        }
    }

    /// One more upstream, at `/mcp/<name>`.
    pub fn also(mut self, name: &'static str, upstream: &str) -> Self {
        self.upstreams.push((name, upstream.to_owned()));
        self
    }

    /// What every server's entry has beside its upstream.
    pub fn servers(mut self, more: &str) -> Self {
        self.servers = format!(", {more}");
        self
    }

    /// One more listener's entry, beside the plain one that every penstock here has.
    pub fn listener(mut self, entry: &str) -> Self {
        self.listeners.push_str(&format!(", {entry}"));
        self
    }

    /// Lines at the end of the file.
    pub fn more(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self
    }

    pub fn backend(mut self, backend: &'static str) -> Self {
        self.backend = backend;
        self
    }

    /// The most descriptors that the process may have.
    pub fn descriptors(mut self, limit: u32) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// Where its log goes instead of to a file.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = Some(stderr.into());
        self
    }

    pub fn text(&self, address: SocketAddr) -> String {
        let Self { listeners, more, backend, servers: own, .. } = self;
        let upstreams: String =
            self.upstreams.iter().map(|(name, entry)| format!("  {name}: {entry}\n")).collect();
        let servers: String = self
            .upstreams
            .iter()
            .map(|(name, _)| format!("  {name}: {{ upstream: {name}{own} }}\n"))
            .collect();
        format!(
            "shards: 1\nbackend: {backend}\nlisteners: [{{ address: \"{address}\" }}{listeners}]\n\
             upstreams:\n{upstreams}servers:\n{servers}{more}\n"
        )
    }

    /// Runs it, and waits until it serves.
    pub fn start(self) -> Penstock {
        let address = free_port();
        let mut penstock = self.spawn(address);
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = penstock.child.try_wait().expect("its state").is_some();
            assert!(!ended, "penstock ended: {}", penstock.log());
            assert!(began.elapsed() < PATIENCE, "penstock does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        // Listening begins before all else is set up; an answer comes after.
        assert_eq!(penstock.connect().ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").0, 404);
        std::thread::sleep(Duration::from_millis(150));
        penstock
    }

    /// Runs it, whatever becomes of it.
    pub fn spawn(mut self, address: SocketAddr) -> Penstock {
        self.folder.write("penstock.yaml", &self.text(address));
        let config = self.folder.path("penstock.yaml");
        let log = std::fs::File::create(self.folder.path("log")).expect("a log");
        let log = self.stderr.take().unwrap_or_else(|| log.into());
        let program = env!("CARGO_BIN_EXE_penstock");
        let mut command = match self.descriptors {
            None => Command::new(program),
            Some(limit) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\""), program]);
                shell
            }
        };
        command.args(["serve", "--config"]).arg(&config).stdin(Stdio::null()).stderr(log);
        // What one that is killed leaves goes with the folder.
        command.env_remove("RUNTIME_DIRECTORY").env("XDG_RUNTIME_DIR", &self.folder.0);
        let child = command.spawn().expect("penstock starts");
        Penstock { child, address, config, setup: self }
    }
}

/// A running penstock; ended when dropped.
pub struct Penstock {
    child: Child,
    pub address: SocketAddr,
    pub config: PathBuf,
    pub setup: Setup,
}

impl Penstock {
    /// In front of `upstream`, which is served at `/mcp/up`. `more` is added to the file.
    pub fn start(upstream: SocketAddr, more: &str) -> Self {
        Setup::to(upstream).more(more).start()
    }

    /// As `start`, with the upstream's whole entry.
    pub fn with(upstream: &str, more: &str) -> Self {
        Setup::with(upstream).more(more).start()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.setup.folder.path("log")).unwrap_or_default()
    }

    /// Waits until it has logged this: lines are written a moment after what they tell of.
    pub fn logs(&self, text: &str) {
        eventually(&format!("`{text}` in the log"), || self.log().contains(text));
    }

    /// Processor time used so far, in kernel and user mode.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("its stat");
        // proc_pid_stat(5): the name, which may hold spaces, ends at the last parenthesis; utime and
        // stime are the 12th and 13th fields behind it, in ticks of 10 ms.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 =
            fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Descriptors the process holds open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("its descriptors").count()
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }

    /// Waits for its end; whether it ended well.
    pub fn wait(&mut self) -> bool {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status.success();
            }
            assert!(began.elapsed() < PATIENCE, "penstock does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Penstock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `test` holds.
#[track_caller]
pub fn eventually(what: &str, mut test: impl FnMut() -> bool) {
    let began = Instant::now();
    while !test() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a fault, then a call that must work, then counts what was left behind.
#[track_caller]
pub fn then_the_next_call_works(penstock: &Penstock, before: usize) {
    let mut client = penstock.connect();
    assert_eq!(client.ask(&call(99)).0, 200);
    drop(client);
    // One idle connection to the upstream may stay.
    let what = format!("{before} descriptors and one more at most");
    eventually(&what, || penstock.descriptors() <= before + 1);
}

/// Sends what is to be refused, and checks how.
#[track_caller]
pub fn refused(request: &[u8], more: &str, status: u16, says: &str) {
    let penstock = Penstock::start(always(ok("{}")), more);
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    // The refusal may come before the request is written whole.
    let _ = client.stream.write_all(request);
    let (got, body) = client.answer().expect("an answer");
    assert_eq!(got, status, "{body}");
    assert!(body.contains(says), "{body}");
    drop(client);
    then_the_next_call_works(&penstock, before);
}
