//! A control thread of a test's own, and the calls of a client on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use penstock_config::{
    Admin, Backend, CommandTarget, Egress, EgressMode, Limits, Log, Process, Server, Shards,
    Snapshot, Target, Upstream,
};
use penstock_control::{Control, Handle, Options, Resolution};
use serde_json::{Value, json};

use crate::http::{self, Answer};

pub(crate) const BOTH: (&str, &str) = ("Accept", "application/json, text/event-stream");
pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");

static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Gateway {
    pub(crate) directory: PathBuf,
    pub(crate) handle: Option<Handle>,
    pub(crate) resolved: Arc<Mutex<Vec<(String, u16, Resolution)>>>,
}

/// A directory that only this user can read, short enough for a socket's path.
pub(crate) fn directory() -> PathBuf {
    let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("pc-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::DirBuilder::new().mode(0o700).create(&path).expect("a directory");
    path
}

pub(crate) fn snapshot(upstreams: Vec<Upstream>) -> Snapshot {
    Snapshot {
        shards: Shards::Auto,
        backend: Backend::Auto,
        listeners: Vec::new(),
        servers: vec![Server {
            name: "one".into(),
            path: "/mcp/one".into(),
            upstream: 0,
            inspection: None,
        }],
        inspection: None,
        upstreams: upstreams.into_iter().map(Arc::new).collect(),
        limits: Limits::default(),
        log: Log::default(),
        admin: None,
        egress: Egress { mode: EgressMode::Enforce, bpffs: "/run/penstock/bpf".into() },
        agents: Vec::new(),
    }
}

pub(crate) fn upstream(name: &str, target: Target) -> Upstream {
    Upstream {
        name: name.into(),
        target,
        connections_max: 64,
        idle_timeout: Duration::from_mins(1),
        connect_timeout: Duration::from_secs(5),
        first_byte_timeout: Duration::from_secs(5),
        stream_idle_timeout: Duration::from_mins(1),
        via: false,
        forwarded: false,
    }
}

pub(crate) fn command(arguments: &[&str]) -> CommandTarget {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bridges/server.py");
    CommandTarget {
        program: "python3".into(),
        args: ["-u", script].iter().chain(arguments).map(|a| (*a).to_owned()).collect(),
        env: BTreeMap::new(),
        directory: None,
        process: Process::Session,
        line_bytes_max: 1 << 20,
        processes_max: 8,
        session_idle_timeout: Duration::from_mins(1),
    }
}

impl Gateway {
    pub(crate) fn start(snapshot: Snapshot) -> Self {
        let directory = directory();
        let resolved = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&resolved);
        let handle = Control::start(Options {
            socket: directory.join("control.sock"),
            front: directory.join("front.sock"),
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            metrics: Arc::new(|| "penstock_shard_metric 1\n".into()),
            ready: Arc::new(|| Err("no shard serves yet".into())),
            resolved: Arc::new(move |host, port, answer| {
                sink.lock().expect("lock").push((host.to_owned(), port, answer));
            }),
            environment: [("PATH", std::env::var("PATH").expect("PATH")), ("SECRET", "x".into())]
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
        })
        .expect("a control thread");
        Self { directory, handle: Some(handle), resolved }
    }

    /// With one stdio upstream, `s`.
    pub(crate) fn stdio(target: CommandTarget) -> Self {
        Self::start(snapshot(vec![upstream("s", Target::Command(target))]))
    }

    pub(crate) fn with_admin(mut snapshot: Snapshot, address: SocketAddr) -> Self {
        snapshot.admin = Some(Admin { address });
        Self::start(snapshot)
    }

    pub(crate) fn reload(&self, snapshot: Snapshot) {
        self.handle.as_ref().expect("running").reload(Arc::new(snapshot));
    }

    pub(crate) fn stop(&mut self) {
        self.handle.take().expect("running").stop();
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let socket = self.directory.join("control.sock");
        http::request(http::unix(&socket), method, path, headers, body)
    }

    /// A POST to the upstream `s`.
    pub(crate) fn post(&self, session: Option<&str>, message: &Value) -> Answer {
        let mut headers = vec![BOTH, JSON];
        headers.extend(session.map(|id| ("Mcp-Session-Id", id)));
        self.send("POST", "/bridge/s", &headers, &message.to_string())
    }

    pub(crate) fn begin(&self) -> String {
        let answer = self.post(None, &initialize());
        assert_eq!(answer.status, 200);
        let id = answer.header("mcp-session-id").expect("a session id").to_owned();
        assert!(answer.json()["result"].is_object());
        let confirmed =
            self.post(Some(&id), &json!({"jsonrpc":"2.0","method":"notifications/initialized"}));
        assert_eq!(confirmed.status, 202);
        id
    }

    pub(crate) fn open(&self, session: &str, last: Option<&str>) -> Answer {
        let mut headers = vec![("Accept", "text/event-stream"), ("Mcp-Session-Id", session)];
        headers.extend(last.map(|id| ("Last-Event-ID", id)));
        self.send("GET", "/bridge/s", &headers, "")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.handle.take());
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

pub(crate) fn initialize() -> Value {
    json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":{
        "protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}})
}

pub(crate) fn call(id: impl Into<Value>, name: &str, arguments: &Value) -> Value {
    json!({"jsonrpc":"2.0","id":id.into(),"method":"tools/call",
        "params":{"name":name,"arguments":arguments}})
}

/// The same with what a modern request carries.
pub(crate) fn modern_call(id: impl Into<Value>, name: &str, arguments: &Value) -> Value {
    let mut message = call(id, name, arguments);
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{}});
    message
}

/// Whether a process exists and is more than a zombie.
pub(crate) fn lives(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

/// Waits for what happens soon.
pub(crate) fn soon(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !happened() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
