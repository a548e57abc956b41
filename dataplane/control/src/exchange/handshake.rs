//! `initialize` on a process that several sessions share: it is asked once, and everybody is told
//! what it answered.

use crate::wire::Message;

#[derive(Default)]
pub(crate) enum Handshake {
    #[default]
    Fresh,
    /// The request that went out, and those that wait for its answer with it.
    Asked { id: u64, waiting: Vec<u64> },
    /// The answer, and whether `notifications/initialized` went out.
    Done { answer: Message, confirmed: bool },
}

impl Handshake {
    pub(crate) fn asks(&self, wanted: u64) -> bool {
        matches!(self, Self::Asked { id, .. } if *id == wanted)
    }

    /// Whether this request waits for the answer that all wait for.
    pub(crate) fn concerns(&self, wanted: u64) -> bool {
        matches!(self, Self::Asked { id, waiting } if *id == wanted || waiting.contains(&wanted))
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
    use std::time::Instant;

    use super::super::{Audience, CANCEL_GRACE, Exchange};
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).expect("a message")
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
