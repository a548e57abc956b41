//! What requests and responses have in common: versions, verbs, framing, limits.

/// Most header fields a head can have, whatever [`HeadLimits::fields`] says.
pub const FIELDS_MAX: usize = 256;

/// How much of a head is read before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head, start line and closing blank line included.
    pub bytes: usize,
    /// Header fields; at most [`FIELDS_MAX`].
    pub fields: usize,
    /// Bytes of the request target.
    pub target: usize,
}

impl HeadLimits {
    /// Default of [`HeadLimits::bytes`].
    pub const BYTES: usize = 32 * 1024;
    /// Default of [`HeadLimits::fields`].
    pub const FIELDS: usize = 100;
    /// Default of [`HeadLimits::target`].
    pub const TARGET: usize = 8 * 1024;
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: Self::BYTES, fields: Self::FIELDS, target: Self::TARGET }
    }
}

/// The protocol version of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Version {
    /// HTTP/1.0: one message a connection unless `Connection: keep-alive`.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

/// The request methods that the framing rules or a gateway tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Verb {
    /// `GET`
    #[default]
    Get,
    /// `POST`
    Post,
    /// `DELETE`
    Delete,
    /// `HEAD`: its response has no body, whatever its head says.
    Head,
    /// `OPTIONS`
    Options,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `CONNECT`
    Connect,
    /// `TRACE`
    Trace,
    /// Any other token.
    Other,
}

impl Verb {
    /// Methods are case-sensitive (RFC 9110 9.1): `get` is [`Verb::Other`].
    #[inline]
    pub fn of(method: &[u8]) -> Self {
        match method {
            b"GET" => Self::Get,
            b"POST" => Self::Post,
            b"DELETE" => Self::Delete,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"PUT" => Self::Put,
            b"PATCH" => Self::Patch,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }
}

/// Where the body of a message ends (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// That many bytes.
    Length(u64),
    /// Until the last chunk and its trailers.
    Chunked,
    /// Until the connection closes; responses only.
    UntilClose,
}

/// The standard reason phrase of a status, or an empty string.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "",
    }
}
