//! The way of a call, step by step.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use penstock_config::HostHeader;
use penstock_http1::{Framing, Verb};
use penstock_mcp::{Era, ErrorKind, Fault, Message, ScanLimits, admit, plain_form};
use penstock_metrics::{Metric, Refusal};

use crate::access::{Noted, printable};
use crate::caller::{AGENT_HEADER, agent_of};
use crate::downstream::{Downstream, Next};
use crate::guard;
use crate::relay::{self, Call, Exchange, Failure, Forwarded};
use crate::respond::Answer;
use crate::shard::{Gauge, Shard, View};
use crate::upstream::{ConnectError, Lease, Pool};
use crate::world::Route;

/// The methods that a virtual server's path takes.
const ALLOW: &str = "POST, GET, DELETE, OPTIONS";

/// Serves the request whose head was read.
pub(crate) async fn serve(down: &mut Downstream, shard: &Rc<Shard>, view: &Rc<View>) -> Next {
    let started = Instant::now();
    if down.rules.inner {
        let id = down.head.value(&down.buffer, AGENT_HEADER).and_then(agent_of);
        down.caller.speaks_for(id, &view.world);
    }
    let next = match call(down, shard, view).await {
        Ok(next) => next,
        Err(sorry) => Box::pin(sorry.say(down, shard)).await,
    };
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    shard.cells.latency.record(micros);
    if view.world.snapshot.log.access {
        let noted = down.noted.take().unwrap_or_else(|| Box::new(Noted::of(down, view)));
        noted.log(down, micros);
    }
    next
}

/// The steps of a call. What is to be said instead of an answer is in a box: it is large and seldom, and
/// the task of a connection has room for all that it may have to wait for.
async fn call<'v>(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &'v View,
) -> Result<Next, Box<Sorry<'v>>> {
    let (route, open) = prepare(down, shard, view).await.map_err(Box::new)?;
    let Some(pool) = view.pools.get(route.remote) else { return Ok(Next::Close) };
    if let Some(guard) = &route.guard {
        guard::request(down, shard, view, guard).map_err(|refused| {
            let answer = Answer::blocked(&refused.asked, &refused.stop);
            Box::new(Sorry::Refused { answer, keep: true })
        })?;
    } else if route.guarded_elsewhere {
        guard::unname(down, view);
    }
    write_request(down, view, pool, route);
    let failed = |failure| Box::new(Sorry::Failed { pool, failure, _open: open });
    let lease = match lease(down, pool).await {
        Ok(lease) => lease,
        Err(ConnectError::Left) => {
            shard.cells.inc(Metric::Disconnects);
            return Ok(Next::Close);
        }
        Err(error) => return Err(failed(error.into())),
    };
    let mut exchange = Exchange::new(down, shard, view, lease);
    let begun = match exchange.ask().await {
        Ok(Some(begun)) => begun,
        Ok(None) => return Ok(Next::Close),
        Err(failure) => return Err(failed(failure)),
    };
    let next = exchange.answer(begun, None, route.guard.as_ref()).await;
    exchange.end();
    next.map_err(failed)
}

/// A connection for the call, unless its agent cancels it while it waits for a place.
async fn lease(down: &mut Downstream, pool: &Rc<Pool>) -> Result<Lease, ConnectError> {
    let left = &mut |cx: &mut Context<'_>| {
        let lazy = down.asks_for_stream();
        if relay::cancels(down) { down.poll_ended(cx, lazy, true) } else { Poll::Pending }
    };
    pool.lease(left).await
}

/// What is said instead of an upstream's answer.
enum Sorry<'v> {
    /// The call is not forwarded.
    Refused {
        answer: Answer,
        /// Whether the connection is still at a message's end.
        keep: bool,
    },
    /// The upstream gave no answer.
    Failed { pool: &'v Pool, failure: Failure, _open: Gauge },
}

impl Sorry<'_> {
    fn unread(answer: Answer) -> Self {
        Self::Refused { answer, keep: false }
    }

    async fn say(self: Box<Self>, down: &mut Downstream, shard: &Rc<Shard>) -> Next {
        let goes_on = down.head.keep_alive && !shard.draining.get();
        match *self {
            Self::Refused { answer, keep } => {
                let keep = keep && goes_on;
                answer.write(down, shard, keep).await;
                if keep { Next::Keep } else { Next::Linger }
            }
            Self::Failed { pool, failure, _open } => {
                let keep = goes_on && !down.gone;
                let id = down.message.reply_id().map(|id| id.of(down.body()));
                let name = &pool.remote.config.name;
                tracing::warn!(upstream = name, error = %failure, "call failed");
                let (kind, refusal) = failure.kind();
                let message = format!("upstream `{name}`: {failure}");
                let answer = Answer::error(kind, refusal, id, &message);
                answer.write(down, shard, keep).await;
                if keep { Next::Keep } else { Next::Close }
            }
        }
    }
}

/// Everything up to the decision to forward.
async fn prepare<'v>(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &'v View,
) -> Result<(&'v Route, Gauge), Sorry<'v>> {
    let limits = view.world.limits();
    check_source(down).map_err(Sorry::unread)?;
    let path = down.head.path.of(&down.buffer);
    let route = view.world.route(path).ok_or_else(|| {
        let message = format!(
            "no virtual server has the path `{}`; check the client's URL against `servers`",
            printable(path)
        );
        Sorry::unread(Answer::error(ErrorKind::NotFound, Refusal::Path, None, &message))
    })?;
    if !matches!(down.head.verb, Verb::Post | Verb::Get | Verb::Delete | Verb::Options) {
        return Err(Sorry::unread(Answer::method(ALLOW)));
    }
    // MCP knows no such body. A server that leaves it unread would take it for its next request, on a
    // connection that others' calls go by.
    if down.head.verb != Verb::Post && has_body(down.head.framing) {
        return Err(Sorry::unread(Answer::malformed(&"only a POST has a body here")));
    }
    if shard.cells.value(Metric::CallsOpen) >= u64::from(limits.calls) {
        return Err(Sorry::unread(Answer::busy("calls")));
    }
    // From here on it takes memory, so from here on it counts.
    let open = Gauge::up(shard, Metric::CallsOpen);
    down.read_body(shard, limits).await.map_err(Sorry::unread)?;
    let era = read(down, ScanLimits { depth: limits.json_depth, batch: limits.batch_messages });
    down.era = era.map_err(|answer| Sorry::Refused { answer, keep: true })?;
    Ok((route, open))
}

fn has_body(framing: Framing) -> bool {
    match framing {
        Framing::None | Framing::Length(0) => false,
        Framing::Length(_) | Framing::Chunked | Framing::UntilClose => true,
    }
}

/// `Host` and `Origin` against the listener's rules.
fn check_source(down: &Downstream) -> Result<(), Answer> {
    let rules = &down.rules.hosts;
    let host = down.head.host.map_or(&b""[..], |host| host.of(&down.buffer));
    if !rules.host(host) {
        let message = format!(
            "this listener does not serve host `{}`; add it to the listener's `hosts`",
            printable(host)
        );
        return Err(Answer::error(ErrorKind::ForbiddenHost, Refusal::Host, None, &message));
    }
    let mut origins = down.head.values(&down.buffer, "origin");
    if let Some(origin) = origins.next()
        && (origins.next().is_some() || !rules.origin(origin))
    {
        let message = format!(
            "this listener does not serve origin `{}`; add it to the listener's `origins`",
            printable(origin)
        );
        return Err(Answer::error(ErrorKind::ForbiddenOrigin, Refusal::Origin, None, &message));
    }
    Ok(())
}

/// The envelope, the era, and the agreement of headers and body.
pub(crate) fn read(down: &mut Downstream, limits: ScanLimits) -> Result<Era, Answer> {
    if down.head.verb != Verb::Post {
        // Only the legacy revisions have a GET stream and a DELETE.
        return Ok(Era::Legacy);
    }
    let mut message = std::mem::take(&mut down.message);
    let body = down.body();
    let fields = down.head.fields.iter();
    let headers = fields.map(|field| (field.name.of(&down.buffer), field.value.of(&down.buffer)));
    let id = |message: &Message| message.reply_id().map(|id| id.of(body));
    let result = if let Err(refused) = plain_form(headers.clone()) {
        Err(Answer::refused(&refused, None))
    } else if let Err(error) = message.scan(body, &limits) {
        let why = match error.fault {
            Fault::TooDeep(_) => format!("{error} (`limits.json_depth`)"),
            Fault::BatchTooLong(_) => format!("{error} (`limits.batch_messages`)"),
            _ => error.to_string(),
        };
        Err(Answer::error(error.kind(), Refusal::Message, id(&message), &why))
    } else {
        admit(body, &message, headers).map_err(|refused| Answer::refused(&refused, id(&message)))
    };
    down.message = message;
    result
}

/// Writes the request as the upstream is to see it.
fn write_request(down: &mut Downstream, view: &View, pool: &Pool, route: &Route) {
    let remote = &pool.remote;
    let target = request_target(down, &route.target);
    let host = match &remote.http.host {
        HostHeader::Upstream => Cow::Borrowed(remote.http.authority.as_bytes()),
        HostHeader::Literal(host) => Cow::Borrowed(host.as_bytes()),
        HostHeader::Preserve => {
            down.head.host.map(|host| host.of(&down.buffer).to_vec()).unwrap_or_default().into()
        }
    };
    let forwarded = match (remote.config.forwarded, down.rules.inner) {
        (true, false) => Forwarded::By(forwarded(down, &host)),
        // The shard that first took the call has said whom it is for.
        (true, true) | (false, false) => Forwarded::Kept,
        (false, true) => Forwarded::Removed,
    };
    // Only the control thread comes back with it.
    let speaks_for = (route.remote == view.world.control()).then(|| down.caller.id()).flatten();
    let call = Call {
        target: &target,
        host: &host,
        forwarded,
        speaks_for,
        keep_alive: pool.keeps(),
        via: remote.config.via,
        plain: route.guard.is_some(),
    };
    relay::write_request(down, &call);
}

/// The upstream's own path with the agent's query behind it, unless it has one of its own: of a
/// parameter that stands twice many servers take the last, which would be the agent's.
fn request_target<'p>(down: &Downstream, path: &'p str) -> Cow<'p, [u8]> {
    match down.head.query.filter(|_| !path.contains('?')) {
        Some(query) => [path.as_bytes(), b"?", query.of(&down.buffer)].concat().into(),
        None => path.as_bytes().into(),
    }
}

/// RFC 7239.
fn forwarded(down: &Downstream, host: &[u8]) -> Vec<u8> {
    let node = match down.peer.map(|peer| peer.ip()) {
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => format!("\"[{ip}]\""),
        None => "unknown".into(),
    };
    let scheme = if down.rules.tls.is_some() { "https" } else { "http" };
    let asked = down.head.host.map_or(host, |asked| asked.of(&down.buffer));
    format!("for={node};host=\"{}\";proto={scheme}", printable(asked)).into_bytes()
}
