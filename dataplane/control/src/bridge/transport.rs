//! Opening a connection to an upstream's server, within its limits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use penstock_config::{CommandTarget, Process};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use crate::dial::Dialer;
use crate::fault::Fault;
use crate::link::Duplex;
use crate::sse::{self, Patience};
use crate::stdio::{self, Nursery};

/// How long a new session waits for the place of one that is ending.
const PLACE_WAIT: Duration = Duration::from_secs(5);
/// How long a request waits for a server that is to be started again; longer, and it is told when.
const BACKOFF_WAIT: Duration = Duration::from_secs(1);
/// Sessions on one SSE upstream, each with a connection of its own.
pub(crate) const SSE_SESSIONS_MAX: usize = 1024;
/// How long a session on an SSE upstream may be unused.
pub(crate) const SSE_IDLE: Duration = Duration::from_mins(30);

/// How an upstream's server is reached.
pub(crate) enum Kind {
    Stdio {
        target: CommandTarget,
        nursery: Arc<Nursery>,
    },
    /// The dialer, or why there cannot be one.
    Sse {
        dialer: Result<Arc<Dialer>, String>,
        patience: Patience,
    },
}

pub(crate) struct Transport {
    upstream: String,
    kind: Kind,
    places: Arc<Semaphore>,
    backoff: Arc<Mutex<Backoff>>,
}

impl Transport {
    pub(crate) fn new(upstream: &str, kind: Kind) -> Self {
        let places = match &kind {
            Kind::Stdio { target, .. } => usize::try_from(target.processes_max).unwrap_or(1),
            Kind::Sse { .. } => SSE_SESSIONS_MAX,
        };
        Self {
            upstream: upstream.into(),
            kind,
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            backoff: Arc::default(),
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        matches!(&self.kind, Kind::Stdio { target, .. } if target.process == Process::Shared)
    }

    /// Whether its server may be of the modern era; none on the older transport is.
    pub(crate) fn may_be_modern(&self) -> bool {
        matches!(self.kind, Kind::Stdio { .. })
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        match &self.kind {
            Kind::Stdio { target, .. } => target.session_idle_timeout,
            Kind::Sse { .. } => SSE_IDLE,
        }
    }

    /// The server has done what it is for.
    pub(crate) fn served(&self) {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner).served();
    }

    fn wait(&self) -> Option<(Duration, String)> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner).wait(Instant::now())
    }

    /// Opens a connection. One over HTTP carries `headers` with all that it sends.
    pub(crate) async fn open(&self, headers: HeaderMap) -> Result<Duplex, Fault> {
        if let Some((left, message)) = self.wait() {
            if left > BACKOFF_WAIT {
                let retry_after_s = left.as_secs() + 1;
                let message = format!("{message}; it is started again in {left:.1?}");
                return Err(Fault::Busy { message, retry_after_s });
            }
            sleep(left).await;
        }
        let acquire = Arc::clone(&self.places).acquire_owned();
        let Ok(Ok(place)) = timeout(PLACE_WAIT, acquire).await else {
            return Err(self.full());
        };
        match &self.kind {
            Kind::Stdio { target, nursery } => {
                let backoff = Arc::clone(&self.backoff);
                let mourn = move |death: stdio::Obituary| {
                    let mut backoff = backoff.lock().unwrap_or_else(PoisonError::into_inner);
                    backoff.died(death.lived, death.reason, Instant::now());
                };
                stdio::start(&self.upstream, target, nursery, place, mourn).map_err(|error| {
                    let reason = format!(
                        "`{}` of upstream `{}` cannot be started: {error}; check `command`",
                        target.program, self.upstream
                    );
                    self.failed(&reason)
                })
            }
            Kind::Sse { dialer, patience } => {
                let said = |why: &str| format!("upstream `{}`: {why}", self.upstream);
                let dialer = dialer.as_ref().map_err(|why| self.failed(&said(why)))?;
                let opened = sse::open(&self.upstream, dialer, *patience, headers).await;
                let mut duplex = opened.map_err(|error| match error {
                    // It is this client's request that it refuses, and no reason to keep others waiting.
                    sse::OpenError::Status { status, .. } if status.is_client_error() => {
                        let reason = said(&error.to_string());
                        tracing::warn!("{reason}");
                        Fault::Upstream(reason)
                    }
                    error => self.failed(&said(&error.to_string())),
                })?;
                duplex.place = Some(place);
                Ok(duplex)
            }
        }
    }

    fn failed(&self, reason: &str) -> Fault {
        tracing::warn!("{reason}");
        let mut backoff = self.backoff.lock().unwrap_or_else(PoisonError::into_inner);
        backoff.died(Duration::ZERO, reason.into(), Instant::now());
        Fault::Upstream(reason.into())
    }

    fn full(&self) -> Fault {
        let message = match &self.kind {
            Kind::Stdio { target, .. } => format!(
                "upstream `{}` runs its {} processes already; end a session, or raise `processes`",
                self.upstream, target.processes_max
            ),
            Kind::Sse { .. } => format!(
                "upstream `{}` has its {SSE_SESSIONS_MAX} sessions already; end one",
                self.upstream
            ),
        };
        Fault::Busy { message, retry_after_s: 5 }
    }
}
