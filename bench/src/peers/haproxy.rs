//! haproxy: the other raw bound.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Kind, Peer, Running, Start};
use crate::rig::write;
use crate::server::free_address;

const READY: Duration = Duration::from_secs(10);

pub(super) struct Haproxy;

impl Peer for Haproxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn version(&self) -> Result<String> {
        let output = Command::new(program()).arg("-v").output().context("haproxy does not run")?;
        let said = String::from_utf8_lossy(&output.stdout);
        // HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/
        let version =
            said.split_whitespace().nth(2).context("haproxy does not tell its version")?;
        Ok(version.to_owned())
    }

    fn kind(&self) -> Kind {
        Kind::Bytes
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        let address = free_address()?;
        let config = start.dir(self.name())?.join("haproxy.cfg");
        write(&config, &text(address, start.upstream))?;
        let mut command = Command::new(program());
        // In the foreground, in one process.
        command.arg("-db").arg("-f").arg(&config);
        Ok(Running::new(start.server(self.name(), &mut command, address, READY)?, "/mcp"))
    }
}

/// One thread, no log, connections to the server shared and kept. Splicing takes an answer of
/// 64 KiB from socket to socket without a copy; larger buffers were no cheaper.
fn text(listen: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  http-reuse always
  option splice-response
frontend agents
  bind {listen}
  default_backend mock
backend mock
  server mock {upstream}
"
    )
}

/// Debian keeps it where a user's `PATH` may not reach.
fn program() -> &'static str {
    let debian = "/usr/sbin/haproxy";
    if Path::new(debian).exists() { debian } else { "haproxy" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_one_thread_and_logs_nothing() {
        let text = text("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        assert!(text.contains("\n  nbthread 1\n") && !text.contains("log"));
        assert!(text.contains("\n  bind 127.0.0.1:1\n"));
        assert!(text.contains("\n  server mock 127.0.0.1:2\n"));
    }
}
