//! Inspection on the way of a call: what leaves an agent, and what reaches it.
//!
//! A message is looked into once each way, where the agent's own request and its answer are: by the shard that
//! serves the virtual server's path. An agent of 2024-11-05 posts elsewhere; its messages come to that path
//! through the inner listener, and so does what is answered, so that the two paths beside it are not guarded.
//! Nothing is given out before it was looked into: a request's body is read whole in any case, an answer's is
//! held (`relay/hold.rs`), and of a stream each event (`events.rs`); of a long body that is no JSON a window
//! (`pieces.rs`).

mod asked;
mod events;
mod evidence;
mod head;
mod json;
mod lines;
mod look;
mod pieces;
mod request;
mod wide;

use std::rc::Rc;
use std::sync::Arc;

use penstock_inspect::{OverLimit, Policy};
use penstock_metrics::Metric;

pub(crate) use asked::Asked;
pub(crate) use events::Watch;
pub(crate) use evidence::{Evidence, Instead};
pub(crate) use head::{forget_the_body, is_stream, leave_out, readable};
pub(crate) use look::{Eyes, Looked, Place, Stop, finds};
pub(crate) use pieces::{Pieces, begins_with, can_be_in_pieces};
pub(crate) use request::{request, unname};

use crate::shard::Shard;

/// What holds for the messages of one virtual server.
pub struct Guard {
    /// Its name.
    pub server: String,
    /// What becomes of what is found in them.
    pub policy: Policy,
    /// The most that is held of one, to look into it.
    pub message_bytes: usize,
    /// What becomes of a larger one.
    pub over_limit: OverLimit,
}

/// The guard of each virtual server, in the order of the configuration; none where there is nothing to look for.
pub type Guards = Vec<Option<Arc<Guard>>>;

/// Bytes that one shard holds at a time, of all the answers that wait to be looked into.
const HELD_BYTES_MAX: u64 = 256 << 20;

/// What is held of one answer, counted.
pub(crate) struct Holding {
    shard: Rc<Shard>,
    bytes: u64,
}

impl Holding {
    pub(crate) fn new(shard: &Rc<Shard>) -> Self {
        Self { shard: Rc::clone(shard), bytes: 0 }
    }

    /// So many bytes are held now; whether there is room for them. Less than before there always is.
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let (cells, bytes) = (&self.shard.cells, bytes as u64);
        let others = cells.value(Metric::InspectionHeldBytes).saturating_sub(self.bytes);
        if bytes > self.bytes && others + bytes > HELD_BYTES_MAX {
            return false;
        }
        cells.add(Metric::InspectionHeldBytes, bytes);
        cells.sub(Metric::InspectionHeldBytes, self.bytes);
        self.bytes = bytes;
        true
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.shard.cells.sub(Metric::InspectionHeldBytes, self.bytes);
    }
}
