//! Everything the codecs refuse, and what a server answers to it.

use thiserror::Error;

/// Why a head was refused. Messages hold numbers and names of ours only, never bytes of the
/// peer's, so that they can be logged and answered as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The first byte cannot start a message: TLS on a plain port, or no HTTP at all.
    #[error("byte 0x{byte:02x} cannot start an HTTP/1.1 message; speak HTTP/1.1 without TLS here")]
    NotHttp {
        /// The byte.
        byte: u8,
    },
    /// More empty lines before the start line than are forgiven.
    #[error("the start line is empty; send the message without blank lines before it")]
    EmptyStart,
    /// A CR that no LF follows.
    #[error("bare CR at byte {at} of the head; end lines with CRLF")]
    BareCr {
        /// Offset in the buffer.
        at: usize,
    },
    /// An LF that no CR precedes.
    #[error("bare LF at byte {at} of the head; end lines with CRLF")]
    BareLf {
        /// Offset in the buffer.
        at: usize,
    },
    /// Not `method SP target SP HTTP/1.x`.
    #[error("the request line is not `method target HTTP/1.1` with single spaces; correct it")]
    RequestLine,
    /// Not `HTTP/1.x SP 3DIGIT [SP reason]`.
    #[error("the status line is not `HTTP/1.1 code reason`; correct the upstream")]
    StatusLine,
    /// A status code that HTTP does not define.
    #[error("status code {code} is not within 100 to 599; correct the upstream")]
    Status {
        /// The code.
        code: u16,
    },
    /// A 101 that nobody asked for: `Upgrade` is never forwarded.
    #[error("the upstream answered 101 though no upgrade was asked for; correct the upstream")]
    SwitchingProtocols,
    /// A well-formed version that is neither 1.0 nor 1.1.
    #[error("only HTTP/1.0 and HTTP/1.1 are spoken here; use HTTP/1.1")]
    Version,
    /// A byte that may not stand in a request target (RFC 3986).
    #[error("byte 0x{byte:02x} at {at} of the request target must be percent-encoded")]
    TargetByte {
        /// The byte.
        byte: u8,
        /// Offset in the target.
        at: usize,
    },
    /// None of the four forms of RFC 9112 3.2, or one that this method may not have.
    #[error("the request target is no form that this method may have; send `/path?query`")]
    TargetForm,
    /// The request target is over its limit.
    #[error("the request target is longer than {limit} bytes; shorten it")]
    TargetTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The head is over its limit.
    #[error("the head does not end within {limit} bytes; send fewer or shorter fields")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// There are more fields than the limit.
    #[error("the head has more than {limit} fields; send fewer")]
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// A field line that starts with white space (obs-fold, RFC 9112 5.2).
    #[error("field line {line} starts with white space; send each field on one line")]
    Folded {
        /// Line of the head, the start line being 1.
        line: usize,
    },
    /// White space between a field's name and its colon.
    #[error("field line {line} has white space before its colon; remove it")]
    SpaceBeforeColon {
        /// Line of the head, the start line being 1.
        line: usize,
    },
    /// A field name that is empty or not a token, or a line without a colon.
    #[error("field line {line} does not start with `name:`, the name being a token; correct it")]
    FieldName {
        /// Line of the head, the start line being 1.
        line: usize,
    },
    /// A control byte in a field value.
    #[error("field line {line} has a control byte in its value; remove it")]
    FieldValue {
        /// Line of the head, the start line being 1.
        line: usize,
    },
    /// A field that must stand alone is there twice: two readers might take different ones.
    #[error("field {name} occurs more than once; send it once")]
    Repeated {
        /// Name of the field.
        name: &'static str,
    },
    /// `_` where a field relied on has `-`: some servers read both as one.
    #[error("a field is named like {name} but with `_` for `-`; rename or remove it")]
    Lookalike {
        /// Name of the field it resembles.
        name: &'static str,
    },
    /// HTTP/1.1 without Host.
    #[error("there is no Host field; HTTP/1.1 requires one")]
    HostMissing,
    /// Host, or the authority in the target, is not `name[:port]`.
    #[error("Host, or the target's authority, is not `name` or `name:port`; correct it")]
    HostInvalid,
    /// The target's authority and Host differ.
    #[error("Host differs from the authority in the request target; send the same in both")]
    HostDisagrees,
    /// Content-Length is no plain decimal number below 2^63.
    #[error("Content-Length is not one decimal number below 2^63; send exact digits")]
    ContentLength,
    /// Transfer-Encoding is anything but `chunked`.
    #[error("Transfer-Encoding is not exactly `chunked`; no other coding is read here")]
    TransferEncoding,
    /// Transfer-Encoding in an HTTP/1.0 message.
    #[error("Transfer-Encoding in an HTTP/1.0 message; use Content-Length or HTTP/1.1")]
    EncodingInHttp10,
    /// Both framings at once.
    #[error("both Content-Length and Transfer-Encoding are given; send one of them")]
    LengthAndEncoding,
    /// A body where the method has none and readers differ on it.
    #[error("a CONNECT request cannot have a body; send none")]
    ConnectBody,
    /// Connection is not a list of tokens, or a very long one.
    #[error("Connection is not a list of at most {limit} tokens; correct it")]
    ConnectionOption {
        /// Most tokens that are read.
        limit: usize,
    },
    /// Connection asks to remove a field that the gateway or the upstream relies on.
    #[error("Connection names {name}, which is not the connection's to remove; leave it out")]
    ConnectionNames {
        /// Name of the field.
        name: &'static str,
    },
    /// Expect is anything but `100-continue`.
    #[error("Expect is not exactly `100-continue`; no other expectation is known")]
    Expectation,
}

impl HeadError {
    /// The status that a *server* answers; a proxy answers 502 to any of an upstream's.
    pub fn status(&self) -> u16 {
        match self {
            Self::TargetTooLong { .. } => 414,
            Self::Expectation => 417,
            Self::TooLarge { .. } | Self::TooManyFields { .. } => 431,
            Self::Version => 505,
            _ => 400,
        }
    }
}

/// Why a chunked body was refused. The connection cannot be used any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// Not a hexadecimal digit where a chunk size is.
    #[error("byte 0x{byte:02x} in a chunk size; send hexadecimal digits and CRLF only")]
    Size {
        /// The byte.
        byte: u8,
    },
    /// A chunk of 2^63 bytes or more.
    #[error("a chunk size is not below 2^63; send smaller chunks")]
    SizeTooLarge,
    /// A control byte, bare CR or bare LF in a chunk extension.
    #[error("byte 0x{byte:02x} in a chunk extension; end the line with CRLF")]
    Extension {
        /// The byte.
        byte: u8,
    },
    /// Extensions and leading zeros over their limit.
    #[error("chunk extensions exceed {limit} bytes in this body; send none")]
    ExtensionTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Something else where CRLF ends a chunk or a line.
    #[error("byte 0x{byte:02x} where CRLF must end a chunk; make chunk sizes match their data")]
    LineEnd {
        /// The byte.
        byte: u8,
    },
    /// A trailer field that is not `name: value`.
    #[error("trailer field {number} is malformed; send `name: value` lines ended by CRLF")]
    Trailer {
        /// Which one, from 1.
        number: usize,
    },
    /// The trailer section is over its limit in bytes.
    #[error("the trailer section exceeds {limit} bytes; send less in it")]
    TrailerTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The caller did not give again what was not consumed; see [`Fed`](crate::Fed).
    #[error("the {bytes} bytes of a trailer field given back were not given again; keep them")]
    NotGivenAgain {
        /// How many.
        bytes: usize,
    },
    /// There are more trailer fields than the limit.
    #[error("the body has more than {limit} trailer fields; send fewer")]
    TooManyTrailers {
        /// The limit.
        limit: usize,
    },
}

impl ChunkError {
    /// The status that a *server* answers; a proxy answers 502 to any of an upstream's.
    pub fn status(&self) -> u16 {
        match self {
            Self::TrailerTooLarge { .. } | Self::TooManyTrailers { .. } => 431,
            Self::NotGivenAgain { .. } => 500,
            _ => 400,
        }
    }
}

/// An event grew over its limit before its blank line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an event exceeds {limit} bytes; send smaller events or raise the limit")]
pub struct EventTooLarge {
    /// The limit in bytes.
    pub limit: u64,
}
