//! Whether the upstreams can be reached.

use std::env;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use penstock_config::{CommandTarget, Endpoint, Snapshot, Target, Upstream};

use super::Check;

/// How long one address is tried: `doctor` is run by a person who waits.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(3);

/// Commands are looked up; endpoints are connected to only where that is asked for.
pub(super) fn all(snapshot: &Snapshot, connect: bool) -> Vec<Check> {
    let check = |upstream: &Upstream| {
        let name = format!("upstream {}", upstream.name);
        match &upstream.target {
            Target::Command(command) => Some(program(name, command)),
            Target::Http(http) | Target::Sse(http) if connect => {
                Some(endpoint(name, &http.endpoint, upstream.connect_timeout))
            }
            Target::Http(_) | Target::Sse(_) => None,
        }
    };
    snapshot.upstreams.iter().filter_map(|upstream| check(upstream)).collect()
}

fn program(name: String, command: &CommandTarget) -> Check {
    let program = &command.program;
    match find(program) {
        Some(path) => Check::ok(name, path.display().to_string()),
        None if program.contains('/') => {
            let detail = format!("{program} is no program that this user may run");
            Check::failed(name, detail, "check the path and `chmod +x`")
        }
        None => {
            let detail = format!("{program} is not in PATH");
            Check::failed(
                name,
                detail,
                "install it, or write its whole path: a unit's PATH is short",
            )
        }
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|path| runs(path))
}

fn endpoint(name: String, endpoint: &Endpoint, timeout: Duration) -> Check {
    let timeout = timeout.min(CONNECT_TIMEOUT_MAX);
    let (what, result) = match endpoint {
        Endpoint::Unix(path) => (path.display().to_string(), UnixStream::connect(path).map(drop)),
        Endpoint::Address(address) => (address.to_string(), try_all([*address], timeout)),
        Endpoint::Name(host, port) => {
            let addresses = (host.as_str(), *port).to_socket_addrs();
            (format!("{host}:{port}"), addresses.and_then(|found| try_all(found, timeout)))
        }
    };
    match result {
        Ok(()) => Check::ok(name, format!("{what} accepts connections")),
        Err(error) => {
            let fix = "start it, or check the name, the port and what stands between";
            Check::failed(name, format!("{what} cannot be reached: {error}"), fix)
        }
    }
}

fn try_all(addresses: impl IntoIterator<Item = SocketAddr>, timeout: Duration) -> io::Result<()> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}
