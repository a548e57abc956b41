//! Whom a connection comes from, before anything is said on it.

use std::sync::Arc;

use penstock_config::Agent;

use crate::identity::Identity;
use crate::world::World;

/// The header by which a shard tells the control thread for which agent a request is, and the control
/// thread tells the shard that serves it: the agent's id in hexadecimal. Only the inner listener
/// believes it; nothing else lets it through.
pub(crate) const AGENT_HEADER: &str = "penstock-agent";

/// The caller of a connection. Both are known of an agent that shows a certificate, and of most
/// callers neither.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The id that the kernel gave at accept.
    attested: Option<u64>,
    /// The agent of that id, as the configuration knows it now.
    pub(crate) agent: Option<Arc<Agent>>,
    /// The names in its client certificate; few show one.
    pub(crate) certificate: Option<Box<Identity>>,
}

impl Caller {
    pub(crate) fn new(attested: Option<u64>, world: &World) -> Self {
        let mut caller = Self { attested, agent: None, certificate: None };
        caller.follow(world);
        caller
    }

    /// From now on it is this agent that calls.
    pub(crate) fn speaks_for(&mut self, id: Option<u64>, world: &World) {
        self.attested = id;
        self.follow(world);
    }

    /// Takes over what a new configuration says of the same agent.
    pub(crate) fn follow(&mut self, world: &World) {
        self.agent = self.attested.and_then(|id| {
            let agent = world.agent(id);
            if agent.is_none() {
                tracing::debug!(id, "the kernel names an agent that the configuration does not");
            }
            agent.cloned()
        });
    }

    /// The id of an agent that the configuration knows.
    pub(crate) fn id(&self) -> Option<u64> {
        self.agent.as_ref().map(|agent| agent.id)
    }

    /// The agent's name, for a log.
    pub(crate) fn agent_name(&self) -> Option<&str> {
        self.agent.as_ref().map(|agent| agent.name.as_str())
    }
}

/// The id in an [`AGENT_HEADER`].
pub(crate) fn agent_of(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok().and_then(|text| u64::from_str_radix(text, 16).ok())
}
