//! One process's traffic over loopback: run as it is, and run in a cgroup that is held.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use socket2::SockRef;

/// Bytes of a request and of its answer.
const MESSAGE_BYTES: usize = 64;
/// Bytes of one write of a stream.
const WRITE_BYTES: usize = 64 << 10;

/// What a process does over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Connects and closes.
    Connect,
    /// Connects, asks, is answered, closes.
    Session,
    /// Asks and is answered on one connection.
    Request,
    /// Writes 64 KiB on one connection.
    Stream,
}

impl Kind {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether the other end says something.
    pub(crate) fn is_answered(self) -> bool {
        matches!(self, Self::Session | Self::Request)
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) operations: u32,
    pub(crate) seconds: f64,
    /// Of this process, in the kernel and out of it.
    pub(crate) cpu_seconds: f64,
}

/// Does it for `duration`.
pub(crate) fn work(kind: Kind, to: SocketAddr, duration: Duration) -> Result<Done> {
    let mut stream = match kind {
        Kind::Request | Kind::Stream => Some(connect(to)?),
        Kind::Connect | Kind::Session => None,
    };
    let bytes = vec![0; WRITE_BYTES];
    let (began, cpu_began) = (Instant::now(), cpu());
    let mut operations = 0;
    while began.elapsed() < duration {
        // The clock is read once for many.
        for _ in 0..32 {
            match (kind, &mut stream) {
                (Kind::Connect, _) => drop(connect(to)?),
                (Kind::Session, _) => ask(&mut connect(to)?)?,
                (Kind::Request, Some(stream)) => ask(stream)?,
                (Kind::Stream, Some(stream)) => stream.write_all(&bytes)?,
                (Kind::Request | Kind::Stream, None) => {}
            }
            operations += 1;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(Done { operations, seconds, cpu_seconds: cpu() - cpu_began })
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default().as_secs_f64()
}

fn connect(to: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
    stream.set_nodelay(true)?;
    // A reset instead of TIME_WAIT, which would use the ports up.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

fn ask(stream: &mut TcpStream) -> Result<()> {
    let mut message = [0; MESSAGE_BYTES];
    stream.write_all(&message)?;
    stream.read_exact(&mut message)?;
    Ok(())
}

/// The other end: one connection after the other.
pub(crate) fn serve(listener: &TcpListener, answers: bool) {
    let mut buffer = vec![0; WRITE_BYTES];
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        // Whoever connects only has reset it by now.
        while let Ok(read) = stream.read(&mut buffer) {
            let answer = buffer.get(..read).unwrap_or_default();
            if read == 0 || answers && stream.write_all(answer).is_err() {
                break;
            }
        }
    }
}
