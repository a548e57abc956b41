//! `CONNECT`: bytes both ways, after a look at the name that TLS asks for.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use penstock_config::Agent;
use penstock_metrics::{Metric, Refusal};

use super::destination::{Destination, Host};
use super::flow::{Flow, MOVES_IN_A_ROW};
use super::hello::{self, Opening};
use super::refused::shown;
use super::{Errand, allow};
use crate::downstream::{Downstream, Next};
use crate::io::Conn;
use crate::respond::count;
use crate::shard::{Shard, View};

/// How long a tunnel may carry nothing. Models think for minutes before they answer.
const IDLE_TIMEOUT: Duration = Duration::from_mins(15);
/// The port on which nothing but TLS is carried.
const TLS_PORT: u16 = 443;

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";

/// How a tunnel ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("closed")]
    Closed,
    #[error("the agent's connection broke: {0}")]
    Near(io::Error),
    #[error("the destination's connection broke: {0}")]
    Far(io::Error),
    #[error("nothing was carried for {} s", IDLE_TIMEOUT.as_secs())]
    Idle,
    #[error("over {0} bytes, the agent's `forward_bytes`")]
    Bytes(u64),
    #[error("TLS asked for `{0}`, which is not what CONNECT named")]
    OtherName(String),
    #[error("TLS asked for no name, and CONNECT named one")]
    NoName,
    #[error("what is not TLS is not carried to port {TLS_PORT}")]
    NotTls,
    #[error("{0}")]
    Hello(#[from] hello::HelloError),
    #[error("its TLS ClientHello was not whole within limits.head_timeout")]
    SlowHello,
    #[error("the configuration no longer allows it")]
    Revoked,
}

/// Carries bytes until the tunnel ends.
pub(super) async fn run(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &Rc<View>,
    mut far: Conn,
    agent: &Agent,
    errand: &mut Errand,
) -> Next {
    let early = down.buffer.split_off(down.head_bytes.min(down.buffer.len()));
    count(shard, down, 200);
    down.write(shard, ESTABLISHED.to_vec(), 0).await;
    down.release(view);
    shard.cells.add(Metric::ForwardSentBytes, early.len() as u64);
    let mut tunnel = Tunnel::new(agent, errand, early);
    let end = if down.gone {
        End::Near(io::ErrorKind::BrokenPipe.into())
    } else {
        tunnel.carry(down, &mut far, shard, view, (agent.id, &errand.to)).await
    };
    (errand.sent, errand.received) = (tunnel.up.bytes, tunnel.back.bytes);
    errand.end = end.to_string();
    match end {
        End::Closed => Next::Close,
        End::OtherName(_) | End::NoName | End::NotTls | End::Hello(_) | End::SlowHello => {
            shard.cells.refuse(Refusal::ServerName);
            let (agent, to) = (&agent.name, errand.to.to_string());
            tracing::warn!(agent, to, why = errand.end, "a tunnel was ended");
            if !matches!(end, End::NotTls) {
                down.write(shard, hello::UNRECOGNIZED_NAME.to_vec(), 0).await;
            }
            Next::Linger
        }
        End::Near(_) | End::Far(_) | End::Idle | End::Bytes(_) | End::Revoked => {
            if matches!(end, End::Bytes(_)) {
                shard.cells.refuse(Refusal::Bytes);
            }
            // Neither side may take what it got for all there was.
            far.abort();
            Next::Abort
        }
    }
}

/// Both ways of a tunnel.
struct Tunnel {
    /// From the agent.
    up: Flow,
    /// To it.
    back: Flow,
    /// Until it is open, nothing of the agent's goes out.
    gate: Option<Gate>,
    /// Bytes that may be carried, and those that still may.
    limit: Option<u64>,
    left: u64,
    /// Whether it has moved so much that others are to get their turn.
    tired: bool,
}

impl Tunnel {
    fn new(agent: &Agent, errand: &Errand, early: Vec<u8>) -> Self {
        let gate = Gate { host: errand.to.host.clone(), port: errand.to.port, since_ms: None };
        let limit = agent.forward_limits.bytes;
        Self {
            up: Flow::new(early),
            back: Flow::new(Vec::new()),
            gate: Some(gate),
            limit,
            left: limit.unwrap_or(u64::MAX),
            tired: false,
        }
    }

    async fn carry(
        &mut self,
        down: &mut Downstream,
        far: &mut Conn,
        shard: &Shard,
        view: &Rc<View>,
        (agent, to): (u64, &Destination),
    ) -> End {
        let head_timeout = view.world.limits().head_timeout;
        let mut view = Rc::clone(view);
        loop {
            let now = shard.timers.now_ms();
            let begun = self.gate.as_ref().and_then(|gate| gate.since_ms);
            let limit = begun.map_or(IDLE_TIMEOUT, |since| {
                head_timeout.saturating_sub(Duration::from_millis(now.saturating_sub(since)))
            });
            let before = (self.up.bytes, self.back.bytes);
            let conn = &mut down.conn;
            let step = down.timer.within(limit, poll_fn(|cx| self.poll(conn, far, now, cx))).await;
            shard.cells.add(Metric::ForwardSentBytes, self.up.bytes - before.0);
            shard.cells.add(Metric::ForwardReceivedBytes, self.back.bytes - before.1);
            match step {
                Ok(Ok(())) => {}
                Ok(Err(end)) => return end,
                Err(_) if begun.is_some() => return End::SlowHello,
                Err(_) => return End::Idle,
            }
            let current = shard.view();
            if !Rc::ptr_eq(&view, &current) {
                let agent = current.world.agent(agent);
                if !agent.is_some_and(|agent| allow::destination(&agent.forward, to)) {
                    return End::Revoked;
                }
                view = current;
            }
        }
    }

    /// Moves what there is to move, either way; ready when something was moved.
    fn poll(
        &mut self,
        near: &mut Conn,
        far: &mut Conn,
        now_ms: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), End>> {
        if std::mem::take(&mut self.tired) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (gate, limit, left) = (&mut self.gate, self.limit, &mut self.left);
        let mut take = |piece: &[u8]| {
            let over = End::Bytes(limit.unwrap_or_default());
            *left = left.checked_sub(piece.len() as u64).ok_or(over)?;
            Ok(true)
        };
        let back = self.back.poll(far, near, &mut take, cx);
        let back = back.map_err(|fault| fault.end(End::Far, End::Near));
        let up = self.up.poll(
            near,
            far,
            &mut |piece| {
                if let Some(closed) = gate {
                    if !closed.opens(piece, now_ms)? {
                        return Ok(false);
                    }
                    *gate = None;
                }
                take(piece)
            },
            cx,
        );
        let up = up.map_err(|fault| fault.end(End::Near, End::Far));
        let moved = match (up, back) {
            (Err(end), _) | (_, Err(end)) => return Poll::Ready(Err(end)),
            (Ok(up), Ok(back)) => up + back,
        };
        if self.up.is_over() && self.back.is_over() {
            return Poll::Ready(Err(End::Closed));
        }
        self.tired = moved >= MOVES_IN_A_ROW;
        if moved > 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

/// What must hold for the first bytes of the agent's.
struct Gate {
    host: Host,
    port: u16,
    /// When the first of them came.
    since_ms: Option<u64>,
}

impl Gate {
    /// Whether they may go out; not yet where they are too few to tell.
    fn opens(&mut self, bytes: &[u8], now_ms: u64) -> Result<bool, End> {
        self.since_ms.get_or_insert(now_ms);
        let name = match hello::read(bytes)? {
            Opening::More => return Ok(false),
            Opening::Other if self.port == TLS_PORT => return Err(End::NotTls),
            Opening::Other => return Ok(true),
            Opening::Tls(name) => name,
        };
        match (&self.host, name) {
            (Host::Name(host), Some(name)) if host.eq_ignore_ascii_case(&name) => Ok(true),
            // An address is no name for SNI (RFC 6066 section 3).
            (Host::Address(_), None) => Ok(true),
            (Host::Name(_), None) => Err(End::NoName),
            (_, Some(name)) => Err(End::OtherName(shown(name.as_bytes()))),
        }
    }
}
