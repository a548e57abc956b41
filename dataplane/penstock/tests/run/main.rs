//! `penstock run`, on the kernel that is here: what a command may and may not do as an agent, and that
//! it notices nothing else of it. Needs root.

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod changes;
mod clients;
mod commands;
mod destination;
mod environment;
mod host;
mod identity;
mod life;
mod policy;
mod reach;
mod serving;
mod shown;
mod sockets;
mod status;
mod terminal;
mod tools;
mod view;
