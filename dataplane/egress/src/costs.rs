//! What the programs cost, as the kernel measures it.

use std::collections::HashMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};

use crate::hooks::PROGRAMS;
use crate::pins::Pins;
use crate::{EgressError, Host, sys};

/// What one program has cost since it was loaded, while the kernel measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Its name.
    pub program: &'static str,
    /// How often it ran.
    pub runs: u64,
    /// How long it took in all, the kernel's reading of the clock included.
    pub time: Duration,
}

/// Lets the kernel measure every program until this is dropped. Measuring costs about as much as a
/// small program does.
#[derive(Debug)]
pub struct Measuring(#[expect(dead_code, reason = "open, it makes the kernel measure")] OwnedFd);

impl Measuring {
    /// Begins to measure. Needs root.
    pub fn begin() -> Result<Self, EgressError> {
        enable_stats(Stats::RunTime).map(Self).map_err(|error| EgressError::Refused {
            what: "measuring of",
            name: "run time".into(),
            why: error.to_string(),
        })
    }
}

/// What the programs of an agent's sets have cost.
pub fn costs(host: &Host, agent: &str) -> Vec<Cost> {
    let measured: HashMap<u32, (u64, Duration)> = loaded_programs()
        .flatten()
        .map(|program| (program.id(), (program.run_count(), program.run_time())))
        .collect();
    let mut costs = Vec::new();
    for set in Pins::of(&host.bpffs).sets(Some(agent)) {
        for program in PROGRAMS {
            let info = sys::open_link(&set.path.join(program.name))
                .and_then(|link| sys::link_info(link.as_fd()));
            let Ok(info) = info else { continue };
            if let Some((runs, time)) = measured.get(&info.program) {
                costs.push(Cost { program: program.name, runs: *runs, time: *time });
            }
        }
    }
    costs
}
