//! Connections to upstreams: made, kept, handed out.

mod addresses;
mod connect;
mod pool;

pub use addresses::Addresses;
pub(crate) use connect::{ConnectError, dial};
pub(crate) use pool::{FIRST_READ_BYTES, Lease, Pool};
