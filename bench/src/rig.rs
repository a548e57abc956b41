//! What is measured: the proxies side by side, and a mock MCP server of each answer size.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::call::{self, Call, Era};
use crate::load::{Expect, Load, Pace, Plan, ask, run};
use crate::machine::{Cores, pin};
use crate::peers::{nginx, penstock};
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
    /// How often each peer is started for the comparison.
    pub(crate) starts: usize,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    /// Streams to open.
    pub(crate) streams: usize,
    /// How long a soak is.
    pub(crate) soak: Duration,
}

/// Where calls are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    /// The mock, without a proxy.
    Direct,
    /// nginx with buffers that take a large answer in few pieces.
    Nginx,
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
pub(crate) struct Mock {
    pub(crate) address: SocketAddr,
    pub(crate) answer_bytes: usize,
    /// To a modern call.
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
        let plan = Plan {
            addresses,
            call: Call {
                path: &format!("/mcp/b{answer_bytes}"),
                tool: call::TOOL,
                era: Era::Modern,
            },
            expect: Expect::Body(&mock.body),
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
    pub(crate) fn start(setting: &Setting, answer_bytes: usize) -> Result<Self> {
        Self::saying(setting, answer_bytes, &[])
    }

    /// The same with these flags more.
    pub(crate) fn saying(setting: &Setting, answer_bytes: usize, more: &[&str]) -> Result<Self> {
        let size = answer_bytes.to_string();
        let threads = setting.cores.load_threads().to_string();
        let arguments = [&["--answer-bytes", &size, "--threads", &threads], more].concat();
        let (server, address) = mock(setting, &arguments, &format!("mock-{size}"))?;
        let mut mock = Self { address, answer_bytes, body: Vec::new(), _server: server };
        mock.body = mock.body(Era::Modern)?;
        Ok(mock)
    }

    /// What it answers, to the byte.
    pub(crate) fn body(&self, era: Era) -> Result<Vec<u8>> {
        let call = Call { path: "/mcp", tool: call::TOOL, era };
        let answer = ask(self.address, &call::tools_call(self.address, &call, None))?;
        ensure!(answer.status == 200, "the mock answers {}", answer.status);
        ensure!(answer.body.len() > self.answer_bytes, "the mock's answer is too short");
        Ok(answer.body)
    }
}

impl Proxy {
    fn start(setting: &Setting, target: Target, mocks: &[Mock]) -> Result<Self> {
        let upstreams: Vec<(usize, SocketAddr)> =
            mocks.iter().map(|mock| (mock.answer_bytes, mock.address)).collect();
        let [first, second] = setting.cores.proxy();
        let penstock =
            |cores: &[usize]| penstock::start(setting, target.name(), cores, &upstreams, "");
        let started = match target {
            Target::Direct => Vec::new(),
            Target::Nginx => {
                vec![nginx::start(setting, target.name(), nginx::LARGE_BUFFERS, &upstreams)?]
            }
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

/// Writes a configuration.
pub(crate) fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
