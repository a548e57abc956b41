//! Refusing, and saying so: always counted, told where there is room and it was not told just now.

use aya_ebpf::helpers::{
    bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_current_pid_tgid,
    bpf_get_current_uid_gid, bpf_ktime_get_boot_ns,
};
use penstock_ebpf_abi::{EVENT_PAUSE_NANOS, Endpoint, Event, Hook, Reason, counter};

use crate::maps::{COUNTERS, EVENTS, RECENT, Recent};
use crate::policy::{PASS, REFUSE, settings};

/// Something that no rule allows.
pub(crate) struct Refusal {
    pub(crate) hook: Hook,
    pub(crate) reason: Reason,
    pub(crate) to: Endpoint,
    pub(crate) family: u16,
    pub(crate) cookie: u64,
    pub(crate) who: Who,
}

/// Whose doing it is.
pub(crate) enum Who {
    /// The process that runs.
    Process,
    /// A socket of this cgroup: a packet may leave in any process's time.
    Socket { cgroup: u64 },
}

/// The verdict on what no rule allows.
#[inline(always)]
pub(crate) fn refuse(refusal: &Refusal) -> i32 {
    count(refusal.hook as u32);
    tell(refusal);
    if settings().audit == 0 { REFUSE } else { PASS }
}

pub(crate) fn count(place: u32) {
    if let Some(counter) = COUNTERS.get_ptr_mut(place) {
        // SAFETY: this CPU's own slot.
        unsafe { *counter += 1 };
    }
}

#[inline(always)]
fn tell(refusal: &Refusal) {
    let process = matches!(refusal.who, Who::Process);
    let pid = if process { (bpf_get_current_pid_tgid() >> 32) as u32 } else { 0 };
    // SAFETY: no arguments.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    let recent = Recent {
        who: if process { u64::from(pid) } else { refusal.cookie },
        to: refusal.to,
        hook: refusal.hook as u16,
        reason: refusal.reason as u16,
    };
    // SAFETY: an entry that is reused while it is read gives a wrong time and so an event too many or
    // too few; no verdict depends on it.
    if let Some(last) = unsafe { RECENT.get(&recent) }
        && now.wrapping_sub(*last) < EVENT_PAUSE_NANOS
    {
        return count(counter::EVENTS_LIMITED);
    }
    let _ = RECENT.insert(&recent, &now, 0);
    let Some(mut entry) = EVENTS.reserve::<Event>(0) else {
        return count(counter::EVENTS_LOST);
    };
    entry.write(Event {
        nanos: now,
        agent: settings().agent,
        cgroup: match refusal.who {
            // SAFETY: no arguments.
            Who::Process => unsafe { bpf_get_current_cgroup_id() },
            Who::Socket { cgroup } => cgroup,
        },
        cookie: refusal.cookie,
        pid,
        uid: if process { bpf_get_current_uid_gid() as u32 } else { 0 },
        to: refusal.to,
        family: refusal.family,
        hook: refusal.hook as u8,
        reason: refusal.reason as u8,
        refused: u8::from(settings().audit == 0),
        zero: [0; 7],
        comm: if process { bpf_get_current_comm().unwrap_or_default() } else { [0; 16] },
    });
    entry.submit(0);
}

/// `SO_COOKIE` of a context's socket.
#[inline(always)]
pub(crate) fn cookie(context: &impl aya_ebpf::EbpfContext) -> u64 {
    // SAFETY: called with the contexts of programs that the kernel gives this helper to.
    unsafe { aya_ebpf::helpers::bpf_get_socket_cookie(context.as_ptr()) }
}
