//! `penstock egress remove`: takes enforcement away.

use std::collections::BTreeSet;

use penstock_config::Snapshot;
use penstock_egress::{Cgroup, EgressError, Host};

use super::{bpffs, failure};
use crate::cli::RemoveArgs;
use crate::exit::{Exit, Failure};
use crate::report::count;
use crate::terminal::print;

pub(crate) fn run(args: &RemoveArgs, snapshot: Option<&Snapshot>) -> Result<Exit, Failure> {
    let host = match Host::find(bpffs(&args.pins, snapshot)) {
        Ok(host) => host,
        Err(EgressError::NotMounted(_)) => {
            let message = "nothing is in force: there is nothing to remove";
            return Err(Failure::new(Exit::Unavailable, message));
        }
        Err(error) => return Err(failure(&error)),
    };
    let on = args.cgroup.as_ref().map(|path| Cgroup::at(&host, path)).transpose();
    let on = on.map_err(|error| failure(&error))?;
    let names: BTreeSet<String> = if let Some(name) = &args.agent {
        // An agent that is not configured any more may still be held.
        BTreeSet::from([name.clone()])
    } else {
        penstock_egress::pinned(&host)
    };
    if names.is_empty() {
        print("nothing is in force\n")?;
    }
    for name in names {
        let cgroups = penstock_egress::remove(&host, &name, on.as_ref(), args.force);
        let cgroups = cgroups.map_err(|error| failure(&error))?;
        print(&format!("{name}: no longer held on {}\n", count(cgroups, "cgroup")))?;
    }
    Ok(Exit::Done)
}
