//! The crate `mcp-gateway`, by two of its routes.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{Gateway, Peer, Running, Start};
use crate::call::{Era, TOOL};
use crate::load::Slack;
use crate::rig::write;
use crate::server::free_address;

const READY: Duration = Duration::from_secs(20);

pub(super) struct McpGateway {
    gateway: Gateway,
    route: Route,
}

enum Route {
    /// `/mcp/BACKEND`: the server's result as it was, under an id of the gateway's own.
    Backend,
    /// `/mcp`: the tool among the gateway's own, its result as text within a result.
    Surfaced,
}

impl McpGateway {
    pub(super) fn backend(gateway: Gateway) -> Self {
        Self { gateway, route: Route::Backend }
    }

    pub(super) fn surfaced(gateway: Gateway) -> Self {
        Self { gateway, route: Route::Surfaced }
    }
}

impl Peer for McpGateway {
    fn name(&self) -> &'static str {
        match self.route {
            Route::Backend => "mcp-gateway",
            Route::Surfaced => "mcp-gateway-surfaced",
        }
    }

    fn version(&self) -> Result<String> {
        self.gateway.version()
    }

    fn eras(&self) -> &'static [Era] {
        &[Era::Legacy]
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        let address = free_address()?;
        let config = start.dir(self.name())?.join("gateway.yaml");
        write(&config, &text(address, &start.url()))?;
        let mut command = Command::new(self.gateway.path()?);
        command.arg("--config").arg(&config).args(["--log-level", "error", "serve"]);
        command.env("TOKIO_WORKER_THREADS", "1");
        let started = start.server(self.name(), &mut command, address, READY)?;
        Ok(match self.route {
            Route::Backend => {
                Running { slack: Slack::OtherId, ..Running::new(started, "/mcp/mock") }
            }
            Route::Surfaced => {
                Running { slack: Slack::ResultAsText, ..Running::new(started, "/mcp") }
            }
        })
    }
}

/// What guards and caches is off, as nobody else here does that; `passthrough` leaves out its
/// checks of tool and arguments.
fn text(listen: SocketAddr, url: &str) -> String {
    format!(
        "server: {{ host: {host}, port: {port} }}
meta_mcp:
  enabled: true
  cache_tools: true
  surfaced_tools: [{{ server: mock, tool: {TOOL} }}]
streaming: {{ enabled: false }}
failsafe:
  circuit_breaker: {{ enabled: false }}
  retry: {{ enabled: false }}
  rate_limit: {{ enabled: false }}
  health_check: {{ enabled: false }}
cache: {{ enabled: false }}
capabilities: {{ enabled: false }}
playbooks: {{ enabled: false }}
security: {{ firewall: {{ enabled: false }} }}
backends:
  mock: {{ http_url: \"{url}\", streamable_http: true, passthrough: true, description: mock }}
",
        host = listen.ip(),
        port = listen.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_one_server_through_and_limits_nothing() {
        let text = text("127.0.0.1:1".parse().unwrap(), "http://127.0.0.1:2/mcp");
        assert!(text.starts_with("server: { host: 127.0.0.1, port: 1 }\n"));
        assert!(text.contains("http_url: \"http://127.0.0.1:2/mcp\", streamable_http: true"));
        assert!(text.contains("  rate_limit: { enabled: false }\n"));
    }
}
