//! The way of a call, step by step.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use penstock_config::HostHeader;
use penstock_http1::Verb;
use penstock_mcp::{Era, ErrorKind, Fault, Message, ScanLimits, admit, plain_form};
use penstock_metrics::{Metric, Refusal};

use crate::caller::{AGENT_HEADER, agent_of};
use crate::identity::Identity;
use crate::relay::{self, Call, Forwarded};
use crate::request::{Downstream, Next};
use crate::respond::Answer;
use crate::shard::{Gauge, Shard, View};
use crate::world::Route;

/// The methods that a virtual server's path takes.
const ALLOW: &str = "POST, GET, DELETE, OPTIONS";

/// How much of what a peer calls something is shown.
const SHOWN: usize = 128;

/// Serves the request whose head was read.
pub(crate) async fn serve(down: &mut Downstream, shard: &Rc<Shard>, view: &Rc<View>) -> Next {
    let started = Instant::now();
    if down.rules.inner {
        let id = down.head.value(&down.buffer, AGENT_HEADER).and_then(agent_of);
        down.caller.speaks_for(id, &view.world);
    }
    let next = match prepare(down, shard, view).await {
        Ok((route, era, _open)) => forward(down, shard, view, route, era).await,
        Err(refused) => {
            let keep = refused.keep && down.head.keep_alive && !shard.draining.get();
            refused.answer.write(down, shard, keep).await;
            if keep { Next::Keep } else { Next::Linger }
        }
    };
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    shard.cells.latency.record(micros);
    if view.world.snapshot.log.access {
        let route = view.world.route(down.head.path.of(&down.buffer));
        let server = route.and_then(|route| view.world.snapshot.servers.get(route.server));
        log_access(down, server.map_or("-", |server| &server.name), micros);
    }
    next
}

fn log_access(down: &Downstream, server: &str, micros: u64) {
    let body = down.body();
    let envelope = down.message.single();
    let text = |text: Option<&penstock_mcp::Text>| {
        let shown = |text: &penstock_mcp::Text| text.decode(body).chars().take(SHOWN).collect();
        text.map_or_else(String::new, shown)
    };
    tracing::info!(
        target: "access",
        listener = down.rules.name,
        peer = down.peer.map(tracing::field::display),
        agent = down.caller.agent_name(),
        identity = down.caller.certificate.as_deref().map(Identity::name),
        server,
        verb = %printable(down.head.method.of(&down.buffer)),
        path = %printable(down.head.path.of(&down.buffer)),
        method = text(envelope.and_then(|one| one.method.as_ref())),
        name = text(envelope.and_then(|one| one.name.as_ref())),
        status = down.status,
        micros,
    );
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

/// Everything up to the decision to forward.
async fn prepare<'v>(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &'v View,
) -> Result<(&'v Route, Era, Gauge), Refused> {
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
    if shard.cells.value(Metric::CallsOpen) >= u64::from(limits.calls) {
        return Err(Refused::unread(Answer::busy("calls")));
    }
    // From here on it takes memory, so from here on it counts.
    let open = Gauge::up(shard, Metric::CallsOpen);
    down.read_body(shard, limits).await.map_err(Refused::unread)?;
    let era = read(down, ScanLimits { depth: limits.json_depth, batch: limits.batch_messages });
    let era = era.map_err(|answer| Refused { answer, keep: true })?;
    Ok((route, era, open))
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

async fn forward(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &Rc<View>,
    route: &Route,
    era: Era,
) -> Next {
    let Some(pool) = view.pools.get(route.remote) else { return Next::Close };
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
    let call = Call { target: &target, host: &host, era, forwarded, speaks_for, bytes_max: None };
    match relay::exchange(down, shard, pool, &call).await {
        Ok(next) => next,
        Err(failure) => {
            let id = down.message.reply_id().map(|id| id.of(down.body()));
            let keep = down.head.keep_alive && !shard.draining.get() && !down.gone;
            tracing::warn!(upstream = remote.config.name, error = %failure, "call failed");
            let (kind, refusal) = failure.kind();
            let message = format!("upstream `{}`: {failure}", remote.config.name);
            Answer::error(kind, refusal, id, &message).write(down, shard, keep).await;
            if keep { Next::Keep } else { Next::Close }
        }
    }
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

/// Bytes of a peer's as text that is safe to show.
fn printable(bytes: &[u8]) -> String {
    bytes.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
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
            Self::Invalid(_) => (ErrorKind::UpstreamProtocol, Refusal::Upstream),
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
