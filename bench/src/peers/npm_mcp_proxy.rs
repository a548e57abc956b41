//! npm `mcp-proxy`: a bridge between Streamable HTTP and, here, Streamable HTTP.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Gateway, Peer, Running, Start};
use crate::call::Era;
use crate::rig::write;
use crate::server::free_address;

const READY: Duration = Duration::from_secs(30);
const SCRIPT: &str = include_str!("npm_mcp_proxy.mjs");

pub(super) struct NpmMcpProxy(pub(super) Gateway);

impl Peer for NpmMcpProxy {
    fn name(&self) -> &'static str {
        "npm-mcp-proxy"
    }

    fn version(&self) -> Result<String> {
        self.0.version()
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        let address = free_address()?;
        let node = self.0.path()?;
        // A module finds its packages from where it lies, and so must lie beside `node_modules`,
        // in which Node itself is.
        let modules = node.ancestors().find(|dir| dir.ends_with("node_modules"));
        let beside = modules.and_then(|dir| dir.parent()).context("Node is in no node_modules")?;
        let script = beside.join("bridge.mjs");
        write(&script, SCRIPT)?;
        let mut command = Command::new(node);
        command.arg(&script).arg(address.port().to_string()).arg(start.url());
        command.arg(match start.era {
            Era::Legacy => "legacy",
            Era::Modern => "modern",
        });
        command.env("NODE_ENV", "production").env("NODE_NO_WARNINGS", "1");
        Ok(Running::new(start.server(self.name(), &mut command, address, READY)?, "/mcp"))
    }
}
