//! The same calls over every transport: TLS on both sides, Unix sockets, both kernel interfaces.

#[path = "../common/mod.rs"]
mod common;

mod engines;
mod names;
mod tls;
mod tls_clients;
mod tls_listener;
mod tls_upstream;
mod unix;
