//! `penstock run`, on the kernel that is here: what a command may and may not do as an agent, and that
//! it notices nothing else of it. Needs root.

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod commands;
mod environment;
mod host;
mod identity;
mod life;
mod sockets;
mod status;
mod terminal;
mod tools;
mod view;
