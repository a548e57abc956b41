//! Parts of a text in which bytes of a kind stand close together.

use std::ops::Range;

use super::dense::{Cluster, Kind};

/// A quick look is had at so many bytes at once.
const STEP: usize = 16;

/// Which bytes are of a kind.
type Table = [bool; 256];

const fn table(kind: Kind) -> Table {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = kind.has(byte);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

static TOKEN: Table = table(Kind::Token);
static DIGIT: Table = table(Kind::Digit);
static CAPITAL: Table = table(Kind::Capital);
static HEX: Table = table(Kind::Hex);

/// Tells the spans from the first to the last byte of a kind that have `fewest` of them or more, no two of which have
/// more than the kind's gap between them; in order.
pub(super) fn clusters(
    text: &[u8],
    kind: Kind,
    fewest: usize,
    mut found: impl FnMut(Cluster, Range<usize>),
) {
    let table = match kind {
        Kind::Token => &TOKEN,
        Kind::Digit => &DIGIT,
        Kind::Capital => &CAPITAL,
        Kind::Hex => &HEX,
    };
    let is = |byte: &u8| table[usize::from(*byte)];
    let (reach, gap) = (kind.gap() + 1, kind.gap());
    // Of so many bytes, a part of a step that is no less than this is in one step or the next.
    let enough = (fewest.min(STEP / reach.min(STEP)) / 2).max(1);
    let mut here = Cluster::default();
    let (mut start, mut end) = (0, 0);
    let mut done = 0;
    for (number, step) in text.chunks(STEP).enumerate() {
        let base = number * STEP;
        if step.iter().filter(|byte| is(byte)).count() < enough && here.bytes == 0 {
            continue;
        }
        // What was passed over may have been the beginning.
        let from = base.saturating_sub(STEP).max(done);
        let piece = text.get(from..base + step.len()).unwrap_or_default();
        for (place, _) in piece.iter().enumerate().filter(|(_, byte)| is(byte)) {
            let at = from + place;
            if here.bytes > 0 && at - end <= gap {
                here.groups += usize::from(at > end);
                here.bytes += 1;
            } else {
                if here.bytes >= fewest {
                    found(here, start..end);
                }
                here = Cluster { bytes: 1, groups: 1 };
                start = at;
            }
            end = at + 1;
        }
        done = base + step.len();
        if done.saturating_sub(end) > gap {
            if here.bytes >= fewest {
                found(here, start..end);
            }
            here = Cluster::default();
        }
    }
    if here.bytes >= fewest {
        found(here, start..end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte.
    fn expected(text: &[u8], kind: Kind, fewest: usize) -> Vec<(Cluster, Range<usize>)> {
        let mut all: Vec<(Cluster, Range<usize>)> = Vec::new();
        for (at, _) in text.iter().enumerate().filter(|(_, byte)| kind.has(**byte)) {
            match all.last_mut() {
                Some((here, part)) if at - part.end <= kind.gap() => {
                    here.groups += usize::from(at > part.end);
                    here.bytes += 1;
                    part.end = at + 1;
                }
                _ => all.push((Cluster { bytes: 1, groups: 1 }, at..at + 1)),
            }
        }
        all.retain(|(here, _)| here.bytes >= fewest);
        all
    }

    proptest! {
        #[test]
        fn what_stands_together_is_told_whole(
            text in "[1Aax ]{0,200}",
            kind in prop::sample::select(&Kind::ALL),
            fewest in 1_usize..24,
        ) {
            let mut told = Vec::new();
            clusters(text.as_bytes(), kind, fewest, |here, part| told.push((here, part)));
            prop_assert_eq!(told, expected(text.as_bytes(), kind, fewest));
        }
    }
}
