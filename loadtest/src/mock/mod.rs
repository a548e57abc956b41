//! A mock MCP server: a thread a core on io_uring, doing as little as an honest answer allows.
//!
//! What it says is settled before the first call, in a [`Script`](script::Script) that all threads
//! share. A connection's [`Conversation`](conversation::Conversation) turns one request into the
//! bytes of its answer, without I/O; [`connection`] reads, waits and writes.
//!
//! Everything random comes from the seed, the number of the connection and the number of the call
//! on it, so that the same calls in the same order get the same bytes.

mod answer;
mod arguments;
mod catalogue;
mod connection;
mod conversation;
mod dice;
mod engine;
mod latency;
mod script;
mod secret;
mod server;
mod session;
mod size;
mod text;
mod wire;

pub(crate) use arguments::Mock;
pub(crate) use server::serve;
