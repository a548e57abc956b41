//! What the loader fills in, and what it reads.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, RingBuf};
use penstock_ebpf_abi::{
    CALLERS_MAX, Caller, Connection, EVENTS_BYTES, Endpoint, GATEWAYS_MAX, RECENT_MAX, RULES_MAX,
    Settings, Tally, counter,
};

/// `BPF_F_RDONLY_PROG`: no program can change what the loader wrote.
const READ_ONLY: u32 = 1 << 7;
/// `BPF_F_NO_PREALLOC`: connections take memory as they come.
const AS_NEEDED: u32 = 1;

/// What the set is told beside its rules.
#[map]
pub(crate) static SETTINGS: Array<Settings> = Array::with_max_entries(1, READ_ONLY);

/// Endpoints of the gateway, each with its rule.
#[map]
pub(crate) static GATEWAYS: HashMap<Endpoint, u32> =
    HashMap::with_max_entries(GATEWAYS_MAX, READ_ONLY);

/// Networks that may be reached directly, each with its rule.
#[map]
pub(crate) static RULES: LpmTrie<Endpoint, u32> = LpmTrie::with_max_entries(RULES_MAX, READ_ONLY);

/// What each rule has let through.
#[map]
pub(crate) static TALLIES: PerCpuArray<Tally> = PerCpuArray::with_max_entries(RULES_MAX, 0);

/// What was refused, by hook, and what was not said of it.
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(counter::COUNT, 0);

/// When an event was written last, by who and where.
#[map]
pub(crate) static RECENT: LruHashMap<Recent, u64> = LruHashMap::with_max_entries(RECENT_MAX, 0);

/// Refusals, for whoever reads them. All sets share it.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(EVENTS_BYTES, 0);

/// Whose connection is whose. All sets share it.
#[map]
pub(crate) static CALLERS: HashMap<Connection, Caller> =
    HashMap::with_max_entries(CALLERS_MAX, AS_NEEDED);

/// What an event may repeat only after a while.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Recent {
    /// The process, or the socket where a packet was refused.
    pub(crate) who: u64,
    pub(crate) to: Endpoint,
    pub(crate) hook: u16,
    pub(crate) reason: u16,
}
