//! `penstock serve`: starts the shards, then watches over them until they end.

mod agents;
mod files;
mod inside;
mod inspection;
mod names;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use penstock_config::{Bind, Snapshot};
use penstock_control::{Control, Handle, Options};
use penstock_egress::Policy;
use penstock_metrics::Cells;
use penstock_proxy::{Attest, Engine, Inside, Proxy, World};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing_appender::non_blocking::ErrorCounter;

use crate::exit::{Exit, Failure};
use agents::Agents;
use files::Files;
use inside::Directory;
use inspection::{Next, Ready};
use names::Names;

/// How often shards are woken to check their timeouts, and signals are looked for.
const TICK: Duration = Duration::from_millis(100);
/// How often the files behind the configuration are looked at for changes.
const WATCH: Duration = Duration::from_secs(2);

/// Why serving did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// `backend: io_uring` where the kernel does not offer it.
    #[error(
        "io_uring is not available ({0}); allow it (sysctl kernel.io_uring_disabled=0) or write `backend: auto`"
    )]
    Engine(std::io::Error),
    /// What looks into messages.
    #[error("{0}")]
    Inspection(String),
    /// Certificates and the like.
    #[error(transparent)]
    World(#[from] penstock_proxy::WorldError),
    /// Sockets and threads.
    #[error(transparent)]
    Start(#[from] penstock_proxy::StartError),
    /// The directory for the inner sockets.
    #[error(
        "no directory for the inner sockets can be made in {}: {error}; set XDG_RUNTIME_DIR to one where it can",
        path.display()
    )]
    Directory {
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The control thread.
    #[error(transparent)]
    Control(#[from] penstock_control::ControlError),
    /// Signals.
    #[error("signals cannot be waited for: {0}")]
    Signals(std::io::Error),
    /// A shard ended by itself.
    #[error("a shard ended unexpectedly: {0}")]
    Shard(std::io::Error),
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let exit = match error {
            // As `check` says of the same file.
            ServeError::World(_) | ServeError::Inspection(_) => Exit::Config,
            _ => Exit::Unavailable,
        };
        Self::new(exit, error.to_string())
    }
}

/// Serves until SIGTERM or SIGINT; `path` is read again on SIGHUP and when it changes.
pub(crate) fn run(snapshot: Snapshot, path: PathBuf, lost: ErrorCounter) -> Result<(), ServeError> {
    let engine = penstock_proxy::choose_engine(snapshot.backend).map_err(ServeError::Engine)?;
    match &engine {
        Engine::IoUring => tracing::info!("shards run on io_uring"),
        Engine::Epoll(why) => tracing::warn!(why, "shards run on epoll"),
    }
    match penstock_proxy::raise_descriptor_limit() {
        Ok(limit) => tracing::info!(limit, "open descriptors"),
        Err(error) => tracing::warn!(%error, "the limit of open descriptors stays as it is"),
    }
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(ServeError::Signals)?;
    let directory = Directory::new(&inside::base())
        .map_err(|(path, error)| ServeError::Directory { path, error })?;
    let inside = directory.sockets();
    let names = Arc::new(Names::default());
    let (inspection, guards) =
        Ready::new(&snapshot, &path, &Ready::default()).map_err(ServeError::Inspection)?;
    let mut addresses = |host: &str, port| names.addresses(host, port);
    let world = World::new(snapshot.clone(), &inside, &guards, &mut addresses)?;
    let agents = Arc::new(Agents::new(&snapshot));
    let state = Arc::new(State {
        engine,
        cells: OnceLock::new(),
        draining: AtomicBool::new(false),
        reload_failures: AtomicU64::new(0),
        lost,
        agents: Arc::clone(&agents),
        inspection: ArcSwap::from_pointee(inspection),
    });
    let control = Control::start(options(&snapshot, &inside, &names, &state))?;
    let proxy = Proxy::start(world, &state.engine, Some(Arc::clone(&agents) as Arc<dyn Attest>))?;
    // Set once, here.
    let _ = state.cells.set(proxy.cells().to_vec());
    for (listener, address) in snapshot.listeners.iter().zip(&proxy.addresses) {
        if let Some(address) = address {
            tracing::info!(listener = listener.name, %address, "listening");
        } else {
            let path = match &listener.bind {
                Bind::Unix { path, .. } => path.display().to_string(),
                Bind::Tcp(address) => address.to_string(),
            };
            tracing::info!(listener = listener.name, path, "listening");
        }
    }
    let files = Files::of(&snapshot, &path, state.inspection.load().files());
    let running = Running {
        proxy,
        control,
        state,
        names,
        inside,
        files,
        path,
        current: snapshot,
        next: None,
        again: false,
        _directory: directory,
    };
    running.watch(signals)
}

fn options(
    snapshot: &Snapshot,
    inside: &Inside,
    names: &Arc<Names>,
    state: &Arc<State>,
) -> Options {
    let (names, counted, asked) = (Arc::clone(names), Arc::clone(state), Arc::clone(state));
    Options {
        socket: inside.control.clone(),
        front: inside.front.clone(),
        snapshot: Arc::new(ArcSwap::from_pointee(snapshot.clone())),
        metrics: Arc::new(move || counted.metrics()),
        ready: Arc::new(move || asked.ready()),
        resolved: Arc::new(move |host, port, answer| names.resolved(host, port, answer)),
        environment: std::env::vars_os().collect(),
    }
}

/// Whether messages are looked into as before, and sealed with another key.
fn has_other_key(next: &Snapshot, now: &Snapshot) -> bool {
    next.inspection
        .as_ref()
        .zip(now.inspection.as_ref())
        .is_some_and(|(next, now)| next.key != now.key)
}

/// What of a configuration the kernel has to be told, by who may.
fn policies(snapshot: &Snapshot) -> (&Path, Vec<Policy>) {
    let agents = snapshot.agents.iter();
    (&snapshot.egress.bpffs, agents.map(|agent| Policy::of(snapshot, agent)).collect())
}

/// What operators ask of a running penstock.
struct State {
    engine: Engine,
    /// Empty until the shards run.
    cells: OnceLock<Vec<Arc<Cells>>>,
    draining: AtomicBool,
    /// Reloads that left the old configuration serving.
    reload_failures: AtomicU64,
    /// Lines of the log that nobody read in time.
    lost: ErrorCounter,
    agents: Arc<Agents>,
    inspection: ArcSwap<Ready>,
}

impl State {
    fn ready(&self) -> Result<(), String> {
        if self.cells.get().is_none() {
            return Err("the shards do not run yet".into());
        }
        if self.draining.load(Ordering::Relaxed) { Err("draining".into()) } else { Ok(()) }
    }

    fn not_reloaded(&self, why: &str) {
        self.reload_failures.fetch_add(1, Ordering::Relaxed);
        tracing::error!(why, "the configuration was not reloaded");
    }

    fn metrics(&self) -> String {
        let mut out = penstock_metrics::render(self.cells.get().map_or(&[][..], Vec::as_slice));
        let (version, engine) = (env!("CARGO_PKG_VERSION"), self.engine.name());
        let lost = self.lost.dropped_lines();
        let failures = self.reload_failures.load(Ordering::Relaxed);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "# HELP penstock_info Always 1: what runs, and on which kernel interface.\n\
             # TYPE penstock_info gauge\n\
             penstock_info{{version=\"{version}\",engine=\"{engine}\"}} 1\n\
             # HELP penstock_log_lines_lost_total Lines of the log that were not written.\n\
             # TYPE penstock_log_lines_lost_total counter\n\
             penstock_log_lines_lost_total {lost}\n\
             # HELP penstock_config_reload_failures_total Reloads that left the old configuration serving.\n\
             # TYPE penstock_config_reload_failures_total counter\n\
             penstock_config_reload_failures_total {failures}"
        );
        self.inspection.load().metrics(&mut out);
        self.agents.metrics(&mut out);
        out
    }
}

/// What is served, and what may change it. Fields end in their order: the control thread's children
/// after the calls to them, the sockets' directory last.
struct Running {
    proxy: Proxy,
    control: Handle,
    state: Arc<State>,
    names: Arc<Names>,
    inside: Inside,
    files: Files,
    path: PathBuf,
    current: Snapshot,
    /// A configuration that was read and whose rules are being made ready.
    next: Option<Next>,
    /// Whether it is to be read again after that.
    again: bool,
    _directory: Directory,
}

impl Running {
    fn watch(mut self, mut signals: Signals) -> Result<(), ServeError> {
        let mut draining: Option<Instant> = None;
        let mut watched = Instant::now();
        loop {
            std::thread::sleep(TICK);
            self.proxy.ring();
            if self.proxy.failed() {
                let silent = || std::io::Error::other("it returned without an error");
                return Err(ServeError::Shard(self.proxy.join().err().unwrap_or_else(silent)));
            }
            let mut reload = false;
            for signal in signals.pending() {
                if signal == SIGHUP {
                    reload = true;
                } else if draining.replace(Instant::now()).is_none() {
                    self.drain();
                } else {
                    tracing::info!("a second signal: calls under way are cut");
                    self.proxy.quit();
                }
            }
            if self.proxy.ended() {
                return self.proxy.join().map_err(ServeError::Shard);
            }
            let limit = self.current.limits.drain_timeout;
            if draining.is_some_and(|since| since.elapsed() >= limit) {
                tracing::warn!("calls were under way at the end of `limits.drain_timeout`");
                self.proxy.quit();
                return self.proxy.join().map_err(ServeError::Shard);
            }
            if watched.elapsed() >= WATCH {
                watched = Instant::now();
                reload |= self.files.changed();
                self.state.agents.look(&self.current);
            }
            if draining.is_none() {
                self.again |= reload;
                self.reload();
            }
        }
    }

    fn drain(&self) {
        tracing::info!("draining: no more calls are accepted");
        self.state.draining.store(true, Ordering::Relaxed);
        self.proxy.drain();
        self.control.drain();
    }

    /// Reads the configuration again where it is asked for, and puts it to work once its rules are ready; on any
    /// fault the old one goes on serving. Rules take long: shards are rung meanwhile.
    fn reload(&mut self) {
        if self.next.is_none() && std::mem::take(&mut self.again) {
            match self.load() {
                Ok(snapshot) => {
                    let before = self.state.inspection.load_full();
                    self.next = Some(Next::begin(snapshot, &self.path, before));
                }
                Err(why) => self.state.not_reloaded(&why),
            }
        }
        let Some(next) = self.next.take_if(|next| next.is_ready()) else { return };
        let put = next.end().and_then(|(snapshot, inspection, guards)| {
            let mut addresses = |host: &str, port| self.names.addresses(host, port);
            let world = World::new(snapshot.clone(), &self.inside, &guards, &mut addresses);
            Ok((snapshot, inspection, world.map_err(|error| error.to_string())?))
        });
        match put {
            Ok((snapshot, inspection, world)) => {
                // The control thread first: a call to a new upstream must find it there.
                self.control.reload(Arc::new(snapshot.clone()));
                self.proxy.reload(world);
                self.names.keep(&snapshot);
                self.files = Files::of(&snapshot, &self.path, inspection.files());
                self.state.inspection.store(Arc::new(inspection));
                if policies(&snapshot) != policies(&self.current) {
                    // Serving takes no privilege, and this does.
                    tracing::warn!("`penstock egress apply` puts the change of agents in force");
                }
                if has_other_key(&snapshot, &self.current) {
                    tracing::warn!(
                        "`inspection.key` is another: calls with placeholders that were sealed before are blocked, \
                         and a value has another fingerprint than before"
                    );
                }
                self.current = snapshot;
                tracing::info!("the configuration was reloaded");
            }
            Err(why) => self.state.not_reloaded(&why),
        }
    }

    fn load(&self) -> Result<Snapshot, String> {
        let loaded = penstock_config::load(&self.path).map_err(|errors| errors.to_string())?;
        let (next, now) = (loaded.snapshot, &self.current);
        let sockets = |snapshot: &Snapshot| -> Vec<_> {
            let listeners = snapshot.listeners.iter();
            listeners.map(|listener| (listener.bind.clone(), listener.forward)).collect()
        };
        if sockets(&next) != sockets(now)
            || (next.shards, next.backend) != (now.shards, now.backend)
        {
            return Err(
                "the addresses and `forward` of `listeners`, `shards` and `backend` are changed \
                        by a restart only"
                    .into(),
            );
        }
        if (next.log.level, next.log.format) != (now.log.level, now.log.format) {
            tracing::warn!("`log.level` and `log.format` are changed by a restart only");
        }
        Ok(next)
    }
}
