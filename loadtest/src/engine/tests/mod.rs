//! The engine against servers that behave, and servers that do not.

mod asked;
mod faults;
mod framing;
mod hostile;
mod mock;
mod pace;
mod probe;
mod refusals;
pub(super) mod rig;
mod sessions;
mod streams;
mod tls;
