//! Counters that shards write and the control thread reads.
//!
//! Each shard owns one [`Cells`]: a relaxed store by one writer, no lock and no shared cache line on
//! a call's way. Whoever renders them sums nothing: a shard is a label.

#![forbid(unsafe_code)]

mod cells;
mod render;

pub use cells::{ACTIONS, CLASSES, Cells, Direction, Histogram, Metric, Refusal};
pub use render::render;
