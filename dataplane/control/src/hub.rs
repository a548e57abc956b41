//! Every bridge there is, kept in step with the configuration.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::HeaderMap;
use penstock_config::{Endpoint, Snapshot, Target, Upstream};
use tokio::time::timeout;

use crate::bridge::{Bridge, Kind, session_id};
use crate::dial::Dialer;
use crate::legacy::Clients;
use crate::metrics::Metrics;
use crate::resolve::Names;
use crate::sse::Patience;
use crate::stdio::{Nursery, STDIN_GRACE, TERM_GRACE};

/// How long all children together may take to end: each one's graces, and a moment to be reaped.
const END_TIMEOUT: Duration =
    STDIN_GRACE.saturating_add(TERM_GRACE).saturating_add(Duration::from_secs(2));

pub(crate) struct Hub {
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) front: PathBuf,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) names: Arc<Names>,
    pub(crate) nursery: Arc<Nursery>,
    pub(crate) clients: Clients,
    draining: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bridges: HashMap<String, (Arc<Upstream>, Arc<Bridge>)>,
    /// Replaced by a reload; their sessions go on until they end by themselves.
    retired: Vec<Arc<Bridge>>,
}

impl Hub {
    pub(crate) fn new(
        snapshot: Arc<ArcSwap<Snapshot>>,
        front: PathBuf,
        metrics: Arc<Metrics>,
        names: Arc<Names>,
        nursery: Arc<Nursery>,
    ) -> Arc<Self> {
        let clients = Clients::new(Arc::clone(&metrics));
        Arc::new(Self {
            snapshot,
            front,
            metrics,
            names,
            nursery,
            clients,
            draining: AtomicBool::new(false),
            state: Mutex::default(),
        })
    }

    /// Takes up the snapshot as it is now.
    pub(crate) fn apply(&self) {
        let snapshot = self.snapshot.load_full();
        self.names.watch(names(&snapshot));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut state.bridges);
        for upstream in &snapshot.upstreams {
            let bridge = match before.remove(&upstream.name) {
                Some((old, bridge)) if same(&old, upstream) => bridge,
                replaced => {
                    state.retired.extend(replaced.map(|(_, bridge)| bridge));
                    let Some(kind) = self.kind(&snapshot, upstream) else { continue };
                    Bridge::start(&upstream.name, kind, Arc::clone(&self.metrics))
                }
            };
            state.bridges.insert(upstream.name.clone(), (Arc::clone(upstream), bridge));
        }
        state.retired.extend(before.into_values().map(|(_, bridge)| bridge));
        state.retired.retain(|bridge| !bridge.is_over());
        for bridge in &state.retired {
            if !state.bridges.contains_key(bridge.name()) {
                bridge.remove();
            }
        }
    }

    fn kind(&self, snapshot: &Snapshot, upstream: &Upstream) -> Option<Kind> {
        match &upstream.target {
            Target::Http(_) => None,
            Target::Command(target) => {
                Some(Kind::Stdio { target: target.clone(), nursery: Arc::clone(&self.nursery) })
            }
            Target::Sse(target) => {
                let names = Arc::clone(&self.names);
                let dialer = Dialer::new(target.clone(), upstream.connect_timeout, names)
                    .map(Arc::new)
                    .map_err(|error| error.to_string());
                let patience = Patience {
                    first_byte: upstream.first_byte_timeout,
                    idle: upstream.stream_idle_timeout,
                    event_bytes_max: snapshot.limits.event_bytes,
                };
                Some(Kind::Sse { dialer, patience })
            }
        }
    }

    /// The bridge of an upstream; the one of before a reload for a session that began there.
    pub(crate) fn bridge(&self, name: &str, headers: &HeaderMap) -> Option<Arc<Bridge>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let current = state.bridges.get(name).map(|(_, bridge)| bridge);
        let id = session_id(headers).ok();
        let knows = |bridge: &&Arc<Bridge>| id.is_some_and(|id| bridge.session(id).is_some());
        let retired = || state.retired.iter().filter(|bridge| bridge.name() == name).find(knows);
        match current {
            Some(current) if id.is_none() || knows(&current) => Some(current),
            Some(current) => Some(retired().unwrap_or(current)),
            None => retired(),
        }
        .map(Arc::clone)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// No new sessions; streams that no call waits on end.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        for bridge in self.all() {
            bridge.end_gets();
        }
        self.clients.drain();
    }

    /// Ends every session and child, and waits until they are gone.
    pub(crate) async fn end(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.clients.end();
        for bridge in self.all() {
            // One that is just opening a connection holds its lock; its child dies with the runtime.
            let _ = timeout(STDIN_GRACE, bridge.end("penstock is stopping")).await;
        }
        let mut alive = self.nursery.alive.subscribe();
        if timeout(END_TIMEOUT, alive.wait_for(|&alive| alive == 0)).await.is_err() {
            tracing::warn!(children = *alive.borrow(), "children did not end in time; killed");
        }
    }

    fn all(&self) -> Vec<Arc<Bridge>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let current = state.bridges.values().map(|(_, bridge)| bridge);
        current.chain(&state.retired).cloned().collect()
    }
}

/// What a bridge was made from; how shards reach it is not part of that.
fn same(old: &Upstream, new: &Upstream) -> bool {
    match (&old.target, &new.target) {
        (Target::Command(old), Target::Command(new)) => old == new,
        _ => old == new,
    }
}

fn names(snapshot: &Snapshot) -> HashSet<(String, u16)> {
    let targets = snapshot.upstreams.iter().map(|upstream| &upstream.target);
    targets
        .filter_map(|target| match target {
            Target::Http(http) | Target::Sse(http) => match &http.endpoint {
                Endpoint::Name(host, port) => Some((host.clone(), *port)),
                Endpoint::Address(_) | Endpoint::Unix(_) => None,
            },
            Target::Command(_) => None,
        })
        .collect()
}
