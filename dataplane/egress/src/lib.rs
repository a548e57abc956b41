//! Holds agents to the proxy.
//!
//! Everything that touches BPF, cgroups and the start of an agent is here. [`apply`] puts a
//! [`Policy`] in force on a [`Cgroup`], where it stays, whatever becomes of the process that did it;
//! [`status()`] asks the kernel what is in force, [`Events`] tells what was refused, [`Callers`] which
//! agent opened a connection, and [`remove()`] ends it. [`launch`] starts a command in such a cgroup.

mod callers;
mod capabilities;
mod cgroup;
mod check;
mod costs;
mod error;
mod events;
mod held;
mod hooks;
mod host;
pub mod launch;
mod pins;
mod policy;
mod probe;
mod remove;
mod set;
mod status;
mod sys;

pub use callers::Callers;
pub use cgroup::Cgroup;
pub use check::{Outcome, Tried, check, probe};
pub use costs::{Cost, Measuring, costs};
pub use error::EgressError;
pub use events::{Event, Events, Process, since_boot};
pub use held::{Held, held};
pub use hooks::hook_name;
pub use host::Host;
pub use penstock_ebpf_abi::{Hook, Reason};
pub use policy::Policy;
pub use probe::{bpf_lsm, btf};
pub use remove::remove;
pub use set::{Enforced, apply, may_apply, object};
pub use status::{Allowed, State, Status, pinned, status};
