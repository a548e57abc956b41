//! HTTP/1.1 and Server-Sent Events codecs, without I/O.
//!
//! Bytes go in, spans into those bytes come out: nothing is copied, nothing is
//! read from a socket or a clock. The codecs are made for a proxy that stands
//! between two other HTTP readers, so the rule throughout is that a message
//! which those two could read differently is refused, never repaired.
//!
//! - [`RequestHead`], [`ResponseHead`]: heads in, at any split, with their framing settled
//! - [`Chunked`]: chunked bodies in, and which of their bytes to pass on
//! - [`write_request`], [`write_response`], [`write_simple`]: heads out
//! - [`EventScanner`], [`parse_event`]: event streams, passed on unchanged
#![forbid(unsafe_code)]

mod chunked;
mod error;
mod event;
mod fields;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod message;
mod names;
mod plain;
#[cfg(test)]
mod properties;
mod request;
mod response;
mod scan;
mod span;
mod sse;
mod target;
mod trailer;
mod write;

pub use chunked::{ChunkLimits, Chunked, Fed, Piece};
pub use error::{ChunkError, EventTooLarge, HeadError};
pub use event::{DataLines, Event, parse_event};
pub use fields::Field;
pub use message::{FIELDS_MAX, Framing, HeadLimits, Verb, Version, reason};
pub use request::RequestHead;
pub use response::ResponseHead;
pub use span::Span;
pub use sse::EventScanner;
pub use write::{
    RequestOut, ResponseOut, write_phrased, write_request, write_response, write_simple,
};
