//! Sockets that are not of IP.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};

use socket2::{Domain, Socket, Type};

use super::{TOKEN, Tried, at, unknown};

/// `WAY [PATH]`: makes such a socket and uses it, by `PATH` a Unix socket of somebody outside.
pub(crate) fn run(words: &[&str]) -> Tried {
    match words {
        ["pair"] => {
            let (mut one, mut other) = UnixStream::pair().map_err(at("pair"))?;
            one.write_all(TOKEN).map_err(at("write"))?;
            other.read_exact(&mut [0; TOKEN.len()]).map_err(at("read"))
        }
        ["unix-connect", path] => UnixStream::connect(path).map(drop).map_err(at("connect")),
        ["unix-send", path] => {
            let socket = UnixDatagram::unbound().map_err(at("socket"))?;
            socket.send_to(TOKEN, path).map(drop).map_err(at("send"))
        }
        ["pair-send", path] => {
            let (one, _other) = UnixDatagram::pair().map_err(at("pair"))?;
            one.send_to(TOKEN, path).map(drop).map_err(at("send"))
        }
        ["netlink"] => made(libc::AF_NETLINK, Type::RAW),
        ["packet"] => made(libc::AF_PACKET, Type::RAW),
        ["vsock"] => made(libc::AF_VSOCK, Type::STREAM),
        _ => Err(unknown()),
    }
}

fn made(family: i32, kind: Type) -> Tried {
    Socket::new(Domain::from(family), kind, None).map(drop).map_err(at("socket"))
}
