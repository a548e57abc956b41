//! A text that comes in pieces, looked into a window at a time.
//!
//! A body that is no JSON has no values that could be looked into one by one, and may be longer than one wants to hold.
//! It is looked into in windows that overlap:
//!
//! ```text
//!      given out, and kept             fresh                        ahead
//! ├────────────────────────────┼──────────────────────────────┼─────────────────┤
//!   what a match may need          settled by this window       a match that begins
//!   before itself                                               before it ends here
//! ```
//!
//! What a window finds in its fresh part is final, as everything that a match may need is in the window; what begins
//! ahead of that is found again, whole, by the next one. Nothing is given out of the part that is ahead, and a match
//! is never cut in two. The head of a table whose rows go on stands before what is kept, so that its columns say in
//! each window what they say in the first. A keyword that may stand anywhere is seen as far as the window goes. As a
//! window is only looked into when it is full or the text has ended, what is found does not depend on how the text
//! was cut on its way.

use std::ops::Range;

use memchr::memrchr;

use crate::layer::base64::is_base64;
use crate::limits::Exceeded;
use crate::redact::{Splice, spliced};
use crate::scan::{Finding, Inspector, Scratch};
use crate::table::Tables;
use crate::within::{ESCAPES_AFTER, ESCAPES_BEFORE};

/// What stands around an escape is read with it, so that no window may hold back less.
const HOLD_BYTES_MIN: usize = 2 * (ESCAPES_BEFORE + ESCAPES_AFTER);
/// The longest that is held back for a rule; it bounds the memory of a stream.
const HOLD_BYTES_MAX: usize = 256 << 10;
/// Of a rule whose matches have no longest, those of so many bytes are sure to be found.
const UNBOUNDED_BYTES: usize = 16 << 10;
/// A match may take so many times its bytes in the text: in base64 four thirds, with the ends of its lines escaped a
/// little more, with all of it escaped as `%XX` three times.
const WRITTEN_TIMES: usize = 2;
/// So many times what is held back is fresh in a window that is full,
const FRESH_TIMES: usize = 4;
/// and so many times is kept before it: what a match may need, and where the window may best begin.
const KEPT_TIMES: usize = 2;
/// What is kept of a table's head, with the line below it that some forms have, is no longer.
const HEAD_BYTES_MAX: usize = 4096;

/// A text that comes in pieces: what of it is to be looked into next, and what may go out.
///
/// ```
/// # use penstock_inspect::{EngineKind, Form, Inspector, Limits, RuleSet, Windows};
/// # let rules = RuleSet::from_file("a", "[[rules]]\nid = 'pin'\nregex = 'pin=([0-9]{4})'", &mut |_| Err(String::new()))?;
/// # let inspector = Inspector::new(rules, EngineKind::Portable, Limits::default())?;
/// let mut scratch = inspector.scratch()?;
/// let mut windows = Windows::new(inspector.hold());
/// let mut out = Vec::new();
/// let pieces = [Some("the pi"), Some("n=12"), Some("34."), None];
/// for piece in pieces {
///     let mut rest = piece.unwrap_or_default().as_bytes();
///     if piece.is_none() {
///         windows.end();
///     }
///     loop {
///         rest = windows.feed(rest);
///         let Some(window) = windows.window() else { break };
///         let findings = inspector.scan(window, Form::Text, &mut scratch)?.to_vec();
///         let settled = windows.settle(&findings, &scratch)?;
///         let hidden = |_: &_| Some(b"****".to_vec());
///         let splices = scratch.splices(window, Form::Text, settled.findings(), hidden);
///         windows.release(&settled, &splices, &mut out);
///     }
/// }
/// assert_eq!(out, b"the pin=****.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Windows {
    hold: usize,
    /// What was given out and is kept, what is fresh, and what is ahead.
    bytes: Vec<u8>,
    /// Where in `bytes` that begins which was not given out.
    fresh: usize,
    /// Where in the text that is which stands in `bytes`, but for a head.
    offset: u64,
    /// A place in the head that `bytes` begins with.
    head: Option<usize>,
    ended: bool,
}

/// What is final of a window that was looked into.
#[derive(Debug)]
pub struct Settled {
    findings: Vec<Finding>,
    until: usize,
    /// Places in heads of tables.
    heads: Vec<usize>,
}

impl Inspector {
    /// How much of a stream is to be held back so that no match of these rules is missed: twice the longest, as
    /// it may stand there encoded, with 16 KiB for the rules whose matches have no longest, and 256 KiB at most.
    pub fn hold(&self) -> usize {
        let longest = self.rules().iter().map(|rule| rule.bytes_max().unwrap_or(UNBOUNDED_BYTES));
        let longest = longest.max().unwrap_or(0).saturating_mul(WRITTEN_TIMES);
        longest.clamp(HOLD_BYTES_MIN, HOLD_BYTES_MAX)
    }
}

impl Windows {
    /// For a text in which what is written in `hold` bytes must be found wherever it stands, with all that its rule
    /// needs around it; [`Inspector::hold`] says how much that is. Anything below 9 KiB is taken as that.
    pub fn new(hold: usize) -> Self {
        let hold = hold.max(HOLD_BYTES_MIN);
        Self { hold, bytes: Vec::new(), fresh: 0, offset: 0, head: None, ended: false }
    }

    /// No more of the text is ever in memory.
    pub fn bytes_max(&self) -> usize {
        self.hold.saturating_mul(KEPT_TIMES + FRESH_TIMES + 1)
    }

    /// Takes what comes next, up to where the window is full; what is left comes again when it was released.
    pub fn feed<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let room = self.bytes_max().saturating_sub(self.bytes.len());
        let (taken, rest) = piece.split_at(room.min(piece.len()));
        self.bytes.extend_from_slice(taken);
        rest
    }

    /// Nothing comes behind what was fed.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// What is to be looked into now, as text, if there is enough of it or all. It begins with what was given out
    /// before.
    pub fn window(&self) -> Option<&[u8]> {
        let full = self.bytes.len() >= self.bytes_max();
        let some = self.fresh < self.bytes.len();
        (full || self.ended && some).then_some(&self.bytes)
    }

    /// What is to be added to a place in the window for its place in the text.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What of all that was found in the window is to be acted on now, and how much of the window that settles: the
    /// rest is found again in the next one. Fails where one thing is longer than a window, so that nobody knows
    /// where it ends.
    pub fn settle(&self, findings: &[Finding], scratch: &Scratch) -> Result<Settled, Exceeded> {
        let extents: Vec<Range<usize>> = findings.iter().map(|one| scratch.extent(one)).collect();
        let until = self.settled(&extents)?;
        let mut ours = Vec::new();
        for (finding, extent) in findings.iter().zip(extents) {
            if !self.is_due(&extent, until) {
                continue;
            }
            // Of what was given out in part the rest can be cut out, but no run can be encoded again.
            if self.is_begun(&extent) && extent != finding.source() {
                return Err(self.too_long());
            }
            ours.push(finding.clone());
        }
        Ok(Settled { findings: ours, until, heads: scratch.heads.clone() })
    }

    /// What goes out as it is, where the operator lets pass what cannot be looked into whole.
    pub fn passed(&self) -> Settled {
        let heads = self.head.into_iter().collect();
        Settled { findings: Vec::new(), until: self.final_end(), heads }
    }

    /// Gives out what was settled, with `splices` in their places, and makes room for what comes next.
    pub fn release(&mut self, settled: &Settled, splices: &[Splice], out: &mut Vec<u8>) {
        self.give_out(settled.until, splices, &settled.heads, out);
    }

    /// The same up to a place in the window, with places in heads of tables.
    pub(crate) fn give_out(
        &mut self,
        until: usize,
        splices: &[Splice],
        heads: &[usize],
        out: &mut Vec<u8>,
    ) {
        let until = until.min(self.bytes.len());
        let mut ours = Vec::with_capacity(splices.len());
        for Splice { range, with } in splices {
            let range = range.start.max(self.fresh)..range.end.min(until);
            if !range.is_empty() {
                let range = range.start - self.fresh..range.end - self.fresh;
                ours.push(Splice { range, with: with.clone() });
            }
        }
        let part = self.bytes.get(self.fresh..until).unwrap_or_default();
        if ours.is_empty() {
            out.extend_from_slice(part);
        } else {
            out.extend_from_slice(&spliced(part, &ours));
        }
        // Kept is what a match may need before itself, from where a window may best begin.
        let most = until.saturating_sub(self.hold);
        let next = heads.partition_point(|at| *at < most);
        let near = [heads.get(next), next.checked_sub(1).and_then(|last| heads.get(last))];
        let open = near.into_iter().flatten().find_map(|at| self.open_table(*at, most));
        self.head = open.as_ref().map(|(at, head, _)| at - head.start);
        let (head, kept) = open.map_or_else(
            || (0..0, neutral(&self.bytes, most.saturating_sub(self.hold)..most)),
            |(_, head, kept)| (head, kept),
        );
        self.bytes.drain(head.end..kept);
        self.bytes.drain(..head.start);
        self.fresh = until - kept + head.len();
        self.offset += (kept - head.len()) as u64;
    }

    /// Of the table in whose head `at` is, if that is open at a place: what of the head is before what is kept, and
    /// where that begins, behind the last row before the place.
    fn open_table(&self, at: usize, place: usize) -> Option<(usize, Range<usize>, usize)> {
        let mut tables = Tables::new(&self.bytes);
        let table = tables.at(&(0..self.bytes.len()), at)?;
        let mut head = table.head();
        let kept = if place < head.end {
            // None of it is cut off.
            head.end = head.start;
            head.start
        } else {
            tables.rows_to(&table, place)?
        };
        let fits = head.len() <= HEAD_BYTES_MAX && place.checked_sub(kept)? <= self.hold;
        fits.then_some((at, head, kept))
    }

    /// Where what is final ends: nothing that was found goes over it.
    pub(crate) fn settled(&self, extents: &[Range<usize>]) -> Result<usize, Exceeded> {
        let mut until = self.final_end();
        if self.ended {
            return Ok(until);
        }
        let mut starts: Vec<&Range<usize>> = extents.iter().collect();
        // The last to begin first: each that goes over the end moves it to where itself begins.
        starts.sort_by_key(|extent| std::cmp::Reverse(extent.start));
        // One that ends further on may begin before one that does not.
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for extent in &starts {
                if extent.start < until && until < extent.end {
                    until = extent.start;
                    moved = true;
                }
            }
        }
        if until > self.fresh { Ok(until) } else { Err(self.too_long()) }
    }

    /// Where ends what is final if nothing goes over it.
    fn final_end(&self) -> usize {
        if self.ended {
            return self.bytes.len();
        }
        let ahead = self.bytes.len().saturating_sub(self.hold);
        neutral(&self.bytes, ahead.saturating_sub(self.hold).max(self.fresh)..ahead)
    }

    /// Whether what takes so much of the window is to be acted on now, where it is final up to a place.
    pub(crate) fn is_due(&self, extent: &Range<usize>, until: usize) -> bool {
        self.fresh < extent.end && extent.start < until
    }

    /// Whether the beginning of that was given out.
    pub(crate) fn is_begun(&self, extent: &Range<usize>) -> bool {
        extent.start < self.fresh
    }

    pub(crate) fn too_long(&self) -> Exceeded {
        Exceeded::Window { most: self.hold }
    }
}

impl Settled {
    /// What is to be acted on, in the order in which it stands; by places in the window.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// The last place in a part at which a text is best cut: behind the end of a line, behind a blank, behind what is no
/// part of a token or of an escape, between two characters.
fn neutral(bytes: &[u8], part: Range<usize>) -> usize {
    let within = bytes.get(part.clone()).unwrap_or_default();
    let apart = |byte: &u8| byte.is_ascii() && !is_base64(*byte) && !matches!(byte, b'\\' | b'%');
    let behind = memrchr(b'\n', within)
        .or_else(|| within.iter().rposition(u8::is_ascii_whitespace))
        .or_else(|| within.iter().rposition(apart));
    if let Some(behind) = behind {
        return part.start + behind + 1;
    }
    let continues = |at: usize| bytes.get(at).is_some_and(|byte| *byte & 0xc0 == 0x80);
    let back = (0..4).find(|back| !continues(part.end.saturating_sub(*back))).unwrap_or(0);
    part.end.saturating_sub(back).max(part.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_kept_before_rows_that_go_on_wherever_a_window_ends() {
        for (head, row) in [
            ("id,name,dob\n", "7,jo,unknown\n"),
            ("(id,\n name,\n dob) values\n", "(7,'jo','unknown'),\n"),
        ] {
            let (before, rows) = ("x\n".repeat(10_000), row.repeat(9000));
            let text = format!("{before}{head}{rows}");
            let word = text.find("dob").expect("it is there");
            for place in before.len() - 3..before.len() + 80 {
                let mut windows = Windows::new(0);
                windows.feed(text.as_bytes());
                let mut out = Vec::new();
                windows.give_out(place + windows.hold, &[], &[word], &mut out);
                assert_eq!(out, &text.as_bytes()[..place + windows.hold]);
                assert!(text.as_bytes()[out.len()..].starts_with(&windows.bytes[windows.fresh..]));
                let held = windows.bytes.starts_with(head.trim_end().as_bytes());
                assert!(held || place < before.len(), "{place}");
                let at = windows.offset + windows.fresh as u64;
                assert_eq!(at, out.len() as u64, "{place}");
            }
        }
    }

    #[test]
    fn a_text_is_cut_where_nothing_is_cut_in_two() {
        let at = |text: &str| neutral(text.as_bytes(), 0..text.len());
        assert_eq!(at("ab\ncd ef"), 3, "behind a line");
        assert_eq!(at("ab cd,ef"), 3, "behind a blank");
        assert_eq!(at("ab,cd\\"), 3, "behind what is no token");
        assert_eq!(neutral("ab€".as_bytes(), 0..4), 2, "between characters");
    }
}
