//! The command line.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::targets::{TARGETS, Target};

/// What to fuzz, and for how long.
pub(crate) struct Arguments {
    pub(crate) targets: Vec<&'static Target>,
    /// Inputs of a target; of one whose inputs cost more, fewer.
    pub(crate) runs: u64,
    pub(crate) seed: u64,
    /// Only the input of this number.
    pub(crate) only: Option<u64>,
    pub(crate) threads: u64,
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let target = words.next().ok_or_else(usage)?;
        let targets = TARGETS.iter().filter(|one| target == "all" || target == one.name).collect();
        let mut arguments =
            Self { targets, runs: 1_000_000, seed: fresh_seed(), only: None, threads: cores() };
        if arguments.targets.is_empty() {
            return Err(format!("`{target}` is no target\n{}", usage()));
        }
        while let Some(flag) = words.next() {
            let value = words.next().unwrap_or_default();
            let number = value.replace('_', "").parse();
            let number =
                number.map_err(|_| format!("{flag} takes a number, not `{value}`\n{}", usage()))?;
            match flag.as_str() {
                "--runs" => arguments.runs = number,
                "--seed" => arguments.seed = number,
                "--only" => arguments.only = Some(number),
                "--threads" => arguments.threads = number.max(1),
                _ => return Err(format!("`{flag}` is no option\n{}", usage())),
            }
        }
        Ok(arguments)
    }
}

fn usage() -> String {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    format!(
        "usage: penstock-fuzz TARGET [--runs N] [--seed S] [--only I] [--threads T]\n\
         targets: all {}",
        names.join(" ")
    )
}

fn cores() -> u64 {
    available_parallelism().map_or(1, NonZeroUsize::get) as u64
}

/// Another one each day and each second; printed, so that a run can be had again.
fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}
