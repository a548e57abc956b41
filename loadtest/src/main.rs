//! `penstock-loadtest`: what penstock is measured with.

#![forbid(unsafe_code)]

mod mock;
#[allow(dead_code, reason = "the engine and the report read the plan, once they are here")]
mod plan;
mod random;
mod suggest;
mod units;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Load tests of MCP servers and gateways.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Call an MCP server or gateway, and report how it answered.
    Run(Box<plan::Run>),
    /// Serve a mock MCP server over Streamable HTTP, in both protocol eras, on any path.
    Mock(mock::Mock),
    /// Print the JSON Schema of a file.
    Schema {
        /// Of which.
        of: Schema,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Schema {
    /// What `run --scenario` reads.
    Scenario,
}

/// The command line, or a file that it names, is wrong.
const USAGE: u8 = 2;

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Mock(mock) => mock::serve(&mock).map(|()| ExitCode::SUCCESS),
        Command::Schema { of: Schema::Scenario } => {
            println!("{:#}", plan::schema());
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(run) => Ok(match run.prepare() {
            Ok(job) => {
                for note in &job.notes {
                    eprintln!("note: {note}");
                }
                println!("{:#?}", job.plan);
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::from(USAGE)
            }
        }),
    }
}
