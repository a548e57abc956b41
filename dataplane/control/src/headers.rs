//! Which of a client's headers go on to whom it speaks to through a bridge.

use axum::http::{HeaderMap, HeaderName, header};

/// Headers of a client's that are not carried on: of its connection, or said anew.
const OWN_HEADERS: [HeaderName; 13] = [
    header::HOST,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::ORIGIN,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    HeaderName::from_static("last-event-id"),
];

/// The headers by which the client is known, and whatever else it sends with its messages.
pub(crate) fn carried(headers: &HeaderMap) -> HeaderMap {
    let mut carried = headers.clone();
    for name in OWN_HEADERS {
        carried.remove(name);
    }
    for name in ["keep-alive", "proxy-connection", "mcp-session-id", "mcp-protocol-version"] {
        carried.remove(name);
    }
    carried
}
