//! Ways over io_uring, which no filter of system calls sees.

use std::io;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};
use socket2::{Domain, SockAddr, Socket};

use super::{Failure, TOKEN, Tried, at, limit, tcp, udp};
use crate::sys;

fn ring() -> Result<IoUring, Failure> {
    IoUring::new(4).map_err(at("ring"))
}

/// What the entry points to has to live until this returns. If that is because nothing came of it, the
/// probe is at its end.
fn submit(ring: &mut IoUring, entry: &Entry) -> io::Result<i32> {
    // SAFETY: the callers keep what the entry points to until it is complete, which is waited for.
    unsafe { ring.submission().push(entry) }.map_err(io::Error::other)?;
    let limit = types::Timespec::new().nsec(200_000_000);
    let waited = types::SubmitArgs::new().timespec(&limit);
    ring.submitter().submit_with_args(1, &waited).map_err(|error| match error.raw_os_error() {
        Some(libc::ETIME) => io::ErrorKind::TimedOut.into(),
        _ => error,
    })?;
    let result = ring.completion().next().map_or(-libc::EIO, |done| done.result());
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

fn connect_by(ring: &mut IoUring, socket: &Socket, to: &SockAddr) -> Tried {
    let descriptor = types::Fd(socket.as_raw_fd());
    let entry = opcode::Connect::new(descriptor, to.as_ptr().cast(), to.len()).build();
    submit(ring, &entry).map(drop).map_err(at("connect"))
}

pub(crate) fn connect(to: SocketAddr) -> Tried {
    let mut ring = ring()?;
    let socket = tcp::stream(to)?;
    connect_by(&mut ring, &socket, &to.into())?;
    tcp::talk(socket)
}

/// The socket is the ring's making too.
pub(crate) fn socket(to: SocketAddr) -> Tried {
    let mut ring = ring()?;
    let domain = i32::from(Domain::for_address(to));
    let entry = opcode::Socket::new(domain, libc::SOCK_STREAM, libc::IPPROTO_TCP).build();
    let made = submit(&mut ring, &entry).map_err(at("socket"))?;
    let socket = Socket::from(sys::inherited(made));
    connect_by(&mut ring, &socket, &to.into())?;
    tcp::talk(socket)
}

/// A socket that a ring makes of a kind that is refused.
pub(crate) fn raw(to: SocketAddr) -> Tried {
    let mut ring = ring()?;
    let domain = i32::from(Domain::for_address(to));
    let entry = opcode::Socket::new(domain, libc::SOCK_RAW, libc::IPPROTO_UDP).build();
    let made = submit(&mut ring, &entry).map_err(at("socket"))?;
    drop(sys::inherited(made));
    Ok(())
}

pub(crate) fn connected(to: SocketAddr) -> Tried {
    let mut ring = ring()?;
    let socket = udp::datagram(to)?;
    connect_by(&mut ring, &socket, &to.into())?;
    (&socket).write_all(TOKEN).map_err(at("send"))?;
    (&socket).read(&mut [0; 64]).map(drop).map_err(at("receive"))
}

pub(crate) fn send(to: SocketAddr) -> Tried {
    let mut ring = ring()?;
    let socket = udp::datagram(to)?;
    let address = SockAddr::from(to);
    let length = u32::try_from(TOKEN.len()).unwrap_or_default();
    let descriptor = types::Fd(socket.as_raw_fd());
    let entry = opcode::SendZc::new(descriptor, TOKEN.as_ptr(), length)
        .dest_addr(address.as_ptr().cast())
        .dest_addr_len(address.len())
        .build();
    submit(&mut ring, &entry).map_err(at("send"))?;
    (&socket).read(&mut [0; 64]).map(drop).map_err(at("receive"))
}

pub(crate) fn send_message(to: SocketAddr) -> Tried {
    let mut ring = ring()?;
    let socket = udp::datagram(to)?;
    socket.set_read_timeout(Some(limit())).map_err(at("option"))?;
    let address = SockAddr::from(to);
    let mut part = libc::iovec { iov_base: TOKEN.as_ptr().cast_mut().cast(), iov_len: TOKEN.len() };
    let message = sys::header(&address, &mut part);
    let entry = opcode::SendMsg::new(types::Fd(socket.as_raw_fd()), &raw const message).build();
    submit(&mut ring, &entry).map_err(at("send"))?;
    (&socket).read(&mut [0; 64]).map(drop).map_err(at("receive"))
}
