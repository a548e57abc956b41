//! nginx: what bytes cost that nobody reads.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Kind, Peer, Running, Start};
use crate::rig::{Setting, write};
use crate::server::{Server, free_address};

/// The cheapest of several that were tried for answers of 64 KiB: half of what the defaults cost.
pub(crate) const LARGE_BUFFERS: &str =
    "proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;";

pub(super) enum Nginx {
    /// Buffers that take a large answer in few pieces.
    LargeBuffers,
    /// The buffers of its defaults: 4 KiB each.
    Defaults,
}

impl Peer for Nginx {
    fn name(&self) -> &'static str {
        match self {
            Self::LargeBuffers => "nginx",
            Self::Defaults => "nginx-defaults",
        }
    }

    fn version(&self) -> Result<String> {
        version()
    }

    fn kind(&self) -> Kind {
        Kind::Bytes
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        let directives = match self {
            Self::LargeBuffers => LARGE_BUFFERS,
            Self::Defaults => "",
        };
        let (bytes, upstream) = (start.answer_bytes, start.upstream);
        let started = self::start(start.setting, self.name(), directives, &[(bytes, upstream)])?;
        Ok(Running::new(started, &format!("/mcp/b{bytes}")))
    }
}

/// nginx with one worker beside penstock, on the same core, as its documentation sets up a proxy
/// with kept connections. Nothing is logged, and no connection is closed after a number of calls.
pub(crate) fn start(
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
    let mut command = Command::new(program());
    command.arg("-c").arg(&config);
    let [core, _] = setting.cores.proxy();
    let server = Server::start("nginx", &mut command, &dir, &[core], setting.cores.load())?;
    Ok((server.accepting(address)?, address))
}

/// What nginx calls itself.
pub(crate) fn version() -> Result<String> {
    let output = Command::new(program()).arg("-v").output().context("nginx does not run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(said.trim().trim_start_matches("nginx version: ").to_owned())
}

/// Debian keeps it where a user's `PATH` may not reach.
fn program() -> &'static str {
    let debian = "/usr/sbin/nginx";
    if Path::new(debian).exists() { debian } else { "nginx" }
}
