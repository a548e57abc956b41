//! The crate `mcp-proxy`.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{Gateway, Peer, Running, Start};
use crate::call::TOOL;
use crate::rig::write;
use crate::server::free_address;

const READY: Duration = Duration::from_secs(20);

/// Modern calls pass with its feature `protocol-2026-07-28`, with which it is built.
pub(super) struct McpProxy(pub(super) Gateway);

impl Peer for McpProxy {
    fn name(&self) -> &'static str {
        "mcp-proxy"
    }

    fn version(&self) -> Result<String> {
        self.0.version()
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        let address = free_address()?;
        let config = start.dir(self.name())?.join("proxy.toml");
        write(&config, &text(address, &start.url()))?;
        let mut command = Command::new(self.0.path()?);
        command.arg("--config").arg(&config).env("TOKIO_WORKER_THREADS", "1");
        let started = start.server(self.name(), &mut command, address, READY)?;
        Ok(Running { tool: format!("mock/{TOOL}"), ..Running::new(started, "/") })
    }
}

fn text(listen: SocketAddr, url: &str) -> String {
    format!(
        "[proxy]
name = \"bench\"
[proxy.listen]
host = \"{host}\"
port = {port}
[[backends]]
name = \"mock\"
transport = \"http\"
url = \"{url}\"
[observability]
log_level = \"error\"
",
        host = listen.ip(),
        port = listen.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_one_server_and_no_log() {
        let text = text("127.0.0.1:1".parse().unwrap(), "http://127.0.0.1:2/mcp");
        assert!(text.contains("\nport = 1\n") && text.contains("\nlog_level = \"error\"\n"));
        assert!(text.contains("\nurl = \"http://127.0.0.1:2/mcp\"\n"));
    }
}
