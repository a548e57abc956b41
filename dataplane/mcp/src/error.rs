//! Why a body is refused before anything is read from it.

use crate::ErrorKind;

/// What is wrong with a body, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at byte {at} of the body)")]
pub struct ScanError {
    /// Offset in the body of the byte that the fault was found at.
    pub at: u32,
    /// What is wrong.
    pub fault: Fault,
}

impl ScanError {
    /// The error to answer: text that is not JSON, or JSON that is no message.
    pub fn kind(self) -> ErrorKind {
        if self.fault.is_syntax() { ErrorKind::Parse } else { ErrorKind::InvalidRequest }
    }
}

/// What can be wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// The body ended early, or was empty.
    #[error("the JSON ends before it is complete; send the whole document")]
    UnexpectedEnd,
    /// A byte that the grammar has no place for.
    #[error("byte 0x{0:02x} has no place here in JSON; check commas, quotes and brackets")]
    UnexpectedByte(u8),
    /// The body begins with a byte order mark.
    #[error("the body begins with a byte order mark; send UTF-8 without one")]
    ByteOrderMark,
    /// Bytes after the document.
    #[error("something follows the JSON document; send one document a body")]
    TrailingBytes,
    /// A control character inside a string.
    #[error("control character 0x{0:02x} inside a string; write it as an escape")]
    ControlCharacter(u8),
    /// An escape that JSON does not have.
    #[error("a backslash is followed by what JSON has no escape for; escape the backslash")]
    BadEscape,
    /// Half of a surrogate pair, which no Unicode string can hold.
    #[error("an escaped surrogate without its other half; send both halves or the character")]
    LoneSurrogate,
    /// Bytes that are not UTF-8.
    #[error("the body is not UTF-8; JSON has no other encoding on the wire")]
    InvalidUtf8,
    /// A number that the grammar does not have.
    #[error("malformed number; JSON has no leading zeros, plus signs or bare points")]
    BadNumber,
    /// A number that a double cannot hold.
    #[error("a number beyond the range of a double, which peers would read differently")]
    NumberOutOfRange,
    /// Arrays and objects nested deeper than the limit.
    #[error("nested deeper than the limit of {0} levels; flatten the document")]
    TooDeep(u32),
    /// The body cannot be addressed by a [`crate::Span`].
    #[error("the body is larger than 4 GiB; send less")]
    TooLarge,
    /// The document is neither an object nor an array.
    #[error("a JSON-RPC message is an object; this document is something else")]
    NotAnObject,
    /// The same member twice, by value, in an object that the gateway reads.
    #[error("the same member stands twice in one object; readers would differ on which counts")]
    DuplicateMember,
    /// `jsonrpc` is absent or is not the string "2.0".
    #[error("`jsonrpc` must be present and be the string \"2.0\"")]
    NotJsonRpc2,
    /// `id` is none of what MCP allows.
    #[error("`id` must be a string or a 64-bit integer without fraction or exponent")]
    BadId,
    /// A member has a value of a type that MCP does not give it.
    #[error("{0}")]
    WrongType(Member),
    /// Neither a request nor a notification nor a response.
    #[error("a message has `method`, or `id` and one of `result` and `error`; this has neither")]
    NoKind,
    /// Both a request and a response.
    #[error("`method` with `result` or `error` leaves open what the message is; send only one")]
    RequestAndResponse,
    /// A response that succeeds and fails.
    #[error("`result` and `error` in one response leave open how it ended; send only one")]
    ResultAndError,
    /// A batch without messages.
    #[error("an empty batch; send at least one message")]
    EmptyBatch,
    /// A batch with more messages than the limit.
    #[error("a batch of more than {0} messages, the limit; send them in several")]
    BatchTooLong(u32),
}

/// The members whose type the gateway relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Member {
    /// `method`
    #[error("`method` must be a string")]
    Method,
    /// `params`
    #[error("`params` must be an object; leave it out if there are none")]
    Params,
    /// `params._meta`
    #[error("`params._meta` must be an object; leave it out if there is none")]
    Meta,
    /// The protocol version in `_meta`.
    #[error("`io.modelcontextprotocol/protocolVersion` in `_meta` must be a string")]
    ProtocolVersion,
    /// `error`
    #[error("`error` must be an object")]
    Error,
}

impl Fault {
    /// Whether the text is no acceptable JSON, as against JSON that is no acceptable message.
    pub fn is_syntax(self) -> bool {
        match self {
            Self::UnexpectedEnd
            | Self::UnexpectedByte(_)
            | Self::ByteOrderMark
            | Self::TrailingBytes
            | Self::ControlCharacter(_)
            | Self::BadEscape
            | Self::LoneSurrogate
            | Self::InvalidUtf8
            | Self::BadNumber
            | Self::NumberOutOfRange
            | Self::TooDeep(_)
            | Self::TooLarge => true,
            Self::NotAnObject
            | Self::DuplicateMember
            | Self::NotJsonRpc2
            | Self::BadId
            | Self::WrongType(_)
            | Self::NoKind
            | Self::RequestAndResponse
            | Self::ResultAndError
            | Self::EmptyBatch
            | Self::BatchTooLong(_) => false,
        }
    }
}
