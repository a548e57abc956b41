//! Upstreams' names: the control thread resolves them, the shards read the answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use penstock_config::{Endpoint, Snapshot, Target};
use penstock_control::Resolution;
use penstock_proxy::Addresses;

/// A cell of addresses a name and port.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<(String, u16), Arc<Addresses>>>);

impl Names {
    /// Where the addresses of a name and port are found.
    pub(super) fn addresses(&self, host: &str, port: u16) -> Arc<Addresses> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.entry((host.to_owned(), port));
        Arc::clone(cell.or_insert_with(|| Addresses::unresolved(host)))
    }

    /// Takes the control thread's answer.
    pub(super) fn resolved(&self, host: &str, port: u16, answer: Resolution) {
        self.addresses(host, port).set(answer);
    }

    /// Forgets what the configuration no longer names.
    pub(super) fn keep(&self, snapshot: &Snapshot) {
        let named = |host: &str, port: u16| {
            snapshot.upstreams.iter().any(|upstream| match &upstream.target {
                Target::Http(http) => {
                    matches!(&http.endpoint, Endpoint::Name(h, p) if h == host && *p == port)
                }
                Target::Sse(_) | Target::Command(_) => false,
            })
        };
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.retain(|(host, port), _| named(host, *port));
    }
}
