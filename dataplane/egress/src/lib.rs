//! Holds agents to the proxy.
//!
//! Everything that touches BPF, cgroups and the start of an agent is here.

pub mod launch;
