//! The forward listener: what agents need that is not MCP.
//!
//! `CONNECT host:port` and requests for `http://` URLs, of callers that the kernel knows as agents, to
//! destinations that the agent's rules name. Penstock resolves the names itself and connects to
//! exactly the addresses that it has checked; into a tunnel it looks once, at the name that TLS asks
//! for.

mod address;
mod allow;
mod destination;
mod flow;
mod hello;
mod http;
mod reach;
mod refused;
mod resolve;
mod tunnel;

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use penstock_config::Agent;
use penstock_http1::Verb;
use penstock_metrics::Metric;

use crate::downstream::{Downstream, Next};
use crate::shard::{Gauge, Shard, View};
use destination::Destination;
use refused::Refused;

/// What a shard's forward listeners share.
#[derive(Default)]
pub(crate) struct Forward {
    names: resolve::Names,
    /// Tunnels and requests under way, by the agent's id.
    open: RefCell<HashMap<u64, u32>>,
}

/// What is done, for the access log.
struct Errand {
    to: Destination,
    /// Where it was connected to.
    address: Option<SocketAddr>,
    /// Bytes from the agent, and to it.
    sent: u64,
    received: u64,
    /// How it ended.
    end: String,
}

/// Serves the request whose head was read.
pub(crate) async fn serve(down: &mut Downstream, shard: &Rc<Shard>, view: &Rc<View>) -> Next {
    let started = Instant::now();
    shard.cells.inc(Metric::Forwards);
    // Its head may be gone by the time it is logged.
    let access = view.world.snapshot.log.access;
    let verb = access.then(|| down.head.method.of(&down.buffer).escape_ascii().to_string());
    let mut errand = None;
    let next = match forward(down, shard, view, &mut errand).await {
        Ok(next) => next,
        Err(refused) => {
            let end = refused.to_string();
            if let Some(errand) = &mut errand {
                errand.end = end;
            }
            Box::pin(refused.answer(down, shard)).await
        }
    };
    if let Some(verb) = verb {
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        log_access(down, &verb, errand.as_ref(), millis);
    }
    next
}

fn log_access(down: &Downstream, verb: &str, errand: Option<&Errand>, millis: u64) {
    tracing::info!(
        target: "access",
        listener = down.rules.name,
        peer = down.peer.map(tracing::field::display),
        agent = down.caller.agent_name(),
        verb = %verb,
        host = errand.map(|errand| errand.to.host.to_string()),
        port = errand.map(|errand| errand.to.port),
        address = errand.and_then(|errand| errand.address).map(tracing::field::display),
        status = down.status,
        sent = errand.map(|errand| errand.sent),
        received = errand.map(|errand| errand.received),
        end = errand.map(|errand| errand.end.as_str()),
        millis,
    );
}

async fn forward(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &Rc<View>,
    errand: &mut Option<Errand>,
) -> Result<Next, Refused> {
    let to = Destination::of(&down.head, &down.buffer)?;
    let errand =
        errand.insert(Errand { to, address: None, sent: 0, received: 0, end: String::new() });
    let agent = down.caller.agent.clone().ok_or(Refused::Caller)?;
    if !allow::destination(&agent.forward, &errand.to) {
        return Err(Refused::Destination { agent: agent.name.clone(), to: errand.to.to_string() });
    }
    let _place = Place::take(shard, &agent)?;
    let _open = Gauge::up(shard, Metric::ForwardsOpen);
    // Each in a box of its own: a tunnel, of which there may be thousands, is the smallest.
    let conn = Box::pin(reach::connect(shard, &agent, errand)).await?;
    if down.head.verb == Verb::Connect {
        Ok(Box::pin(tunnel::run(down, shard, view, conn, &agent, errand)).await)
    } else {
        Box::pin(http::run(down, shard, view, conn, &agent, errand)).await
    }
}

/// Whether the agent's rules let the request through; what [`forward`] asks first.
#[cfg(feature = "bench")]
pub(crate) fn allows(agent: &Agent, head: &penstock_http1::RequestHead, buffer: &[u8]) -> bool {
    Destination::of(head, buffer).is_ok_and(|to| allow::destination(&agent.forward, &to))
}

/// One of the tunnels and requests that an agent may have under way.
struct Place {
    shard: Rc<Shard>,
    agent: u64,
}

impl Place {
    fn take(shard: &Rc<Shard>, agent: &Agent) -> Result<Self, Refused> {
        let mut open = shard.forward.open.borrow_mut();
        let count = open.entry(agent.id).or_default();
        let limit = agent.forward_limits.connections;
        if *count >= limit {
            return Err(Refused::Busy { agent: agent.name.clone(), limit });
        }
        *count += 1;
        Ok(Self { shard: Rc::clone(shard), agent: agent.id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.shard.forward.open.borrow_mut();
        if let Some(count) = open.get_mut(&self.agent) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.agent);
            }
        }
    }
}
