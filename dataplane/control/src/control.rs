//! The control thread: its start, what it is told, its end.

use std::ffi::OsString;
use std::fs::{DirBuilder, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use penstock_config::Snapshot;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

use crate::admin::{Admin, Facts};
use crate::door;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::resolve::{Names, Resolved};
use crate::serve;
use crate::stdio::{Guard, Nursery};

/// What the control thread needs of the rest of penstock.
pub struct Options {
    /// Where it listens for the shards. The directory is made, for this user alone, and must not be
    /// open to any other.
    pub socket: PathBuf,
    /// A Unix socket on which the shards serve, for clients of the older transport to go through.
    pub front: PathBuf,
    /// The configuration, swapped whole by [`Handle::reload`].
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The shards' counters as Prometheus text; the control thread's own are appended.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether calls are served, or why not.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Told of the addresses of every upstream's name, each time they change.
    pub resolved: Resolved,
    /// Penstock's own environment; children get `PATH`, `HOME`, `LANG` and `TMPDIR` of it.
    pub environment: Vec<(OsString, OsString)>,
}

/// Why the control thread cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No thread or runtime.
    #[error("the control thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// The directory of the internal socket.
    #[error("directory {} for the internal socket: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The directory belongs or is open to somebody else.
    #[error(
        "directory {} for the internal socket is not this user's alone (mode {mode:o}, owner {owner}); \
         remove it, or `chmod 700` it",
        path.display()
    )]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Its owner's id.
        owner: u32,
    },
    /// The internal socket.
    #[error("the internal socket {} cannot be opened: {error}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The admin listener.
    #[error("the admin listener cannot be opened at {address}: {error}; change `admin.address`")]
    Admin {
        /// Its address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
}

enum Command {
    Reload,
    Drain,
}

/// The control thread.
pub struct Control;

impl Control {
    /// Starts the thread; returns once it listens.
    pub fn start(options: Options) -> Result<Handle, ControlError> {
        let (commands, to_run) = mpsc::unbounded_channel();
        let (started, starting) = std::sync::mpsc::sync_channel(1);
        let snapshot = Arc::clone(&options.snapshot);
        let thread = std::thread::Builder::new()
            .name("penstock-control".into())
            .spawn(move || {
                let runtime =
                    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                        Ok(runtime) => runtime,
                        Err(error) => {
                            let _ = started.send(Err(ControlError::Thread(error)));
                            return;
                        }
                    };
                runtime.block_on(async move {
                    match Running::start(options).await {
                        Ok(running) => {
                            let _ = started.send(Ok(()));
                            running.run(to_run).await;
                        }
                        Err(error) => {
                            let _ = started.send(Err(error));
                        }
                    }
                });
            })
            .map_err(ControlError::Thread)?;
        let gone = || ControlError::Thread(std::io::Error::other("it ended before it listened"));
        starting.recv().map_err(|_| gone())??;
        Ok(Handle { commands: Some(commands), thread: Some(thread), snapshot })
    }
}

/// A running control thread. Dropping it stops it, as [`Handle::stop`] does.
pub struct Handle {
    /// Closed to stop.
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
}

impl Handle {
    /// Makes `snapshot` the one that everybody sees, and takes it up. Sessions on an upstream that
    /// it changes go on with the server they began with; on one that it no longer has they end as
    /// soon as no call waits.
    pub fn reload(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.store(snapshot);
        self.tell(Command::Reload);
    }

    /// Refuses new sessions and ends the streams that no call waits on; calls are finished.
    pub fn drain(&self) {
        self.tell(Command::Drain);
    }

    /// Ends every session and every child process, and the thread. Takes some seconds where a child
    /// ignores the end of its stdin.
    pub fn stop(self) {
        drop(self);
    }

    fn tell(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // A thread that is gone has nothing to reload or drain.
            let _ = commands.send(command);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread panicked");
        }
    }
}

struct Running {
    hub: Arc<Hub>,
    admin: Admin,
    socket: PathBuf,
}

impl Running {
    async fn start(options: Options) -> Result<Self, ControlError> {
        let Options { socket, front, snapshot, metrics: shards, ready, resolved, environment } =
            options;
        let listener = listen(&socket)?;
        let metrics = Arc::new(Metrics::default());
        let names = Names::new(resolved, Arc::clone(&metrics));
        let nursery = Arc::new(Nursery {
            environment,
            guard: Guard::default(),
            metrics: Arc::clone(&metrics),
            alive: watch::Sender::new(0),
        });
        let admin = Admin::new(Facts { shards, ready, metrics: Arc::clone(&metrics) });
        let address = snapshot.load().admin.map(|admin| admin.address);
        if let Err(error) = admin.listen(address).await
            && let Some(address) = address
        {
            return Err(ControlError::Admin { address, error });
        }
        let hub = Hub::new(snapshot, front, metrics, names, nursery);
        hub.apply();
        tokio::spawn(serve::door(listener, door::router(Arc::clone(&hub))));
        Ok(Self { hub, admin, socket })
    }

    async fn run(self, mut commands: mpsc::UnboundedReceiver<Command>) {
        while let Some(command) = commands.recv().await {
            match command {
                Command::Drain => self.hub.drain(),
                Command::Reload => {
                    self.hub.apply();
                    let address = self.hub.snapshot.load().admin.map(|admin| admin.address);
                    if let Err(error) = self.admin.listen(address).await {
                        tracing::error!(?address, %error, "the admin listener cannot be moved; it stays where it was");
                    }
                }
            }
        }
        self.hub.end().await;
        // What is left of it would be refused anyway.
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Opens the internal socket in a directory of this user's alone.
fn listen(socket: &Path) -> Result<UnixListener, ControlError> {
    let directory = socket.parent().unwrap_or(Path::new("/"));
    let bad = |error| ControlError::Directory { path: directory.into(), error };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(bad)?;
    let found = std::fs::symlink_metadata(directory).map_err(bad)?;
    let (mode, owner) = (found.mode() & 0o7777, found.uid());
    if !found.is_dir() || mode & 0o077 != 0 || owner != rustix::process::geteuid().as_raw() {
        return Err(ControlError::Open { path: directory.into(), mode, owner });
    }
    let bad = |error| ControlError::Socket { path: socket.into(), error };
    // Left by a penstock that was killed.
    if std::fs::symlink_metadata(socket).is_ok_and(|found| found.file_type().is_socket()) {
        std::fs::remove_file(socket).map_err(bad)?;
    }
    let listener = UnixListener::bind(socket).map_err(bad)?;
    std::fs::set_permissions(socket, Permissions::from_mode(0o600)).map_err(bad)?;
    Ok(listener)
}
