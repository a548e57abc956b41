//! Taking enforcement away.

use std::collections::HashSet;
use std::io;

use aya::maps::{HashMap, Map, MapData, MapError};
use penstock_config::agent_id;

use crate::capabilities::TO_ASK;
use crate::pins::Pins;
use crate::set::{Caller, Connection};
use crate::status::path_of;
use crate::{Cgroup, EgressError, Host};

/// Takes away what is in force for an agent, everywhere or on one cgroup alone; how many cgroups that
/// were. While processes run there it takes `force`, for they go free.
pub fn remove(
    host: &Host,
    agent: &str,
    on: Option<&Cgroup>,
    force: bool,
) -> Result<usize, EgressError> {
    EgressError::unless_capable("seeing whom it would let go", TO_ASK)?;
    let pins = Pins::of(&host.bpffs);
    let _lock = pins.lock()?;
    let all = Pins::of_all_versions(&host.bpffs);
    let sets = all.iter().flat_map(|pins| pins.sets(Some(agent)));
    let sets: Vec<_> = sets.filter(|set| on.is_none_or(|one| one.id == set.cgroup)).collect();
    if sets.is_empty() {
        let agent = agent.to_owned();
        return Err(match on {
            Some(one) => EgressError::NotThere { agent, cgroup: one.path.clone() },
            None => EgressError::NotApplied(agent),
        });
    }
    let cgroups: HashSet<u64> = sets.iter().map(|set| set.cgroup).collect();
    for cgroup in cgroups.iter().filter(|_| !force) {
        let Some(path) = path_of(host, *cgroup) else { continue };
        let processes = crate::cgroup::processes(&path);
        if !processes.is_empty() {
            return Err(EgressError::Busy { agent: agent.to_owned(), processes, cgroup: path });
        }
    }
    for set in &sets {
        set.remove()?;
    }
    // Those of its other cgroups too, for they are not told apart: asked for was each when it came in.
    forget(&pins, agent)?;
    Ok(cgroups.len())
}

/// Takes back what was told of connections that are still open: nobody is left to do it when they end,
/// and whoever used their ports next would be taken for the agent.
fn forget(pins: &Pins, agent: &str) -> Result<(), EgressError> {
    let (id, path) = (agent_id(agent), pins.callers());
    let failed =
        |error: MapError| EgressError::file("cannot clear the map", &path)(io::Error::other(error));
    let map = Map::HashMap(MapData::from_pin(&path).map_err(failed)?);
    let mut map: HashMap<_, Connection, Caller> = map.try_into().map_err(failed)?;
    let theirs: Vec<Connection> = map
        .iter()
        .filter_map(|entry| entry.ok().filter(|(_, caller)| caller.0.agent == id))
        .map(|(connection, _)| connection)
        .collect();
    for connection in theirs {
        // One that has ended meanwhile is gone already.
        match map.remove(&connection) {
            Err(error) if !is_missing(&error) => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(())
}

fn is_missing(error: &MapError) -> bool {
    match error {
        MapError::KeyNotFound | MapError::ElementNotFound => true,
        MapError::SyscallError(error) => error.io_error.raw_os_error() == Some(libc::ENOENT),
        _ => false,
    }
}
