//! Penstock itself, with one shard.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;

use super::{Kind, Peer, Running, Start};
use crate::rig::{Setting, write};
use crate::server::{Server, free_address};

pub(super) enum Penstock {
    IoUring,
    Epoll,
}

impl Peer for Penstock {
    fn name(&self) -> &'static str {
        match self {
            Self::IoUring => "penstock",
            Self::Epoll => "penstock-epoll",
        }
    }

    fn version(&self) -> Result<String> {
        Ok(format!("this work tree, {}", env!("CARGO_PKG_VERSION")))
    }

    fn kind(&self) -> Kind {
        Kind::Bytes
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        let Start { setting, answer_bytes, upstream, .. } = *start;
        let backend = match self {
            Self::IoUring => "backend: io_uring",
            Self::Epoll => "backend: epoll",
        };
        let [core, _] = setting.cores.proxy();
        let upstreams = [(answer_bytes, upstream)];
        let started = self::start(setting, self.name(), &[core], &upstreams, backend)?;
        Ok(Running::new(started, &format!("/mcp/b{answer_bytes}")))
    }
}

/// Penstock with a shard on each of these cores; each upstream is served at `/mcp/bSIZE`.
pub(crate) fn start(
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
