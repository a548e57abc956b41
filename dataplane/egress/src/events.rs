//! What was refused, as it happens.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::time::Duration;

use aya::maps::{Map, MapData, RingBuf};
use penstock_ebpf_abi::{self as abi, Hook, Reason};

use crate::pins::{Lock, Pins};
use crate::policy::unmapped;
use crate::status::path_of;
use crate::{EgressError, Host};

/// Something that no rule allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, since boot.
    pub since_boot: Duration,
    /// The agent's id.
    pub agent: u64,
    /// What the kernel calls the cgroup of the process, or of the packet's socket.
    pub cgroup_id: u64,
    /// The process and its user; of a packet the kernel does not know whose it was.
    pub process: Option<Process>,
    /// Where it was decided.
    pub hook: Hook,
    /// Why nothing allows it.
    pub reason: Reason,
    /// Whether it was refused, or only reported (`mode: audit`).
    pub refused: bool,
    /// The transport's number (`IPPROTO_…`); of another family than IP 0.
    pub protocol: u16,
    /// The family of the socket (`AF_…`).
    pub family: u16,
    /// The other end, where there is one: where it would go, or, of a packet that comes in, whence.
    pub to: Option<(IpAddr, u16)>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id, in the host's own namespace.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its name.
    pub comm: String,
}

/// The one reader of events.
pub struct Events {
    ring: RingBuf<MapData>,
    host: Host,
    // Held: of two readers each would get some.
    _lock: Lock,
}

impl Events {
    /// Begins to read; what nobody has read yet comes first.
    pub fn open(host: &Host) -> Result<Self, EgressError> {
        let pins = Pins::of(&host.bpffs);
        let path = pins.events();
        let failed = |error: aya::maps::MapError| {
            EgressError::file("cannot read the events at", &path)(io::Error::other(error))
        };
        if !path.exists() {
            return Err(EgressError::NotMounted(host.bpffs.clone()));
        }
        let lock = pins.try_read()?;
        let map = MapData::from_pin(&path).map_err(failed)?;
        let ring = RingBuf::try_from(Map::RingBuf(map)).map_err(failed)?;
        Ok(Self { ring, host: host.clone(), _lock: lock })
    }

    /// The next event, waited for no longer than `timeout`.
    pub fn next(&mut self, timeout: Duration) -> io::Result<Option<Event>> {
        if let Some(event) = self.take() {
            return Ok(Some(event));
        }
        let mut waiting =
            libc::pollfd { fd: self.ring.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: poll gets the one element that it is told of.
        if unsafe { libc::poll(&raw mut waiting, 1, millis) } < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(self.take())
    }

    fn take(&mut self) -> Option<Event> {
        let item = self.ring.next()?;
        let bytes: &[u8; size_of::<abi::Event>()] = (*item).try_into().ok()?;
        // SAFETY: plain data of that very size, of which any bytes are a valid value.
        event(&unsafe { std::mem::transmute_copy::<_, abi::Event>(bytes) })
    }

    /// Where an event's cgroup is, while it lives.
    pub fn cgroup(&self, event: &Event) -> Option<PathBuf> {
        path_of(&self.host, event.cgroup_id)
    }
}

/// How long the host has been up, suspended time included: what events tell their time by.
pub fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(now).unwrap_or_default()
}

fn event(raw: &abi::Event) -> Option<Event> {
    let hook = *Hook::ALL.get(usize::from(raw.hook))?;
    let address = unmapped(raw.to.address);
    let somewhere =
        !matches!(hook, Hook::SockCreate | Hook::LsmSocketCreate | Hook::LsmUnixConnect);
    let comm = raw.comm.split(|byte| *byte == 0).next().unwrap_or_default();
    let process =
        Process { pid: raw.pid, uid: raw.uid, comm: String::from_utf8_lossy(comm).into_owned() };
    Some(Event {
        since_boot: Duration::from_nanos(raw.nanos),
        agent: raw.agent,
        cgroup_id: raw.cgroup,
        process: (raw.pid != 0).then_some(process),
        hook,
        reason: *Reason::ALL.get(usize::from(raw.reason))?,
        refused: raw.refused != 0,
        protocol: raw.to.protocol,
        family: raw.family,
        to: somewhere.then_some((address, raw.to.port)),
    })
}
