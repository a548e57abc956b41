//! A set: the programs, loaded and filled for one agent, attached to one cgroup, pinned.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::sync::LazyLock;

use aya::maps::lpm_trie::Key;
use aya::maps::{Array, HashMap, LpmTrie, Map, MapData};
use aya::programs::{LsmCgroup, Program};
use aya::{Btf, Ebpf, EbpfLoader, Pod};
use penstock_ebpf_abi as abi;

use crate::capabilities::TO_APPLY;
use crate::hooks::{self, LSM_PROGRAMS, PROGRAMS};
use crate::pins::{Pins, SetDirectory, open_to_readers};
use crate::policy::Policy;
use crate::status::path_of;
use crate::{Cgroup, EgressError, Host, probe, status, sys};

/// The programs, as `cargo xtask ebpf` built them.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/penstock.o"));

/// The programs, for tests that load them in other ways than [`apply`].
#[doc(hidden)]
pub fn object() -> &'static [u8] {
    OBJECT
}

/// Maps that a set pins beside its links, for whoever asks what it does.
pub(crate) const MAPS: [(&str, &str); 5] = [
    ("SETTINGS", "settings"),
    ("GATEWAYS", "gateways"),
    ("RULES", "rules"),
    ("TALLIES", "tallies"),
    ("COUNTERS", "counters"),
];

/// Those of them that everybody may read.
const READABLE: [&str; 2] = ["settings", "counters"];

/// Keeps the BPF filesystem, and with it all that is pinned there, as long as this lives: it cannot be
/// unmounted, but lazily, and then it stays for whoever holds it. Not the links themselves, for they
/// would hold on to this policy when there is a newer one.
#[derive(Debug)]
pub struct Enforced(#[expect(dead_code, reason = "open, it keeps the filesystem")] File);

macro_rules! plain {
    ($($name:ident $inner:path),*) => {$(
        /// So that aya takes it for plain data, which the ABI promises that it is.
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub(crate) struct $name(pub(crate) $inner);
        // SAFETY: plain data without padding, by the ABI's own assertions.
        unsafe impl Pod for $name {}
    )*};
}
plain!(
    Caller abi::Caller,
    Connection abi::Connection,
    Endpoint abi::Endpoint,
    Settings abi::Settings,
    Tally abi::Tally
);

/// Puts a policy in force on a cgroup. What was in force there stays so until the new set is, so that
/// there is no moment without; a policy that is wider holds once the old set is gone. Where the very
/// policy is in force already, by the very programs, nothing changes.
pub fn apply(host: &Host, policy: &Policy, cgroup: &Cgroup) -> Result<Enforced, EgressError> {
    EgressError::unless_capable("putting a policy in force", TO_APPLY)?;
    let pins = Pins::of(&host.bpffs);
    pins.create()?;
    let _lock = pins.lock()?;
    let kept = File::open(&host.bpffs).map_err(EgressError::file("cannot open", &host.bpffs))?;
    alone(host, &pins, policy, cgroup)?;
    if in_force(host, &pins, policy, cgroup) {
        remove_where(host, policy, is_dead)?;
        return Ok(Enforced(kept));
    }
    let mut loaded = load(&pins, policy)?;
    open_to_readers(&pins.callers())?;
    let directory = pins.next(&policy.agent, cgroup.id)?;
    if let Err(error) = attach(&mut loaded, &directory, cgroup) {
        // What was in force before stays; of this one nothing is to be left.
        let _ = directory.remove();
        return Err(error);
    }
    let set = directory.finish()?;
    let replaced =
        |other: &SetDirectory| *other != set && (other.cgroup == cgroup.id || is_dead(other));
    remove_where(host, policy, replaced)?;
    Ok(Enforced(kept))
}

/// Removes those of an agent's sets, of whichever version.
fn remove_where(
    host: &Host,
    policy: &Policy,
    which: impl Fn(&SetDirectory) -> bool,
) -> Result<(), EgressError> {
    let all = Pins::of_all_versions(&host.bpffs);
    let mut sets = all.iter().flat_map(|pins| pins.sets(Some(&policy.agent)));
    sets.try_for_each(|set| if which(&set) { set.remove() } else { Ok(()) })
}

/// Whether one set is there, whole and live, with these programs and this policy.
fn in_force(host: &Host, pins: &Pins, policy: &Policy, cgroup: &Cgroup) -> bool {
    let all = Pins::of_all_versions(&host.bpffs);
    let others = all.iter().flat_map(|pins| pins.sets(Some(&policy.agent)));
    if others.filter(|set| set.cgroup == cgroup.id).count() != 1 {
        return false;
    }
    let found = pins.sets(Some(&policy.agent)).into_iter().find(|set| set.cgroup == cgroup.id);
    // What cannot be read is made anew.
    found.is_some_and(|set| {
        set.whole && status::one(host, &set).is_ok_and(|status| status.is(policy))
    })
}

/// What tells one build of the programs from another.
pub(crate) fn build() -> u32 {
    static BUILD: LazyLock<u32> = LazyLock::new(|| {
        let hash = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        OBJECT.iter().fold(0x811c_9dc5, hash)
    });
    *BUILD
}

/// Whether its cgroup was removed, and what was attached with it, as of a unit that was started anew: by
/// the kernel's word, for not finding the cgroup may have other reasons.
fn is_dead(set: &SetDirectory) -> bool {
    let link = sys::open_link(&set.path.join(PROGRAMS[0].name));
    link.and_then(|link| sys::link_info(link.as_fd())).is_ok_and(|info| info.cgroup == 0)
}

/// Whether the cgroup is this agent's alone: of two agents one inside the other, nobody could tell who
/// calls.
fn alone(host: &Host, pins: &Pins, policy: &Policy, cgroup: &Cgroup) -> Result<(), EgressError> {
    let taken = |by: String| EgressError::Taken {
        agent: policy.agent.clone(),
        cgroup: cgroup.path.clone(),
        by,
    };
    for set in pins.sets(None).iter().filter(|set| set.whole && set.agent != policy.agent) {
        let Some(path) = path_of(host, set.cgroup) else { continue };
        if path.starts_with(&cgroup.path) || cgroup.path.starts_with(&path) {
            return Err(taken(format!("agent `{}` is held on {}", set.agent, path.display())));
        }
    }
    Ok(())
}

/// Loads the programs and fills their maps; nothing is attached yet.
fn load(pins: &Pins, policy: &Policy) -> Result<Ebpf, EgressError> {
    let refused = |error: aya::EbpfError| EgressError::Refused {
        what: "object",
        name: policy.agent.clone(),
        why: chain(&error),
    };
    let mut loader = EbpfLoader::new();
    loader.map_pin_path("CALLERS", pins.callers()).map_pin_path("EVENTS", pins.events());
    let mut object = loader.load(OBJECT).map_err(refused)?;

    let mut settings: Array<_, Settings> = typed(&mut object, "SETTINGS")?;
    settings.set(0, Settings(policy.settings(build())), 0).map_err(map("SETTINGS"))?;
    let mut gateways: HashMap<_, Endpoint, u32> = typed(&mut object, "GATEWAYS")?;
    let mut rule = 0;
    for endpoint in policy.endpoints()? {
        gateways.insert(Endpoint(endpoint), rule, 0).map_err(map("GATEWAYS"))?;
        rule += 1;
    }
    let mut rules: LpmTrie<_, Endpoint, u32> = typed(&mut object, "RULES")?;
    for (prefix, network) in policy.networks()? {
        rules.insert(&Key::new(prefix, Endpoint(network)), rule, 0).map_err(map("RULES"))?;
        rule += 1;
    }
    for name in ["SETTINGS", "GATEWAYS", "RULES"] {
        let frozen = data(&mut object, name)?;
        sys::freeze(frozen.fd().as_fd()).map_err(map(name))?;
    }
    Ok(object)
}

/// Attaches and pins every program, and asks the kernel whether it runs it.
fn attach(object: &mut Ebpf, directory: &SetDirectory, cgroup: &Cgroup) -> Result<(), EgressError> {
    for (name, pin) in MAPS {
        let path = directory.path.join(pin);
        data(object, name)?.pin(&path).map_err(map(name))?;
        if READABLE.contains(&pin) {
            open_to_readers(&path)?;
        }
    }
    for program in PROGRAMS {
        load_one(object, program.name)?;
        attach_one(object, directory, &program, cgroup)?;
    }
    if probe::bpf_lsm().is_ok() {
        let btf = Btf::from_sys_fs().map_err(|error| refused("link", "BTF", &error))?;
        for (program, hook) in LSM_PROGRAMS {
            let loaded: &mut LsmCgroup = of_kind(object, program.name)?;
            loaded.load(hook, &btf).map_err(|error| refused("program", program.name, &error))?;
            attach_one(object, directory, &program, cgroup)?;
        }
    }
    Ok(())
}

/// Has the kernel verify a program.
fn load_one(object: &mut Ebpf, name: &'static str) -> Result<(), EgressError> {
    match object.program_mut(name).ok_or_else(|| missing(name))? {
        Program::CgroupSkb(program) => program.load(),
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        Program::CgroupSockopt(program) => program.load(),
        Program::SockOps(program) => program.load(),
        _ => return Err(missing(name)),
    }
    .map_err(|error| refused("program", name, &error))
}

/// Attaches and pins a program, and asks the kernel whether it runs.
fn attach_one(
    object: &mut Ebpf,
    directory: &SetDirectory,
    program: &hooks::Program,
    cgroup: &Cgroup,
) -> Result<(), EgressError> {
    let loaded = object.program_mut(program.name).ok_or_else(|| missing(program.name))?;
    let loaded = loaded.fd().map_err(|error| refused("program", program.name, &error))?;
    let link = sys::attach(loaded.as_fd(), cgroup.as_fd(), program.attach_type)
        .map_err(|error| refused("link", program.name, &error))?;
    let path = directory.path.join(program.name);
    sys::pin(link.as_fd(), &path).map_err(EgressError::file("cannot pin", &path))?;
    let info = sys::link_info(link.as_fd()).map_err(map(program.name))?;
    let running = sys::effective(cgroup.as_fd(), program.attach_type).map_err(map(program.name))?;
    if info.cgroup != cgroup.id || !running.contains(&info.program) {
        return Err(EgressError::NotEffective { hook: program.name, cgroup: cgroup.path.clone() });
    }
    Ok(())
}

fn of_kind<'a, P>(object: &'a mut Ebpf, name: &'static str) -> Result<&'a mut P, EgressError>
where
    &'a mut P: TryFrom<&'a mut Program>,
{
    let program = object.program_mut(name).ok_or_else(|| missing(name))?;
    program.try_into().map_err(|_| missing(name))
}

fn typed<'a, M: TryFrom<&'a mut Map, Error = aya::maps::MapError>>(
    object: &'a mut Ebpf,
    name: &'static str,
) -> Result<M, EgressError> {
    let found = object.map_mut(name).ok_or_else(|| missing(name))?;
    M::try_from(found).map_err(map(name))
}

fn data<'a>(object: &'a mut Ebpf, name: &'static str) -> Result<&'a MapData, EgressError> {
    match object.map(name) {
        Some(
            Map::Array(data) | Map::PerCpuArray(data) | Map::HashMap(data) | Map::LpmTrie(data),
        ) => Ok(data),
        _ => Err(missing(name)),
    }
}

fn missing(name: &'static str) -> EgressError {
    let why = "the object lacks it; build it anew with `cargo xtask ebpf`".into();
    EgressError::Refused { what: "part", name: name.into(), why }
}

fn map<E: std::error::Error>(name: &'static str) -> impl Fn(E) -> EgressError {
    move |error| refused("map", name, &error)
}

fn refused(what: &'static str, name: &'static str, error: &dyn std::error::Error) -> EgressError {
    EgressError::Refused { what, name: name.into(), why: chain(error) }
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
