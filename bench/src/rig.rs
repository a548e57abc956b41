//! What is measured: the proxies side by side, and a mock MCP server of each answer size.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::call;
use crate::load::{Load, Pace, Plan, run};
use crate::machine::{Cores, pin};
use crate::server::{Server, free_address};

/// Bytes of text in the answers.
pub(crate) const SIZES: [usize; 3] = [128, 4 << 10, 64 << 10];

/// Where everything is, and how long it is measured.
#[derive(Clone)]
pub(crate) struct Setting {
    /// Holds `penstock` and `penstock-loadtest`.
    pub(crate) programs: PathBuf,
    /// Of configurations and logs.
    pub(crate) dir: PathBuf,
    pub(crate) cores: Cores,
    /// How often each target is measured; the median is told.
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    /// Streams to open.
    pub(crate) streams: usize,
}

/// Where calls are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    /// The mock, without a proxy.
    Direct,
    /// nginx as it buffers by default.
    Nginx,
    /// nginx with `proxy_buffering off`.
    NginxUnbuffered,
    /// Penstock with one shard.
    Penstock,
    /// Penstock with two shards.
    TwoShards,
}

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::NginxUnbuffered => "nginx, unbuffered",
            Self::Penstock => "penstock",
            Self::TwoShards => "penstock, two shards",
        }
    }
}

/// Running servers.
pub(crate) struct Rig {
    mocks: Vec<Upstream>,
    nginx: (Server, SocketAddr),
    penstock: (Server, SocketAddr),
    two_shards: (Server, SocketAddr),
}

/// A mock and what it answers.
struct Upstream {
    address: SocketAddr,
    answer_bytes: usize,
    body: Vec<u8>,
    _server: Server,
}

impl Rig {
    /// Starts all servers; the caller is on the load's cores from then on.
    pub(crate) fn start(setting: &Setting) -> Result<Self> {
        pin(setting.cores.load())?;
        let mocks: Vec<Upstream> =
            SIZES.iter().map(|bytes| Upstream::start(setting, *bytes)).collect::<Result<_>>()?;
        let servers: Vec<(usize, SocketAddr)> =
            mocks.iter().map(|mock| (mock.answer_bytes, mock.address)).collect();
        Ok(Self {
            nginx: nginx(setting, &servers)?,
            penstock: penstock(setting, 1, &servers, "")?,
            two_shards: penstock(setting, 2, &servers, "")?,
            mocks,
        })
    }

    /// One load on one target, from `connections`, checked call by call.
    pub(crate) fn load(
        &self,
        setting: &Setting,
        target: Target,
        answer_bytes: usize,
        connections: usize,
        pace: Pace,
    ) -> Result<Load> {
        let mock = self.mocks.iter().find(|mock| mock.answer_bytes == answer_bytes);
        let mock = mock.with_context(|| format!("no mock answers {answer_bytes} bytes"))?;
        let path = match target {
            Target::NginxUnbuffered => format!("/unbuffered/b{answer_bytes}"),
            _ => format!("/mcp/b{answer_bytes}"),
        };
        let (proxy, address) = match target {
            Target::Direct => (None, mock.address),
            Target::Nginx | Target::NginxUnbuffered => (Some(&self.nginx.0), self.nginx.1),
            Target::Penstock => (Some(&self.penstock.0), self.penstock.1),
            Target::TwoShards => (Some(&self.two_shards.0), self.two_shards.1),
        };
        let plan = Plan {
            address,
            request: &call::tools_call(address, &path),
            body: &mock.body,
            connections,
            threads: setting.cores.load_threads(),
            pace,
            warm_up: setting.warm_up,
            duration: setting.duration,
        };
        let core = setting.cores.proxy(1).first().copied().unwrap_or_default();
        run(&plan, proxy.map(|server| (server, core)))
            .with_context(|| format!("{} with answers of {answer_bytes} B", target.name()))
    }
}

impl Upstream {
    fn start(setting: &Setting, answer_bytes: usize) -> Result<Self> {
        let size = answer_bytes.to_string();
        let threads = setting.cores.load_threads().to_string();
        let arguments = ["--answer-bytes", &size, "--threads", &threads];
        let (server, address) = mock(setting, &arguments, &format!("mock-{size}"))?;
        let body = call::body_of(address, &call::tools_call(address, "/mcp"))?;
        ensure!(body.len() > answer_bytes, "the mock's answer is too short");
        Ok(Self { address, answer_bytes, body, _server: server })
    }
}

/// A mock on the load's cores.
pub(crate) fn mock(
    setting: &Setting,
    arguments: &[&str],
    name: &str,
) -> Result<(Server, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new(setting.programs.join("penstock-loadtest"));
    command.args(["mock", "--listen", &address.to_string()]).args(arguments);
    let load = setting.cores.load();
    let server = Server::start(name, &mut command, &setting.dir, load, load)?;
    Ok((server.accepting(address)?, address))
}

/// Penstock on as many cores as it has shards; each upstream is served at `/mcp/bSIZE`.
pub(crate) fn penstock(
    setting: &Setting,
    shards: usize,
    upstreams: &[(usize, SocketAddr)],
    more: &str,
) -> Result<(Server, SocketAddr)> {
    let address = free_address()?;
    let mut text = format!("shards: {shards}\nlisteners: [{{ address: {address} }}]\n{more}\n");
    text.push_str("upstreams:\n");
    for (size, upstream) in upstreams {
        let connections = setting.streams.max(256);
        text.push_str(&format!(
            "  b{size}: {{ url: \"http://{upstream}/mcp\", connections: {connections} }}\n"
        ));
    }
    text.push_str("servers:\n");
    for (size, _) in upstreams {
        text.push_str(&format!("  b{size}: b{size}\n"));
    }
    let name = format!("penstock-{shards}");
    let config = setting.dir.join(format!("{name}.yaml"));
    write(&config, &text)?;
    let mut command = Command::new(setting.programs.join("penstock"));
    command.arg("serve").arg("--config").arg(&config);
    let cores = setting.cores.proxy(shards);
    let server = Server::start(&name, &mut command, &setting.dir, cores, setting.cores.load())?;
    Ok((server.accepting(address)?, address))
}

/// nginx with one worker beside penstock, on the same core, as its documentation sets up a proxy
/// with kept connections. Nothing is logged, and no connection is closed after a number of calls.
fn nginx(setting: &Setting, upstreams: &[(usize, SocketAddr)]) -> Result<(Server, SocketAddr)> {
    let address = free_address()?;
    let dir = setting.dir.display();
    let (mut pools, mut locations) = (String::new(), String::new());
    let kept = "keepalive_requests 1000000000; keepalive_timeout 1h;";
    for (size, upstream) in upstreams {
        pools.push_str(&format!(
            "  upstream b{size} {{ server {upstream}; keepalive 64; {kept} }}\n"
        ));
        for (path, more) in [("mcp", ""), ("unbuffered", " proxy_buffering off;")] {
            locations.push_str(&format!(
                "    location = /{path}/b{size} {{ proxy_pass http://b{size}/mcp; \
                 proxy_http_version 1.1; proxy_set_header Connection \"\";{more} }}\n"
            ));
        }
    }
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {dir}/nginx-{kind};\n"))
        .concat();
    // A worker of another user could not write below a folder of root's.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let text = format!(
        "{user}daemon off;\nworker_processes 1;\npid {dir}/nginx.pid;\n\
         error_log {dir}/nginx-error.log warn;\nevents {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  {kept}\n{temporary}{pools}  server {{\n    \
         listen {address};\n{locations}  }}\n}}\n"
    );
    let config = setting.dir.join("nginx.conf");
    write(&config, &text)?;
    let mut command = Command::new(nginx_program());
    command.arg("-c").arg(&config);
    let (proxy, load) = (setting.cores.proxy(1), setting.cores.load());
    let server = Server::start("nginx", &mut command, &setting.dir, proxy, load)?;
    Ok((server.accepting(address)?, address))
}

/// What nginx calls itself.
pub(crate) fn nginx_version() -> Result<String> {
    let output = Command::new(nginx_program()).arg("-v").output().context("nginx does not run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(said.trim().trim_start_matches("nginx version: ").to_owned())
}

/// Debian keeps it where a user's `PATH` may not reach.
fn nginx_program() -> &'static str {
    let debian = "/usr/sbin/nginx";
    if Path::new(debian).exists() { debian } else { "nginx" }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
