//! The forward listener: real sockets, real shards, and an attestation of the test's own.

mod destinations;
mod limits;
mod names;
mod peers;
mod requests;
mod rig;
mod tls;
mod tunnels;
mod who;
