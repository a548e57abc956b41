//! Child processes that speak MCP on stdin and stdout.

mod guard;
mod lines;
mod log;
mod process;

pub(crate) use guard::Guard;
pub(crate) use process::{Nursery, Obituary, STDIN_GRACE, TERM_GRACE, start};
