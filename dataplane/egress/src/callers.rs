//! Which agent opened a connection, asked of the kernel.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use penstock_ebpf_abi::{Caller, Connection};

use crate::pins::Pins;
use crate::policy::mapped;
use crate::{Host, cgroup, sys};

/// `SO_NETNS_COOKIE` (socket(7), Linux 5.14).
const SO_NETNS_COOKIE: libc::c_int = 71;
/// `TCP_CLOSE`
const CLOSED: u8 = 7;

/// `SO_PEERPIDFD` (unix(7), Linux 6.5).
const SO_PEERPIDFD: libc::c_int = 77;

/// The kernel's knowledge of whose connection is whose.
#[derive(Debug)]
pub struct Callers {
    map: OwnedFd,
    host: Host,
}

impl Callers {
    /// Opens what was pinned; takes no capability.
    pub fn open(host: &Host) -> io::Result<Self> {
        let map = sys::open_map(&Pins::of(&host.bpffs).callers())?;
        Ok(Self { map, host: host.clone() })
    }

    /// The agent at the other end of an accepted connection, by its id; none wherever that is in doubt.
    pub fn agent(&self, connection: BorrowedFd<'_>) -> Option<u64> {
        match address(connection, libc::getpeername) {
            Ok(peer) => self.tcp(connection, peer),
            // Of no family of IP's.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.unix(connection),
            Err(_) => None,
        }
    }

    fn tcp(&self, connection: BorrowedFd<'_>, peer: SocketAddr) -> Option<u64> {
        let key = key(connection, peer).ok()?;
        let none = Caller { agent: 0, cookie: 0 };
        let caller = sys::lookup(self.map.as_fd(), &key, none).ok()??;
        // An entry that goes while it is read may be read as another's. If it is still there, it has
        // not gone: it comes only with a connection, and this one has not ended.
        let again = sys::lookup(self.map.as_fd(), &key, none).ok()??;
        // And as long as our end is open, no other connection can have these addresses.
        (again == caller && is_open(connection)).then_some(caller.agent)
    }

    /// Of a Unix socket the kernel knows the process that connected it, and of that its cgroup.
    fn unix(&self, connection: BorrowedFd<'_>) -> Option<u64> {
        let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
        option(connection, libc::SOL_SOCKET, libc::SO_PEERCRED, &mut peer).ok()?;
        let pid = u32::try_from(peer.pid).ok().filter(|pid| *pid != 0)?;
        let path = cgroup::path_of_process(pid).ok()?;
        if !is_same(connection) {
            return None;
        }
        // Whichever cgroup above it has a set is the agent's.
        let below = path.strip_prefix("/").ok()?;
        let ids: Vec<u64> = below
            .ancestors()
            .filter(|path| !path.as_os_str().is_empty())
            .filter_map(|path| Some(fs::metadata(self.host.cgroup2.join(path)).ok()?.ino()))
            .collect();
        let sets = Pins::of(&self.host.bpffs).sets(None);
        let set = sets.iter().find(|set| set.whole && ids.contains(&set.cgroup))?;
        Some(penstock_config::agent_id(&set.agent))
    }
}

/// Whether the process that connected is still the one of its number. Before Linux 6.5 the kernel does
/// not tell, and the number could only be another's if it came round between connect and accept.
fn is_same(connection: BorrowedFd<'_>) -> bool {
    let mut descriptor: libc::c_int = -1;
    if let Err(error) = option(connection, libc::SOL_SOCKET, SO_PEERPIDFD, &mut descriptor) {
        return error.raw_os_error() == Some(libc::ENOPROTOOPT);
    }
    // SAFETY: the kernel has just made it for us.
    let process = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let mut ended = libc::pollfd { fd: process.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: poll gets the one element that it is told of.
    unsafe { libc::poll(&raw mut ended, 1, 0) == 0 }
}

/// The key under which the agent's end told of itself: what is local there is remote here.
fn key(connection: BorrowedFd<'_>, local: SocketAddr) -> io::Result<Connection> {
    let remote = address(connection, libc::getsockname)?;
    let mut netns: u64 = 0;
    option(connection, libc::SOL_SOCKET, SO_NETNS_COOKIE, &mut netns)?;
    Ok(Connection {
        netns,
        local: mapped(local.ip()),
        remote: mapped(remote.ip()),
        local_port: local.port().into(),
        remote_port: remote.port().into(),
    })
}

fn is_open(connection: BorrowedFd<'_>) -> bool {
    // The state is the first byte of tcp_info.
    let mut state = CLOSED;
    option(connection, libc::IPPROTO_TCP, libc::TCP_INFO, &mut state).is_ok() && state != CLOSED
}

fn option<T>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: &mut T,
) -> io::Result<()> {
    let mut bytes = libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default();
    // SAFETY: the kernel writes no more than the bytes that it is told of, all of them plain data.
    let asked = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_mut(value).cast(),
            &raw mut bytes,
        )
    };
    if asked == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

type Name =
    unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

fn address(socket: BorrowedFd<'_>, name: Name) -> io::Result<SocketAddr> {
    // SAFETY: sockaddr_storage is plain data, valid when zeroed and large enough for every family; it
    // is read as a family's own type only where it says that it is one.
    unsafe {
        let mut storage: libc::sockaddr_storage = std::mem::zeroed();
        let mut bytes = libc::socklen_t::try_from(size_of_val(&storage)).unwrap_or_default();
        if name(socket.as_raw_fd(), (&raw mut storage).cast(), &raw mut bytes) != 0 {
            return Err(io::Error::last_os_error());
        }
        match libc::c_int::from(storage.ss_family) {
            libc::AF_INET => {
                let v4 = &*(&raw const storage).cast::<libc::sockaddr_in>();
                let ip = IpAddr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Ok(SocketAddr::new(ip, u16::from_be(v4.sin_port)))
            }
            libc::AF_INET6 => {
                let v6 = &*(&raw const storage).cast::<libc::sockaddr_in6>();
                Ok(SocketAddr::new(IpAddr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port)))
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
