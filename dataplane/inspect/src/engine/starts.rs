//! Places at which a match may begin: about digits, and about runs of token bytes.

use std::ops::Range;

use super::anchored::Anchored;
use super::dense::{Cluster, Kind};

/// A match of a rule that is sought so has its first digit, or the beginning of its run, no further behind its own.
pub(super) const LEAD_MAX: usize = 10;
/// A quick look is had at so many bytes at once.
const STEP: usize = 32;

/// Tells each place before a digit, or at one, at which one of the regexes may begin.
pub(super) fn before_digits(text: &[u8], of: &Anchored, mut found: impl FnMut(usize)) {
    let mut next = 0;
    for (number, step) in text.chunks(STEP).enumerate() {
        if !step.iter().fold(false, |any, byte| any | byte.is_ascii_digit()) {
            continue;
        }
        for (place, _) in step.iter().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
            let at = number * STEP + place;
            let first = at.saturating_sub(LEAD_MAX).max(next);
            next = at + 1;
            let before = text.get(first..at).unwrap_or_default();
            let lead = before.iter().rev().take_while(|byte| of.before_digit.has(**byte)).count();
            for start in at - lead..=at {
                if of.may_begin(text, start) {
                    found(start);
                }
            }
        }
    }
}

/// The same about runs, which are in order.
pub(super) fn about_runs(
    text: &[u8],
    runs: &[(Cluster, Range<usize>)],
    of: &Anchored,
    mut found: impl FnMut(usize),
) {
    let mut next = 0;
    for (_, run) in runs {
        // As much of the run as is asked for at the least must be left.
        let last = run.end.saturating_sub(Kind::Token.fewest()) + 1;
        for start in run.start.saturating_sub(LEAD_MAX).max(next)..last.max(next) {
            if of.may_begin(text, start) {
                found(start);
            }
        }
        next = run.end;
    }
}
