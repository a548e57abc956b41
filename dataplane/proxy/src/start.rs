//! Starting, reloading, draining: what the outside does to the shards.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use penstock_config::{Bind, Shards};
use penstock_metrics::Cells;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::attest::Attest;
use crate::io::{Engine, pin_to, run};
use crate::shard;
use crate::world::World;

/// Connections the kernel may queue for a listener before it is accepted from.
const BACKLOG: i32 = 4096;

/// Why the shards cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's socket.
    #[error("listener `{name}` cannot listen on {bind}: {error}")]
    Bind {
        /// The listener.
        name: String,
        /// Its address or path.
        bind: String,
        /// What the kernel said.
        error: io::Error,
    },
    /// A shard's thread or socket pair.
    #[error("a shard cannot be started: {0}")]
    Shard(#[from] io::Error),
}

/// What the shards and the outside share.
pub(crate) struct Shared {
    pub(crate) world: ArcSwap<World>,
    pub(crate) attest: Option<Arc<dyn Attest>>,
    pub(crate) draining: AtomicBool,
    pub(crate) quit: AtomicBool,
}

/// A bound listener, with its index in the configuration.
pub(crate) enum Bound {
    Tcp(TcpListener, usize),
    Unix(UnixListener, usize),
}

/// The running shards.
pub struct Proxy {
    shared: Arc<Shared>,
    cells: Vec<Arc<Cells>>,
    bells: Vec<UnixStream>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    sockets: Vec<SocketFile>,
    /// Where each TCP listener listens, in the order of the configuration.
    pub addresses: Vec<Option<SocketAddr>>,
}

impl Proxy {
    /// Binds every listener, then starts the shards. Nothing is left bound after an error. `attest`
    /// tells agents; without it every caller is unknown.
    pub fn start(
        world: World,
        engine: &Engine,
        attest: Option<Arc<dyn Attest>>,
    ) -> Result<Self, StartError> {
        let shards = match world.snapshot.shards {
            Shards::Auto => std::thread::available_parallelism()?.get(),
            Shards::Count(count) => usize::from(count.get()),
        };
        let mut bound: Vec<Vec<Bound>> = (0..shards).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for (index, listener) in world.snapshot.listeners.iter().enumerate() {
            let address = bind_all(&listener.bind, index, &mut bound).map_err(|error| {
                let bind = match &listener.bind {
                    Bind::Tcp(address) => address.to_string(),
                    Bind::Unix { path, .. } => path.display().to_string(),
                };
                StartError::Bind { name: listener.name.clone(), bind, error }
            })?;
            addresses.push(address);
        }
        let front = Bind::Unix { path: world.front.clone(), mode: 0o600 };
        let inner = world.snapshot.listeners.len();
        bind_all(&front, inner, &mut bound).map_err(|error| {
            let bind = world.front.display().to_string();
            StartError::Bind { name: "inner".into(), bind, error }
        })?;
        let listeners = world.snapshot.listeners.iter();
        let sockets = listeners.filter_map(|listener| SocketFile::of(&listener.bind)).collect();
        let shared = Arc::new(Shared {
            world: ArcSwap::from_pointee(world),
            attest,
            draining: AtomicBool::new(false),
            quit: AtomicBool::new(false),
        });
        let mut proxy = Self {
            shared: Arc::clone(&shared),
            cells: Vec::new(),
            bells: Vec::new(),
            threads: Vec::new(),
            sockets,
            addresses,
        };
        // io_uring hands EAGAIN of a non-blocking descriptor back instead of waiting.
        let nonblocking = *engine != Engine::IoUring;
        for (index, bound) in bound.into_iter().enumerate() {
            let (ringer, bell) = UnixStream::pair()?;
            ringer.set_nonblocking(true)?;
            bell.set_nonblocking(nonblocking)?;
            let cells = Arc::new(Cells::default());
            let (shared, own, engine) = (Arc::clone(&shared), Arc::clone(&cells), engine.clone());
            let thread =
                std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
                    if let Err(error) = pin_to(index) {
                        tracing::warn!(shard = index, %error, "cannot be pinned to a core");
                    }
                    run(&engine, shard::run(shared, own, bound, bell))?
                })?;
            proxy.cells.push(cells);
            proxy.bells.push(ringer);
            proxy.threads.push(thread);
        }
        Ok(proxy)
    }

    /// Each shard's counters.
    pub fn cells(&self) -> &[Arc<Cells>] {
        &self.cells
    }

    /// Swaps the world whole. Calls under way keep the old one to their end. Listeners, shards and
    /// engine stay as they were started.
    pub fn reload(&self, world: World) {
        self.shared.world.store(Arc::new(world));
        self.ring();
    }

    /// Wakes every shard: timeouts are checked, changes seen. To be called ten times a second.
    pub fn ring(&self) {
        for mut bell in &self.bells {
            // A full pipe has enough sound in it to wake the shard.
            let _ = bell.write(&[1]);
        }
    }

    /// Stops accepting; idle connections are closed and shards end after their last call.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Release);
        self.ring();
    }

    /// Ends the shards now, whatever is under way.
    pub fn quit(&self) {
        self.shared.quit.store(true, Ordering::Release);
        self.ring();
    }

    /// Whether every shard has ended.
    pub fn ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Whether a shard has ended though nobody asked it to.
    pub fn failed(&self) -> bool {
        !self.shared.draining.load(Ordering::Acquire)
            && !self.shared.quit.load(Ordering::Acquire)
            && self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Waits for the shards' end; the first error of one.
    pub fn join(self) -> io::Result<()> {
        for thread in self.threads {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a shard panicked")))?;
        }
        self.sockets.iter().for_each(SocketFile::remove);
        Ok(())
    }
}

/// A Unix socket that was made here, known by its inode: the path may be another penstock's by the
/// time this one ends.
struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    fn of(bind: &Bind) -> Option<Self> {
        let Bind::Unix { path, .. } = bind else { return None };
        Some(Self { path: path.clone(), inode: inode(path)? })
    }

    fn remove(&self) {
        if inode(&self.path) == Some(self.inode) {
            // Whoever serves there next replaces what is left.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn bind_all(
    bind: &Bind,
    index: usize,
    shards: &mut [Vec<Bound>],
) -> io::Result<Option<SocketAddr>> {
    match bind {
        Bind::Tcp(address) => {
            // Port 0 is the kernel's choice, once; the other shards share what it chose.
            let mut address = *address;
            if address.port() != 0 {
                // With SO_REUSEPORT alone, a second penstock would take half of the connections.
                drop(tcp(address, false)?);
            }
            for shard in shards {
                let listener = tcp(address, true)?;
                listener.set_nonblocking(true)?;
                address = listener.local_addr()?;
                shard.push(Bound::Tcp(listener, index));
            }
            Ok(Some(address))
        }
        Bind::Unix { path, mode } => {
            let listener = unix(path, *mode)?;
            listener.set_nonblocking(true)?;
            for shard in shards {
                shard.push(Bound::Unix(listener.try_clone()?, index));
            }
            Ok(None)
        }
    }
}

fn tcp(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A path left by a dead process is replaced, one that somebody listens on is not.
fn unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::other("the path exists and is not a socket"));
        }
        match UnixStream::connect(path) {
            Ok(_) => return Err(io::Error::from(io::ErrorKind::AddrInUse)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
        std::fs::remove_file(path)?;
    }
    let mode = std::fs::Permissions::from_mode(mode);
    // The file is made with the mode of the socket: at no time may more users connect than in the
    // end. What the umask takes of it is given back.
    let socket = File::from(OwnedFd::from(Socket::new(Domain::UNIX, Type::STREAM, None)?));
    socket.set_permissions(mode.clone())?;
    let socket = Socket::from(OwnedFd::from(socket));
    socket.bind(&SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, mode)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
