//! The same calls over every transport: TLS on both sides, Unix sockets, both kernel interfaces;
//! and what listens beside them.

#[path = "../common/mod.rs"]
mod common;

mod admin;
mod engines;
mod inner;
mod names;
mod tls;
mod tls_clients;
mod tls_listener;
mod tls_upstream;
mod unix;
