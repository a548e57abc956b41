//! The decision, from what the loader wrote into the set.

use aya_ebpf::maps::lpm_trie::Key;
use penstock_ebpf_abi::{Endpoint, MAPPED_PREFIX, Reason, Settings, TCP, Tally, UDP};

use crate::maps::{GATEWAYS, RULES, SETTINGS, TALLIES};
use crate::report::{Refusal, refuse};

/// What a program returns to let something pass, and what to refuse it with `EPERM`.
pub(crate) const PASS: i32 = 1;
pub(crate) const REFUSE: i32 = 0;

pub(crate) fn settings() -> &'static Settings {
    const NONE: Settings = Settings::STRICTEST;
    SETTINGS.get(0).unwrap_or(&NONE)
}

/// The verdict on a destination; `bytes` of a packet to it, or `None` of a call.
#[inline(always)]
pub(crate) fn decide(
    to: &Endpoint,
    bytes: Option<u64>,
    refusal: impl FnOnce(Reason) -> Refusal,
) -> i32 {
    let Some(rule) = rule(to) else {
        let known = to.protocol == TCP || to.protocol == UDP;
        return refuse(&refusal(if known { Reason::NoRule } else { Reason::Protocol }));
    };
    if let Some(tally) = TALLIES.get_ptr_mut(rule) {
        // SAFETY: this CPU's own slot, which no other program on it interrupts for long enough to
        // matter: a lost count changes no verdict.
        let tally: &mut Tally = unsafe { &mut *tally };
        match bytes {
            Some(bytes) => {
                tally.packets += 1;
                tally.bytes += bytes;
            }
            None => tally.calls += 1,
        }
    }
    PASS
}

/// The rule that allows a destination.
#[inline(always)]
fn rule(to: &Endpoint) -> Option<u32> {
    // SAFETY: the loader froze the map before the program was attached; no entry is ever reused.
    if let Some(rule) = unsafe { GATEWAYS.get(to) } {
        return Some(*rule);
    }
    const WHOLE: u32 = Endpoint::BITS_BEFORE_ADDRESS + 128;
    if let Some(rule) = RULES.get(Key::new(WHOLE, *to)) {
        return Some(*rule);
    }
    RULES.get(Key::new(WHOLE, Endpoint { port: 0, ..*to })).copied()
}

/// An IPv4 address, in network order, as the IPv6 address that it maps to.
#[inline(always)]
pub(crate) fn mapped(address: u32) -> [u8; 16] {
    let mut all = [0; 16];
    all[..12].copy_from_slice(&MAPPED_PREFIX);
    all[12..].copy_from_slice(&address.to_ne_bytes());
    all
}

/// An IPv6 address from four words in network order.
#[inline(always)]
pub(crate) fn joined(words: [u32; 4]) -> [u8; 16] {
    let mut all = [0; 16];
    all[..4].copy_from_slice(&words[0].to_ne_bytes());
    all[4..8].copy_from_slice(&words[1].to_ne_bytes());
    all[8..12].copy_from_slice(&words[2].to_ne_bytes());
    all[12..].copy_from_slice(&words[3].to_ne_bytes());
    all
}
