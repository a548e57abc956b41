//! Runs rows, one after the other, and tells of each in the words of `cargo test`.

use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

/// Why a row is not what it should be.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It does not hold.
    Broken(String),
    /// This kernel cannot show it.
    NotRun(String),
}

/// How a row went.
pub(crate) type Row = Result<(), Fault>;

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Broken(error.to_string())
    }
}

/// A row that does not hold unless something is so.
macro_rules! hold {
    ($so:expr, $($why:tt)+) => {
        if !$so {
            return Err($crate::suite::Fault::Broken(format!($($why)+)));
        }
    };
}
pub(crate) use hold;

/// The run of this suite.
pub(crate) struct Suite {
    filters: Vec<String>,
    fail_fast: bool,
    started: Instant,
    passed: u32,
    failed: Vec<String>,
    not_run: u32,
}

impl Suite {
    pub(crate) fn new() -> Self {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let (flags, filters) = arguments.into_iter().partition(|a| a.starts_with("--"));
        let flags: Vec<String> = flags;
        Self {
            filters,
            fail_fast: flags.iter().any(|flag| flag == "--fail-fast"),
            started: Instant::now(),
            passed: 0,
            failed: Vec::new(),
            not_run: 0,
        }
    }

    /// Whether a row of this name is asked for; with a name that ends in `/` whether one may be.
    pub(crate) fn wants(&self, name: &str) -> bool {
        if self.fail_fast && !self.failed.is_empty() {
            return false;
        }
        let begins = |filter: &String| {
            name.contains(filter.as_str()) || (name.ends_with('/') && filter.starts_with(name))
        };
        self.filters.is_empty() || self.filters.iter().any(begins)
    }

    pub(crate) fn row(&mut self, name: &str, run: impl FnOnce() -> Row) {
        if self.wants(name) {
            let started = Instant::now();
            let went = run();
            let took = started.elapsed().as_secs_f32();
            let took = if took > 1.0 { format!(" ({took:.1} s)") } else { String::new() };
            self.tell(name, went, &took);
        }
    }

    fn tell(&mut self, name: &str, went: Row, took: &str) {
        match went {
            Ok(()) => {
                self.passed += 1;
                println!("test {name} ... ok{took}");
            }
            Err(Fault::NotRun(why)) => {
                self.not_run += 1;
                println!("not run: {name}: {why}");
            }
            Err(Fault::Broken(why)) => {
                println!("test {name} ... FAILED{took}\n    {why}");
                self.failed.push(name.to_owned());
            }
        }
    }

    pub(crate) fn end(self) -> ExitCode {
        for name in &self.failed {
            println!("failed: {name}");
        }
        println!(
            "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; \
             {} not run; finished in {:.2}s\n",
            if self.failed.is_empty() { "ok" } else { "FAILED" },
            self.passed,
            self.failed.len(),
            self.not_run,
            self.started.elapsed().as_secs_f32()
        );
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// What nothing can run without.
pub(crate) fn impossible(why: &io::Error) -> ExitCode {
    println!("not run: egress: {why}");
    println!("\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n");
    // In CI what could not run has not been shown to hold.
    if env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
