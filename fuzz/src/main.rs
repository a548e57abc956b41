//! `penstock-fuzz TARGET [--runs N] [--seed S] [--only I] [--threads T]`
//!
//! Every input is a pure function of the seed and its number, so a crash is repeated by naming the
//! two, and threads need no agreement. There is no coverage feedback: the inputs are mutations of
//! documents that the parsers meet, with the words of their grammars at hand.

#![forbid(unsafe_code)]

mod arguments;
mod campaign;
mod mutate;
mod random;
mod targets;

use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(64);
        }
    };
    let mut code = ExitCode::SUCCESS;
    for target in &arguments.targets {
        if !campaign::run(target, &arguments) {
            code = ExitCode::FAILURE;
        }
    }
    code
}
