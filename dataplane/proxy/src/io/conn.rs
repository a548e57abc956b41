//! A connection that loses nothing when the one who waits goes away.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::RawFd;
use std::task::{Context, Poll};

use monoio::buf::IoBuf as _;
use monoio::io::AsyncWriteRent as _;
use rustls::pki_types::CertificateDer;

use super::engine::nonblocking;
use super::flight::{ReadHalf, Reading, Socket, WriteHalf, Writing};
use super::pace::{Pace, Paced, Unwritten};
use super::round::Pended;

/// Plaintext that TLS may hold before it is written out.
const TLS_BUFFER_BYTES: usize = 64 << 10;

/// The largest buffer that a connection keeps between calls.
pub(crate) const KEPT_BYTES_MAX: usize = 128 << 10;

/// How many times the size of what is to be read a buffer may have.
const SPARE_EXCESS_MAX: usize = 4;

/// The read in flight lives here and not in the future that waits for it, so that a wait may be
/// dropped at any time: the bytes are there for the next one.
enum Reader {
    Idle(ReadHalf),
    Reading(Reading),
    Gone,
}

/// As [`Reader`], of writes that are polled; one that is awaited goes by the idle half.
enum Writer {
    Idle(WriteHalf),
    Writing(Writing),
    Gone,
}

/// A plain or TLS connection over TCP or a Unix socket.
pub(crate) struct Conn {
    descriptor: RawFd,
    reader: Reader,
    /// When the read in flight was last found pending.
    pended: Pended,
    writer: Writer,
    /// Whether a write began and did not end well: what the peer got ends anywhere.
    torn: bool,
    tls: Option<Box<Tls>>,
    spare: Vec<u8>,
    written_bytes: u64,
}

struct Tls {
    session: rustls::Connection,
    /// What came in one read with the end of the handshake.
    early: Vec<u8>,
    /// Whether the peer has said that nothing follows. Its socket may stay open.
    ended: bool,
}

impl Tls {
    /// What is to be sent, appended to `out`.
    fn drain(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(out)?;
        }
        Ok(())
    }
}

impl Conn {
    pub(crate) fn new(socket: Socket) -> Self {
        let (descriptor, reader, writer) = socket.split();
        let (reader, writer) = (Reader::Idle(reader), Writer::Idle(writer));
        Self {
            descriptor,
            reader,
            pended: Pended::default(),
            writer,
            torn: false,
            tls: None,
            spare: Vec::new(),
            written_bytes: 0,
        }
    }

    /// Makes it a TLS connection: the handshake, to its end.
    pub(crate) fn secure(
        &mut self,
        mut session: rustls::Connection,
    ) -> impl Future<Output = io::Result<()>> {
        session.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        self.tls = Some(Box::new(Tls { session, early: Vec::new(), ended: false }));
        let mut early = Vec::new();
        async move {
            loop {
                self.flush_tls().await?;
                match &mut self.tls {
                    Some(tls) if tls.session.is_handshaking() => {}
                    Some(tls) => {
                        tls.early = early;
                        return Ok(());
                    }
                    None => return Ok(()),
                }
                let read = poll_fn(|cx| self.poll_raw(cx, 4 << 10, false)).await;
                match read.and_then(|raw| self.decrypt(&raw, &mut early)) {
                    Ok(()) => {}
                    Err(error) => {
                        // The alert that tells the peer why.
                        let _ = self.flush_tls().await;
                        return Err(error);
                    }
                }
            }
        }
    }

    /// The certificate that the peer proved to be its own, where TLS asked for one.
    pub(crate) fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.tls.as_ref()?.session.peer_certificates()?.first()
    }

    /// Bytes appended to `into`; 0 when the peer has ended its side. `want` is how large a buffer a
    /// new read gets; a `lazy` read waits without holding a buffer, and leaves none behind.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Vec<u8>,
        want: usize,
        lazy: bool,
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(tls) = &mut self.tls {
                if !tls.early.is_empty() {
                    let read = tls.early.len();
                    into.append(&mut tls.early);
                    return Poll::Ready(Ok(read));
                }
                if tls.ended {
                    return Poll::Ready(Ok(0));
                }
            }
            let raw = match self.poll_raw(cx, want, lazy) {
                Poll::Ready(Ok(raw)) => raw,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            let before = into.len();
            if self.tls.is_none() {
                let read = raw.len();
                let used = if before == 0 {
                    // The whole buffer changes hands; nothing is copied.
                    std::mem::replace(into, raw)
                } else {
                    into.extend_from_slice(&raw);
                    raw
                };
                if !lazy {
                    // Not over a larger one: what stood in `into` is often no buffer at all.
                    self.recycle(used);
                }
                return Poll::Ready(Ok(read));
            }
            let decrypted = self.decrypt(&raw, into);
            if !lazy {
                self.spare = raw;
            }
            match decrypted {
                Ok(()) if into.len() == before => {}
                Ok(()) => return Poll::Ready(Ok(into.len() - before)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// As [`Conn::poll_read`], awaited.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>, want: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, into, want, false)).await
    }

    /// One raw read; empty at the end.
    fn poll_raw(
        &mut self,
        cx: &mut Context<'_>,
        want: usize,
        lazy: bool,
    ) -> Poll<io::Result<Vec<u8>>> {
        loop {
            match std::mem::replace(&mut self.reader, Reader::Gone) {
                Reader::Idle(half) => {
                    let read = if lazy {
                        self.forget_spare();
                        half.read_lazily(want)
                    } else {
                        half.read(self.spare_for(want), want)
                    };
                    self.reader = Reader::Reading(read);
                }
                Reader::Reading(mut read) => {
                    let Poll::Ready((result, half)) = read.as_mut().poll(cx) else {
                        self.reader = Reader::Reading(read);
                        self.pended = Pended::now();
                        return Poll::Pending;
                    };
                    self.pended.done();
                    self.reader = Reader::Idle(half);
                    return Poll::Ready(result);
                }
                Reader::Gone => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            }
        }
    }

    /// Whether the kernel was asked for what the read in flight is to bring since that was last polled.
    pub(crate) fn was_asked(&self) -> bool {
        // epoll asks as it polls.
        nonblocking() || self.pended.is_over()
    }

    /// Whether nothing lies in the socket, the end included, for a read that the kernel has not seen.
    pub(crate) fn is_silent(&self) -> bool {
        let mut byte = 0_u8;
        // SAFETY: the descriptor is open while either half is held; the kernel writes one byte at most.
        let peeked = unsafe {
            let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
            libc::recv(self.descriptor, (&raw mut byte).cast(), 1, flags)
        };
        peeked < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
    }

    /// Feeds raw bytes to TLS; none are the end of the socket, and an error unless TLS said so first:
    /// anybody on the way can cut a connection (RFC 8446 section 6.1).
    fn decrypt(&mut self, mut raw: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        if raw.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while !raw.is_empty() && !tls.ended {
            tls.session.read_tls(&mut raw)?;
            let state = tls.session.process_new_packets().map_err(io::Error::other)?;
            let at = into.len();
            into.resize(at + state.plaintext_bytes_to_read(), 0);
            io::Read::read_exact(&mut tls.session.reader(), &mut into[at..])?;
            tls.ended = state.peer_has_closed();
        }
        Ok(())
    }

    async fn flush_tls(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        let mut out = Vec::new();
        tls.drain(&mut out)?;
        if out.is_empty() {
            return Ok(());
        }
        self.write_raw(out, 0, None).await.0.map_err(io::Error::from)
    }

    /// Writes `bytes[from..]` whole, for as long as the peer keeps pace; the buffer comes back for reuse.
    /// This and what waits for it are blocks: an `async fn` holds its arguments twice, and a connection
    /// has room for this all its life.
    pub(crate) fn write(
        &mut self,
        bytes: Vec<u8>,
        from: usize,
        pace: Option<Pace<'_>>,
    ) -> impl Future<Output = (Result<(), Unwritten>, Vec<u8>)> {
        let mut at = from;
        async move {
            if self.tls.is_none() {
                return self.write_raw(bytes, at, pace).await;
            }
            while at < bytes.len() {
                let sealed = match self.seal(&bytes, &mut at) {
                    Ok(sealed) => sealed,
                    Err(error) => return (Err(error.into()), bytes),
                };
                if let (Err(error), _) = self.write_raw(sealed, 0, pace).await {
                    return (Err(error), bytes);
                }
            }
            (Ok(()), bytes)
        }
    }

    /// As much of `bytes[at..]` as TLS takes at once, in its records; `at` moves behind it.
    fn seal(&mut self, bytes: &[u8], at: &mut usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        if let Some(tls) = &mut self.tls {
            let taken = io::Write::write(&mut tls.session.writer(), &bytes[*at..])?;
            if taken == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *at += taken;
            tls.drain(&mut out)?;
        }
        Ok(out)
    }

    fn write_raw(
        &mut self,
        mut bytes: Vec<u8>,
        from: usize,
        pace: Option<Pace<'_>>,
    ) -> impl Future<Output = (Result<(), Unwritten>, Vec<u8>)> {
        let mut at = from;
        async move {
            // What was torn may still be written by the kernel: nothing may come behind it.
            if std::mem::replace(&mut self.torn, true) {
                return (Err(io::Error::from(io::ErrorKind::NotConnected).into()), bytes);
            }
            while at < bytes.len() {
                let rest = std::mem::take(&mut bytes).slice(at..);
                let descriptor = self.descriptor;
                let written = match &mut self.writer {
                    Writer::Idle(WriteHalf::Tcp(half)) => {
                        Paced::new(pace, descriptor, half.write(rest)).await
                    }
                    Writer::Idle(WriteHalf::Unix(half)) => {
                        Paced::new(pace, descriptor, half.write(rest)).await
                    }
                    Writer::Writing(_) | Writer::Gone => {
                        Some((Err(io::ErrorKind::NotConnected.into()), rest))
                    }
                };
                let Some((result, rest)) = written else {
                    return (Err(Unwritten::Slow), Vec::new());
                };
                bytes = rest.into_inner();
                match result {
                    Ok(0) => {
                        return (Err(io::Error::from(io::ErrorKind::WriteZero).into()), bytes);
                    }
                    Ok(written) => {
                        at += written;
                        self.written_bytes += written as u64;
                    }
                    Err(error) => return (Err(error.into()), bytes),
                }
            }
            self.torn = false;
            (Ok(()), bytes)
        }
    }

    /// Begins to write `bytes` whole, beside reading; [`Conn::poll_written`] says when that is done.
    pub(crate) fn begin_write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        if self.tls.is_none() {
            return self.start_write(bytes);
        }
        let (mut out, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            out.append(&mut self.seal(&bytes, &mut at)?);
        }
        self.start_write(out)
    }

    /// As [`Conn::begin_write`], of what TLS says last. The socket's own end is [`Conn::shut`]'s.
    pub(crate) fn begin_end(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        if let Some(tls) = &mut self.tls {
            tls.session.send_close_notify();
            tls.drain(&mut out)?;
        }
        self.start_write(out)
    }

    fn start_write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match std::mem::replace(&mut self.writer, Writer::Gone) {
            Writer::Idle(half) if !self.torn => {
                self.torn = true;
                self.writer = Writer::Writing(half.write(bytes));
                Ok(())
            }
            other => {
                self.writer = other;
                Err(io::ErrorKind::NotConnected.into())
            }
        }
    }

    /// Whether a write began and did not end well, so that no other may follow.
    pub(crate) fn is_torn(&self) -> bool {
        self.torn
    }

    /// Waits for the write that was begun; its buffer comes back for reuse.
    pub(crate) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        let Writer::Writing(write) = &mut self.writer else { return Poll::Ready(Ok(Vec::new())) };
        let Poll::Ready((result, half, bytes)) = write.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        self.writer = Writer::Idle(half);
        if result.is_ok() {
            self.torn = false;
        }
        Poll::Ready(result.map(|()| bytes))
    }

    /// Ends our side of the socket, so that the peer reads an end behind all we wrote.
    pub(crate) fn shut(&self) {
        // SAFETY: the descriptor is open while either half is held; no memory of ours is touched.
        unsafe { libc::shutdown(self.descriptor, libc::SHUT_WR) };
    }

    /// Ends our side, TLS's too.
    pub(crate) async fn finish(&mut self) {
        // Behind half a record a close_notify means nothing, and a peer that took no more of the
        // record would not take it either.
        if let Some(tls) = &mut self.tls
            && !self.torn
        {
            tls.session.send_close_notify();
            let _ = self.flush_tls().await;
        }
        self.shut();
    }

    /// Resets a TCP connection: the peer sees an error and not an end. A Unix socket knows no such thing,
    /// and stays as it is.
    pub(crate) fn abort(&mut self) {
        // SAFETY: the descriptor is open while either half is held; the address is plain data of the
        // size that is told.
        unsafe {
            let mut nowhere: libc::sockaddr = std::mem::zeroed();
            nowhere.sa_family = libc::sa_family_t::try_from(libc::AF_UNSPEC).unwrap_or_default();
            let size = libc::socklen_t::try_from(size_of_val(&nowhere)).unwrap_or_default();
            // connect(2): AF_UNSPEC dissolves the association, by a reset.
            libc::connect(self.descriptor, &raw const nowhere, size);
        }
    }

    /// Bytes that the kernel has taken of writes that were awaited, TLS's own included.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// A buffer to read into next, instead of a new allocation. A large one is given back: the
    /// connection may be idle for long, and there may be thousands of it.
    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if (self.spare.capacity()..=KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            self.spare = buffer;
        }
    }

    /// The spare buffer, unless it is much larger than what is to be read: it may be held for as long as
    /// the peer says nothing, and cannot be taken back.
    fn spare_for(&mut self, want: usize) -> Vec<u8> {
        if self.spare.capacity() > want.saturating_mul(SPARE_EXCESS_MAX) {
            return Vec::new();
        }
        std::mem::take(&mut self.spare)
    }

    /// Gives the spare buffer back: the connection is about to rest.
    pub(crate) fn forget_spare(&mut self) {
        self.spare = Vec::new();
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // A read in flight holds the descriptor open until the kernel has ended it: end it now.
        // SAFETY: as in `shut`.
        unsafe { libc::shutdown(self.descriptor, libc::SHUT_RDWR) };
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use monoio::net::UnixStream;

    use super::*;
    use crate::io::{Engine, run};

    /// Runs `test` with one end of a pair of sockets, the other given as well.
    fn with_conn(test: impl AsyncFn(Conn, std::os::unix::net::UnixStream)) {
        for engine in [Engine::IoUring, Engine::Epoll("a test".into())] {
            let (near, far) = std::os::unix::net::UnixStream::pair().expect("a pair");
            near.set_nonblocking(engine != Engine::IoUring).expect("its mode");
            run(&engine, async {
                let near = UnixStream::from_std(near).expect("a socket");
                test(Conn::new(Socket::Unix(near)), far).await;
            })
            .expect("an engine");
        }
    }

    fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
        std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn nothing_follows_a_write_that_nobody_waited_for_to_the_end() {
        with_conn(async |mut conn, _far| {
            let large = vec![0; 8 << 20];
            assert!(poll_once(conn.write(large, 0, None)).is_pending());
            assert!(conn.is_torn());
            let (written, _) = conn.write(b"more".to_vec(), 0, None).await;
            assert!(written.is_err(), "it may stand in the middle of the first");
            assert!(conn.begin_write(b"more".to_vec()).is_err());
            assert!(conn.begin_end().is_err());
        });
    }

    #[test]
    fn a_write_that_is_refused_leaves_the_one_under_way_alone() {
        with_conn(async |mut conn, far| {
            conn.begin_write(vec![1; 8 << 20]).expect("nothing is under way");
            assert!(conn.begin_write(vec![2; 1]).is_err());
            let reads = std::thread::spawn(move || {
                let mut far = far;
                let mut all = vec![0; 8 << 20];
                std::io::Read::read_exact(&mut far, &mut all).expect("all of it");
                all.iter().all(|byte| *byte == 1)
            });
            let written = poll_fn(|cx| conn.poll_written(cx)).await;
            assert_eq!(written.expect("it is written").len(), 8 << 20);
            assert!(!conn.is_torn() && reads.join().expect("a reader"));
        });
    }
}
