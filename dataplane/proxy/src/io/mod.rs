//! The seam between the shards and the kernel.
//!
//! Everything that monoio owns stays below this module: a [`Conn`] gives bytes when polled and loses
//! none when the one who waits goes away, whatever engine fills it.

mod conn;
mod engine;
mod flight;
mod pace;
mod round;
mod timer;
mod tls;

pub(crate) use conn::{Conn, KEPT_BYTES_MAX};
pub use engine::{Engine, choose_engine, raise_descriptor_limit};
pub(crate) use engine::{Listener, nonblocking, pin_to, run};
pub(crate) use flight::Socket;
pub(crate) use pace::{Pace, Unwritten};
pub(crate) use timer::{Elapsed, Timer, Timers};
pub(crate) use tls::{client_config, server_config};
