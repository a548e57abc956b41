//! Taking enforcement away.

use std::collections::HashSet;

use crate::capabilities::TO_ASK;
use crate::pins::Pins;
use crate::status::path_of;
use crate::{EgressError, Host};

/// Takes everything away that is in force for an agent; how many cgroups that were. While processes
/// run there it takes `force`, for they go free.
pub fn remove(host: &Host, agent: &str, force: bool) -> Result<usize, EgressError> {
    EgressError::unless_capable("seeing whom it would let go", TO_ASK)?;
    let pins = Pins::of(&host.bpffs);
    let _lock = pins.lock()?;
    let all = Pins::of_all_versions(&host.bpffs);
    let sets: Vec<_> = all.iter().flat_map(|pins| pins.sets(Some(agent))).collect();
    if sets.is_empty() {
        return Err(EgressError::NotApplied(agent.to_owned()));
    }
    let cgroups: HashSet<u64> = sets.iter().map(|set| set.cgroup).collect();
    for cgroup in cgroups.iter().filter(|_| !force) {
        let Some(path) = path_of(host, *cgroup) else { continue };
        let count = crate::cgroup::processes(&path).len();
        if count > 0 {
            return Err(EgressError::Busy { agent: agent.to_owned(), count, cgroup: path });
        }
    }
    for set in &sets {
        set.remove()?;
    }
    Ok(cgroups.len())
}
