//! `penstock`: the command line. Reads arguments and the environment, and hands over.

#![forbid(unsafe_code)]

mod check;
mod cli;
mod completions;
mod doctor;
mod egress;
mod exit;
mod init;
mod inspect;
mod locate;
mod logging;
mod prepare;
mod report;
mod rules;
mod run;
mod schema;
mod serve;
mod terminal;
mod version;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::terminal::Paint;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell where even this cannot be printed.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let paint = Paint::for_stderr(cli.color);
    match run(&cli, paint) {
        Ok(code) => code,
        Err(failure) => {
            failure.report(paint);
            failure.exit.into()
        }
    }
}

fn run(cli: &Cli, paint: Paint) -> Result<ExitCode, Failure> {
    let config = cli.config.as_deref();
    let done = match &cli.command {
        Command::Run(args) => return run::run(args, config, paint),
        Command::Serve => serve(config, paint),
        Command::Check(args) => check::run(args, config, cli.color),
        Command::Init(args) => init::run(args),
        Command::Egress(command) => egress::run(command, config, cli.color),
        Command::Doctor(args) => doctor::run(args, config, cli.color),
        Command::Inspect(args) => inspect::run(args, config, cli.color),
        Command::Rules(command) => rules::run(command, config, cli.color),
        Command::Schema => schema::run(),
        Command::Version(args) => version::run(args),
        Command::Completions(args) => completions::run(args),
    };
    done.map(ExitCode::from)
}

fn serve(config: Option<&Path>, paint: Paint) -> Result<Exit, Failure> {
    let path = locate::configuration(config)?;
    let loaded =
        penstock_config::load(&path).map_err(|errors| report::refusal(&path, &errors, paint))?;
    let log = logging::init(&loaded.snapshot.log, paint);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    serve::run(loaded.snapshot, path, log.lost())?;
    Ok(Exit::Done)
}
