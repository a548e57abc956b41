//! What becomes of a text that comes in pieces, a window at a time.

use std::ops::Range;

use super::change::Change;
use super::placeholder::is_put_by;
use super::settle::{Settled, settle};
use super::told::{Blocked, Outcome, Told, Why};
use super::{Action, OverLimit, Policy, Side};
use crate::limits::Exceeded;
use crate::scan::{Finding, Form, Scratch};
use crate::windows::Windows;

/// What is held back, for each byte that rules need: of text in UTF-32 each of these takes four, and
/// [`Inspector::hold`](crate::Inspector::hold) has room for two.
const HOLD_TIMES: usize = 2;

/// What is final of the findings in a window.
struct Ours {
    settled: Vec<Settled>,
    /// Of each finding, which of these it is part of.
    of: Vec<Option<usize>>,
    /// How much of the window that settles.
    until: usize,
}

impl Policy {
    /// For a text that comes in pieces and is looked into by these rules.
    pub fn windows(&self) -> Windows {
        Windows::new(self.hold.saturating_mul(HOLD_TIMES))
    }

    /// Looks into the next window, where there is one, and appends to `out` what is final of it and may pass. `tell` is
    /// told of what was found in that, each finding once, also where the text then ends here. What it could not be
    /// looked into for is told where the operator lets it pass.
    pub fn release(
        &self,
        side: Side,
        windows: &mut Windows,
        scratch: &mut Scratch,
        tell: &mut dyn FnMut(&Told<'_>),
        out: &mut Vec<u8>,
    ) -> Result<Option<Exceeded>, Blocked> {
        let Some(window) = windows.window() else { return Ok(None) };
        let found = match self.inspector.scan(window, Form::Text, scratch) {
            Ok(found) => found.to_vec(),
            Err(exceeded) => return self.unseen(windows, exceeded, out),
        };
        let ours = match self.ours(side, windows, window, scratch, &found) {
            Ok(ours) => ours,
            Err(exceeded) => return self.unseen(windows, exceeded, out),
        };
        let Ours { mut settled, of, until } = ours;
        let blocks = settled.iter().any(|one| one.action == Action::Block);
        let change = if blocks {
            None
        } else {
            Change::of(self, window, Form::Text, scratch, &found, &mut settled, &of)
        };
        // The window is a part of the text that it is told of.
        let offset = usize::try_from(windows.offset()).unwrap_or(usize::MAX);
        let tell = &mut |told: &Told<'_>| {
            tell(&Told { start: told.start.saturating_add(offset), ..*told });
        };
        if let Some(blocked) = self.told(window, Form::Text, scratch, &found, &settled, tell) {
            return Err(blocked);
        }
        let Some(change) = change else {
            windows.give_out(until, &[], &scratch.heads, out);
            return Ok(None);
        };
        let encoded = change.encoded;
        let from = out.len();
        windows.give_out(until, &change.splices(), &scratch.heads, out);
        if encoded {
            // Base64 that is written anew is another run than it was, in which a rule may find something.
            let part = out.split_off(from);
            match self.inspect(side, &part, Form::Text, scratch, &mut |_| {}) {
                Outcome::Unchanged | Outcome::Passed(_) => out.extend_from_slice(&part),
                Outcome::Changed(part) => out.extend_from_slice(&part),
                Outcome::Blocked(blocked) => return Err(blocked),
            }
        }
        Ok(None)
    }

    /// What becomes of a window, were it all of a text: what of it is cut out is. For a look at it in another way.
    pub fn without(&self, side: Side, windows: &Windows, scratch: &mut Scratch) -> Option<Vec<u8>> {
        match self.inspect(side, windows.window()?, Form::Text, scratch, &mut |_| {}) {
            Outcome::Changed(text) => Some(text),
            Outcome::Unchanged | Outcome::Passed(_) | Outcome::Blocked(_) => None,
        }
    }

    /// Which findings are acted on now: each in one window, and whole where it is written anew.
    fn ours(
        &self,
        side: Side,
        windows: &Windows,
        window: &[u8],
        scratch: &Scratch,
        found: &[Finding],
    ) -> Result<Ours, Exceeded> {
        let actions: Vec<_> =
            found.iter().map(|one| self.acts(side, window, one, scratch)).collect();
        let (settled, mut of) = settle(found, &actions);
        let mut extents: Vec<Range<usize>> = settled.iter().map(|one| one.range.clone()).collect();
        for (finding, of) in found.iter().zip(&of) {
            let Some(of) = *of else { continue };
            // What is only told of is not written anew, however long the run is that it stands in.
            if let (Some(extent), Some(one)) = (extents.get_mut(of), settled.get(of))
                && is_put_by(one.action)
            {
                let whole = scratch.extent(finding);
                *extent = extent.start.min(whole.start)..extent.end.max(whole.end);
            }
        }
        let until = windows.settled(&extents)?;
        let mut kept = Vec::new();
        let mut places = vec![None; settled.len()];
        for ((one, extent), place) in settled.into_iter().zip(extents).zip(&mut places) {
            if !windows.is_due(&extent, until) {
                continue;
            }
            // Of what was given out in part the rest can be cut out, but no run can be encoded again.
            if windows.is_begun(&extent) && extent != one.range {
                return Err(windows.too_long());
            }
            *place = Some(kept.len());
            kept.push(one);
        }
        for of in &mut of {
            *of = of.and_then(|of| places.get(of).copied().flatten());
        }
        Ok(Ours { settled: kept, of, until })
    }

    /// What becomes of what cannot be looked into.
    fn unseen(
        &self,
        windows: &mut Windows,
        exceeded: Exceeded,
        out: &mut Vec<u8>,
    ) -> Result<Option<Exceeded>, Blocked> {
        if self.over_limit == OverLimit::Pass {
            windows.release(&windows.passed(), &[], out);
            return Ok(Some(exceeded));
        }
        Err(Blocked { why: Why::Limit(exceeded), pointer: String::new() })
    }
}
