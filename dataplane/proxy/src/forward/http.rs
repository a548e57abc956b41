//! Requests for `http://` URLs: sent on in origin form, each on a connection of its own.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use penstock_config::{Agent, Endpoint, HostHeader, HttpTarget, Target, Upstream};
use penstock_mcp::Era;
use penstock_metrics::Metric;

use super::Errand;
use super::refused::Refused;
use crate::downstream::{Downstream, Next};
use crate::io::Conn;
use crate::relay::{self, Call, Exchange, Forwarded};
use crate::shard::{Shard, View};
use crate::upstream::{Addresses, Pool};
use crate::world::Remote;

/// How long an answer's first byte may take, and how long a begun one may be silent.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(5);

/// Sends the request and relays its answer.
pub(super) async fn run(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &Rc<View>,
    conn: Conn,
    agent: &Agent,
    errand: &mut Errand,
) -> Result<Next, Refused> {
    down.read_body(shard, view.world.limits()).await.map_err(Refused::Body)?;
    errand.sent = (down.head_bytes + down.body_bytes) as u64;
    shard.cells.add(Metric::ForwardSentBytes, errand.sent);
    let mut target = down.head.path.of(&down.buffer).to_vec();
    if let Some(query) = down.head.query {
        target.push(b'?');
        target.extend_from_slice(query.of(&down.buffer));
    }
    let host = match errand.to.port {
        80 => errand.to.host.to_string(),
        _ => errand.to.to_string(),
    };
    let bytes_max = match agent.forward_limits.bytes {
        Some(limit) if errand.sent > limit => {
            let agent = agent.name.clone();
            return Err(Refused::Bytes { agent, bytes: errand.sent, limit });
        }
        limit => limit.map(|limit| limit - errand.sent),
    };
    let call = Call {
        target: &target,
        host: host.as_bytes(),
        forwarded: Forwarded::Kept,
        speaks_for: None,
        keep_alive: false,
        via: true,
        plain: false,
    };
    relay::write_request(down, &call);
    // Whoever goes away has cancelled.
    down.era = Era::Modern;
    let remote = Arc::new(remote(errand));
    let lease = Pool::once(conn, remote, Arc::clone(&shard.cells), &shard.timers);
    let mut exchange = Exchange::new(down, shard, view, lease);
    let failed = |failure| Refused::Exchange { to: errand.to.to_string(), failure };
    let next = match exchange.ask_once().await.map_err(failed)? {
        Some(begun) => exchange.answer(begun, bytes_max, None).await.map_err(failed)?,
        None => Next::Close,
    };
    errand.received = down.answer_bytes;
    shard.cells.add(Metric::ForwardReceivedBytes, errand.received);
    errand.end = if next == Next::Keep { "answered" } else { "closed" }.into();
    Ok(next)
}

/// The destination as an upstream of one call.
fn remote(errand: &Errand) -> Remote {
    let authority = errand.to.to_string();
    let http = HttpTarget {
        // It is connected already.
        endpoint: Endpoint::Name(errand.to.host.to_string(), errand.to.port),
        tls: None,
        path: "/".into(),
        authority: authority.clone(),
        host: HostHeader::Upstream,
    };
    let config = Arc::new(Upstream {
        name: authority.clone(),
        target: Target::Http(http.clone()),
        connections_max: 1,
        idle_timeout: Duration::ZERO,
        connect_timeout: Duration::ZERO,
        first_byte_timeout: ANSWER_TIMEOUT,
        stream_idle_timeout: ANSWER_TIMEOUT,
        via: true,
        forwarded: false,
    });
    Remote { config, http, tls: None, addresses: Addresses::unresolved(&authority) }
}
