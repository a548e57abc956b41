//! What the agent inherits: stdin, stdout and stderr, and nothing that reaches further than they do.
//!
//! The hooks of a cgroup run for the cgroup of the task that made a socket, so one that is inherited
//! is never held to the proxy. A directory leads out of the agent's mount namespace.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, fstat};
use rustix::net::{AddressFamily, SocketType, getpeername, sockopt};

use super::error::LaunchError;

pub(super) fn check() -> Result<(), LaunchError> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let streams =
        [("stdin", stdin.as_fd()), ("stdout", stdout.as_fd()), ("stderr", stderr.as_fd())];
    for (stream, descriptor) in streams {
        if let Some(found) = unfit(descriptor) {
            return Err(LaunchError::Stdio { stream, found });
        }
    }
    Ok(())
}

/// What it is, if it is not to be inherited.
fn unfit(descriptor: BorrowedFd<'_>) -> Option<String> {
    // Not open: the agent has it not open either.
    let found = fstat(descriptor).ok()?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile | FileType::Fifo | FileType::CharacterDevice => None,
        FileType::Socket => unfit_socket(descriptor),
        FileType::Directory => Some("a directory".into()),
        FileType::BlockDevice => Some("a block device".into()),
        _ => Some("neither a file nor a pipe nor a terminal".into()),
    }
}

/// A Unix socket is fit where it leads to one peer for good: connected, and not a datagram socket,
/// which can be connected anew.
fn unfit_socket(descriptor: BorrowedFd<'_>) -> Option<String> {
    let family = match sockopt::socket_domain(descriptor) {
        Ok(AddressFamily::UNIX) => {
            let kind = sockopt::socket_type(descriptor);
            let stream = matches!(kind, Ok(SocketType::STREAM | SocketType::SEQPACKET));
            let connected = getpeername(descriptor).is_ok();
            return match (stream, connected) {
                (true, true) => None,
                (true, false) => Some("a Unix socket that is not connected".into()),
                (false, _) => Some("a Unix datagram socket".into()),
            };
        }
        Ok(AddressFamily::INET) => "IPv4",
        Ok(AddressFamily::INET6) => "IPv6",
        Ok(AddressFamily::VSOCK) => "vsock",
        Ok(AddressFamily::NETLINK) => "netlink",
        Ok(AddressFamily::PACKET) => "packet",
        Ok(other) => return Some(format!("a socket of family {}", other.as_raw())),
        Err(error) => return Some(format!("a socket of unknown family ({error})")),
    };
    let article = if family.starts_with("IP") { "an" } else { "a" };
    Some(format!("{article} {family} socket"))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    use super::*;

    #[test]
    fn files_pipes_and_connected_unix_streams_are_inherited() {
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let (near, far) = UnixStream::pair().expect("a pair");
        let file = std::fs::File::open("/proc/self/status").expect("a file");
        assert_eq!(unfit(reader.as_fd()), None);
        assert_eq!(unfit(near.as_fd()), None);
        assert_eq!(unfit(file.as_fd()), None);
        drop(far);
        assert_eq!(unfit(near.as_fd()), None, "a peer that has closed changes nothing");
    }

    #[test]
    fn what_leads_further_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let udp = UdpSocket::bind("[::1]:0").expect("a socket");
        let unix = UnixListener::bind(folder.path().join("s")).expect("a listener");
        let (datagram, _other) = UnixDatagram::pair().expect("a pair");
        let directory = std::fs::File::open("/").expect("a directory");
        let refused = |descriptor: BorrowedFd<'_>| unfit(descriptor).expect("it is refused");
        assert_eq!(refused(tcp.as_fd()), "an IPv4 socket");
        assert_eq!(refused(udp.as_fd()), "an IPv6 socket");
        assert_eq!(refused(unix.as_fd()), "a Unix socket that is not connected");
        assert_eq!(refused(datagram.as_fd()), "a Unix datagram socket");
        assert_eq!(refused(directory.as_fd()), "a directory");
    }
}
