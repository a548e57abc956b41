//! `penstock serve`: starts the shards, then watches over them until they end.

mod files;
mod names;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use penstock_config::Snapshot;
use penstock_proxy::{Engine, Proxy, World};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::{Exit, Failure};
use files::Files;
use names::Names;

/// How often shards are woken to check their timeouts, and signals are looked for.
const TICK: Duration = Duration::from_millis(100);
/// How often the files behind the configuration are looked at for changes.
const WATCH: Duration = Duration::from_secs(2);
/// How often a name is resolved anew.
const RESOLVE: Duration = Duration::from_secs(30);

/// Why serving did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// `backend: io_uring` where the kernel does not offer it.
    #[error(
        "io_uring is not available ({0}); allow it (sysctl kernel.io_uring_disabled=0) or write `backend: auto`"
    )]
    Engine(std::io::Error),
    /// Certificates and the like.
    #[error(transparent)]
    World(#[from] penstock_proxy::WorldError),
    /// Sockets and threads.
    #[error(transparent)]
    Start(#[from] penstock_proxy::StartError),
    /// Signals.
    #[error("signals cannot be waited for: {0}")]
    Signals(std::io::Error),
    /// A shard ended by itself.
    #[error("a shard ended unexpectedly: {0}")]
    Shard(std::io::Error),
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::new(Exit::Unavailable, error.to_string())
    }
}

/// Serves until SIGTERM or SIGINT; `path` is read again on SIGHUP and when it changes.
pub(crate) fn run(snapshot: Snapshot, path: PathBuf) -> Result<(), ServeError> {
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
    let mut names = Names::default();
    let world = World::new(snapshot.clone(), &mut |endpoint| names.addresses(endpoint))?;
    let proxy = Proxy::start(world, &engine)?;
    names.resolve();
    for (listener, address) in snapshot.listeners.iter().zip(&proxy.addresses) {
        if let Some(address) = address {
            tracing::info!(listener = listener.name, %address, "listening");
        } else {
            tracing::info!(listener = listener.name, bind = ?listener.bind, "listening");
        }
    }
    let files = Files::of(&snapshot, &path);
    Running { proxy, names, files, path, current: snapshot }.watch(signals)
}

/// What is served, and what may change it.
struct Running {
    proxy: Proxy,
    names: Names,
    files: Files,
    path: PathBuf,
    current: Snapshot,
}

impl Running {
    fn watch(mut self, mut signals: Signals) -> Result<(), ServeError> {
        let mut draining: Option<Instant> = None;
        let (mut watched, mut resolved) = (Instant::now(), Instant::now());
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
                    tracing::info!("draining: no more calls are accepted");
                    self.proxy.drain();
                } else {
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
            }
            if reload && draining.is_none() {
                self.reload();
            }
            if resolved.elapsed() >= RESOLVE {
                resolved = Instant::now();
                self.names.resolve();
            }
        }
    }

    /// Reads the configuration again and puts it to work; on any fault the old one goes on serving.
    fn reload(&mut self) {
        match self.next() {
            Ok((snapshot, world)) => {
                self.proxy.reload(world);
                self.names.resolve();
                self.files = Files::of(&snapshot, &self.path);
                self.current = snapshot;
                tracing::info!("the configuration was reloaded");
            }
            Err(why) => tracing::error!(why, "the configuration was not reloaded"),
        }
    }

    fn next(&mut self) -> Result<(Snapshot, World), String> {
        let loaded = penstock_config::load(&self.path).map_err(|errors| errors.to_string())?;
        let (next, now) = (loaded.snapshot, &self.current);
        let sockets = |snapshot: &Snapshot| -> Vec<_> {
            snapshot.listeners.iter().map(|listener| listener.bind.clone()).collect()
        };
        if sockets(&next) != sockets(now)
            || (next.shards, next.backend) != (now.shards, now.backend)
        {
            return Err("the addresses of `listeners`, `shards` and `backend` are changed by a \
                        restart only"
                .into());
        }
        let names = &mut self.names;
        let world = World::new(next.clone(), &mut |endpoint| names.addresses(endpoint));
        Ok((next, world.map_err(|error| error.to_string())?))
    }
}
