//! Configuration: YAML in, one immutable and validated Snapshot out.

mod snapshot;

pub use snapshot::*;
