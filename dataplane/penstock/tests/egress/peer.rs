//! The world beyond the host, in a network namespace of its own: it answers whoever reaches it, and
//! sees every packet that does.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use std::os::fd::AsRawFd as _;

use crate::places::{FENCE, GROUP4, GROUP6};
use crate::sys;

/// Connections and datagrams that came where none may.
static INTRUSIONS: AtomicU64 = AtomicU64::new(0);

/// How often a listener was reached that no rule allows.
pub(crate) fn intrusions() -> u64 {
    INTRUSIONS.load(Ordering::SeqCst)
}

/// The other end of the veth pair.
pub(crate) struct Peer {
    namespace: File,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    fences: Arc<AtomicU64>,
}

impl Peer {
    pub(crate) fn new() -> io::Result<Self> {
        let made = thread::spawn(|| {
            sys::unshare(libc::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        let namespace = made.join().map_err(|_| io::Error::other("a thread died"))??;
        Ok(Self { namespace, seen: Arc::default(), fences: Arc::default() })
    }

    /// The namespace, as a path that other processes can open.
    pub(crate) fn namespace(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.namespace.as_raw_fd()).into()
    }

    /// Does something there.
    pub(crate) fn inside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let namespace = self.namespace.try_clone()?;
        let done = thread::spawn(move || {
            sys::setns(&namespace)?;
            work()
        });
        done.join().map_err(|_| io::Error::other("a thread died"))?
    }

    /// Begins to see packets.
    pub(crate) fn watch(&self) -> io::Result<()> {
        let (seen, fences) = (self.seen.clone(), self.fences.clone());
        let socket = self.inside(sys::packet_socket)?;
        thread::spawn(move || {
            let mut packet = [0; 256];
            while let Ok((bytes, came)) = sys::packet(&socket, &mut packet) {
                let packet = packet.get(..bytes).unwrap_or_default();
                if came && is_fence(packet) {
                    fences.fetch_add(1, Ordering::SeqCst);
                } else if came && !is_of_the_network(packet) {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(packet.to_vec());
                }
            }
        });
        Ok(())
    }

    /// How many fences came so far.
    pub(crate) fn fences(&self) -> u64 {
        self.fences.load(Ordering::SeqCst)
    }

    /// How many packets came so far.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What came since then.
    pub(crate) fn since(&self, count: usize) -> Vec<Vec<u8>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(count..).unwrap_or_default().to_vec()
    }
}

fn is_fence(packet: &[u8]) -> bool {
    packet.first() == Some(&0x45)
        && packet.get(9) == Some(&17)
        && packet.get(22..24) == Some(&FENCE.to_be_bytes()[..])
}

/// Whether nobody asked for a packet: the kernel's own search for neighbours and routers, and its
/// reports of who listens to which group, unless it is ours.
fn is_of_the_network(packet: &[u8]) -> bool {
    let holds = |bytes: &[u8]| packet.windows(bytes.len()).any(|window| window == bytes);
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => packet.get(9) == Some(&2) && !holds(&GROUP4.octets()),
        Some(6) => {
            let listener = |kind: u8| (130..=132).contains(&kind) || kind == 143;
            match (packet.get(6), packet.get(40), packet.get(48)) {
                (Some(58), Some(kind), _) => (133..=137).contains(kind) || listener(*kind),
                // Behind a hop-by-hop header (RFC 3810 section 5).
                (Some(0), Some(58), Some(kind)) => listener(*kind) && !holds(&GROUP6.octets()),
                _ => false,
            }
        }
        // ARP, and what is no packet of IP.
        _ => true,
    }
}

/// Where a packet says that it goes.
pub(crate) fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?)),
        6 => Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?)),
        _ => None,
    }
}

/// Packets in words.
pub(crate) fn shown(packets: &[Vec<u8>]) -> String {
    let first = packets.first().map(|packet| packet.get(..64).unwrap_or(packet));
    let hex: String = first.unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} packets, of which the first begins {hex}", packets.len())
}

/// Answers with what it hears, over TCP and UDP, in the namespace of the calling thread.
pub(crate) fn echo(at: SocketAddr, allowed: bool) -> io::Result<()> {
    echo_tcp(TcpListener::bind(at)?, allowed);
    echo_udp(UdpSocket::bind(at)?, allowed);
    Ok(())
}

fn echo_tcp(listener: TcpListener, allowed: bool) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            intrude(allowed);
            thread::spawn(move || {
                let mut data = [0; 4096];
                while let Ok(bytes @ 1..) = stream.read(&mut data) {
                    if stream.write_all(data.get(..bytes).unwrap_or_default()).is_err() {
                        break;
                    }
                }
            });
        }
    });
}

fn echo_udp(socket: UdpSocket, allowed: bool) {
    thread::spawn(move || {
        let mut data = [0; 9000];
        loop {
            // An error is of an earlier answer, which nobody waited for.
            let Ok((bytes, from)) = socket.recv_from(&mut data) else { continue };
            intrude(allowed);
            let _ = socket.send_to(data.get(..bytes).unwrap_or_default(), from);
        }
    });
}

fn intrude(allowed: bool) {
    if !allowed {
        INTRUSIONS.fetch_add(1, Ordering::SeqCst);
    }
}
