//! The validated configuration: what the shards and the control thread read, never the file itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::agents::{Agent, Egress};
use crate::inspection::{Inspection, ServerInspection};

/// Everything a running penstock knows of its configuration. Immutable; a reload makes a new one.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// How many shards serve.
    pub shards: Shards,
    /// The kernel interface the shards use for I/O.
    pub backend: Backend,
    /// Where agents connect. Never empty.
    pub listeners: Vec<Listener>,
    /// Every upstream, in the order of the file; [`Server::upstream`] indexes into it.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Every virtual server, in the order of the file.
    pub servers: Vec<Server>,
    /// What is looked for in messages, where configured.
    pub inspection: Option<Inspection>,
    /// What a peer may make penstock spend.
    pub limits: Limits,
    /// The process's own log.
    pub log: Log,
    /// The operator's listener, where configured.
    pub admin: Option<Admin>,
    /// How the kernel holds agents to the proxy.
    pub egress: Egress,
    /// Every agent that is confined, in the order of the file.
    pub agents: Vec<Arc<Agent>>,
}

/// How many shards serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shards {
    /// One a core that the process may run on.
    Auto,
    /// This many.
    Count(NonZeroU16),
}

/// The kernel interface the shards use for I/O.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// io_uring where the kernel allows it, else epoll, and the log says which and why.
    #[default]
    Auto,
    /// io_uring, or refuse to start.
    IoUring,
    /// epoll, asked for.
    Epoll,
}

/// Where agents connect.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// Its name in logs.
    pub name: String,
    /// The socket.
    pub bind: Bind,
    /// Whether it forwards what is not MCP (`CONNECT` and requests for absolute URLs) instead of
    /// serving virtual servers.
    pub forward: bool,
    /// TLS, where configured.
    pub tls: Option<ListenerTls>,
    /// Values of `Host` that are served; any other is answered 403.
    pub hosts: Hosts,
    /// Values of `Origin` that are served beside those whose host is in `hosts`, written
    /// `scheme://host[:port]` in lower case; `*` allows any. A request without `Origin` is served.
    pub origins: Vec<String>,
}

/// A listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bind {
    /// TCP; every shard binds it with `SO_REUSEPORT`.
    Tcp(SocketAddr),
    /// A Unix stream socket; all shards accept from one descriptor.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Which `Host` values a listener serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Any (`hosts: ["*"]`).
    Any,
    /// These, in lower case and without a port (a port in the request is ignored) unless the entry
    /// names one, in which case it must be equal. IPv6 literals keep their brackets.
    These(Vec<String>),
}

/// TLS on a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// PEM certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// PEM roots that a client certificate must chain to; absent means none is asked for.
    pub client_ca: Option<PathBuf>,
    /// Whether a connection without a client certificate is refused (with `client_ca` only).
    pub client_required: bool,
}

/// One MCP server that penstock can reach.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its name in logs, metrics and `servers`.
    pub name: String,
    /// How it is reached.
    pub target: Target,
    /// Connections a shard may hold open to it.
    pub connections_max: u32,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long the first byte of an answer may take, and before it the upstream no byte of a request.
    pub first_byte_timeout: Duration,
    /// How long a begun answer may be silent; event streams too.
    pub stream_idle_timeout: Duration,
    /// Whether requests carry `Via` (RFC 9110 section 7.6.3).
    pub via: bool,
    /// Whether requests carry `Forwarded` (RFC 7239) with the agent's address, replacing what the
    /// agent sent of `Forwarded` and `X-Forwarded-*`.
    pub forwarded: bool,
}

/// How an upstream is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Streamable HTTP.
    Http(HttpTarget),
    /// HTTP+SSE of 2024-11-05 (`transport: sse`); bridged by the control thread.
    Sse(HttpTarget),
    /// A stdio server; bridged by the control thread.
    Command(CommandTarget),
}

/// An HTTP endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpTarget {
    /// Where to connect.
    pub endpoint: Endpoint,
    /// TLS, for `https:`.
    pub tls: Option<UpstreamTls>,
    /// The request target: path and query, beginning with `/`.
    pub path: String,
    /// `host[:port]` as the URL says it; the default `Host` header.
    pub authority: String,
    /// What the upstream sees as `Host`.
    pub host: HostHeader,
}

/// Where an HTTP endpoint listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// An address written in the URL.
    Address(SocketAddr),
    /// A name the control thread resolves, with the port.
    Name(String, u16),
    /// A Unix stream socket.
    Unix(PathBuf),
}

/// What an upstream sees as `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostHeader {
    /// The authority of its URL.
    Upstream,
    /// What the caller sent.
    Preserve,
    /// This.
    Literal(String),
}

/// TLS to an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// The name in SNI that the certificate must carry.
    pub server_name: String,
    /// PEM roots in addition to the system's.
    pub ca: Option<PathBuf>,
    /// PEM certificate chain and private key to present.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A stdio server's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTarget {
    /// The program, looked up in `PATH` where it has no slash.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment beside `PATH`, `HOME`, `LANG` and `TMPDIR` of penstock's.
    pub env: BTreeMap<String, Secret>,
    /// Its working directory.
    pub directory: Option<PathBuf>,
    /// Whether each session has a process of its own.
    pub process: Process,
    /// The longest line it may write to stdout, in bytes.
    pub line_bytes_max: usize,
    /// Processes (so sessions, with [`Process::Session`]) that may run at once.
    pub processes_max: u32,
    /// How long a session may be unused before its process is ended.
    pub session_idle_timeout: Duration,
}

/// Whether stdio sessions share a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Process {
    /// One a session.
    #[default]
    Session,
    /// One for all.
    Shared,
}

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for the one place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// A virtual server: one URL that agents use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name in logs and metrics.
    pub name: String,
    /// Its path, exactly; beginning with `/`, without a query or a trailing slash.
    pub path: String,
    /// Which upstream serves it, an index into [`Snapshot::upstreams`].
    pub upstream: usize,
    /// What holds for its messages beside [`Snapshot::inspection`]; none are looked into without it.
    pub inspection: Option<ServerInspection>,
}

/// What a peer may make penstock spend. Each has a key of the same name in `limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's or answer's head (431; 502 from an upstream).
    pub head_bytes: u32,
    /// Header fields in a head (431; 502).
    pub head_fields: u32,
    /// Bytes of a request target (414).
    pub target_bytes: u32,
    /// Bytes of a request's body (413).
    pub body_bytes: u64,
    /// Nesting of a request's JSON (400).
    pub json_depth: u32,
    /// Messages in a batch of 2025-03-26 (400).
    pub batch_messages: u32,
    /// Bytes of one event of an upstream's stream; the stream is ended past it.
    pub event_bytes: u64,
    /// Connections from agents that one shard holds open (503).
    pub connections: u32,
    /// Calls that one shard serves at once, open streams included (503).
    pub calls: u32,
    /// How long a head may take from its first byte (408).
    pub head_timeout: Duration,
    /// How long a body may pause between bytes (408).
    pub body_timeout: Duration,
    /// How long a connection between calls is kept, and a new one may take to say anything.
    pub idle_timeout: Duration,
    /// How long an agent may take no byte of an answer before the connection is closed.
    pub write_timeout: Duration,
    /// How long calls may go on after SIGTERM.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 << 10,
            head_fields: 100,
            target_bytes: 8 << 10,
            body_bytes: 4 << 20,
            json_depth: 128,
            batch_messages: 100,
            event_bytes: 16 << 20,
            connections: 16_384,
            calls: 16_384,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// The process's own log, on stderr.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// The least severe level written.
    pub level: LogLevel,
    /// Lines for people or JSON.
    pub format: LogFormat,
    /// Whether each call is logged.
    pub access: bool,
}

/// Severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// What stops penstock or loses a call.
    Error,
    /// What an operator should look at.
    Warn,
    /// Start, stop, reload, upstreams up and down.
    #[default]
    Info,
    /// Each connection.
    Debug,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// The operator's listener: `/healthz`, `/readyz`, `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens, plain HTTP; a loopback address unless the file says otherwise in so many words.
    pub address: SocketAddr,
}

impl std::fmt::Display for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { path, .. } => path.display().fmt(f),
        }
    }
}
