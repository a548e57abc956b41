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

/// The cheapest of several that were tried for answers of 64 KiB: half of what the defaults cost.
const LARGE_BUFFERS: &str =
    "proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;";

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
    /// nginx with buffers that take a large answer in few pieces.
    Nginx,
    /// nginx with the buffers of its defaults: 4 KiB each.
    NginxDefaults,
    /// Penstock with one shard.
    Penstock,
    /// Penstock with two shards.
    TwoShards,
    /// Two processes of penstock with one shard each, that know nothing of each other.
    TwoPenstocks,
}

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::NginxDefaults => "nginx, defaults",
            Self::Penstock => "penstock",
            Self::TwoShards => "two shards",
            Self::TwoPenstocks => "two processes",
        }
    }
}

/// Running servers.
pub(crate) struct Rig {
    mocks: Vec<Mock>,
    proxies: Vec<Proxy>,
}

/// A mock and what it answers.
struct Mock {
    address: SocketAddr,
    answer_bytes: usize,
    body: Vec<u8>,
    _server: Server,
}

struct Proxy {
    target: Target,
    servers: Vec<Server>,
    addresses: Vec<SocketAddr>,
}

impl Rig {
    /// Starts mocks and all that is asked for; the caller is on the load's cores from then on.
    pub(crate) fn start(setting: &Setting, targets: &[Target]) -> Result<Self> {
        pin(setting.cores.load())?;
        let mocks: Vec<Mock> =
            SIZES.iter().map(|bytes| Mock::start(setting, *bytes)).collect::<Result<_>>()?;
        let proxies = targets.iter().map(|target| Proxy::start(setting, *target, &mocks));
        Ok(Self { proxies: proxies.collect::<Result<_>>()?, mocks })
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
        let proxy = self.proxies.iter().find(|proxy| proxy.target == target);
        let proxy = proxy.with_context(|| format!("{} was not started", target.name()))?;
        let direct = [mock.address];
        let addresses =
            if target == Target::Direct { &direct[..] } else { proxy.addresses.as_slice() };
        let address = addresses.first().copied().unwrap_or(mock.address);
        let plan = Plan {
            addresses,
            request: &call::tools_call(address, &format!("/mcp/b{answer_bytes}")),
            body: &mock.body,
            connections,
            threads: setting.cores.load_threads(),
            pace,
            warm_up: setting.warm_up,
            duration: setting.duration,
        };
        let [core, _] = setting.cores.proxy();
        run(&plan, &proxy.servers, core)
            .with_context(|| format!("{} with answers of {answer_bytes} B", target.name()))
    }
}

impl Mock {
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

impl Proxy {
    fn start(setting: &Setting, target: Target, mocks: &[Mock]) -> Result<Self> {
        let upstreams: Vec<(usize, SocketAddr)> =
            mocks.iter().map(|mock| (mock.answer_bytes, mock.address)).collect();
        let [first, second] = setting.cores.proxy();
        let penstock = |cores: &[usize]| penstock(setting, target.name(), cores, &upstreams, "");
        let started = match target {
            Target::Direct => Vec::new(),
            Target::Nginx => vec![nginx(setting, target.name(), LARGE_BUFFERS, &upstreams)?],
            Target::NginxDefaults => vec![nginx(setting, target.name(), "", &upstreams)?],
            Target::Penstock => vec![penstock(&[first])?],
            Target::TwoShards => vec![penstock(&[first, second])?],
            Target::TwoPenstocks => vec![penstock(&[first])?, penstock(&[second])?],
        };
        let (servers, addresses) = started.into_iter().unzip();
        Ok(Self { target, servers, addresses })
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

/// Penstock with a shard on each of these cores; each upstream is served at `/mcp/bSIZE`.
pub(crate) fn penstock(
    setting: &Setting,
    name: &str,
    cores: &[usize],
    upstreams: &[(usize, SocketAddr)],
    more: &str,
) -> Result<(Server, SocketAddr)> {
    let shards = cores.len();
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
    // Two may have one name.
    let name = format!("{}-{}", name.replace(' ', "-"), address.port());
    let config = setting.dir.join(format!("{name}.yaml"));
    write(&config, &text)?;
    let mut command = Command::new(setting.programs.join("penstock"));
    command.arg("serve").arg("--config").arg(&config);
    let server = Server::start(&name, &mut command, &setting.dir, cores, setting.cores.load())?;
    Ok((server.accepting(address)?, address))
}

/// nginx with one worker beside penstock, on the same core, as its documentation sets up a proxy
/// with kept connections. Nothing is logged, and no connection is closed after a number of calls.
fn nginx(
    setting: &Setting,
    name: &str,
    directives: &str,
    upstreams: &[(usize, SocketAddr)],
) -> Result<(Server, SocketAddr)> {
    let address = free_address()?;
    let dir = setting.dir.join(name.replace([' ', ','], "-"));
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let kept = "keepalive_requests 1000000000; keepalive_timeout 1h;";
    let pools = upstreams.iter().map(|(size, upstream)| {
        format!("  upstream b{size} {{ server {upstream}; keepalive 64; {kept} }}\n")
    });
    let locations = upstreams.iter().map(|(size, _)| {
        format!(
            "    location = /mcp/b{size} {{ proxy_pass http://b{size}/mcp; \
             proxy_http_version 1.1; proxy_set_header Connection \"\"; {directives} }}\n"
        )
    });
    let (pools, locations): (String, String) = (pools.collect(), locations.collect());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path \"{}/{kind}\";\n", dir.display()))
        .concat();
    // A worker of another user could not write below a folder of root's.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let text = format!(
        "{user}daemon off;\nworker_processes 1;\npid \"{0}/pid\";\nerror_log \"{0}/error.log\" warn;\n\
         events {{ worker_connections 4096; }}\nhttp {{\n  access_log off;\n  {kept}\n\
         {temporary}{pools}  server {{\n    listen {address};\n{locations}  }}\n}}\n",
        dir.display()
    );
    let config = dir.join("nginx.conf");
    write(&config, &text)?;
    let mut command = Command::new(nginx_program());
    command.arg("-c").arg(&config);
    let [core, _] = setting.cores.proxy();
    let server = Server::start("nginx", &mut command, &dir, &[core], setting.cores.load())?;
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
