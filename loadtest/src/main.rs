//! `penstock-loadtest`: what penstock is measured with.

#![forbid(unsafe_code)]

mod mock;
mod random;
mod units;

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
    /// Serve a mock MCP server over Streamable HTTP, in both protocol eras, on any path.
    Mock(mock::Mock),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Mock(mock) => mock::serve(&mock),
    }
}
