//! The engine against servers that behave, and servers that do not.

mod asked;
mod faults;
mod framing;
mod hostile;
mod mock;
mod pace;
mod probe;
mod recordings;
mod refusals;
pub(super) mod rig;
mod searches;
mod sessions;
mod streams;
mod tls;
