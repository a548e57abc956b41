//! The configuration compiled for the shards: read by all, changed by none, swapped whole.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use penstock_config::{Endpoint, HttpTarget, Limits, Snapshot, Target, Upstream, UpstreamTls};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::io::{client_config, server_config};
use crate::rules::HostRules;
use crate::upstream::Addresses;

/// Why a valid configuration cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A file of TLS's.
    #[error("{}: {what}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A kind of upstream that this build cannot carry.
    #[error(
        "upstream `{0}`: stdio and HTTP+SSE servers are not bridged yet; give it a Streamable HTTP `url`"
    )]
    NotBridged(String),
    /// A name that TLS cannot verify.
    #[error(
        "upstream `{upstream}`: `{name}` is not a name that a certificate can carry; set `tls.server_name`"
    )]
    ServerName {
        /// The upstream.
        upstream: String,
        /// The name.
        name: String,
    },
}

/// The configuration as the shards use it.
pub struct World {
    pub(crate) snapshot: Snapshot,
    pub(crate) listeners: Vec<Arc<ListenerRules>>,
    pub(crate) upstreams: Vec<Arc<Remote>>,
    routes: HashMap<Vec<u8>, Route>,
}

/// What holds for the connections of one listener.
pub(crate) struct ListenerRules {
    pub(crate) name: String,
    pub(crate) hosts: HostRules,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// Where a path leads.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) server: usize,
    pub(crate) upstream: usize,
}

/// An HTTP endpoint that shards connect to: an upstream, or the control thread in its stead.
pub(crate) struct Remote {
    pub(crate) config: Arc<Upstream>,
    pub(crate) http: HttpTarget,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(crate) addresses: Arc<Addresses>,
}

impl World {
    /// Compiles a configuration: reads certificates and keys. `addresses` gives the cell in which
    /// the addresses of an upstream's endpoint are found.
    pub fn new(
        snapshot: Snapshot,
        addresses: &mut impl FnMut(&Endpoint) -> Arc<Addresses>,
    ) -> Result<Self, WorldError> {
        let listeners = snapshot
            .listeners
            .iter()
            .map(|listener| {
                Ok(Arc::new(ListenerRules {
                    name: listener.name.clone(),
                    hosts: HostRules::new(&listener.hosts, &listener.origins),
                    tls: listener.tls.as_ref().map(server_config).transpose()?,
                }))
            })
            .collect::<Result<_, WorldError>>()?;
        let upstreams = snapshot
            .upstreams
            .iter()
            .map(|upstream| remote(upstream, addresses).map(Arc::new))
            .collect::<Result<_, WorldError>>()?;
        let mut routes = HashMap::new();
        for (index, server) in snapshot.servers.iter().enumerate() {
            let route = Route { server: index, upstream: server.upstream };
            routes.insert(server.path.clone().into_bytes(), route);
        }
        Ok(Self { snapshot, listeners, upstreams, routes })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.snapshot.limits
    }

    pub(crate) fn route(&self, path: &[u8]) -> Option<&Route> {
        self.routes.get(path)
    }
}

fn remote(
    upstream: &Arc<Upstream>,
    addresses: &mut impl FnMut(&Endpoint) -> Arc<Addresses>,
) -> Result<Remote, WorldError> {
    let http = match &upstream.target {
        Target::Http(http) => http.clone(),
        Target::Sse(_) | Target::Command(_) => {
            return Err(WorldError::NotBridged(upstream.name.clone()));
        }
    };
    let tls = http.tls.as_ref().map(|tls| client_tls(upstream, tls)).transpose()?;
    let addresses = addresses(&http.endpoint);
    Ok(Remote { config: Arc::clone(upstream), http, tls, addresses })
}

fn client_tls(
    upstream: &Upstream,
    tls: &UpstreamTls,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), WorldError> {
    let name = ServerName::try_from(tls.server_name.clone()).map_err(|_| {
        WorldError::ServerName { upstream: upstream.name.clone(), name: tls.server_name.clone() }
    })?;
    Ok((client_config(tls)?, name))
}
