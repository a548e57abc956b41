//! `penstock-loadtest`: what penstock is measured with.

#![forbid(unsafe_code)]

mod answers;
mod exit;
mod mock;
#[allow(dead_code, reason = "the run uses it")]
mod plan;
#[allow(dead_code, reason = "the run uses it")]
mod progress;
mod report;
mod terminal;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::exit::{EXIT_CODES, Exit};
use crate::report::commands::{self, CompareArgs, ReportArgs};
use crate::terminal::clean;

/// Load tests of MCP servers and gateways.
#[derive(Parser)]
#[command(version, propagate_version = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
    /// Say what a report says: in words, as a page, as an exit code.
    #[command(after_help = REPORT_HELP)]
    Report(ReportArgs),
    /// Hold one report against another: in words, as a page, as an exit code.
    #[command(after_help = COMPARE_HELP)]
    Compare(CompareArgs),
    /// Print the JSON Schema of a file.
    Schema {
        /// Of which.
        of: Schema,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Schema {
    /// What `run --json` writes.
    Report,
}

const REPORT_HELP: &str = "\
Examples:
  penstock-loadtest report run.json
  penstock-loadtest report run.json --html run.html
  penstock-loadtest report run.json --assert 'p99<2ms,errors=0,cpu<50us'

Bounds speak of the whole run; of a search, of the step at the highest rate that it found. Exits with
0 where all of them hold, with 1 where one does not or was not measured, with 2 where the report
cannot be read or a file not be written. Fields that this version does not know are skipped; a report
of another schema version is refused.";

const COMPARE_HELP: &str = "\
Examples:
  penstock-loadtest compare before.json after.json
  penstock-loadtest compare before.json after.json --html change.html
  penstock-loadtest compare before.json after.json --assert 'p99<=1.1x,cpu<=1.05x,errors<=1x'
  penstock-loadtest compare a1.json b1.json --base a2.json --new b2.json    several runs of each

A bound is a value (p50 or any percentile, mean, max, rate, errors, error-rate, cpu, rss), a relation
(< <= = >= >) and a factor that ends in x: the new against so many times the base's. Exits with 0
where all of them hold, with 1 where one does not or was not measured in both, with 2 where a report
cannot be read or a file not be written.";

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Mock { listen, threads, answer_bytes, event_every } => {
            let event_every = event_every.map(Duration::from_secs);
            mock::serve(listen, threads, answer_bytes, event_every)
                .map(|()| Exit::Held)
                .map_err(|error| (Exit::Failed, error))
        }
        Command::Report(args) => commands::report(&args).map_err(|error| (Exit::Usage, error)),
        Command::Compare(args) => commands::compare(&args).map_err(|error| (Exit::Usage, error)),
        Command::Schema { of: Schema::Report } => {
            commands::schema().map_err(|error| (Exit::Usage, error))
        }
    };
    match done {
        Ok(exit) => exit.into(),
        Err((exit, error)) => {
            eprintln!("error: {}", clean(&format!("{error:#}")));
            exit.into()
        }
    }
}
