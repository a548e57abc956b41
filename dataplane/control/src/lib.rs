//! The cold side: everything about a call that is not on the shards' way, on one tokio thread.
//!
//! To a shard each of these is one more HTTP upstream, reached over a Unix socket that only this
//! process may use:
//!
//! - `/bridge/<upstream>`: Streamable HTTP in front of a stdio server or one of the HTTP+SSE
//!   transport of 2024-11-05
//! - `/legacy/<server>/sse` and `/messages`: a client of that transport in front of a virtual server
//!
//! - `/resolve/<name>`: the addresses of a name that a forward listener was asked for
//!
//! Beside them it resolves upstreams' names and serves `/healthz`, `/readyz` and `/metrics` to
//! operators. [`Control::start`] starts it, [`Handle`] tells it what changes.

#![forbid(unsafe_code)]

mod admin;
mod answer;
mod bridge;
mod carrier;
mod control;
mod dial;
mod door;
mod exchange;
mod fault;
mod headers;
mod hub;
mod legacy;
mod link;
mod metrics;
mod resolve;
mod serve;
mod sse;
mod stdio;
#[cfg(test)]
mod testing;
mod wire;

pub use control::{Control, ControlError, Handle, Options};
pub use resolve::{Resolution, Resolved};
