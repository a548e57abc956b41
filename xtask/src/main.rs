//! Every habit of the project as one command: `cargo xtask <command>`.

#![forbid(unsafe_code)]

mod steps;

use std::process::ExitCode;

use steps::Steps;

const USAGE: &str = "\
Usage: cargo xtask <command>

  build [--release]   build the binaries
  test                run the tests
  ci                  all that a change must pass
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["build"] => Steps::new().cargo("build", &["build", "--workspace"]).end(),
        ["build", "--release"] => {
            Steps::new().cargo("build", &["build", "--workspace", "--release"]).end()
        }
        ["test"] => test(Steps::new()).end(),
        ["ci"] => ci(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("unknown command `{}`\n\n{USAGE}", arguments.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn test(steps: Steps) -> Steps {
    steps.cargo("test", &["test", "--workspace", "--all-features"])
}

fn ci() -> Result<(), String> {
    let steps = Steps::new().cargo("fmt", &["fmt", "--all", "--check"]).cargo(
        "clippy",
        &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
    );
    test(steps)
        .cargo_with("docs", &["doc", "--workspace", "--no-deps"], ("RUSTDOCFLAGS", "-D warnings"))
        .end()
}
