//! The way of a call, step by step.

use std::borrow::Cow;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use penstock_config::HostHeader;
use penstock_http1::{Framing, Verb};
use penstock_mcp::{Era, ErrorKind, Fault, Message, ScanLimits, admit, plain_form};
use penstock_metrics::{Metric, Refusal};

use crate::access::{Noted, printable};
use crate::caller::{AGENT_HEADER, agent_of};
use crate::relay::{self, Call, Exchange, Forwarded};
use crate::request::{Downstream, Next};
use crate::respond::Answer;
use crate::shard::{Gauge, Shard, View};
use crate::upstream::Pool;
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
        Err(sorry) => sorry.await,
    };
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    shard.cells.latency.record(micros);
    if view.world.snapshot.log.access {
        let noted = down.noted.take().unwrap_or_else(|| Box::new(Noted::of(down, view)));
        noted.log(down, micros);
    }
    next
}

/// The steps of a call. What is said instead of an answer is in a box: it is large and seldom, and
/// the task of a connection has room for all that it may have to wait for.
async fn call<'a>(
    down: &'a mut Downstream,
    shard: &'a Rc<Shard>,
    view: &'a View,
) -> Result<Next, Pin<Box<dyn Future<Output = Next> + 'a>>> {
    let (route, open) = match prepare(down, shard, view).await {
        Ok(prepared) => prepared,
        Err(refused) => return Err(Box::pin(refuse(down, shard, refused))),
    };
    let Some(pool) = view.pools.get(route.remote) else { return Ok(Next::Close) };
    write_request(down, view, pool, route);
    let lease = match pool.lease().await {
        Ok(lease) => lease,
        Err(error) => return Err(Box::pin(fail(down, shard, pool, error.into(), open))),
    };
    let mut exchange = Exchange::new(down, shard, view, lease);
    let begun = match exchange.ask().await {
        Ok(Some(begun)) => begun,
        Ok(None) => return Ok(Next::Close),
        Err(failure) => return Err(Box::pin(fail(down, shard, pool, failure, open))),
    };
    let next = exchange.answer(begun, None).await;
    exchange.end();
    Ok(next)
}

/// A refusal, and whether the connection is still at a message's end.
struct Refused {
    answer: Answer,
    keep: bool,
}

impl Refused {
    fn unread(answer: Answer) -> Self {
        Self { answer, keep: false }
    }
}

/// Says why a call is not forwarded.
async fn refuse(down: &mut Downstream, shard: &Rc<Shard>, refused: Refused) -> Next {
    let keep = refused.keep && down.head.keep_alive && !shard.draining.get();
    refused.answer.write(down, shard, keep).await;
    if keep { Next::Keep } else { Next::Linger }
}

/// Everything up to the decision to forward.
async fn prepare<'v>(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &'v View,
) -> Result<(&'v Route, Gauge), Refused> {
    let limits = view.world.limits();
    check_source(down).map_err(Refused::unread)?;
    let path = down.head.path.of(&down.buffer);
    let route = view.world.route(path).ok_or_else(|| {
        let message = format!(
            "no virtual server has the path `{}`; check the client's URL against `servers`",
            printable(path)
        );
        Refused::unread(Answer::error(ErrorKind::NotFound, Refusal::Path, None, &message))
    })?;
    if !matches!(down.head.verb, Verb::Post | Verb::Get | Verb::Delete | Verb::Options) {
        return Err(Refused::unread(Answer::method(ALLOW)));
    }
    // MCP knows no such body. A server that leaves it unread would take it for its next request, on a
    // connection that others' calls go by.
    if down.head.verb != Verb::Post && has_body(down.head.framing) {
        return Err(Refused::unread(Answer::malformed(&"only a POST has a body here")));
    }
    if shard.cells.value(Metric::CallsOpen) >= u64::from(limits.calls) {
        return Err(Refused::unread(Answer::busy("calls")));
    }
    // From here on it takes memory, so from here on it counts.
    let open = Gauge::up(shard, Metric::CallsOpen);
    down.read_body(shard, limits).await.map_err(Refused::unread)?;
    let era = read(down, ScanLimits { depth: limits.json_depth, batch: limits.batch_messages });
    down.era = era.map_err(|answer| Refused { answer, keep: true })?;
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
fn read(down: &mut Downstream, limits: ScanLimits) -> Result<Era, Answer> {
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
    };
    relay::write_request(down, &call);
}

/// Says that the upstream gave no answer.
async fn fail(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    pool: &Pool,
    failure: Failure,
    _open: Gauge,
) -> Next {
    let id = down.message.reply_id().map(|id| id.of(down.body()));
    let keep = down.head.keep_alive && !shard.draining.get() && !down.gone;
    let name = &pool.remote.config.name;
    tracing::warn!(upstream = name, error = %failure, "call failed");
    let (kind, refusal) = failure.kind();
    let message = format!("upstream `{name}`: {failure}");
    Answer::error(kind, refusal, id, &message).write(down, shard, keep).await;
    if keep { Next::Keep } else { Next::Close }
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

/// What went wrong between the request and the end of its answer's head.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Connect(#[from] crate::upstream::ConnectError),
    #[error("it closed the connection before it answered; the call may have been carried out")]
    Closed,
    #[error("its connection broke before it answered ({0}); the call may have been carried out")]
    Broken(std::io::Error),
    #[error("it did not answer within `first_byte_timeout`; the call may have been carried out")]
    Timeout,
    #[error("penstock is shutting down; try again, another one will answer")]
    Draining,
    #[error("its answer is not valid HTTP: {0}")]
    Invalid(penstock_http1::HeadError),
    #[error("it sent more than 100 interim answers (1xx) and none that counts")]
    Interim,
}

impl Failure {
    pub(crate) fn kind(&self) -> (ErrorKind, Refusal) {
        match self {
            Self::Timeout | Self::Connect(crate::upstream::ConnectError::Timeout) => {
                (ErrorKind::UpstreamTimeout, Refusal::UpstreamSlow)
            }
            Self::Connect(crate::upstream::ConnectError::Full) => {
                (ErrorKind::TooManyCalls, Refusal::Busy)
            }
            Self::Draining => (ErrorKind::Draining, Refusal::Draining),
            Self::Invalid(_) | Self::Interim => (ErrorKind::UpstreamProtocol, Refusal::Upstream),
            _ => (ErrorKind::UpstreamUnavailable, Refusal::Upstream),
        }
    }
}

/// Whether the request could be sent again with no harm.
pub(crate) fn idempotent(down: &Downstream) -> bool {
    match down.head.verb {
        Verb::Post => {
            let known = down.message.single().and_then(|one| one.known);
            known.is_some_and(penstock_mcp::Method::idempotent)
        }
        verb => matches!(verb, Verb::Get | Verb::Options | Verb::Delete),
    }
}
