//! A stream of bytes to the target that never blocks: TCP, or TLS over it.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustls::ClientConnection;
use socket2::{Domain, Protocol, Socket, Type};

use super::tls::Secure;

/// What rustls asks a socket for at a time: when it gets as much, there is likely more.
const TLS_READ_BYTES: usize = 4096;

pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

pub(super) struct Tls {
    stream: TcpStream,
    session: ClientConnection,
}

/// Where the beginning of a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    /// It goes on when something comes, or with `writable`, when something can be sent.
    Waits {
        writable: bool,
    },
}

impl Transport {
    /// Begins to connect.
    pub(super) fn begin(address: SocketAddr, secure: Option<&Secure>) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        let stream = TcpStream::from(socket);
        let Some(Secure { config, name }) = secure else { return Ok(Self::Plain(stream)) };
        let mut session = ClientConnection::new(Arc::clone(config), name.clone())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        // What is written is at most a request, and that is in memory in any case.
        session.set_buffer_limit(None);
        Ok(Self::Tls(Box::new(Tls { stream, session })))
    }

    /// Goes on connecting, once the socket has something to say.
    pub(super) fn go_on(&mut self) -> io::Result<Readiness> {
        if let Some(error) = self.stream().take_error()? {
            return Err(error);
        }
        let Self::Tls(tls) = self else { return Ok(Readiness::Ready) };
        loop {
            let flushed = tls.flush()?;
            if !tls.session.is_handshaking() && flushed {
                return Ok(Readiness::Ready);
            }
            if !tls.session.wants_read() {
                return Ok(Readiness::Waits { writable: true });
            }
            match tls.receive() {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Readiness::Waits { writable: !flushed });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what is there; 0 is the end of the stream. Where less comes than there is room for,
    /// nothing more is there now.
    #[inline]
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(room),
            Self::Tls(tls) => tls.read(room),
        }
    }

    /// Reads what was decrypted and found no room in [`Self::read`]: the kernel does not tell of it
    /// again.
    pub(super) fn read_decrypted(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(_) => Err(io::ErrorKind::WouldBlock.into()),
            Self::Tls(tls) => match tls.session.reader().read(room) {
                // A server that closes without saying so has closed.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                came => came,
            },
        }
    }

    /// Takes all of `bytes` or, without TLS, as much as the socket does.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(tls) => {
                tls.session.writer().write_all(bytes)?;
                tls.flush()?;
                Ok(bytes.len())
            }
        }
    }

    /// Sends what it has taken and not sent; whether that is all.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Whether there is anything that it has taken and not sent.
    #[inline]
    pub(super) fn unsent(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.session.wants_write(),
        }
    }

    fn stream(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => &tls.stream,
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream().as_fd()
    }
}

impl Tls {
    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads and decrypts what one read brings.
    fn receive(&mut self) -> io::Result<usize> {
        let read = self.session.read_tls(&mut self.stream)?;
        if let Err(error) = self.session.process_new_packets() {
            // The alert tells the server why.
            let _ = self.flush();
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("TLS: {error}")));
        }
        Ok(read)
    }

    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        let mut more_is_likely = true;
        loop {
            match self.session.reader().read(room.get_mut(filled..).unwrap_or_default()) {
                // The end, or no room any more.
                Ok(0) => return Ok(filled),
                Ok(read) => {
                    filled += read;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A server that closes without saying so has closed.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(filled),
                Err(error) => return Err(error),
            }
            if filled > 0 && !more_is_likely {
                return Ok(filled);
            }
            match self.receive() {
                Ok(received) => more_is_likely = received >= TLS_READ_BYTES,
                Err(error) if filled > 0 && error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(filled);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_refused_says_so() {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = Transport::begin(gone, None).and_then(|mut begun| begun.go_on());
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
