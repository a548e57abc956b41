//! The MCP envelope: JSON-RPC spans, protocol eras and errors, without I/O.
//!
//! [`Message::scan`] validates a whole body as JSON and points at what a gateway reads in it;
//! nothing is copied and nothing is built. [`admit`] then says which [`Era`] a POST belongs to
//! and whether its headers agree with its body. What is refused is answered from one table,
//! [`ErrorKind`], that yields both the HTTP status and the JSON-RPC error.
//!
//! The rule behind every strictness here: two readers of the same bytes must never disagree
//! about what was called. A text that JSON parsers are known to read differently is refused.

#![forbid(unsafe_code)]

mod admit;
mod envelope;
mod error;
mod form;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod headers;
mod json;
mod keys;
mod message;
mod method;
mod refusal;
mod revision;
mod span;

#[cfg(test)]
mod differential;

pub use admit::admit;
pub use envelope::{Envelope, Kind};
pub use error::{Fault, Member, ScanError};
pub use form::plain_form;
pub use json::DEPTH_MAX;
pub use message::{Message, ScanLimits};
pub use method::{Direction, Method, NameParam};
pub use refusal::{ErrorKind, Reason, Refusal, write_string};
pub use revision::{Era, Revision};
pub use span::{Span, Text};
