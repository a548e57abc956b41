//! What a run found: its form, and what is held against it.

pub(crate) mod judge;
pub(crate) mod model;
