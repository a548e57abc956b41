//! What is answered instead of a result: one table of errors, and the reasons behind them.

use crate::{Revision, ScanError};

/// Writes the enum and its columns from one table, a row an error.
macro_rules! errors {
    ($($variant:ident $status:literal $code:literal $doc:literal)*) => {
        /// Every error that a gateway answers by itself, with its HTTP status and its JSON-RPC
        /// code.
        ///
        /// Where JSON-RPC or MCP has a code for it, it is that one. For the rest the gateway has
        /// codes of its own, from -31001 down: MCP closed all that JSON-RPC leaves to servers
        /// (-32000 to -32099) to new codes, and asks for ones outside the reserved range
        /// (2026-07-28, "Error Codes").
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorKind {
            $(#[doc = $doc] $variant,)*
        }

        impl ErrorKind {
            /// Every error, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The HTTP status to answer with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The code of the JSON-RPC error.
            pub fn code(self) -> i32 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The error's name, for logs, metrics and documentation.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// When it is answered, in a sentence.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

errors! {
    Parse                      400 -32700 "The body is not JSON, or not JSON that every reader reads alike."
    InvalidRequest             400 -32600 "The body is JSON but no message that its protocol revision allows."
    MethodNotFound             404 -32601 "The method does not exist."
    InvalidParams              400 -32602 "The parameters do not fit the method, or name what does not exist."
    Internal                   500 -32603 "The gateway failed; its log says how."
    HeaderMismatch             400 -32020 "A header that repeats a part of the body is missing, repeated, malformed or says something else."
    MissingClientCapability    400 -32021 "The call needs a capability that the client did not declare."
    UnsupportedProtocolVersion 400 -32022 "The protocol version is none that is known here; the data lists those that are."
    NotFound                   404 -31001 "Nothing is served at this path."
    HttpMethodNotAllowed       405 -31002 "The HTTP method has no meaning at this path."
    NotAcceptable              406 -31003 "The Accept header leaves out a form that the answer may have to take."
    Conflict                   409 -31004 "The session has such a stream already."
    BodyTooLarge               413 -31005 "The body is larger than the configured limit."
    UnsupportedMediaType       415 -31006 "The body is not declared as application/json, or is declared as compressed or not in UTF-8."
    ForbiddenHost              403 -31007 "The Host header is none that this listener serves."
    ForbiddenOrigin            403 -31008 "The Origin header is none that may call from a browser."
    SessionRequired            400 -31009 "The request needs a session id and has none."
    SessionNotFound            404 -31010 "The session has ended or never was; initialize again."
    RequestTimeout             408 -31011 "The body did not arrive in time."
    TooManyCalls               503 -31012 "The limit of concurrent calls is reached; try again later."
    Draining                   503 -31013 "This gateway is shutting down; try again, another one will answer."
    UpstreamUnavailable        502 -31014 "The upstream could not be reached, or broke off before it answered."
    UpstreamProtocol           502 -31015 "The upstream answered with what is no valid answer."
    UpstreamTimeout            504 -31016 "The upstream did not answer in time."
    RequestBlocked             403 -31017 "The request holds what must not reach the upstream, or could not be looked into; the data names the rule and the place."
    AnswerBlocked              502 -31018 "The answer holds what must not reach the agent, or could not be looked into; the data names the rule and the place."
}

impl ErrorKind {
    /// The HTTP status to answer a request with that has an `id`, or none. What is blocked of a request is its result
    /// in JSON-RPC, as a tool's own error is: under another status than 200 some clients take their session for ended.
    pub fn status_to(self, id: Option<&[u8]>) -> u16 {
        match (self, id) {
            (Self::RequestBlocked | Self::AnswerBlocked, Some(_)) => 200,
            _ => self.status(),
        }
    }

    /// Appends the JSON-RPC error response. `id` is the request's id as raw JSON, as
    /// [`crate::Message::reply_id`] points at it; without one it is null.
    pub fn write(self, id: Option<&[u8]>, message: &str, out: &mut Vec<u8>) {
        self.write_with_data(id, message, "", out);
    }

    /// The same with `data`, which is JSON already; empty is none.
    pub fn write_with_data(self, id: Option<&[u8]>, message: &str, data: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
        out.extend_from_slice(id.unwrap_or(b"null"));
        out.extend_from_slice(br#","error":{"code":"#);
        out.extend_from_slice(self.code().to_string().as_bytes());
        out.extend_from_slice(br#","message":"#);
        write_string(message, out);
        if !data.is_empty() {
            out.extend_from_slice(br#","data":"#);
            out.extend_from_slice(data.as_bytes());
        }
        out.extend_from_slice(b"}}");
    }
}

/// Why a POST is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What to answer.
    pub error: ErrorKind,
    /// What was wrong.
    pub reason: Reason,
}

impl Refusal {
    /// Appends the JSON-RPC error response to answer with, under [`ErrorKind::status`].
    pub fn write(&self, id: Option<&[u8]>, out: &mut Vec<u8>) {
        let data = match &self.reason {
            Reason::UnknownRevision(requested) => unsupported_version(requested),
            _ => String::new(),
        };
        self.error.write_with_data(id, &self.to_string(), &data, out);
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { error: reason.error(), reason }
    }
}

impl From<ScanError> for Refusal {
    fn from(error: ScanError) -> Self {
        Reason::Scan(error).into()
    }
}

/// What can be wrong with a POST beyond its HTTP. Foreign values are quoted shortened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The body is no message.
    #[error("{0}")]
    Scan(ScanError),
    /// There is no scanned message, because none was scanned or its scan failed.
    #[error("the body holds no message; send a JSON-RPC request, notification or response")]
    NoMessage,
    /// A header says that the body has to be decoded before it is read.
    #[error("header {header} value '{value}' is not served; send plain JSON in UTF-8")]
    OtherForm {
        /// The header's name.
        header: &'static str,
        /// Its value.
        value: String,
    },
    /// A header that the modern era requires is missing.
    #[error("header {header} is missing; send it with the value of {member}")]
    MissingHeader {
        /// The header's name.
        header: &'static str,
        /// The member of the body that it repeats.
        member: &'static str,
    },
    /// A header that decides where a message goes stands more than once.
    #[error("header {0} is sent more than once; send it once")]
    RepeatedHeader(&'static str),
    /// A header has bytes that must be encoded.
    #[error(
        "header {header} value '{value}' has characters that a header must not have; \
         send it as =?base64?...?="
    )]
    MalformedHeader {
        /// The header's name.
        header: &'static str,
        /// Its value.
        value: String,
    },
    /// A header and the body say different things.
    #[error("header {header} value '{value}' does not match {member} '{expected}' of the body")]
    HeaderDisagrees {
        /// The header's name.
        header: &'static str,
        /// Its value.
        value: String,
        /// The member of the body that it repeats.
        member: &'static str,
        /// The member's value.
        expected: String,
    },
    /// A header repeats a string that the body does not have.
    #[error("header {header} value '{value}' repeats {member}, but the body has no such string")]
    HeaderWithoutMember {
        /// The header's name.
        header: &'static str,
        /// Its value.
        value: String,
        /// The member that the body lacks.
        member: &'static str,
    },
    /// A modern request lacks what each must say in `_meta`.
    #[error("params._meta must hold `{member}`, {expected}, in every request of this revision")]
    MissingMeta {
        /// The key in `_meta`.
        member: &'static str,
        /// Its type.
        expected: &'static str,
    },
    /// The header names a revision that is not known, and nothing in the body names one.
    #[error("protocol version '{0}' is not supported; use one that `data.supported` lists")]
    UnknownRevision(String),
    /// A batch in a revision that has none.
    #[error("a batch cannot be sent under protocol version {0}; send each message by itself")]
    BatchInRevision(String),
    /// A batch with a message that says its version itself.
    #[error("a message with a protocol version in _meta cannot be in a batch; send it by itself")]
    ModernInBatch,
    /// `initialize` in a batch.
    #[error("initialize cannot be in a batch; send it by itself")]
    InitializeInBatch,
    /// Responses in one batch with what is to be answered.
    #[error("a batch cannot hold both responses and requests or notifications; send two")]
    MixedBatch,
    /// A posted response in the era in which servers ask nothing.
    #[error("a client sends no responses under protocol version {0}")]
    ResponseInRevision(String),
    /// A method that has an answer, sent without an id.
    #[error("{0} is a request and needs an id")]
    RequestWithoutId(&'static str),
    /// A method that has no answer, sent with an id.
    #[error("{0} is a notification and cannot have an id")]
    NotificationWithId(&'static str),
}

impl Reason {
    fn error(&self) -> ErrorKind {
        match self {
            Self::Scan(error) => error.kind(),
            Self::MissingHeader { .. }
            | Self::RepeatedHeader(_)
            | Self::MalformedHeader { .. }
            | Self::HeaderDisagrees { .. }
            | Self::HeaderWithoutMember { .. } => ErrorKind::HeaderMismatch,
            Self::OtherForm { .. } => ErrorKind::UnsupportedMediaType,
            Self::MissingMeta { .. } => ErrorKind::InvalidParams,
            Self::UnknownRevision(_) => ErrorKind::UnsupportedProtocolVersion,
            Self::NoMessage
            | Self::BatchInRevision(_)
            | Self::ModernInBatch
            | Self::InitializeInBatch
            | Self::MixedBatch
            | Self::ResponseInRevision(_)
            | Self::RequestWithoutId(_)
            | Self::NotificationWithId(_) => ErrorKind::InvalidRequest,
        }
    }
}

/// `data` of an `UnsupportedProtocolVersion` error.
fn unsupported_version(requested: &str) -> String {
    let supported = Revision::ALL.map(|revision| format!("\"{}\"", revision.as_str())).join(",");
    let mut quoted = Vec::new();
    write_string(requested, &mut quoted);
    format!("{{\"supported\":[{supported}],\"requested\":{}}}", String::from_utf8_lossy(&quoted))
}

/// Appends a JSON string. DEL and beyond need no escape in JSON.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..b' ' => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xF)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_none_is_closed_to_us() {
        let mut seen = HashSet::new();
        for &kind in ErrorKind::ALL {
            assert!(seen.insert(kind.code()), "{kind:?} shares its code");
            let json_rpc = matches!(kind.code(), -32700 | -32603..=-32600);
            let mcp = matches!(kind.code(), -32022..=-32020);
            let ours = (-31999..=-31001).contains(&kind.code());
            assert!(json_rpc || mcp || ours, "{kind:?} {}", kind.code());
            assert!((400..600).contains(&kind.status()), "{kind:?}");
        }
    }

    #[test]
    fn an_error_is_json_whatever_its_message_and_keeps_the_id() {
        let message = "quote \" backslash \\ newline \n nul \0 é 世界";
        for &kind in ErrorKind::ALL {
            for (raw, id) in [(Some(&b"\"a\\n\""[..]), json!("a\n")), (None, Value::Null)] {
                let mut out = Vec::new();
                kind.write(raw, message, &mut out);
                let error: Value = serde_json::from_slice(&out).unwrap();
                let expected = json!({
                    "jsonrpc": "2.0", "id": id,
                    "error": {"code": kind.code(), "message": message},
                });
                assert_eq!(error, expected);
            }
        }
    }

    #[test]
    fn what_is_blocked_of_a_request_is_answered_as_its_result() {
        for &kind in ErrorKind::ALL {
            let blocks = matches!(kind, ErrorKind::RequestBlocked | ErrorKind::AnswerBlocked);
            let status = if blocks { 200 } else { kind.status() };
            assert_eq!(kind.status_to(Some(b"1")), status, "{kind:?}");
            assert_eq!(kind.status_to(None), kind.status(), "{kind:?}");
        }
    }

    #[test]
    fn an_unknown_version_is_answered_with_the_known_ones() {
        let mut out = Vec::new();
        Refusal::from(Reason::UnknownRevision("1900-\"01".into())).write(Some(b"7"), &mut out);
        let error: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(error["error"]["code"], -32022);
        assert_eq!(error["error"]["data"]["requested"], "1900-\"01");
        assert_eq!(error["error"]["data"]["supported"][0], "2026-07-28");
        assert_eq!(error["id"], 7);
    }

    #[test]
    fn the_documented_table_is_this_one() {
        let page = include_str!("../../../docs/errors.md");
        for kind in ErrorKind::ALL {
            let (name, code, status) = (kind.name(), kind.code(), kind.status());
            let row = format!("\n| `{code}` | {status} | {name} | {} | ", kind.describe());
            assert!(page.contains(&row), "docs/errors.md has no row {row}");
        }
        let rows = page.matches("\n| `-").count();
        assert_eq!(rows, ErrorKind::ALL.len(), "docs/errors.md has rows of no error");
    }
}
