//! `penstock-loadtest`: what penstock is measured with.

#![forbid(unsafe_code)]

mod answers;
mod engine;
mod mock;
#[allow(dead_code, reason = "until its parser is there")]
mod plan;
#[allow(dead_code, reason = "the mock is to use the rest of it")]
mod random;
mod report;
mod trial;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Load tests of MCP servers and gateways.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Drive the engine.
    #[command(hide = true)]
    Trial(trial::Trial),
    /// Serve a mock MCP server over Streamable HTTP, in both protocol eras, on any path.
    Mock {
        /// Where to listen; port 0 lets the system choose.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Threads that serve.
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Bytes of text in the answer of a `tools/call`.
        #[arg(long, default_value_t = 128)]
        answer_bytes: usize,
        /// Seconds between the events on a GET stream or a subscription; without it they are
        /// silent.
        #[arg(long)]
        event_every: Option<u64>,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Trial(trial) => trial.run(),
        Command::Mock { listen, threads, answer_bytes, event_every } => {
            mock::serve(listen, threads, answer_bytes, event_every.map(Duration::from_secs))
        }
    }
}
