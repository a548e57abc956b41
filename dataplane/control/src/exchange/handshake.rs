//! `initialize` on a process that several sessions share: it is asked once, and everybody is told
//! what it answered.

use std::time::{Duration, Instant};

use crate::wire::Message;

/// How long a server may take for `initialize`; programs that fetch themselves need minutes. It is then
/// ended: all of its clients wait for this answer, and nothing else would end it.
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_mins(5);

#[derive(Default)]
pub(crate) enum Handshake {
    #[default]
    Fresh,
    /// The request that went out, and those that wait for its answer with it.
    Asked { id: u64, waiting: Vec<u64>, since: Instant },
    /// The answer, and whether `notifications/initialized` went out.
    Done { answer: Message, confirmed: bool },
}

impl Handshake {
    pub(crate) fn asks(&self, wanted: u64) -> bool {
        matches!(self, Self::Asked { id, .. } if *id == wanted)
    }

    /// Whether this request waits for the answer that all wait for.
    pub(crate) fn concerns(&self, wanted: u64) -> bool {
        matches!(self, Self::Asked { id, waiting, .. } if *id == wanted || waiting.contains(&wanted))
    }

    /// Drops one that waits; whether it did. The one that went out is others' too and stays.
    pub(crate) fn forget(&mut self, unwanted: u64) -> bool {
        let Self::Asked { waiting, .. } = self else { return false };
        let before = waiting.len();
        waiting.retain(|id| *id != unwanted);
        waiting.len() < before
    }

    /// Whether the server has had more than enough time to answer.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        matches!(self, Self::Asked { since, .. } if now.duration_since(*since) >= HANDSHAKE_MAX)
    }

    /// Whether this `notifications/initialized` is the one to forward.
    pub(crate) fn confirm(&mut self) -> bool {
        match self {
            Self::Done { confirmed, .. } => !std::mem::replace(confirmed, true),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Audience, CANCEL_GRACE, Exchange};
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).expect("a message")
    }

    const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{}}"#;

    /// An exchange of three clients, each of which has sent `initialize`; and what went out.
    fn asked_by_three() -> (Exchange, [u64; 3], u64) {
        let mut exchange = Exchange::new(Audience::Many);
        let clients = [exchange.join(), exchange.join(), exchange.join()];
        let mut asked = Vec::new();
        for client in clients {
            let posted = exchange.post(Some(client), vec![message(INITIALIZE)], true);
            asked.extend(posted.expect("there is room").1.to_server);
        }
        let [one] = &*asked else { panic!("it is asked once, not {} times", asked.len()) };
        (exchange, clients, one.id.expect("a request"))
    }

    #[test]
    fn clients_that_leave_cancel_nothing_and_leave_nothing() {
        let (mut exchange, [first, second, third], id) = asked_by_three();
        assert!(exchange.leave(second).to_server.is_empty(), "the server never heard of it");
        let Handshake::Asked { waiting, .. } = &exchange.handshake else { panic!("it waits") };
        assert_eq!(waiting.len(), 1, "the third's");
        assert_eq!(exchange.pending.len(), 2);
        assert!(exchange.leave(first).to_server.is_empty(), "the third waits for it");
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert_eq!(exchange.receive(&message(&answer)).to_clients.len(), 1, "the third is told");
        exchange.leave(third);
        assert!(exchange.is_unused());
    }

    #[test]
    fn a_server_that_never_answers_is_overdue() {
        let (mut exchange, clients, id) = asked_by_three();
        for client in clients {
            exchange.leave(client);
        }
        assert!(!exchange.is_unused() && !exchange.hangs(Instant::now()));
        assert!(exchange.hangs(Instant::now() + HANDSHAKE_MAX));
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        exchange.receive(&message(&answer));
        assert!(exchange.is_unused() && !exchange.hangs(Instant::now() + HANDSHAKE_MAX));
    }

    #[test]
    fn all_are_told_that_it_did_not_go_out_and_the_next_asks_again() {
        let (mut exchange, [first, ..], id) = asked_by_three();
        assert_eq!(exchange.refuse(id, "it is too long").to_clients.len(), 3);
        let posted = exchange.post(Some(first), vec![message(INITIALIZE)], true);
        assert_eq!(posted.expect("there is room").1.to_server.len(), 1);
    }

    #[test]
    fn a_client_cannot_cancel_what_all_wait_for() {
        let initialize = r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{}}"#;
        let cancel =
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"i"}}"#;
        let mut exchange = Exchange::new(Audience::Many);
        let (first, second) = (exchange.join(), exchange.join());
        let mut asked = Vec::new();
        for client in [first, second] {
            let posted = exchange.post(Some(client), vec![message(initialize)], true);
            let (opened, effects) = posted.expect("there is room");
            asked.extend(effects.to_server);
            assert!(opened.is_some());
            let told = exchange.post(Some(client), vec![message(cancel)], true);
            assert!(told.is_ok_and(|(_, effects)| effects.to_server.is_empty()));
        }
        let [one] = &*asked else { panic!("it is asked once, not {} times", asked.len()) };
        assert!(exchange.sweep(Instant::now() + 2 * CANCEL_GRACE).to_clients.is_empty());
        let id = one.id.expect("a request");
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert_eq!(exchange.receive(&message(&answer)).to_clients.len(), 2, "both are told");
    }
}
