//! The parts of a call's way, each alone on fixed inputs.
//!
//! A [`Case`] is written once and measured three ways: its time by criterion (`benches/parts.rs`),
//! its allocations by a test (`allocations.rs`), its instructions under valgrind (`main.rs`). A part
//! that is not there yet has no case: there is none for tokens.

#![forbid(unsafe_code)]

#[cfg(test)]
mod allocations;
mod http1;
pub mod inputs;
#[cfg(feature = "inspect")]
mod inspect;
mod mcp;
#[cfg(feature = "proxy")]
mod proxy;
mod sse;

use std::hint::black_box;

use anyhow::Result;

/// One part with one input.
pub struct Case {
    /// `crate/what`.
    pub name: String,
    /// Bytes that an iteration goes through; 0 where they say nothing.
    pub bytes: usize,
    /// Allocations of an iteration whose buffers are warm. More fails a test, and fewer too.
    pub allocations: u64,
    iterate: Box<dyn FnMut(u64) -> bool>,
}

impl Case {
    /// `once` says whether it did what it is measured for.
    fn new(name: &str, bytes: usize, mut once: impl FnMut() -> bool + 'static) -> Self {
        let iterate = Box::new(move |times| {
            let mut well = true;
            for _ in 0..times {
                well &= black_box(once());
            }
            well
        });
        Self { name: name.into(), bytes, allocations: 0, iterate }
    }

    #[cfg(any(feature = "inspect", feature = "proxy"))]
    fn allocates(self, allocations: u64) -> Self {
        Self { allocations, ..self }
    }

    /// Runs it as often, one time after the other. False unless it did each time what it is
    /// measured for: a refusal is another way through the code.
    #[must_use]
    pub fn iterate(&mut self, times: u64) -> bool {
        (self.iterate)(times)
    }
}

/// Calls `with` with every case. They may be run on this thread only, and until it returns.
#[cfg(feature = "proxy")]
pub fn cases<T>(with: impl FnOnce(Vec<Case>) -> T) -> Result<T> {
    proxy::on_a_shard(|proxy| with(codecs().chain(proxy).collect()))
}

/// Calls `with` with every case.
#[cfg(not(feature = "proxy"))]
pub fn cases<T>(with: impl FnOnce(Vec<Case>) -> T) -> Result<T> {
    Ok(with(codecs().collect()))
}

fn codecs() -> impl Iterator<Item = Case> {
    let cases = http1::cases().into_iter().chain(sse::cases()).chain(mcp::cases());
    #[cfg(feature = "inspect")]
    let cases = cases.chain(inspect::cases());
    cases
}
