//! `fastmcp` of Python: its proxy, on uvicorn with uvloop and httptools.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{Gateway, Peer, Running, Start};
use crate::rig::write;
use crate::server::free_address;

/// Imports alone take seconds.
const READY: Duration = Duration::from_mins(1);
const SCRIPT: &str = include_str!("fastmcp.py");

pub(super) struct FastMcp(pub(super) Gateway);

impl Peer for FastMcp {
    fn name(&self) -> &'static str {
        "fastmcp"
    }

    fn version(&self) -> Result<String> {
        self.0.version()
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        let address = free_address()?;
        let script = start.dir(self.name())?.join("proxy.py");
        write(&script, SCRIPT)?;
        // The virtual environment's Python.
        let mut command = Command::new(self.0.path()?);
        command.arg(&script).arg(address.port().to_string()).arg(start.url());
        Ok(Running::new(start.server(self.name(), &mut command, address, READY)?, "/mcp"))
    }
}
