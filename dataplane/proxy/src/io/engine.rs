//! Which kernel interface a shard runs on, and the listeners on it.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use penstock_config::Backend;
use socket2::{SockFilter, SockRef};

use super::Socket;

/// Submission entries of a shard's ring. Each connection has at most two operations in flight; a
/// full queue is flushed, so this bounds a batch and not the number of connections.
const RING_ENTRIES: u32 = 1024;

/// The kernel interface a shard runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// io_uring.
    IoUring,
    /// epoll, and why.
    Epoll(String),
}

impl Engine {
    /// Its name in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Epoll(_) => "epoll",
        }
    }
}

/// Flags without which io_uring interrupts the shard for each completion and costs more than epoll.
fn ring() -> io_uring::Builder {
    let mut builder = io_uring::IoUring::builder();
    builder.setup_coop_taskrun().setup_taskrun_flag().setup_single_issuer();
    builder
}

/// The engine that configuration and kernel allow. An error where io_uring was demanded and is not
/// to be had.
pub fn choose_engine(backend: Backend) -> Result<Engine, io::Error> {
    if backend == Backend::Epoll {
        return Ok(Engine::Epoll("the configuration says `backend: epoll`".into()));
    }
    match ring().build(8) {
        Ok(_) => Ok(Engine::IoUring),
        Err(error) if backend == Backend::IoUring => Err(error),
        Err(error) => Ok(Engine::Epoll(format!("io_uring_setup: {error}"))),
    }
}

thread_local! {
    static NONBLOCKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether sockets of this thread's shard are to be non-blocking: on epoll they must be, while
/// io_uring hands their EAGAIN back instead of waiting.
pub(crate) fn nonblocking() -> bool {
    NONBLOCKING.get()
}

/// Runs a shard to its end on this thread.
pub(crate) fn run<F: Future>(engine: &Engine, shard: F) -> io::Result<F::Output> {
    NONBLOCKING.set(*engine != Engine::IoUring);
    match engine {
        Engine::IoUring => Ok(RuntimeBuilder::<IoUringDriver>::new()
            .uring_builder(ring())
            .with_entries(RING_ENTRIES)
            .build()?
            .block_on(shard)),
        Engine::Epoll(_) => Ok(RuntimeBuilder::<LegacyDriver>::new().build()?.block_on(shard)),
    }
}

/// Pins this thread to the `index`th of the cores that the process may run on.
pub(crate) fn pin_to(index: usize) -> io::Result<()> {
    // SAFETY: cpu_set_t is a plain bit set, valid when zeroed; the calls get its true size.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of::<libc::cpu_set_t>();
        if libc::sched_getaffinity(0, size, &raw mut allowed) != 0 {
            return Err(io::Error::last_os_error());
        }
        let cores: Vec<usize> = (0..libc::CPU_SETSIZE.unsigned_abs() as usize)
            .filter(|core| libc::CPU_ISSET(*core, &allowed))
            .collect();
        let Some(core) = cores.get(index % cores.len().max(1)) else { return Ok(()) };
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(*core, &mut one);
        if libc::sched_setaffinity(0, size, &raw const one) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Raises the limit of open descriptors to what the system allows; the limit then in force. Each
/// call takes up to two.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    // SAFETY: rlimit is plain data, valid when zeroed; the calls read or write that one value.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max;
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(limit.rlim_cur)
    }
}

/// A listening socket on a shard.
pub(crate) enum Listener {
    Tcp(monoio::net::TcpListener),
    Unix(monoio::net::UnixListener),
}

impl Listener {
    pub(crate) fn tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        monoio::net::TcpListener::from_std(listener).map(Self::Tcp)
    }

    pub(crate) fn unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        monoio::net::UnixListener::from_std(listener).map(Self::Unix)
    }

    /// The next connection; the peer's address where it has one. Not by the runtime's own accept: on
    /// io_uring monoio 0.2.4 leaves out `SOCK_CLOEXEC`, and however soon it is set afterwards, a stdio
    /// server that starts in between inherits an agent's connection.
    pub(crate) async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        loop {
            let descriptor = match self {
                Self::Tcp(listener) => {
                    listener.readable(false).await?;
                    listener.as_raw_fd()
                }
                Self::Unix(listener) => {
                    listener.readable(false).await?;
                    listener.as_raw_fd()
                }
            };
            // SAFETY: the descriptor is open while `self` is.
            let listener = unsafe { BorrowedFd::borrow_raw(descriptor) };
            let (socket, peer) = match SockRef::from(&listener).accept() {
                // Another shard was faster, or the peer is gone already.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                accepted => accepted?,
            };
            socket.set_nonblocking(nonblocking())?;
            return match self {
                Self::Tcp(_) => {
                    socket.set_tcp_nodelay(true)?;
                    let stream = monoio::net::TcpStream::from_std(socket.into())?;
                    Ok((Socket::Tcp(stream), peer.as_socket()))
                }
                Self::Unix(_) => {
                    let stream = monoio::net::UnixStream::from_std(socket.into())?;
                    Ok((Socket::Unix(stream), None))
                }
            };
        }
    }

    /// The first step of closing it: no further connection comes to be, while those that the kernel
    /// has queued, or is just making, can still be accepted.
    pub(crate) fn refuse_new(&self) -> io::Result<()> {
        match self {
            // A shut Unix socket gives what it has queued, and then an error.
            Self::Unix(listener) => shutdown(listener.as_raw_fd()),
            // A shut TCP socket resets what it has queued, so it may only be shut empty. Until then
            // SYNs are dropped; a peer repeats its own after a second and is refused.
            Self::Tcp(listener) => {
                // SAFETY: the descriptor is open while `listener` is.
                let socket = unsafe { BorrowedFd::borrow_raw(listener.as_raw_fd()) };
                SockRef::from(&socket).attach_filter(&drop_syn())
            }
        }
    }

    /// The second, some time after: makes the pending accept end with an error, unless a connection
    /// waits for it. Whether it did.
    pub(crate) fn shut_if_empty(&self) -> io::Result<bool> {
        let Self::Tcp(listener) = self else { return Ok(true) };
        let descriptor = listener.as_raw_fd();
        let mut waiting = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        // SAFETY: poll gets the one element that it is told of.
        if unsafe { libc::poll(&raw mut waiting, 1, 0) } > 0 && waiting.revents & libc::POLLIN != 0
        {
            return Ok(false);
        }
        shutdown(descriptor).map(|()| true)
    }
}

fn shutdown(listener: RawFd) -> io::Result<()> {
    // SAFETY: the descriptor is open in the caller; no memory is touched.
    if unsafe { libc::shutdown(listener, libc::SHUT_RDWR) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A classic BPF program over a segment from its TCP header on: drops it where, of SYN and ACK in
/// the flags at byte 13, only SYN is set.
fn drop_syn() -> [SockFilter; 5] {
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, 13),
        SockFilter::new(AND, 0, 0, 0x12),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 0x02),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}
