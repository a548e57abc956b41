//! Commands run one after the other, each with its time, up to the first that fails.

use std::process::Command;
use std::time::{Duration, Instant};

/// A run of steps.
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration)>,
    failed: Option<String>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { done: Vec::new(), failed: None }
    }

    /// Runs `cargo` with these arguments in the workspace.
    pub(crate) fn cargo(self, name: &'static str, arguments: &[&str]) -> Self {
        self.run(name, Command::new(env!("CARGO")).args(arguments))
    }

    /// The same with a variable in its environment.
    pub(crate) fn cargo_with(
        self,
        name: &'static str,
        arguments: &[&str],
        (key, value): (&str, &str),
    ) -> Self {
        self.run(name, Command::new(env!("CARGO")).args(arguments).env(key, value))
    }

    fn run(mut self, name: &'static str, command: &mut Command) -> Self {
        if self.failed.is_some() {
            return self;
        }
        println!("── {name}");
        let started = Instant::now();
        let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        match command.current_dir(workspace).status() {
            Ok(status) if status.success() => self.done.push((name, started.elapsed())),
            Ok(status) => self.failed = Some(format!("step `{name}` failed: {status}")),
            Err(error) => self.failed = Some(format!("step `{name}` could not start: {error}")),
        }
        self
    }

    /// Prints the time of each step; an error where one failed.
    pub(crate) fn end(self) -> Result<(), String> {
        println!("\n{:<12} {:>8}", "step", "seconds");
        for (name, time) in &self.done {
            println!("{name:<12} {:>8.1}", time.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, time)| *time).sum();
        println!("{:<12} {:>8.1}", "total", total.as_secs_f64());
        self.failed.map_or(Ok(()), Err)
    }
}
