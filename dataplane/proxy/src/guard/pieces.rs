//! An answer's body that is no message, looked into as it comes.

use std::rc::Rc;
use std::sync::Arc;

use penstock_inspect::{Blocked, Exceeded, Form, Side, Told, Windows};
use penstock_metrics::Metric;

use super::look::{Eyes, Known, Looked, Place, Stop};
use super::{Guard, Holding, Instead, json, wide};
use crate::downstream::Downstream;
use crate::shard::{Shard, View};

/// Of what was found between zeros so much is remembered, so that it is told once in each body.
const KNOWN_MAX: usize = 1024;

const PLACE: Place = Place::Body { json: false };

/// A text in pieces, and what is held back of it.
pub(crate) struct Pieces {
    guard: Arc<Guard>,
    windows: Windows,
    /// What was found in it as a text in two or four bytes a character.
    known: Known,
    /// Whether a part of it has passed unseen, which is told once.
    unseen: bool,
    _counted: Holding,
}

/// How much of a body is read before it is known whether it can be looked into as it comes; one that ends before that
/// is held whole. `None` where no more is to be held than that.
pub(crate) fn begins_with(guard: &Guard, read_bytes: usize) -> Option<usize> {
    let bytes = guard.policy.windows().bytes_max();
    (bytes.saturating_add(read_bytes) <= guard.message_bytes).then_some(bytes)
}

/// Whether a body that is longer than this beginning of it can be looked into as it comes: it is no JSON, of which
/// values are apart and one is replaced by one, and has no text in two or four bytes a character.
pub(crate) fn can_be_in_pieces(begins: &[u8]) -> bool {
    memchr::memchr(0, begins).is_none() && !json::begins_json(begins)
}

impl Pieces {
    /// For a body of which so much is held in any case. Whether there is room for it.
    pub(crate) fn new(guard: &Arc<Guard>, shard: &Rc<Shard>, mut held: Holding) -> Option<Self> {
        let windows = guard.policy.windows();
        if !held.set(windows.bytes_max()) {
            return None;
        }
        shard.cells.inc(Metric::Inspected);
        Some(Self {
            guard: Arc::clone(guard),
            windows,
            known: Known::default(),
            unseen: false,
            _counted: held,
        })
    }

    /// Tells of a text that is cut where the agent has its beginning.
    pub(crate) fn tell_cut(&self, stop: &Stop, shard: &Shard, view: &View, down: &Downstream) {
        let eyes = Eyes::new(&self.guard, shard, view, Side::Response, down);
        eyes.tell_blocked(stop, Instead::Break);
    }

    /// Takes what came, the last of it or not, and appends to `out` what was looked into and may go to the agent.
    pub(crate) fn take(
        &mut self,
        came: &[u8],
        last: bool,
        out: &mut Vec<u8>,
        shard: &Shard,
        view: &View,
        down: &Downstream,
    ) -> Result<(), Stop> {
        shard.cells.add(Metric::InspectedBytes, came.len() as u64);
        let guard = Arc::clone(&self.guard);
        let eyes = Eyes::new(&guard, shard, view, Side::Response, down);
        let mut rest = came;
        loop {
            rest = self.windows.feed(rest);
            if last && rest.is_empty() {
                self.windows.end();
            }
            if self.windows.window().is_none() {
                return Ok(());
            }
            self.look_between_zeros(&eyes)?;
            if let Some(exceeded) = eyes.release(&mut self.windows, out)?
                && !std::mem::replace(&mut self.unseen, true)
            {
                eyes.passed_unseen(&exceeded);
            }
        }
    }

    /// What of a window is in two or four bytes a character cannot be replaced, so that it is only looked at.
    fn look_between_zeros(&mut self, eyes: &Eyes<'_>) -> Result<(), Stop> {
        let Some(window) = self.windows.window() else { return Ok(()) };
        if memchr::memchr(0, window).is_none() {
            return Ok(());
        }
        if self.known.told() > KNOWN_MAX {
            self.known = Known::default();
        }
        let policy = &eyes.guard.policy;
        // What is cut out of it in any case is not found once more.
        let without =
            eyes.with_scratch(|scratch| policy.without(eyes.side, &self.windows, scratch));
        let without = without.ok().flatten();
        let narrowed = wide::narrowed(without.as_deref().unwrap_or(window));
        let looked = eyes.look_as(&narrowed, Form::Text, Place::Wide, &mut self.known, &mut |_| {});
        match looked {
            Looked::Stopped(stop) => Err(stop),
            Looked::Clean | Looked::Changed(_) => Ok(()),
        }
    }
}

impl Eyes<'_> {
    /// Appends to `out` what of the next window may pass; why a part of it was not looked into, where it passes so.
    fn release(&self, windows: &mut Windows, out: &mut Vec<u8>) -> Result<Option<Exceeded>, Stop> {
        let mut lines = Vec::new();
        let mut tell = |told: &Told<'_>| lines.extend(self.line(PLACE, told.action, told));
        let released = self.with_scratch(|scratch| {
            self.guard.policy.release(self.side, windows, scratch, &mut tell, out)
        });
        self.tell(lines);
        let stopped = |blocked: Blocked| self.stop_by(blocked, PLACE);
        match released {
            Ok(released) => released.map_err(stopped),
            // There was no memory to look with.
            Err(exceeded) => match self.past(exceeded, PLACE) {
                Looked::Stopped(stop) => Err(stop),
                Looked::Clean | Looked::Changed(_) => {
                    windows.release(&windows.passed(), &[], out);
                    Ok(None)
                }
            },
        }
    }
}
