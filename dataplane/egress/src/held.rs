//! What is in force as far as everybody may see: `serve` runs without root, and must say so where an
//! agent goes free.
//!
//! A link that is pinned is attached as long as its cgroup lives. So a finished set whose cgroup is
//! still there holds, and without a BPF filesystem there is none to be found.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use penstock_ebpf_abi::{Hook, Settings, counter};

use crate::pins::Pins;
use crate::{Host, sys};

/// What holds an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Cgroups on which its policy is in force.
    pub cgroups: usize,
    /// Whether one of them only reports.
    pub audited: bool,
    /// How often each hook refused.
    pub refused: Vec<(Hook, u64)>,
    /// Events that nobody read in time.
    pub events_lost: u64,
    /// Connections that could not be attested.
    pub callers_lost: u64,
}

/// What holds an agent now. Takes no privilege.
pub fn held(host: &Host, agent: &str) -> io::Result<Held> {
    let sets = Pins::of(&host.bpffs).all_sets(Some(agent))?;
    let mut held = Held::default();
    if sets.is_empty() {
        return Ok(held);
    }
    let mut alive = HashSet::new();
    ids(&host.cgroup2, &mut alive)?;
    // An apply that was killed may have left two sets on one cgroup.
    let mut cgroups = HashSet::new();
    let mut refused = [0; Hook::ALL.len()];
    for set in sets.iter().filter(|set| set.whole && alive.contains(&set.cgroup)) {
        let settings = sys::open_map(&set.path.join("settings"))?;
        let settings = sys::lookup(settings.as_fd(), &0_u32, Settings::STRICTEST)?;
        held.audited |= settings.is_some_and(|settings| settings.audit != 0);
        cgroups.insert(set.cgroup);
        let counters = sys::open_map(&set.path.join("counters"))?;
        let count = |place: u32| sys::lookup_sum(counters.as_fd(), place);
        for (sum, hook) in refused.iter_mut().zip(Hook::ALL) {
            *sum += count(u32::from(hook as u8))?;
        }
        held.events_lost += count(counter::EVENTS_LOST)?;
        held.callers_lost += count(counter::CALLERS_FULL)?;
    }
    held.cgroups = cgroups.len();
    held.refused = Hook::ALL.into_iter().zip(refused).collect();
    Ok(held)
}

/// The ids of every cgroup below a directory.
fn ids(path: &Path, found: &mut HashSet<u64>) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if is_shortage(&error) => return Err(error),
        // What goes meanwhile is not alive.
        Err(_) => return Ok(()),
        Ok(entries) => entries,
    };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            found.insert(metadata.ino());
            ids(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// Whether it says nothing of what was asked, but that this process, or the host, has no room to ask.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}
