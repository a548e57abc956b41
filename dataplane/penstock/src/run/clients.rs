//! The `mcpServers` file that tells an agent's MCP client of the virtual servers.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use penstock_config::{Bind, Listener, Snapshot};
use penstock_egress::launch::User;
use serde_json::{Map, Value, json};

use crate::check;
use crate::exit::{Exit, Failure};

/// Where directories of running agents are unless systemd gives a place.
const RUNTIME: &str = "/run/penstock";
/// `agent-<pid of penstock run>`.
const PREFIX: &str = "agent-";

/// The file, in a directory that only the agent's user can enter; removed when dropped.
pub(super) struct Clients {
    directory: Option<PathBuf>,
    file: Option<PathBuf>,
}

impl Clients {
    /// Writes it. Without a TCP listener there is nothing that a client could be told.
    pub(super) fn write(snapshot: &Snapshot, user: &User) -> Result<Self, Failure> {
        let Some(servers) = servers(snapshot) else {
            return Ok(Self { directory: None, file: None });
        };
        let base = std::env::var_os("RUNTIME_DIRECTORY")
            .and_then(|list| std::env::split_paths(&list).next())
            .filter(|first| first.is_absolute())
            .unwrap_or_else(|| RUNTIME.into());
        let directory = base.join(format!("{PREFIX}{}", std::process::id()));
        let text = format!("{:#}\n", json!({ "mcpServers": servers }));
        let written = write(&base, &directory, &text, user);
        // Whatever there is of it goes with this.
        let mut clients = Self { directory: Some(directory.clone()), file: None };
        clients.file = Some(written.map_err(|error| {
            let message = format!("cannot write below {}: {error}", directory.display());
            Failure::of_io(&error, Exit::CannotCreate, message)
        })?);
        Ok(clients)
    }

    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

fn write(base: &Path, directory: &Path, text: &str, user: &User) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o755).create(base)?;
    remove_stale(base);
    DirBuilder::new().mode(0o700).create(directory)?;
    let path = directory.join("mcp.json");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    chown(&path, Some(user.uid), Some(user.gid))?;
    // Last: from here on the user can do with it what they like.
    chown(directory, Some(user.uid), Some(user.gid))?;
    Ok(path)
}

/// What launching processes left that were killed.
fn remove_stale(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        let own = owner == Some(std::process::id());
        if own || owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// An entry for each virtual server.
fn servers(snapshot: &Snapshot) -> Option<Map<String, Value>> {
    let base = reached(snapshot, false)?;
    let entry = |path: &str| json!({ "type": "http", "url": format!("{base}{path}") });
    let entries = snapshot.servers.iter();
    Some(entries.map(|server| (server.name.clone(), entry(&server.path))).collect())
}

/// The URL, without a path, of the listener that an agent is to use.
pub(super) fn reached(snapshot: &Snapshot, forward: bool) -> Option<String> {
    listener(snapshot, forward).map(|listener| check::base(&listener))
}

/// Where clients of the virtual servers connect to.
pub(super) fn address(snapshot: &Snapshot) -> Option<SocketAddr> {
    match listener(snapshot, false)?.bind {
        Bind::Tcp(address) => Some(address),
        Bind::Unix { .. } => None,
    }
}

/// The first without TLS, else the first, of those that forward or those that do not.
fn listener(snapshot: &Snapshot, forward: bool) -> Option<Listener> {
    let fit =
        |listener: &&Listener| listener.forward == forward && matches!(listener.bind, Bind::Tcp(_));
    let mut candidates = snapshot.listeners.iter().filter(fit);
    let plain = candidates.clone().find(|listener| listener.tls.is_none());
    let mut listener = plain.or_else(|| candidates.next())?.clone();
    if let Bind::Tcp(address) = &mut listener.bind {
        // The kernel takes a connection to these for one to loopback, but asks the policy before.
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
    }
    Some(listener)
}
