//! Which trailer fields may be passed on.

use crate::names::{Kind, Named};

/// Fields that a recipient acts on before or instead of reading the body (RFC 9110 6.5.1):
/// merged into the header section they would change a message already judged.
const FORBIDDEN: [&str; 38] = [
    // Request modifiers and response control.
    "age",
    "cache-control",
    "date",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "location",
    "max-forwards",
    "pragma",
    "range",
    "retry-after",
    "vary",
    "warning",
    // Authentication.
    "authentication-info",
    "set-cookie",
    "www-authenticate",
    // Content and its reading.
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-range",
    "content-security-policy",
    "x-content-type-options",
    // Routing and who is calling.
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// Whether a trailer field of that name may be passed on.
pub(crate) fn may_travel(name: &[u8]) -> bool {
    Kind::of(name) == Named::As(Kind::Other)
        && !FORBIDDEN.iter().any(|no| no.as_bytes().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frames_routes_or_authenticates_does_not_travel() {
        for name in [
            "Content-Length",
            "transfer-encoding",
            "Host",
            "TE",
            "Trailer",
            "Authorization",
            "Set-Cookie",
            "Cookie",
            "Mcp-Session-Id",
            "content_length",
            "X-Forwarded-For",
        ] {
            assert!(!may_travel(name.as_bytes()), "{name}");
        }
        assert!(may_travel(b"X-Checksum"));
        assert!(may_travel(b"Server-Timing"));
    }
}
