//! The flags of `run`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use super::agents::VARIABLE;
use super::assemble::{Surroundings, assemble};
use super::mix::Flags;
use super::settings::{REPORT, Settings};
use super::{Bound, Plan, scenario};

#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  penstock-loadtest run http://127.0.0.1:8808/mcp/files
  penstock-loadtest run http://127.0.0.1:8808/mcp/files --rate 500,1000,2000 --duration 20s
  penstock-loadtest run https://gateway.example/mcp/files --token-file tokens.txt --agents 50 \\
      --mix call=90,list=5,stream=5 --tool search --arguments '{\"query\":\"refund\"}'
  penstock-loadtest run http://127.0.0.1:8808/mcp/files --search 'p99=5ms,errors=0' --html a.html
  penstock-loadtest run --scenario scenario.yaml --pid $(pidof -s penstock) --assert 'p99<2ms'

Open loop (--rate, --search) sends a call when it is due and counts latency from then: what a
slow target keeps waiting is in the numbers. Closed loop (--concurrency) waits with the target,
and finds how much it carries. Times have a unit: 500us, 5ms, 30s, 2m.")]
pub(crate) struct Run {
    /// A YAML file that says what flags can say; what flags say counts more. Its JSON Schema is
    /// printed by `penstock-loadtest schema scenario`.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    mix: Flags,
    /// The process to watch, with its children: CPU time a call, memory, descriptors.
    // Without a value it is told what to write, and not taken for another flag's mistake.
    #[arg(
        long, value_name = "PID", num_args = 0..=1, default_missing_value = "", value_parser = pid,
        help_heading = REPORT
    )]
    pid: Option<u32>,
    #[command(flatten)]
    output: Output,
}

/// Where the report goes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Output {
    /// Write the report there, as JSON.
    #[arg(long, value_name = "FILE", help_heading = REPORT)]
    pub(crate) json: Option<PathBuf>,
    /// Write the report there, as one page with plots.
    #[arg(long, value_name = "FILE", help_heading = REPORT)]
    pub(crate) html: Option<PathBuf>,
    /// Show no progress.
    #[arg(long, help_heading = REPORT)]
    pub(crate) quiet: bool,
}

/// One process id. A shell's `$(pidof …)` is none where nothing runs, and can be several.
fn pid(text: &str) -> Result<u32, String> {
    let one = "write one process id, as $(pidof -s penstock)";
    if text.trim().is_empty() {
        return Err(format!("no process is named, so it does not run: {one}"));
    }
    if text.split_whitespace().count() > 1 {
        return Err(format!("`{text}` are several: {one}"));
    }
    text.trim().parse().map_err(|_| format!("`{text}` is no process id: {one}"))
}

/// A run that can begin.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) plan: Plan,
    /// What the report is held against.
    pub(crate) assert: Vec<Bound>,
    pub(crate) output: Output,
    /// What the user has to know before it starts.
    pub(crate) notes: Vec<String>,
}

impl Run {
    /// Reads every file that is named, resolves the host, and checks all of it.
    pub(crate) fn prepare(self) -> Result<Job> {
        let token = match std::env::var(VARIABLE) {
            Ok(token) => Some(token),
            Err(std::env::VarError::NotPresent) => None,
            Err(error) => return Err(error).with_context(|| format!("cannot use {VARIABLE}")),
        };
        self.with_token(token)
    }

    fn with_token(self, token: Option<String>) -> Result<Job> {
        let Self { mut settings, scenario, mix, pid, output } = self;
        let file = scenario.as_deref().map(scenario::read).transpose()?.unwrap_or_default();
        settings.mix = mix.words(file.mix.is_some() || file.replay.is_some())?;
        let mut notes = Vec::new();
        let said = assemble(settings.over(file), Surroundings { token, pid }, &mut notes);
        let (plan, assert) = match &scenario {
            Some(file) => said.with_context(|| format!("with the scenario {}", file.display()))?,
            None => said?,
        };
        Ok(Job { plan, assert, output, notes })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
