//! Names. Upstreams' are resolved again as their records expire, and the last good answer is kept while
//! a name server fails; any other name is resolved when a forward listener asks for it. A host without
//! a name server still resolves what its hosts file knows.

mod hosts;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::proto::rr::RecordType;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::metrics::Metrics;

/// An answer is asked for again no sooner and no later than this, whatever its TTL says.
pub(crate) const TTL_MIN: Duration = Duration::from_secs(5);
pub(crate) const TTL_MAX: Duration = Duration::from_mins(5);
/// How soon a change of the hosts file is seen.
pub(crate) const HOSTS_TTL: Duration = Duration::from_secs(10);
/// After a failure: first wait and longest.
pub(crate) const RETRY_FIRST: Duration = Duration::from_secs(1);
pub(crate) const RETRY_MAX: Duration = Duration::from_mins(1);
/// How long one resolution may take, all name servers and retries included.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(15);
/// Addresses of a name that are used.
const ADDRESSES_MAX: usize = 32;

/// The addresses of a name in the order to try them, or why there are none.
pub type Resolution = Result<Vec<SocketAddr>, String>;

/// Who is told of a host's and port's addresses.
pub type Resolved = Arc<dyn Fn(&str, u16, Resolution) + Send + Sync>;

type Name = (String, u16);

/// How often a name is asked for.
#[derive(Debug, Clone, Copy)]
struct Pace {
    ttl_min: Duration,
    ttl_max: Duration,
    retry_first: Duration,
    retry_max: Duration,
    lookup_timeout: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            ttl_min: TTL_MIN,
            ttl_max: TTL_MAX,
            retry_first: RETRY_FIRST,
            retry_max: RETRY_MAX,
            lookup_timeout: LOOKUP_TIMEOUT,
        }
    }
}

pub(crate) struct Names {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    pace: Pace,
    resolved: Resolved,
    metrics: Arc<Metrics>,
    dns: Mutex<Option<(SystemTime, TokioResolver)>>,
    watched: Mutex<HashMap<Name, Watched>>,
}

struct Watched {
    latest: watch::Receiver<Option<Resolution>>,
    task: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Names {
    pub(crate) fn new(resolved: Resolved, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            pace: Pace::default(),
            resolved,
            metrics,
            dns: Mutex::new(None),
            watched: Mutex::new(HashMap::new()),
        })
    }

    /// Resolves these names from now on, and no others.
    pub(crate) fn watch(self: &Arc<Self>, names: HashSet<Name>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|name, _| names.contains(name));
        for name in names {
            watched.entry(name).or_insert_with_key(|name| {
                let (sender, latest) = watch::channel(None);
                let task = tokio::spawn(Arc::clone(self).follow(name.clone(), sender));
                Watched { latest, task: task.abort_handle() }
            });
        }
    }

    /// The addresses of a watched name, once there is a first answer.
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> Resolution {
        let latest = {
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.get(&(host.to_owned(), port)).map(|name| name.latest.clone())
        };
        let Some(mut latest) = latest else {
            return Err(format!("`{host}` is no longer part of the configuration"));
        };
        match latest.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| Err("no answer".into())),
            Err(_) => Err(format!("`{host}` is no longer part of the configuration")),
        }
    }

    async fn follow(
        self: Arc<Self>,
        (host, port): Name,
        latest: watch::Sender<Option<Resolution>>,
    ) {
        let mut known = false;
        let pace = self.pace;
        let mut retry = pace.retry_first;
        loop {
            self.metrics.resolutions.inc();
            let answer = match timeout(pace.lookup_timeout, self.lookup(&host)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no name server answered within {:?}", pace.lookup_timeout)),
            };
            match answer {
                Ok((addresses, ttl)) => {
                    let answer: Vec<_> =
                        addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
                    let unchanged =
                        matches!(&*latest.borrow(), Some(Ok(before)) if *before == answer);
                    if !unchanged {
                        tracing::info!(host, ?answer, "resolved");
                        (self.resolved)(&host, port, Ok(answer.clone()));
                        latest.send_replace(Some(Ok(answer)));
                    }
                    known = true;
                    retry = pace.retry_first;
                    sleep(ttl.clamp(pace.ttl_min, pace.ttl_max)).await;
                }
                Err(why) => {
                    self.metrics.resolution_failures.inc();
                    let why = format!("`{host}` cannot be resolved: {why}");
                    if known {
                        tracing::warn!("{why}; its last addresses are kept");
                    } else {
                        tracing::warn!("{why}");
                        (self.resolved)(&host, port, Err(why.clone()));
                        latest.send_replace(Some(Err(why)));
                    }
                    sleep(retry).await;
                    retry = (retry * 2).min(pace.retry_max);
                }
            }
        }
    }

    /// The addresses of a name that nobody watches, and how long they hold. It is a whole name: the
    /// system's search domains are not tried behind it.
    pub(crate) async fn resolve(&self, host: &str) -> Result<(Vec<IpAddr>, Duration), String> {
        self.metrics.resolutions.inc();
        let whole = format!("{}.", host.trim_end_matches('.'));
        let limit = self.pace.lookup_timeout;
        let answer = match timeout(limit, self.lookup(&whole)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no name server answered within {limit:?}")),
        };
        let (addresses, ttl) = answer.inspect_err(|_| self.metrics.resolution_failures.inc())?;
        Ok((addresses, ttl.clamp(self.pace.ttl_min, self.pace.ttl_max)))
    }

    async fn lookup(&self, host: &str) -> Result<(Vec<IpAddr>, Duration), String> {
        let listed = hosts::known(&self.hosts, host);
        if !listed.is_empty() {
            return Ok((interleaved(listed), HOSTS_TTL));
        }
        let dns = self.dns()?;
        let (v6, v4) =
            tokio::join!(dns.lookup(host, RecordType::AAAA), dns.lookup(host, RecordType::A));
        let mut addresses = Vec::new();
        let mut until: Option<Instant> = None;
        for lookup in [&v6, &v4].into_iter().flatten() {
            addresses.extend(lookup.answers().iter().filter_map(|record| record.data.ip_addr()));
            until = Some(until.map_or(lookup.valid_until(), |at| at.min(lookup.valid_until())));
        }
        match (addresses.is_empty(), v4) {
            (false, _) => {
                let ttl = until.map_or(TTL_MIN, |at| at.saturating_duration_since(Instant::now()));
                Ok((interleaved(addresses), ttl))
            }
            (true, Err(error)) => Err(error.to_string()),
            (true, Ok(_)) => Err("it has no address".into()),
        }
    }

    /// The resolver for the system's configuration as it is now: a mended file mends the names.
    fn dns(&self) -> Result<TokioResolver, String> {
        let changed = std::fs::metadata(&self.resolv_conf)
            .and_then(|file| file.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let mut dns = self.dns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, resolver)) = &*dns
            && *at == changed
        {
            return Ok(resolver.clone());
        }
        let broken = |error| format!("{}: {error}", self.resolv_conf.display());
        let mut builder = TokioResolver::builder_tokio().map_err(broken)?;
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(broken)?;
        *dns = Some((changed, resolver.clone()));
        Ok(resolver)
    }
}

/// IPv6 and IPv4 in turn, IPv6 first (RFC 8305, section 4): whoever connects to them in order, a
/// moment apart, is not held up by a family that does not work.
fn interleaved(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv6);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut out = Vec::new();
    loop {
        let before = out.len();
        out.extend(v6.next());
        out.extend(v4.next());
        if out.len() == before || out.len() >= ADDRESSES_MAX {
            return out;
        }
    }
}
