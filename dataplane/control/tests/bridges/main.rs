//! The control side as the shards see it: real sockets, real child processes.

mod admin;
mod gateway;
mod http;
mod legacy;
mod modern;
mod process;
mod resolve;
mod shared;
mod sse;
mod stdio;
