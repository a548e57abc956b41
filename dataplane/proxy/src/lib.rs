//! The shards: accept, read, forward, answer.
//!
//! One pinned thread a core, each with its own ring, listeners and upstream connections; a call is
//! served start to end by the shard that accepted it. [`Proxy::start`] is the door; `pipeline` is
//! the way of a call, to be read first.

mod access;
mod attest;
#[cfg(feature = "bench")]
pub mod bench;
mod caller;
mod downstream;
mod forward;
mod guard;
mod identity;
mod io;
mod pipeline;
mod relay;
mod respond;
mod rules;
mod shard;
mod start;
mod upstream;
mod world;

pub use attest::Attest;
pub use guard::{Guard, Guards};
pub use io::{Engine, choose_engine, raise_descriptor_limit};
pub use start::{Proxy, StartError};
pub use upstream::Addresses;
pub use world::{Inside, World, WorldError};
