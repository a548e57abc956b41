//! Where an upstream is, as the control thread last resolved it.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// A name's addresses, written by the control thread and read by the shards.
#[derive(Debug)]
pub struct Addresses {
    state: ArcSwap<Result<Vec<SocketAddr>, String>>,
}

impl Addresses {
    /// Addresses that never change.
    pub fn fixed(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { state: ArcSwap::from_pointee(Ok(vec![address])) })
    }

    /// A name that is not resolved yet.
    pub fn unresolved(name: &str) -> Arc<Self> {
        let why = format!("`{name}` is not resolved yet");
        Arc::new(Self { state: ArcSwap::from_pointee(Err(why)) })
    }

    /// Stores an answer: addresses in the order to try, or why there are none.
    pub fn set(&self, answer: Result<Vec<SocketAddr>, String>) {
        self.state.store(Arc::new(answer));
    }

    pub(crate) fn current(&self) -> Arc<Result<Vec<SocketAddr>, String>> {
        self.state.load_full()
    }
}
