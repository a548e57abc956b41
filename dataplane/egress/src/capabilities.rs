//! Which capabilities enforcement takes, and which this process has not.

use rustix::thread::{CapabilitySet, capabilities};

/// A capability and its name.
pub(crate) type Needed = (CapabilitySet, &'static str);

/// To put a policy in force. Each is found to be needed: without `CAP_PERFMON` the verifier refuses the
/// programs, without `CAP_DAC_READ_SEARCH` no cgroup is found by its id, and so no other agent's.
pub(crate) const TO_APPLY: &[Needed] = &[
    (CapabilitySet::BPF, "CAP_BPF"),
    (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
    (CapabilitySet::PERFMON, "CAP_PERFMON"),
    (CapabilitySet::DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"),
];
/// To ask what is in force.
pub(crate) const TO_ASK: &[Needed] = &[
    (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
    (CapabilitySet::DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"),
];
/// To mount the BPF filesystem.
pub(crate) const TO_MOUNT: &[Needed] = &[(CapabilitySet::SYS_ADMIN, "CAP_SYS_ADMIN")];

/// Those that this process has not.
pub(crate) fn missing(needed: &[Needed]) -> Vec<&'static str> {
    let mut has = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    if has.contains(CapabilitySet::SYS_ADMIN) {
        // They were once parts of it, and the kernel takes it for them.
        has |= CapabilitySet::BPF | CapabilitySet::PERFMON;
    }
    needed.iter().filter(|(one, _)| !has.contains(*one)).map(|(_, name)| *name).collect()
}
