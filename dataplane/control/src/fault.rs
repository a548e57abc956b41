//! What the control side answers when it answers itself: an HTTP status with a JSON-RPC error.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use penstock_mcp::{Era, ErrorKind, Revision};

/// A refusal. The message is written for the agent that reads it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Parse(String),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("the body has more than {0} bytes; send less, or raise `limits.body_bytes`")]
    BodyTooLarge(u64),
    #[error("the request's Content-Type must be application/json")]
    MediaType,
    #[error("the request's Accept must name {0}")]
    NotAcceptable(&'static str),
    #[error("a session is needed: send the Mcp-Session-Id that the answer to `initialize` carried")]
    SessionMissing,
    #[error("no such session; it has ended, or never was: send `initialize` again")]
    SessionUnknown,
    #[error("this session's event stream is open already; close it before opening another")]
    StreamOpen,
    #[error("this endpoint takes {0}")]
    Method(&'static str),
    #[error("nothing is served at this path; check the upstream's name in the configuration")]
    NoPath,
    #[error(
        "the server behind this endpoint speaks no {requested}; send `initialize` with one of the supported versions"
    )]
    Version { requested: String },
    #[error(
        "the server behind this endpoint has no `server/discover`, so none of the modern era: send `initialize`"
    )]
    NoDiscover,
    #[error("{message}")]
    Busy { message: String, retry_after_s: u64 },
    #[error("penstock is shutting down; try again in a moment")]
    Draining,
    #[error("{0}")]
    Upstream(String),
}

impl Fault {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Parse(_) => ErrorKind::Parse,
            Self::InvalidRequest(_) => ErrorKind::InvalidRequest,
            Self::BodyTooLarge(_) => ErrorKind::BodyTooLarge,
            Self::MediaType => ErrorKind::UnsupportedMediaType,
            Self::NotAcceptable(_) => ErrorKind::NotAcceptable,
            Self::SessionMissing => ErrorKind::SessionRequired,
            Self::SessionUnknown => ErrorKind::SessionNotFound,
            Self::StreamOpen => ErrorKind::Conflict,
            Self::Method(_) => ErrorKind::HttpMethodNotAllowed,
            Self::NoPath => ErrorKind::NotFound,
            Self::Version { .. } => ErrorKind::UnsupportedProtocolVersion,
            Self::NoDiscover => ErrorKind::MethodNotFound,
            Self::Busy { .. } => ErrorKind::TooManyCalls,
            Self::Draining => ErrorKind::Draining,
            Self::Upstream(_) => ErrorKind::UpstreamUnavailable,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The JSON-RPC error; `id` is the request's, as raw JSON.
    pub(crate) fn json(&self, id: Option<&[u8]>) -> Bytes {
        let data = match self {
            Self::Version { requested } => {
                let supported: Vec<_> = Revision::ALL
                    .into_iter()
                    .filter(|revision| revision.era() == Era::Legacy)
                    .map(Revision::as_str)
                    .collect();
                serde_json::json!({ "supported": supported, "requested": requested }).to_string()
            }
            _ => String::new(),
        };
        let mut out = Vec::new();
        self.kind().write_with_data(id, &self.to_string(), &data, &mut out);
        out.into()
    }

    pub(crate) fn response(&self, id: Option<&[u8]>) -> Response<Body> {
        let mut response = json_response(self.status(), self.json(id));
        let headers = response.headers_mut();
        match self {
            Self::Busy { retry_after_s, .. } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_s));
            }
            Self::Draining => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Method(allow) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            _ => {}
        }
        response
    }
}

/// A JSON-RPC error response with a code that is not a [`Fault`]'s.
pub(crate) fn error_json(id: Option<&[u8]>, code: i32, message: &str) -> Bytes {
    let error = serde_json::json!({ "code": code, "message": message }).to_string();
    [br#"{"jsonrpc":"2.0","id":"#, id.unwrap_or(b"null"), br#","error":"#, error.as_bytes(), b"}"]
        .concat()
        .into()
}

/// An answer whose whole body is one JSON document.
pub(crate) fn json_response(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_the_id_as_it_was_written() {
        let json = Fault::SessionUnknown.json(Some(br#""a\u0062""#));
        assert!(json.starts_with(br#"{"jsonrpc":"2.0","id":"a\u0062","error":{"#));
        assert!(Fault::Parse("x".into()).json(None).starts_with(br#"{"jsonrpc":"2.0","id":null"#));
    }

    #[test]
    fn a_modern_client_is_told_which_versions_are_spoken() {
        let json = Fault::Version { requested: "2026-07-28".into() }.json(Some(b"1"));
        let value: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(value["error"]["code"], -32022);
        assert_eq!(value["error"]["data"]["supported"][0], "2025-11-25");
        assert_eq!(value["error"]["data"]["requested"], "2026-07-28");
    }
}
