//! Who is compared: for each, how it is set up to pass MCP through to one server.
//!
//! Each is in the fastest configuration that its documentation offers for that, on one core, and
//! writes no log of calls. `docs/benchmarks.md` tells each one's reasons.

mod contextforge;
mod direct;
mod fastmcp;
mod haproxy;
mod mcp_gateway;
mod mcp_proxy;
pub(crate) mod nginx;
mod npm_mcp_proxy;
pub(crate) mod penstock;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Serialize;

use crate::call::{Era, TOOL};
use crate::load::Slack;
use crate::rig::Setting;
use crate::server::Server;

/// One that is compared.
pub(crate) trait Peer {
    /// What `--peers` calls it.
    fn name(&self) -> &'static str;

    /// What it calls itself, or an error that says why it cannot be measured.
    fn version(&self) -> Result<String>;

    /// A gateway's, unless it says otherwise.
    fn kind(&self) -> Kind {
        Kind::Messages
    }

    /// The eras in which it passes calls on.
    fn eras(&self) -> &'static [Era] {
        &[Era::Legacy, Era::Modern]
    }

    /// Starts it on the proxy's first core, in front of one server.
    fn start(&self, start: &Start<'_>) -> Result<Running>;
}

/// What becomes of an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// There is nobody on the way.
    Direct,
    /// Its bytes are passed on.
    Bytes,
    /// It is read, and written anew.
    Messages,
}

/// What a start is for.
pub(crate) struct Start<'a> {
    pub(crate) setting: &'a Setting,
    /// Bytes of text in the server's answers.
    pub(crate) answer_bytes: usize,
    /// The server: MCP at `/mcp`.
    pub(crate) upstream: SocketAddr,
    pub(crate) era: Era,
}

/// One that runs, and how to call it.
pub(crate) struct Running {
    /// None where calls go to the server itself.
    pub(crate) servers: Vec<Server>,
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) tool: String,
    pub(crate) slack: Slack,
}

impl Running {
    fn new((server, address): (Server, SocketAddr), path: &str) -> Self {
        Self {
            servers: vec![server],
            address,
            path: path.to_owned(),
            tool: TOOL.to_owned(),
            slack: Slack::Nothing,
        }
    }
}

impl Start<'_> {
    fn url(&self) -> String {
        format!("http://{}/mcp", self.upstream)
    }

    /// The folder of a peer's configuration and data.
    fn dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.setting.dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    }

    /// Starts a gateway, and waits until it takes connections.
    fn server(
        &self,
        name: &str,
        program: &mut std::process::Command,
        address: SocketAddr,
        limit: std::time::Duration,
    ) -> Result<(Server, SocketAddr)> {
        let Setting { dir, cores, .. } = self.setting;
        let [core, _] = cores.proxy();
        let server = Server::start(name, program, dir, &[core], cores.load())?;
        Ok((server.accepting_within(address, limit)?, address))
    }
}

/// A gateway that was installed for the comparison: `NAME@VERSION=PATH`. Without a path it could
/// not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    name: String,
    version: String,
    path: Option<PathBuf>,
}

impl FromStr for Installed {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || anyhow!("`{text}` is not NAME@VERSION=PATH");
        let (package, path) = text.split_once('=').ok_or_else(wrong)?;
        let (name, version) = package.split_once('@').ok_or_else(wrong)?;
        ensure!(!name.is_empty() && !version.is_empty(), wrong());
        let path = (!path.is_empty()).then(|| PathBuf::from(path));
        Ok(Self { name: name.to_owned(), version: version.to_owned(), path })
    }
}

/// A gateway's program, if there is one.
pub(crate) struct Gateway(Option<Installed>);

impl Gateway {
    fn version(&self) -> Result<String> {
        self.path()?;
        Ok(self.0.as_ref().map(|one| one.version.clone()).unwrap_or_default())
    }

    fn path(&self) -> Result<&Path> {
        let one = self.0.as_ref().context("not installed: `cargo xtask bench compare` does it")?;
        let why = || format!("{} {} could not be installed", one.name, one.version);
        one.path.as_deref().with_context(why)
    }
}

/// All there are, in the order in which they are measured and told.
pub(crate) fn all(installed: &[Installed]) -> Vec<Box<dyn Peer>> {
    let gateway = |name: &str| Gateway(installed.iter().find(|one| one.name == name).cloned());
    vec![
        Box::new(direct::Direct),
        Box::new(nginx::Nginx::LargeBuffers),
        Box::new(nginx::Nginx::Defaults),
        Box::new(haproxy::Haproxy),
        Box::new(penstock::Penstock::IoUring),
        Box::new(penstock::Penstock::Epoll),
        Box::new(mcp_gateway::McpGateway::backend(gateway("mcp-gateway"))),
        Box::new(mcp_gateway::McpGateway::surfaced(gateway("mcp-gateway"))),
        Box::new(mcp_proxy::McpProxy(gateway("mcp-proxy"))),
        Box::new(fastmcp::FastMcp(gateway("fastmcp"))),
        Box::new(contextforge::ContextForge(gateway("contextforge"))),
        Box::new(npm_mcp_proxy::NpmMcpProxy(gateway("npm-mcp-proxy"))),
    ]
}

/// Those of this name, or of a name that begins with it and a hyphen; all where none is named. The
/// server itself and penstock are always among them.
pub(crate) fn choose(names: &[String], installed: &[Installed]) -> Result<Vec<Box<dyn Peer>>> {
    let is = |peer: &dyn Peer, name: &str| {
        peer.name().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let all = all(installed);
    for name in names {
        ensure!(
            all.iter().any(|peer| is(peer.as_ref(), name)),
            "`--peers {name}`: there is no such peer; there are: {}",
            all.iter().map(|peer| peer.name()).collect::<Vec<_>>().join(", ")
        );
    }
    let chosen = all.into_iter().filter(|peer| {
        names.is_empty()
            || ["direct", "penstock"].iter().any(|name| is(peer.as_ref(), name))
            || names.iter().any(|name| is(peer.as_ref(), name))
    });
    Ok(chosen.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chosen: &[&str]) -> Vec<&'static str> {
        let chosen: Vec<String> = chosen.iter().map(|name| (*name).to_owned()).collect();
        choose(&chosen, &[]).unwrap().iter().map(|peer| peer.name()).collect()
    }

    #[test]
    fn a_name_brings_its_variants_and_penstock_comes_always() {
        assert_eq!(
            names(&["nginx"]),
            ["direct", "nginx", "nginx-defaults", "penstock", "penstock-epoll"]
        );
        assert_eq!(names(&["mcp"]).len(), 3 + 3, "mcp-gateway twice, mcp-proxy");
        assert_eq!(names(&[]).len(), 12);
        let error = choose(&["envoy".to_owned()], &[]).err().unwrap().to_string();
        assert!(error.contains("`--peers envoy`") && error.contains("haproxy"), "{error}");
    }

    #[test]
    fn what_is_installed_is_told_by_name_version_and_path() {
        let one: Installed = "fastmcp@4.1.0=/cache/bin/python".parse().unwrap();
        let gateway = Gateway(Some(one));
        assert_eq!(gateway.version().unwrap(), "4.1.0");
        assert_eq!(gateway.path().unwrap(), Path::new("/cache/bin/python"));
        "fastmcp=/cache".parse::<Installed>().unwrap_err();
    }

    #[test]
    fn what_is_not_installed_is_named() {
        let failed: Installed = "fastmcp@4.1.0=".parse().unwrap();
        let error = Gateway(Some(failed)).version().unwrap_err().to_string();
        assert_eq!(error, "fastmcp 4.1.0 could not be installed");
        Gateway(None).version().unwrap_err();
    }
}
