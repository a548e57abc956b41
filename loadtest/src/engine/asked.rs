//! What a server asks its client on a stream, in the legacy era, and what the harness answers: to
//! `ping` an empty result, to all else that it cannot do that. A server that waits for it goes on.

use penstock_mcp::{Envelope, Kind, Method};

/// An id is sent back as it came; a longer one is not.
const ID_BYTES_MAX: usize = 1024;

/// A request of the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// As it was written.
    id: Vec<u8>,
    method: String,
}

impl Asked {
    /// Of a message, if it is one.
    pub(super) fn of(text: &[u8], envelope: &Envelope) -> Option<Self> {
        let method = envelope.method.filter(|_| envelope.kind == Kind::Request)?;
        let id = envelope.id?.of(text);
        let method = method.decode(text).into_owned();
        (id.len() <= ID_BYTES_MAX).then(|| Self { id: id.to_vec(), method })
    }

    /// What is asked for, where it is refused.
    pub(super) fn refused(&self) -> Option<&str> {
        (Method::from_bytes(self.method.as_bytes()) != Some(Method::Ping)).then_some(&*self.method)
    }

    /// The answer to it.
    pub(super) fn answer(&self) -> Vec<u8> {
        let said = match self.refused() {
            None => r#""result":{}"#,
            Some(_) => {
                r#""error":{"code":-32601,"message":"penstock-loadtest answers nothing but ping"}"#
            }
        };
        [br#"{"jsonrpc":"2.0","id":"#, &self.id[..], b",", said.as_bytes(), b"}"].concat()
    }
}

#[cfg(test)]
mod tests {
    use penstock_mcp::{Message, ScanLimits};

    use super::*;

    fn asked(text: &str) -> Option<Asked> {
        let mut message = Message::new();
        message.scan(text.as_bytes(), &ScanLimits { depth: 128, batch: 1 }).unwrap();
        Asked::of(text.as_bytes(), message.single().unwrap())
    }

    #[test]
    fn ping_has_a_result_and_all_else_an_error_and_ids_come_back_as_they_were() {
        let answer = |text: &str| String::from_utf8(asked(text).unwrap().answer()).unwrap();
        assert_eq!(
            answer(r#"{"jsonrpc":"2.0","id":"a\u0041","method":"ping"}"#),
            r#"{"jsonrpc":"2.0","id":"a\u0041","result":{}}"#
        );
        let refused = r#"{"jsonrpc":"2.0","method":"roots/list","id":7}"#;
        let start = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"#;
        assert!(answer(refused).starts_with(start), "{}", answer(refused));
        assert_eq!(asked(refused).unwrap().refused(), Some("roots/list"));
    }

    #[test]
    fn what_asks_nothing_is_not_answered() {
        assert_eq!(asked(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#), None);
        assert_eq!(asked(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), None);
        let long = "x".repeat(ID_BYTES_MAX);
        assert_eq!(asked(&format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"ping"}}"#)), None);
    }
}
