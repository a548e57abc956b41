//! What is in force, as the kernel tells it: never from a record of our own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use aya::Pod;
use aya::maps::{Array, HashMap, LpmTrie, Map, MapData, PerCpuArray};
use penstock_config::{EgressMode, EgressRule, Transport};
use penstock_ebpf_abi::{self as abi, Hook, UDP, counter};

use crate::capabilities::TO_ASK;
use crate::hooks::{LSM_PROGRAMS, PROGRAMS, Program};
use crate::pins::{Pins, SetDirectory};
use crate::policy::{Policy, only, unmapped};
use crate::set::{Endpoint, Settings, Tally, build};
use crate::{EgressError, Host, bpf_lsm, sys};

/// A policy on a cgroup, as the kernel has it.
#[derive(Debug, Clone)]
pub struct Status {
    /// The agent's name.
    pub agent: String,
    /// What the kernel calls the cgroup.
    pub cgroup_id: u64,
    /// Its directory; none once it was removed.
    pub cgroup: Option<PathBuf>,
    /// Whether nothing gets past.
    pub state: State,
    /// Whether refusals are refused, or only reported.
    pub mode: EgressMode,
    /// Whether BPF LSM holds the families of sockets that no hook of IP sees.
    pub lsm: bool,
    settings: abi::Settings,
    /// What is allowed, and how much of it there was.
    pub rules: Vec<Allowed>,
    /// How often each hook refused; the hooks without any are left out.
    pub refused: Vec<(Hook, u64)>,
    /// Events for which there was no room.
    pub events_lost: u64,
    /// Connections that could not be attested, because too many were known at once.
    pub callers_lost: u64,
}

impl Status {
    /// Where penstock is reached.
    pub(crate) fn gateways(&self) -> Vec<SocketAddr> {
        let gateways = self.rules.iter().filter(|allowed| allowed.gateway);
        gateways
            .filter_map(|allowed| Some((allowed.rule.address, allowed.rule.port?).into()))
            .collect()
    }

    /// Whether it is in force, and what a policy says now, by the programs of this penstock.
    pub fn is(&self, policy: &Policy) -> bool {
        let gateways = policy.gateways.iter().map(|at| (true, only(*at)));
        let networks = policy.rules.iter().map(|rule| (false, rule.clone()));
        let rules = self.rules.iter().map(|allowed| (allowed.gateway, allowed.rule.clone()));
        self.state == State::Live
            && self.settings == policy.settings(build())
            && self.lsm == bpf_lsm().is_ok()
            && gateways.chain(networks).eq(rules)
    }
}

/// Whether nothing gets past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The kernel runs every program.
    Live,
    /// The cgroup is gone, and what was attached to it. A new one of the same name is not held.
    Gone,
    /// Some programs are not run.
    Broken {
        /// Their names.
        missing: Vec<&'static str>,
    },
}

/// Something that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Whether it is penstock itself.
    pub gateway: bool,
    /// The destination, as the configuration would write it.
    pub rule: EgressRule,
    /// Connects and messages.
    pub calls: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes of those.
    pub bytes: u64,
}

/// The names of agents for which something is in force, of whichever version. Takes no privilege.
pub fn pinned(host: &Host) -> BTreeSet<String> {
    Pins::of_all_versions(&host.bpffs).iter().flat_map(Pins::agents).collect()
}

/// Everything that is in force, by agent and cgroup. Needs root.
pub fn status(host: &Host) -> Result<Vec<Status>, EgressError> {
    EgressError::unless_capable("asking the kernel what it enforces", TO_ASK)?;
    let sets = Pins::of(&host.bpffs).sets(None);
    let mut found: Vec<Status> = Vec::new();
    for set in &sets {
        let status = one(host, set)?;
        match found.last_mut() {
            // Of several sets the last whole one is meant; verdicts of all are ANDed.
            Some(last) if last.agent == status.agent && last.cgroup_id == status.cgroup_id => {
                if set.whole {
                    *last = status;
                }
            }
            _ => found.push(status),
        }
    }
    Ok(found)
}

pub(crate) fn one(host: &Host, set: &SetDirectory) -> Result<Status, EgressError> {
    let cgroup = path_of(host, set.cgroup);
    let settings: Option<Settings> = array(&set.path.join("settings"))?.get(&0, 0).ok();
    let settings = settings.map_or(abi::Settings::STRICTEST, |settings| settings.0);
    let counters: PerCpuArray<MapData, u64> = per_cpu(&set.path.join("counters"))?;
    let count = |place: u32| counters.get(&place, 0).map_or(0, |cpus| cpus.iter().sum::<u64>());
    let hooks = Hook::ALL.into_iter().map(|hook| (hook, count(u32::from(hook as u8))));
    Ok(Status {
        agent: set.agent.clone(),
        cgroup_id: set.cgroup,
        state: state(set, cgroup.as_deref()),
        cgroup,
        mode: if settings.audit == 0 { EgressMode::Enforce } else { EgressMode::Audit },
        settings,
        lsm: LSM_PROGRAMS.iter().all(|(program, _)| set.path.join(program.name).exists()),
        rules: rules(&set.path)?,
        refused: hooks.filter(|(_, count)| *count > 0).collect(),
        events_lost: count(counter::EVENTS_LOST),
        callers_lost: count(counter::CALLERS_FULL),
    })
}

/// Asks the kernel of each program whether it runs for that cgroup.
fn state(set: &SetDirectory, cgroup: Option<&Path>) -> State {
    let Some(file) = cgroup.and_then(|path| File::open(path).ok()) else { return State::Gone };
    let runs = |program: &Program| {
        let link = sys::open_link(&set.path.join(program.name)).ok()?;
        let info = sys::link_info(link.as_fd()).ok()?;
        let running = sys::effective(file.as_fd(), program.attach_type).ok()?;
        (info.cgroup == set.cgroup && running.contains(&info.program)).then_some(())
    };
    let optional = LSM_PROGRAMS.iter().map(|(program, _)| program);
    let expected = optional.filter(|program| set.path.join(program.name).exists());
    let missing: Vec<_> = PROGRAMS
        .iter()
        .chain(expected)
        .filter(|program| runs(program).is_none())
        .map(|program| program.name)
        .collect();
    if missing.is_empty() { State::Live } else { State::Broken { missing } }
}

/// What the set's maps allow, in the order of its rules.
fn rules(set: &Path) -> Result<Vec<Allowed>, EgressError> {
    let gateways: HashMap<MapData, Endpoint, u32> = open(&set.join("gateways"), Map::HashMap)?;
    let networks: LpmTrie<MapData, Endpoint, u32> = open(&set.join("rules"), Map::LpmTrie)?;
    let tallies: PerCpuArray<MapData, Tally> = per_cpu(&set.join("tallies"))?;
    let mut found: Vec<(u32, Allowed)> = Vec::new();
    let allowed = |gateway, endpoint: abi::Endpoint, prefix: u32, rule: u32| {
        let address = unmapped(endpoint.address);
        let before = if address.is_ipv4() { 96 } else { 0 };
        let sum = |part: fn(&abi::Tally) -> u64| {
            tallies.get(&rule, 0).map_or(0, |cpus| cpus.iter().map(|tally| part(&tally.0)).sum())
        };
        Allowed {
            gateway,
            rule: EgressRule {
                protocol: if endpoint.protocol == UDP { Transport::Udp } else { Transport::Tcp },
                address,
                prefix: u8::try_from(prefix.saturating_sub(before)).unwrap_or(u8::MAX),
                port: (endpoint.port != 0).then_some(endpoint.port),
            },
            calls: sum(|tally| tally.calls),
            packets: sum(|tally| tally.packets),
            bytes: sum(|tally| tally.bytes),
        }
    };
    for (endpoint, rule) in gateways.iter().flatten() {
        found.push((rule, allowed(true, endpoint.0, 128, rule)));
    }
    for (key, rule) in networks.iter().flatten() {
        let prefix = key.prefix_len().saturating_sub(abi::Endpoint::BITS_BEFORE_ADDRESS);
        found.push((rule, allowed(false, key.data().0, prefix, rule)));
    }
    found.sort_by_key(|(rule, _)| *rule);
    Ok(found.into_iter().map(|(_, allowed)| allowed).collect())
}

fn array<V: Pod>(path: &Path) -> Result<Array<MapData, V>, EgressError> {
    open(path, Map::Array)
}

fn per_cpu<V: Pod>(path: &Path) -> Result<PerCpuArray<MapData, V>, EgressError> {
    open(path, Map::PerCpuArray)
}

fn open<M: TryFrom<Map, Error = aya::maps::MapError>>(
    path: &Path,
    kind: fn(MapData) -> Map,
) -> Result<M, EgressError> {
    let failed = |error: aya::maps::MapError| {
        EgressError::file("cannot read the map", path)(io::Error::other(error))
    };
    M::try_from(kind(MapData::from_pin(path).map_err(failed)?)).map_err(failed)
}

/// Where a cgroup is, by its id: the kernel finds it, wherever it lies and whatever it is called.
pub(crate) fn path_of(host: &Host, id: u64) -> Option<PathBuf> {
    /// `FILEID_KERNFS`
    const KERNFS: libc::c_int = 0xfe;
    #[repr(C)]
    struct Handle {
        bytes: u32,
        kind: libc::c_int,
        id: u64,
    }
    let mount = File::open(&host.cgroup2).ok()?;
    let mut handle = Handle { bytes: 8, kind: KERNFS, id };
    // SAFETY: the handle is as long as it says; the descriptor is open.
    let opened = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            mount.as_raw_fd(),
            &raw mut handle,
            libc::O_RDONLY | libc::O_CLOEXEC,
        )
    };
    let descriptor = i32::try_from(opened).ok().filter(|descriptor| *descriptor >= 0)?;
    // SAFETY: the kernel has just made it for us.
    let found = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let path = std::fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd())).ok()?;
    // Of a cgroup that is gone the kernel still knows where it was.
    path.is_dir().then_some(path)
}
