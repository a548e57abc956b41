//! Shards with one forward listener, and the control thread that they ask for names.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use penstock_config::{Backend, Snapshot, System, agent_id};
use penstock_metrics::render;
use penstock_proxy::{Addresses, Attest, Inside, Proxy, World, choose_engine};

/// No test waits longer for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Says what the test says of every connection: an agent's id, or 0 for none.
struct Says(Arc<AtomicU64>);

impl Attest for Says {
    fn agent(&self, _: BorrowedFd<'_>) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }
}

/// What is configured beside the listeners and the agent `claude` that every rig has.
pub(crate) struct Setup {
    pub(crate) rules: Vec<String>,
    /// More of the agent.
    pub(crate) agent: String,
    /// More of the file.
    pub(crate) more: String,
    pub(crate) backend: Backend,
}

/// Shards that serve.
pub(crate) struct Rig {
    proxy: Arc<Proxy>,
    ticks: Option<JoinHandle<()>>,
    over: Arc<AtomicBool>,
    says: Arc<AtomicU64>,
    pub(crate) names: Arc<Names>,
    pub(crate) directory: tempfile::TempDir,
    inside: Inside,
    setup: Setup,
}

/// The names that the control thread knows, and what it was asked.
#[derive(Default)]
pub(crate) struct Names {
    known: Mutex<HashMap<String, String>>,
    /// How often it was asked for a name.
    pub(crate) asked: AtomicU64,
    /// The lines of other requests' heads.
    pub(crate) lines: Mutex<Vec<String>>,
}

impl Names {
    /// From now on a name has these addresses, for `ttl` seconds.
    pub(crate) fn set(&self, name: &str, ttl: u32, addresses: &[&str]) {
        let answer = format!("{ttl}\n{}", addresses.join("\n"));
        self.known.lock().expect("the names").insert(name.into(), answer);
    }
}

/// Agent `claude` with these rules, on one shard.
pub(crate) fn allow(rules: &[&str]) -> Rig {
    setup(rules).start()
}

pub(crate) fn setup(rules: &[&str]) -> Setup {
    Setup {
        rules: rules.iter().map(ToString::to_string).collect(),
        agent: String::new(),
        more: String::new(),
        backend: Backend::Auto,
    }
}

impl Setup {
    fn snapshot(&self, directory: &Path) -> Snapshot {
        let rules: Vec<_> = self.rules.iter().map(|rule| format!("'{rule}'")).collect();
        let text = format!(
            "shards: 1\n\
             listeners:\n\
             \x20 - {{ name: mcp, address: 127.0.0.1:1 }}\n\
             \x20 - {{ name: forward, address: 127.0.0.1:2, forward: true }}\n\
             upstreams: {{ up: {{ url: 'http://127.0.0.1:9/mcp' }} }}\n\
             servers: {{ up: up }}\n\
             agents:\n\
             \x20 claude: {{ forward: [{}]{} }}\n\
             \x20 other: {{}}\n\
             log: {{ access: true }}\n{}",
            rules.join(", "),
            self.agent,
            self.more
        );
        let loaded = penstock_config::parse(&text, &directory.join("penstock.yaml"), &System);
        let mut snapshot = loaded.expect("a configuration").snapshot;
        snapshot.backend = self.backend;
        // The file takes no port 0, which is any free one.
        for listener in &mut snapshot.listeners {
            listener.bind = penstock_config::Bind::Tcp(([127, 0, 0, 1], 0).into());
        }
        snapshot
    }

    pub(crate) fn start(self) -> Rig {
        log();
        let directory = tempfile::tempdir().expect("a directory");
        let inside = Inside {
            control: directory.path().join("control.sock"),
            front: directory.path().join("front.sock"),
        };
        let names = Arc::<Names>::default();
        control(UnixListener::bind(&inside.control).expect("it binds"), &names);
        let engine = choose_engine(self.backend).expect("an engine");
        let says = Arc::new(AtomicU64::new(agent_id("claude")));
        let world = world(self.snapshot(directory.path()), &inside);
        let attest = Arc::new(Says(Arc::clone(&says)));
        let proxy = Arc::new(Proxy::start(world, &engine, Some(attest)).expect("it starts"));
        let over = Arc::new(AtomicBool::new(false));
        let (ticking, ended) = (Arc::clone(&proxy), Arc::clone(&over));
        let ticks = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                ticking.ring();
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let ticks = Some(ticks);
        Rig { proxy, ticks, over, says, names, directory, inside, setup: self }
    }
}

fn world(snapshot: Snapshot, inside: &Inside) -> World {
    World::new(snapshot, inside, &[], &mut |host, _| Addresses::unresolved(host)).expect("a world")
}

impl Rig {
    /// Where the forward listener is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.proxy.addresses[1].expect("an address")
    }

    /// Where the listener of virtual servers is.
    pub(crate) fn mcp(&self) -> SocketAddr {
        self.proxy.addresses[0].expect("an address")
    }

    /// Where the shards serve the control thread.
    pub(crate) fn front(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.inside.front).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// From the next connection on, this agent calls; none where it is empty.
    pub(crate) fn called_by(&self, name: &str) {
        let id = if name.is_empty() { 0 } else { agent_id(name) };
        self.says.store(id, Ordering::Relaxed);
    }

    /// Takes other rules into force.
    pub(crate) fn reload(&mut self, rules: &[&str]) {
        self.setup.rules = rules.iter().map(ToString::to_string).collect();
        let snapshot = self.setup.snapshot(self.directory.path());
        self.proxy.reload(world(snapshot, &self.inside));
        // The shard sees it with its next tick.
        std::thread::sleep(Duration::from_millis(200));
    }

    /// The value of a metric, given with its labels behind the shard's.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = render(self.proxy.cells());
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("no metric {name}"));
        line.trim_start_matches("{shard=\"0\"}").trim().parse().expect("a number")
    }

    /// How often penstock refused for this reason.
    pub(crate) fn refused(&self, reason: &str) -> u64 {
        self.metric(&format!("penstock_refusals_total{{shard=\"0\",reason=\"{reason}\"}}"))
    }

    pub(crate) fn drain(&self) {
        self.proxy.drain();
    }

    pub(crate) fn ended(&self) -> bool {
        self.proxy.ended()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(ticks) = self.ticks.take() {
            let _ = ticks.join();
        }
        self.proxy.quit();
    }
}

/// Answers `GET /resolve/<name>` as the control thread does.
fn control(listener: UnixListener, names: &Arc<Names>) {
    let names = Arc::clone(names);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let names = Arc::clone(&names);
            std::thread::spawn(move || resolve(stream, &names));
        }
    });
}

fn resolve(mut stream: UnixStream, names: &Names) {
    let mut lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
    while let Some(Ok(line)) = lines.next() {
        let Some(rest) = line.strip_prefix("GET /resolve/") else {
            if line.starts_with("GET /legacy/") {
                let head = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty());
                names.lines.lock().expect("the lines").extend(head);
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            }
            continue;
        };
        let name = rest.split(' ').next().unwrap_or_default();
        names.asked.fetch_add(1, Ordering::Relaxed);
        // Long enough for a second question to meet the first.
        std::thread::sleep(Duration::from_millis(50));
        let answer = names.known.lock().expect("the names").get(name).cloned();
        let (status, body) = match answer {
            Some(body) => ("200 OK", body),
            None => ("502 Bad Gateway", "no record found".into()),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

/// The log of all rigs of this process.
fn log() -> &'static Arc<Mutex<Vec<u8>>> {
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("the log").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    LOG.get_or_init(|| {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&lines);
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Sink(Arc::clone(&sink)))
            .init();
        lines
    })
}

/// Waits for a line of the log that holds all of these.
pub(crate) fn logged(parts: &[&str]) -> String {
    let mut found = None;
    eventually(&format!("a line with {parts:?}"), || {
        let log = String::from_utf8_lossy(&log().lock().expect("the log")).into_owned();
        found = log
            .lines()
            .find(|line| parts.iter().all(|part| line.contains(part)))
            .map(ToOwned::to_owned);
        found.is_some()
    });
    found.expect("a line")
}

/// Waits for what happens soon.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
