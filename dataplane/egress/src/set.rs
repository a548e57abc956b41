//! A set: the programs, loaded and filled for one agent, attached to one cgroup, pinned.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use aya::maps::lpm_trie::Key;
use aya::maps::{Array, HashMap, LpmTrie, Map, MapData};
use aya::programs::links::FdLink;
use aya::programs::{
    CgroupAttachMode, CgroupSkbAttachType, CgroupSock, CgroupSockAddr, LsmCgroup, Program, SockOps,
};
use aya::{Btf, Ebpf, EbpfLoader, Pod};
use penstock_ebpf_abi as abi;

use crate::hooks::{self, LSM_PROGRAMS, PROGRAMS};
use crate::pins::{Pins, SetDirectory, open_to_readers};
use crate::policy::Policy;
use crate::status::path_of;
use crate::{Cgroup, EgressError, Host, probe, sys};

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

/// Links to the programs of a set, which hold it in force as long as this lives, whatever becomes of
/// the pins.
#[derive(Debug)]
pub struct Enforced(#[expect(dead_code, reason = "the descriptors are what holds")] Vec<OwnedFd>);

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
/// there is no moment without; a policy that is wider holds once the old set is gone.
pub fn apply(host: &Host, policy: &Policy, cgroup: &Cgroup) -> Result<Enforced, EgressError> {
    let pins = Pins::of(&host.bpffs);
    pins.create()?;
    let _lock = pins.lock()?;
    alone(host, &pins, policy, cgroup)?;
    let mut loaded = load(&pins, policy)?;
    open_to_readers(&pins.callers())?;
    let directory = pins.next(&policy.agent, cgroup.id)?;
    match attach(&mut loaded, &directory, cgroup) {
        Ok(links) => {
            let set = directory.finish()?;
            let all = Pins::of_all_versions(&host.bpffs);
            for other in all.iter().flat_map(|pins| pins.sets(Some(&policy.agent))) {
                if other.cgroup == cgroup.id && other != set {
                    other.remove()?;
                }
            }
            Ok(Enforced(links))
        }
        Err(error) => {
            // What was in force before stays; of this one nothing is to be left.
            let _ = directory.remove();
            Err(error)
        }
    }
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
    settings.set(0, Settings(policy.settings()), 0).map_err(map("SETTINGS"))?;
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
fn attach(
    object: &mut Ebpf,
    directory: &SetDirectory,
    cgroup: &Cgroup,
) -> Result<Vec<OwnedFd>, EgressError> {
    for (name, pin) in MAPS {
        let path = directory.path.join(pin);
        data(object, name)?.pin(&path).map_err(map(name))?;
        if READABLE.contains(&pin) {
            open_to_readers(&path)?;
        }
    }
    let mut links = Vec::new();
    for program in PROGRAMS {
        let link = attach_one(object, program.name, cgroup)?;
        links.push(pinned(link, &directory.path, &program, cgroup)?);
    }
    if probe::bpf_lsm().is_ok() {
        let btf = Btf::from_sys_fs().map_err(|error| refused("link", "BTF", &error))?;
        for (program, hook) in LSM_PROGRAMS {
            let loaded: &mut LsmCgroup = of_kind(object, program.name)?;
            loaded.load(hook, &btf).map_err(|error| refused("program", program.name, &error))?;
            let id =
                loaded.attach(cgroup).map_err(|error| refused("link", program.name, &error))?;
            let link =
                loaded.take_link(id).map_err(|error| refused("link", program.name, &error))?;
            links.push(pinned(link.into(), &directory.path, &program, cgroup)?);
        }
    }
    Ok(links)
}

/// Attaches exclusively in name: through a link the kernel always lets several programs run.
fn attach_one(
    object: &mut Ebpf,
    name: &'static str,
    cgroup: &Cgroup,
) -> Result<FdLink, EgressError> {
    const MODE: CgroupAttachMode = CgroupAttachMode::Single;
    let failed = |error| refused("program", name, &error);
    let unlinked = |error: aya::programs::links::LinkError| refused("link", name, &error);
    let program = object.program_mut(name).ok_or_else(|| missing(name))?;
    match program {
        Program::CgroupSkb(program) => {
            program.load().map_err(failed)?;
            let way = if name == "ingress" {
                CgroupSkbAttachType::Ingress
            } else {
                CgroupSkbAttachType::Egress
            };
            let id = program.attach(cgroup, way, MODE).map_err(failed)?;
            program.take_link(id).map_err(failed)?.try_into().map_err(unlinked)
        }
        Program::CgroupSock(program) => {
            let program: &mut CgroupSock = program;
            program.load().map_err(failed)?;
            let id = program.attach(cgroup, MODE).map_err(failed)?;
            program.take_link(id).map_err(failed)?.try_into().map_err(unlinked)
        }
        Program::CgroupSockAddr(program) => {
            let program: &mut CgroupSockAddr = program;
            program.load().map_err(failed)?;
            let id = program.attach(cgroup, MODE).map_err(failed)?;
            program.take_link(id).map_err(failed)?.try_into().map_err(unlinked)
        }
        Program::SockOps(program) => {
            let program: &mut SockOps = program;
            program.load().map_err(failed)?;
            let id = program.attach(cgroup, MODE).map_err(failed)?;
            program.take_link(id).map_err(failed)?.try_into().map_err(unlinked)
        }
        _ => Err(missing(name)),
    }
}

/// Pins a link; its descriptor, once the kernel says that the program runs.
fn pinned(
    link: FdLink,
    directory: &Path,
    program: &hooks::Program,
    cgroup: &Cgroup,
) -> Result<OwnedFd, EgressError> {
    let path = directory.join(program.name);
    link.pin(&path).map_err(|error| refused("link", program.name, &error))?;
    let link = sys::open_link(&path).map_err(EgressError::file("cannot open the pin", &path))?;
    let info = sys::link_info(link.as_fd()).map_err(map(program.name))?;
    let running = sys::effective(cgroup.as_fd(), program.attach_type).map_err(map(program.name))?;
    if info.cgroup != cgroup.id || !running.contains(&info.program) {
        return Err(EgressError::NotEffective { hook: program.name, cgroup: cgroup.path.clone() });
    }
    Ok(link)
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
