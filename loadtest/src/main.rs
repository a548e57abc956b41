//! `penstock-loadtest`: what penstock is measured with.

#![forbid(unsafe_code)]

mod descriptors;
mod engine;
mod exit;
mod mock;
mod plan;
mod progress;
mod random;
mod report;
mod run;
mod suggest;
mod terminal;
mod units;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::exit::{EXIT_CODES, Exit};
use crate::report::commands::{self, CompareArgs, ReportArgs};
use crate::terminal::{clean, print};

/// Load tests of MCP servers and gateways.
#[derive(Parser)]
#[command(version, propagate_version = true, after_help = EXIT_CODES)]
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
    /// What `run --scenario` reads.
    Scenario,
    /// What `run --json` writes.
    Report,
}

const REPORT_HELP: &str = "\
Examples:
  penstock-loadtest report run.json
  penstock-loadtest report run.json --html run.html
  penstock-loadtest report run.json --assert 'p99<2ms,errors=0,cpu<50us'

Bounds speak of the whole run; of a search, of the step at the highest rate that it found. Fields that
this version does not know are skipped; a report of another schema version is refused.

Exit codes:
  0  every bound holds, or there is none
  1  a bound does not hold, or speaks of something that was not measured
  2  the command line is wrong, the report cannot be read, or a file not be written
  4  the run was interrupted: whether the bounds hold is not known";

const COMPARE_HELP: &str = "\
Examples:
  penstock-loadtest compare before.json after.json
  penstock-loadtest compare before.json after.json --html change.html
  penstock-loadtest compare before.json after.json --assert 'p99<=1.1x,cpu<=1.05x,errors<=1x'
  penstock-loadtest compare a1.json b1.json --base a2.json --new b2.json    several runs of each

A bound is a value (p50 or any percentile, mean, max, rate, errors, error-rate, cpu, rss), a relation
(< <= = >= >) and a factor that ends in x: the new against so many times the base's.

Exit codes:
  0  every bound holds, or there is none
  1  a bound does not hold, or speaks of something that was not measured in both
  2  the command line is wrong, a report cannot be read, or a file not be written
  4  a run of either was interrupted: whether the bounds hold is not known";

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| refuse(&error));
    let done = match arguments.command {
        Command::Run(run) => run::run(*run),
        Command::Mock(mock) => {
            mock::serve(&mock).map(|()| Exit::Held).map_err(|error| (Exit::Failed, error))
        }
        Command::Report(args) => commands::report(&args).map_err(|error| (Exit::Usage, error)),
        Command::Compare(args) => commands::compare(&args).map_err(|error| (Exit::Usage, error)),
        Command::Schema { of: Schema::Report } => {
            commands::schema().map_err(|error| (Exit::Usage, error))
        }
        Command::Schema { of: Schema::Scenario } => {
            let printed = print(&format!("{:#}\n", plan::schema()));
            printed.map(|()| Exit::Held).map_err(|error| (Exit::Usage, error))
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

/// Ends with what clap says, or with more where it is known what was meant.
fn refuse(error: &clap::Error) -> ! {
    let word = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) => word.clone(),
        _ => String::new(),
    };
    let number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    if error.kind() == ErrorKind::UnknownArgument && number {
        // A shell has made several words of one `$(pidof …)`.
        let said = format!(
            "unexpected argument '{word}'; if it is a process, --pid takes one: write \
             $(pidof -s penstock)"
        );
        Arguments::command().error(ErrorKind::UnknownArgument, said).exit()
    }
    error.exit()
}
