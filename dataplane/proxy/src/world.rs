//! The configuration compiled for the shards: read by all, changed by none, swapped whole.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use penstock_config::{
    Agent, Endpoint, HostHeader, Hosts, HttpTarget, Limits, Snapshot, Target, Upstream, UpstreamTls,
};
use penstock_http1::HeadLimits;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::guard::Guard;
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

/// Where shards and control thread meet: two Unix sockets that only this process may use.
#[derive(Debug, Clone)]
pub struct Inside {
    /// On which the control thread serves the shards.
    pub control: PathBuf,
    /// On which the shards serve the control thread.
    pub front: PathBuf,
}

/// The configuration as the shards use it.
pub struct World {
    pub(crate) snapshot: Snapshot,
    /// Those of the configuration in its order, then the inner one.
    pub(crate) listeners: Vec<Arc<ListenerRules>>,
    /// Those of the configuration in its order, then the control thread.
    pub(crate) remotes: Vec<Arc<Remote>>,
    /// The path of the inner listener.
    pub(crate) front: PathBuf,
    /// By path. On each call: a few comparisons cost less than a hash that nobody can aim at.
    routes: BTreeMap<Vec<u8>, Route>,
    /// By what the kernel knows them by.
    agents: HashMap<u64, Arc<Agent>>,
}

/// What holds for the connections of one listener.
pub(crate) struct ListenerRules {
    /// Its place in [`World::listeners`], the same in every world.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) hosts: HostRules,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Whether it is for the control thread alone, which speaks for agents.
    pub(crate) inner: bool,
    /// Whether it forwards what is not MCP.
    pub(crate) forward: bool,
}

/// Where a path leads.
pub(crate) struct Route {
    /// Which of the configuration's servers it belongs to.
    pub(crate) server: usize,
    /// Which of [`World::remotes`] serves it.
    pub(crate) remote: usize,
    /// What looks into its messages.
    pub(crate) guard: Option<Arc<Guard>>,
    /// Whether they are looked into behind another path.
    pub(crate) guarded_elsewhere: bool,
    /// The path and query to ask that for.
    pub(crate) target: String,
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
    /// the addresses of a name and port are found. `guards` look into the messages of virtual servers.
    pub fn new(
        snapshot: Snapshot,
        inside: &Inside,
        guards: &[Option<Arc<Guard>>],
        addresses: &mut impl FnMut(&str, u16) -> Arc<Addresses>,
    ) -> Result<Self, WorldError> {
        let listeners = snapshot.listeners.iter().enumerate().map(|(index, listener)| {
            Ok(Arc::new(ListenerRules {
                index,
                name: listener.name.clone(),
                hosts: HostRules::new(&listener.hosts, &listener.origins),
                tls: listener.tls.as_ref().map(server_config).transpose()?,
                inner: false,
                forward: listener.forward,
            }))
        });
        let mut listeners = listeners.collect::<Result<Vec<_>, WorldError>>()?;
        listeners.push(Arc::new(ListenerRules {
            index: listeners.len(),
            name: "inner".into(),
            hosts: HostRules::new(&Hosts::These(vec![INNER_HOST.into()]), &[]),
            tls: None,
            inner: true,
            forward: false,
        }));
        let upstreams = snapshot.upstreams.iter();
        let remotes =
            upstreams.map(|upstream| Remote::new(upstream, inside, addresses).map(Arc::new));
        let mut remotes = remotes.collect::<Result<Vec<_>, WorldError>>()?;
        remotes.push(Arc::new(Remote::control(inside)));
        let routes = routes(&snapshot, &remotes, guards);
        let agents = snapshot.agents.iter().map(|agent| (agent.id, Arc::clone(agent))).collect();
        Ok(Self { snapshot, listeners, remotes, front: inside.front.clone(), routes, agents })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.snapshot.limits
    }

    /// How large a head may be.
    pub(crate) fn head_limits(&self) -> HeadLimits {
        let limits = self.limits();
        HeadLimits {
            bytes: limits.head_bytes as usize,
            fields: limits.head_fields as usize,
            target: limits.target_bytes as usize,
        }
    }

    /// Which of [`World::remotes`] is the control thread.
    pub(crate) fn control(&self) -> usize {
        self.snapshot.upstreams.len()
    }

    pub(crate) fn agent(&self, id: u64) -> Option<&Arc<Agent>> {
        self.agents.get(&id)
    }

    pub(crate) fn route(&self, path: &[u8]) -> Option<&Route> {
        self.routes.get(path)
    }

    /// What looks into the messages of one virtual server or another.
    pub(crate) fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.routes.values().filter_map(|route| route.guard.as_deref())
    }
}

/// Each server's path and, for agents of revision 2024-11-05, the two below it.
fn routes(
    snapshot: &Snapshot,
    remotes: &[Arc<Remote>],
    guards: &[Option<Arc<Guard>>],
) -> BTreeMap<Vec<u8>, Route> {
    let mut routes = BTreeMap::new();
    let control = remotes.len() - 1;
    for (index, server) in snapshot.servers.iter().enumerate() {
        for end in ["sse", "messages"] {
            let target = format!("/legacy/{}/{end}", server.name);
            // What goes by these comes back to the server's own path, and is looked into there.
            let guarded_elsewhere = guards.get(index).is_some_and(Option::is_some);
            let route =
                Route { server: index, remote: control, guard: None, guarded_elsewhere, target };
            routes.insert(format!("{}/{end}", server.path).into_bytes(), route);
        }
    }
    for (index, server) in snapshot.servers.iter().enumerate() {
        let target = remotes[server.upstream].http.path.clone();
        let guard = guards.get(index).cloned().flatten();
        let remote = server.upstream;
        let route = Route { server: index, remote, guard, guarded_elsewhere: false, target };
        routes.insert(server.path.clone().into_bytes(), route);
    }
    routes
}

/// What shards and control thread say to each other as `Host`.
const INNER_HOST: &str = "localhost";
/// How long the control thread may be silent. It answers slow calls with a stream and keeps that
/// alive, so this is met only where it hangs.
const CONTROL_SILENT_MAX: Duration = Duration::from_mins(5);

impl Remote {
    fn new(
        upstream: &Arc<Upstream>,
        inside: &Inside,
        addresses: &mut impl FnMut(&str, u16) -> Arc<Addresses>,
    ) -> Result<Self, WorldError> {
        let http = match &upstream.target {
            Target::Http(http) => http.clone(),
            Target::Sse(_) | Target::Command(_) => {
                on_control(&inside.control, format!("/bridge/{}", upstream.name))
            }
        };
        let tls = http.tls.as_ref().map(|tls| client_tls(upstream, tls)).transpose()?;
        let addresses = match &http.endpoint {
            Endpoint::Name(host, port) => addresses(host, *port),
            Endpoint::Address(address) => Addresses::fixed(*address),
            Endpoint::Unix(_) => Addresses::unresolved("a Unix socket"),
        };
        Ok(Self { config: Arc::clone(upstream), http, tls, addresses })
    }

    /// The control thread itself.
    fn control(inside: &Inside) -> Self {
        let http = on_control(&inside.control, "/".into());
        let config = Arc::new(Upstream {
            name: "control".into(),
            target: Target::Http(http.clone()),
            connections_max: u32::MAX,
            idle_timeout: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: CONTROL_SILENT_MAX,
            stream_idle_timeout: CONTROL_SILENT_MAX,
            via: false,
            // What it forwards must still say whom it is for.
            forwarded: true,
        });
        Self { config, http, tls: None, addresses: Addresses::unresolved("a Unix socket") }
    }
}

fn on_control(socket: &Path, path: String) -> HttpTarget {
    HttpTarget {
        endpoint: Endpoint::Unix(socket.to_owned()),
        tls: None,
        path,
        authority: INNER_HOST.into(),
        host: HostHeader::Upstream,
    }
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
