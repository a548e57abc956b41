//! The system calls that neither std nor socket2 has: all that is unsafe in this suite.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use socket2::{SockAddr, SockAddrStorage, Socket};

const CALL: i32 = -1;

fn done(result: i32) -> io::Result<i32> {
    if result == CALL { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// New namespaces for this thread.
pub(crate) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: flags only.
    done(unsafe { libc::unshare(flags) }).map(drop)
}

/// Another namespace for this thread.
pub(crate) fn setns(namespace: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: a descriptor that lives for the call.
    done(unsafe { libc::setns(namespace.as_raw_fd(), 0) }).map(drop)
}

/// Keeps mounts made from here on from the rest of the machine.
pub(crate) fn mounts_private() -> io::Result<()> {
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: strings that end with NUL; the kernel reads no others for these flags.
    done(unsafe {
        libc::mount(c"none".as_ptr(), c"/".as_ptr(), std::ptr::null(), flags, std::ptr::null())
    })
    .map(drop)
}

/// Takes a mount away.
pub(crate) fn unmount(at: &Path) -> io::Result<()> {
    let at = CString::new(at.as_os_str().as_bytes())?;
    // SAFETY: a string that ends with NUL.
    done(unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// Forks. What the child does is all that it does: it never returns into the caller's work.
pub(crate) fn in_child(work: impl FnOnce() -> i32) -> io::Result<i32> {
    // SAFETY: the probes have one thread, so the child's memory is whole.
    let child = done(unsafe { libc::fork() })?;
    if child == 0 {
        let status = work();
        // SAFETY: ends the process.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child; the kernel writes one int.
    done(unsafe { libc::waitpid(child, &raw mut status, 0) })?;
    Ok(libc::WEXITSTATUS(status))
}

pub(crate) fn setsid() -> io::Result<()> {
    // SAFETY: no arguments.
    done(unsafe { libc::setsid() }).map(drop)
}

/// Sends a signal.
pub(crate) fn kill(pid: u32, signal: i32) -> io::Result<()> {
    // SAFETY: numbers only.
    done(unsafe { libc::kill(pid.cast_signed(), signal) }).map(drop)
}

/// `setsockopt`, of any option.
pub(crate) fn set(socket: &impl AsRawFd, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let bytes = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel reads the value, of the length that it is told.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), bytes) };
    done(result).map(drop)
}

/// `setsockopt`, of a number.
pub(crate) fn set_number(
    socket: &impl AsRawFd,
    level: i32,
    name: i32,
    value: i32,
) -> io::Result<()> {
    set(socket, level, name, &value.to_ne_bytes())
}

/// The same address, of family `AF_UNSPEC`.
pub(crate) fn unspecified(address: &SockAddr) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: both are the storage of an address, whose first field is its family.
    unsafe {
        std::ptr::copy_nonoverlapping(address.as_ptr(), &raw mut storage, 1);
        *(&raw mut storage).cast::<libc::sa_family_t>() = 0;
        SockAddr::new(storage, address.len())
    }
}

/// Takes a connected socket apart.
pub(crate) fn disconnect(socket: &Socket) -> io::Result<()> {
    let nowhere = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
    let bytes = libc::socklen_t::try_from(size_of_val(&nowhere)).map_err(io::Error::other)?;
    // SAFETY: the address lives for the call and is as long as it says.
    done(unsafe { libc::connect(socket.as_raw_fd(), &raw const nowhere, bytes) }).map(drop)
}

/// One message with its address by `sendmmsg`.
pub(crate) fn sendmmsg(socket: &Socket, to: &SockAddr, data: &[u8]) -> io::Result<()> {
    let mut part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let mut message = libc::mmsghdr { msg_hdr: header(to, &mut part), msg_len: 0 };
    // SAFETY: one message, of parts that live for the call; the kernel only reads them.
    done(unsafe { libc::sendmmsg(socket.as_raw_fd(), &raw mut message, 1, 0) }).map(drop)
}

/// A message of one part.
pub(crate) fn header(to: &SockAddr, part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: plain data, of which zeros are a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = to.as_ptr().cast_mut().cast();
    header.msg_namelen = to.len();
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header
}

/// Moves what waits in a pipe into a socket.
pub(crate) fn splice(from: &impl AsRawFd, to: &impl AsRawFd, bytes: usize) -> io::Result<usize> {
    let none = std::ptr::null_mut();
    // SAFETY: descriptors that live for the call, and no offsets.
    let moved = unsafe { libc::splice(from.as_raw_fd(), none, to.as_raw_fd(), none, bytes, 0) };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}

/// Puts memory itself into a pipe.
pub(crate) fn vmsplice(pipe: &impl AsRawFd, data: &'static [u8]) -> io::Result<usize> {
    let part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    // SAFETY: the memory is static and is only read.
    let moved = unsafe { libc::vmsplice(pipe.as_raw_fd(), &raw const part, 1, 0) };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}

/// Sends a file.
pub(crate) fn sendfile(to: &impl AsRawFd, file: &File, bytes: usize) -> io::Result<usize> {
    // SAFETY: descriptors that live for the call; the file's own offset.
    let sent =
        unsafe { libc::sendfile(to.as_raw_fd(), file.as_raw_fd(), std::ptr::null_mut(), bytes) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Hands a descriptor to the process at the other end of a Unix socket (unix(7)).
pub(crate) fn send_descriptor(through: &impl AsRawFd, passed: &impl AsRawFd) -> io::Result<()> {
    let mut control = [0_u64; 8];
    let mut byte = *b"x";
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: a message of one byte and one control message, whose buffer is large and aligned
    // enough for one descriptor, as CMSG_SPACE tells; all live for the call.
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let first = libc::CMSG_FIRSTHDR(&raw const message);
        (*first).cmsg_level = libc::SOL_SOCKET;
        (*first).cmsg_type = libc::SCM_RIGHTS;
        (*first).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(first).cast::<i32>().write_unaligned(passed.as_raw_fd());
        libc::sendmsg(through.as_raw_fd(), &raw const message, 0)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes a descriptor that was sent so.
pub(crate) fn receive_descriptor(through: &impl AsRawFd) -> io::Result<OwnedFd> {
    let mut control = [0_u64; 8];
    let mut byte = [0_u8; 1];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: as in sending; the kernel writes no more than the lengths that it is told, and a
    // descriptor that it puts there is ours.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        if libc::recvmsg(through.as_raw_fd(), &raw mut message, 0) < 0 {
            return Err(io::Error::last_os_error());
        }
        let first = libc::CMSG_FIRSTHDR(&raw const message);
        if first.is_null() || (*first).cmsg_type != libc::SCM_RIGHTS {
            return Err(io::Error::other("no descriptor came"));
        }
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(first).cast::<i32>().read_unaligned()))
    }
}

/// Takes over a descriptor that this process was started with.
pub(crate) fn inherited(number: i32) -> OwnedFd {
    // SAFETY: whoever started this process left it open for it, and nothing else here uses it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Lets a descriptor outlive the start of another program.
pub(crate) fn inheritable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: numbers only.
    done(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, 0) }).map(drop)
}

/// A descriptor of bpf(2): a command and its fields, the rest of which the kernel takes to be zero.
pub(crate) fn bpf<T>(command: i32, fields: &mut T) -> io::Result<i32> {
    // SAFETY: the fields are those of the command and live for the call; the kernel reads and
    // writes no more of them than it is told, and of what they point to what they say.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(fields), size_of::<T>())
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}

/// The same, of a command that makes a descriptor.
pub(crate) fn bpf_descriptor<T>(command: i32, fields: &mut T) -> io::Result<OwnedFd> {
    let made = bpf(command, fields)?;
    // SAFETY: the kernel has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(made) })
}

/// A socket that sees every packet of every protocol (packet(7)).
pub(crate) fn packet_socket() -> io::Result<Socket> {
    let every = i32::from(0x0003_u16.to_be());
    Socket::new(libc::AF_PACKET.into(), socket2::Type::DGRAM, Some(every.into()))
}

/// One packet, and whether it came in from another machine.
pub(crate) fn packet(socket: &Socket, into: &mut [u8]) -> io::Result<(usize, bool)> {
    // SAFETY: plain data, of which zeros are a valid value.
    let mut from: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    let mut from_bytes = libc::socklen_t::try_from(size_of_val(&from)).unwrap_or_default();
    // SAFETY: the kernel writes no more than the lengths that it is told.
    let read = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            into.as_mut_ptr().cast(),
            into.len(),
            libc::MSG_TRUNC,
            (&raw mut from).cast(),
            &raw mut from_bytes,
        )
    };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    let ours = from.sll_hatype == libc::ARPHRD_LOOPBACK
        || from.sll_pkttype == u8::try_from(libc::PACKET_OUTGOING).unwrap_or_default();
    Ok((read.min(into.len()), !ours))
}

/// A network device's number in this namespace; 0 for none.
pub(crate) fn device_index(name: &str) -> u32 {
    let Ok(name) = CString::new(name) else { return 0 };
    // SAFETY: a string that ends with NUL.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}
