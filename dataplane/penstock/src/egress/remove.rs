//! `penstock egress remove`: takes enforcement away.

use std::collections::BTreeSet;

use penstock_config::Snapshot;
use penstock_egress::Host;

use super::failure;
use crate::cli::RemoveArgs;
use crate::exit::{Exit, Failure};
use crate::report::count;
use crate::terminal::print;

pub(crate) fn run(args: &RemoveArgs, snapshot: &Snapshot) -> Result<Exit, Failure> {
    let host = Host::find(&snapshot.egress.bpffs).map_err(|error| failure(&error))?;
    let names: BTreeSet<String> = if let Some(name) = &args.agent {
        // An agent that is not configured any more may still be held.
        BTreeSet::from([name.clone()])
    } else {
        let found = penstock_egress::status(&host).map_err(|error| failure(&error))?;
        found.into_iter().map(|status| status.agent).collect()
    };
    for name in names {
        let cgroups = penstock_egress::remove(&host, &name, args.force);
        let cgroups = cgroups.map_err(|error| failure(&error))?;
        print(&format!("{name}: no longer held on {}\n", count(cgroups, "cgroup")))?;
    }
    Ok(Exit::Done)
}
