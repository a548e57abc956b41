//! Names of upstreams, resolved by the system's resolver beside the shards.

use std::net::ToSocketAddrs as _;
use std::sync::Arc;

use penstock_config::Endpoint;
use penstock_proxy::Addresses;

/// Every name that an upstream was configured with.
#[derive(Default)]
pub(super) struct Names(Vec<Name>);

#[derive(Clone)]
struct Name {
    host: String,
    port: u16,
    addresses: Arc<Addresses>,
}

impl Names {
    /// Where the addresses of an endpoint are found.
    pub(super) fn addresses(&mut self, endpoint: &Endpoint) -> Arc<Addresses> {
        let (host, port) = match endpoint {
            Endpoint::Address(address) => return Addresses::fixed(*address),
            Endpoint::Unix(_) => return Addresses::unresolved("a Unix socket"),
            Endpoint::Name(host, port) => (host, *port),
        };
        if let Some(known) = self.0.iter().find(|name| name.host == *host && name.port == port) {
            return Arc::clone(&known.addresses);
        }
        let addresses = Addresses::unresolved(host);
        self.0.push(Name { host: host.clone(), port, addresses: Arc::clone(&addresses) });
        addresses
    }

    /// Resolves all, on a thread of its own: the system's resolver may block for long.
    pub(super) fn resolve(&self) {
        if self.0.is_empty() {
            return;
        }
        let names = self.0.clone();
        let resolver = std::thread::Builder::new().name("resolver".into());
        let spawned = resolver.spawn(move || names.iter().for_each(Name::resolve));
        if let Err(error) = spawned {
            tracing::error!(%error, "names cannot be resolved");
        }
    }
}

impl Name {
    fn resolve(&self) {
        match (self.host.as_str(), self.port).to_socket_addrs() {
            Ok(found) => self.addresses.set(Ok(found.collect())),
            Err(error) => {
                tracing::warn!(host = self.host, %error, "an upstream's name was not resolved");
                // The last good answer is better than none.
                self.addresses.keep_or(format!("`{}`: {error}", self.host));
            }
        }
    }
}
