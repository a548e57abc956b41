//! The sessions of an upstream: an unguessable id each, and the connection it stands for.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;

use super::Bridge;
use crate::exchange::{Audience, HANDSHAKE_MAX};
use crate::fault::Fault;
use crate::headers::carried;
use crate::link::Link;

/// Random bytes of a session id: 192 bits.
const ID_BYTES: usize = 24;
/// Sessions on one shared process.
pub(crate) const SHARED_SESSIONS_MAX: usize = 1024;

/// A session's place.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) link: Arc<Link>,
    pub(crate) client: u64,
}

pub(crate) type Sessions = HashMap<String, Session>;

impl Bridge {
    pub(crate) fn session(&self, id: &str) -> Option<Session> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(id)?.clone();
        if session.link.is_over() {
            sessions.remove(id);
            self.metrics.sessions.dec();
            return None;
        }
        Some(session)
    }

    /// Opens a session: a connection of its own, or a place on the shared one.
    pub(crate) async fn open_session(
        self: &Arc<Self>,
        headers: &HeaderMap,
    ) -> Result<(Unannounced, Session), Fault> {
        let link = if self.transport.is_shared() {
            self.shared_link().await?
        } else {
            let duplex = self.transport.open(carried(headers)).await?;
            Link::start(&self.name, Audience::One, duplex)
        };
        let client = link.exchange().join();
        let session = Session { link, client };
        let id = new_id()?;
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(id.clone(), session.clone());
        self.metrics.sessions.inc();
        Ok((Unannounced { bridge: Arc::clone(self), id: Some(id) }, session))
    }

    async fn shared_link(&self) -> Result<Arc<Link>, Fault> {
        let mut shared = self.shared.lock().await;
        if let Some(link) = &*shared
            && !link.is_over()
        {
            let open = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).len();
            if open >= SHARED_SESSIONS_MAX {
                let message = format!(
                    "upstream `{}` has its {SHARED_SESSIONS_MAX} sessions already; end one",
                    self.name
                );
                return Err(Fault::Busy { message, retry_after_s: 5 });
            }
            return Ok(Arc::clone(link));
        }
        let link =
            Link::start(&self.name, Audience::Many, self.transport.open(HeaderMap::new()).await?);
        *shared = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Ends a session and, where it is its own, its connection.
    pub(crate) fn end_session(&self, id: &str, why: &str) {
        let session = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.remove(id)
        };
        let Some(Session { link, client }) = session else { return };
        self.metrics.sessions.dec();
        if self.transport.is_shared() {
            let effects = link.exchange().leave(client);
            link.carry_out_later(effects);
        } else {
            link.close(why);
        }
    }

    /// Ends what is over or was unused for `idle`, and closes cancelled requests' streams.
    pub(crate) fn sweep(&self, idle: Duration) {
        let now = Instant::now();
        let (mut overdue, mut links) = (Vec::new(), Vec::new());
        {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let before = sessions.len();
            sessions.retain(|_, session| !session.link.is_over());
            for _ in sessions.len()..before {
                self.metrics.sessions.dec();
            }
            for (id, session) in &*sessions {
                let unused = session.link.exchange().unused_since(session.client);
                if unused.is_some_and(|since| now.duration_since(since) >= idle) {
                    overdue.push(id.clone());
                }
                links.push(Arc::clone(&session.link));
            }
        }
        for id in overdue {
            self.end_session(&id, "the session was unused for too long");
        }
        // Where a lock is held, a server is being started: it is swept the next time.
        if let Ok(mut modern) = self.modern.try_lock()
            && let Some(link) = modern.link().cloned()
        {
            if is_idle(&link, now, idle) {
                link.close("the server was unused for too long");
                modern.forget_link();
            }
            links.push(link);
        }
        if let Ok(mut shared) = self.shared.try_lock()
            && let Some(link) = shared.clone()
        {
            if link.exchange().hangs(now) {
                let minutes = HANDSHAKE_MAX.as_secs() / 60;
                tracing::warn!(
                    upstream = self.name,
                    "the server did not answer `initialize` within {minutes} minutes; it is ended"
                );
                link.close(&format!("it did not answer `initialize` within {minutes} minutes"));
                *shared = None;
            } else if is_idle(&link, now, idle) {
                link.close("the server was unused for too long");
                *shared = None;
            }
        }
        for link in links {
            let effects = link.exchange().sweep(now);
            link.carry_out_later(effects);
        }
    }

    /// Whether anything of it is still in use.
    pub(crate) fn is_over(&self) -> bool {
        let none = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        let live = |link: &Arc<Link>| !link.is_over();
        none && self.modern.try_lock().is_ok_and(|modern| !modern.link().is_some_and(live))
            && self.shared.try_lock().is_ok_and(|shared| !shared.as_ref().is_some_and(live))
    }

    /// Ends everything.
    pub(crate) async fn end(&self, why: &str) {
        let ids: Vec<String> = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.keys().cloned().collect()
        };
        for id in ids {
            self.end_session(&id, why);
        }
        if let Some(link) = self.modern.lock().await.link() {
            link.close(why);
        }
        if let Some(link) = self.shared.lock().await.take() {
            link.close(why);
        }
    }

    /// Ends event streams that no request waits on.
    pub(crate) fn end_gets(&self) {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        for session in sessions.values() {
            session.link.exchange().end_gets();
        }
    }
}

fn is_idle(link: &Link, now: Instant, idle: Duration) -> bool {
    let exchange = link.exchange();
    exchange.is_unused() && now.duration_since(exchange.used()) >= idle
}

/// A session whose client does not have its id yet; ended unless it gets it.
pub(crate) struct Unannounced {
    bridge: Arc<Bridge>,
    id: Option<String>,
}

impl Unannounced {
    /// The id, on its way to the client.
    pub(crate) fn announce(mut self) -> String {
        self.id.take().unwrap_or_default()
    }
}

impl Drop for Unannounced {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.bridge.end_session(id, "the session was not begun");
        }
    }
}

/// A session id: hexadecimal, from the kernel's random numbers.
pub(crate) fn new_id() -> Result<String, Fault> {
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Fault::Upstream(format!("no random numbers for a session id: {error}")))?;
    Ok(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex).collect())
}

fn hex(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_long_visible_and_never_the_same() {
        let (a, b) = (new_id().expect("an id"), new_id().expect("an id"));
        assert_ne!(a, b);
        assert_eq!(a.len(), ID_BYTES * 2);
        assert!(a.bytes().all(|byte| byte.is_ascii_hexdigit()));
        const { assert!(ID_BYTES * 8 >= 128) }
    }
}
