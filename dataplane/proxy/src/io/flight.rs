//! A socket's two halves, and the reads and writes in flight on them.
//!
//! What is in flight owns its half and its buffer, and gives them back with its result.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;

use monoio::buf::{IoBuf, SliceMut};
use monoio::io::{AsyncReadRent, AsyncWriteRent, OwnedReadHalf, OwnedWriteHalf, Splitable};
use monoio::net::{TcpStream, UnixStream};

/// A connected socket.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The half that is read from.
pub(super) enum ReadHalf {
    Tcp(OwnedReadHalf<TcpStream>),
    Unix(OwnedReadHalf<UnixStream>),
}

/// The half that is written to.
pub(super) enum WriteHalf {
    Tcp(OwnedWriteHalf<TcpStream>),
    Unix(OwnedWriteHalf<UnixStream>),
}

/// A read in flight. What it brings is empty at the end.
pub(super) type Reading = Pin<Box<dyn Future<Output = ReadDone>>>;
type ReadDone = (io::Result<Vec<u8>>, ReadHalf);

/// A write in flight.
pub(super) type Writing = Pin<Box<dyn Future<Output = WriteDone>>>;
type WriteDone = (io::Result<()>, WriteHalf, Vec<u8>);

impl Socket {
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        let descriptor = match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        };
        // SAFETY: the descriptor is open while `self` is, which is borrowed for as long.
        unsafe { BorrowedFd::borrow_raw(descriptor) }
    }

    /// Whether the peer's end was opened by this very process, which the kernel knows of a Unix
    /// socket.
    pub(crate) fn is_own(&self) -> bool {
        let Self::Unix(stream) = self else { return false };
        // SAFETY: ucred is plain data, valid when zeroed; the call gets its true size.
        let peer = unsafe {
            let mut peer: libc::ucred = std::mem::zeroed();
            let mut size = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or_default();
            let asked = libc::getsockopt(
                stream.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut peer).cast(),
                &raw mut size,
            );
            (asked == 0).then_some(peer.pid)
        };
        peer.and_then(|pid| u32::try_from(pid).ok()) == Some(std::process::id())
    }

    pub(super) fn split(self) -> (RawFd, ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let descriptor = stream.as_raw_fd();
                let (read, write) = stream.into_split();
                (descriptor, ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Self::Unix(stream) => {
                let descriptor = stream.as_raw_fd();
                let (read, write) = stream.into_split();
                (descriptor, ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
        }
    }
}

impl ReadHalf {
    /// Reads up to `want` bytes into a buffer that the kernel has from the beginning.
    pub(super) fn read(self, buffer: Vec<u8>, want: usize) -> Reading {
        match self {
            Self::Tcp(half) => Box::pin(read(half, Self::Tcp, room(buffer, want))),
            Self::Unix(half) => Box::pin(read(half, Self::Unix, room(buffer, want))),
        }
    }

    /// Reads up to `want` bytes once there are any; until then it holds no buffer.
    pub(super) fn read_lazily(self, want: usize) -> Reading {
        match self {
            Self::Tcp(half) => Box::pin(read_lazily(half, Self::Tcp, want)),
            Self::Unix(half) => Box::pin(read_lazily(half, Self::Unix, want)),
        }
    }
}

impl WriteHalf {
    /// Writes all of `bytes`.
    pub(super) fn write(self, bytes: Vec<u8>) -> Writing {
        match self {
            Self::Tcp(half) => Box::pin(write(half, Self::Tcp, bytes)),
            Self::Unix(half) => Box::pin(write(half, Self::Unix, bytes)),
        }
    }
}

/// `buffer`, emptied, with room for as much.
fn room(mut buffer: Vec<u8>, want: usize) -> SliceMut<Vec<u8>> {
    buffer.clear();
    if buffer.capacity() < want {
        buffer.reserve_exact(want);
    }
    SliceMut::new(buffer, 0, want)
}

/// A stream whose readiness can be waited for.
trait Watch: AsRawFd {
    fn watch(&self) -> impl Future<Output = io::Result<()>>;
}

impl Watch for TcpStream {
    fn watch(&self) -> impl Future<Output = io::Result<()>> {
        self.readable(false)
    }
}

impl Watch for UnixStream {
    fn watch(&self) -> impl Future<Output = io::Result<()>> {
        self.readable(false)
    }
}

async fn read<S: AsyncReadRent>(
    mut half: OwnedReadHalf<S>,
    whole: fn(OwnedReadHalf<S>) -> ReadHalf,
    room: SliceMut<Vec<u8>>,
) -> ReadDone {
    let (result, room) = half.read(room).await;
    (result.map(|_| room.into_inner()), whole(half))
}

fn read_lazily<S: Watch>(
    half: OwnedReadHalf<S>,
    whole: fn(OwnedReadHalf<S>) -> ReadHalf,
    want: usize,
) -> impl Future<Output = ReadDone> {
    // SAFETY: the reference is gone at the end of the line, and the write half, the only other holder, is
    // used on this thread alone.
    let descriptor = unsafe { &*half.0.get() }.as_raw_fd();
    async move {
        let result = loop {
            // SAFETY: the future holds this shared reference for as long as it waits, while the write half
            // makes exclusive ones. That is sound only as `readable` of monoio 0.2.4 uses the reference in its
            // first poll alone, within which nothing is written: it clones the descriptor into the
            // operation, and then waits for that. Hence `=0.2.4` in Cargo.toml; look again before it moves.
            let ready = unsafe { &*half.0.get() }.watch().await;
            if let Some(result) = receive(ready, descriptor, want) {
                break result;
            }
        };
        (result, whole(half))
    }
}

async fn write<S: AsyncWriteRent>(
    mut half: OwnedWriteHalf<S>,
    whole: fn(OwnedWriteHalf<S>) -> WriteHalf,
    mut bytes: Vec<u8>,
) -> WriteDone {
    let mut at = 0;
    let result = loop {
        if at == bytes.len() {
            break Ok(());
        }
        let (result, rest) = half.write(bytes.slice(at..)).await;
        bytes = rest.into_inner();
        match result {
            Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => at += written,
            Err(error) => break Err(error),
        }
    };
    (result, whole(half), bytes)
}

thread_local! {
    /// Where a lazy read lands before it is known how much it brings.
    static LANDING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Takes what a readable socket holds, at once: through the ring it would come a round later, behind
/// requests that arrived after it. `None` where there was nothing after all. The buffer is no larger
/// than what came: an event on each of thousands of streams may be on its way at the same time.
fn receive(ready: io::Result<()>, descriptor: RawFd, want: usize) -> Option<io::Result<Vec<u8>>> {
    if let Err(error) = ready {
        return Some(Err(error));
    }
    LANDING.with_borrow_mut(|landing| {
        landing.clear();
        landing.reserve_exact(want);
        let room = &mut landing.spare_capacity_mut()[..want];
        // SAFETY: the descriptor is open in the caller, and the kernel writes no further than the room.
        let read = unsafe {
            libc::recv(descriptor, room.as_mut_ptr().cast(), room.len(), libc::MSG_DONTWAIT)
        };
        if let Ok(read) = usize::try_from(read) {
            // SAFETY: the buffer was empty, and its first `read` bytes have been written.
            unsafe { landing.set_len(read) };
            return Some(Ok(landing.clone()));
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => None,
            _ => Some(Err(error)),
        }
    })
}
