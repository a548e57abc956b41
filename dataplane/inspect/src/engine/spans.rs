//! Parts of a text that look like tokens or numbers.

use std::ops::Range;

use super::need::Cluster;

/// Which bytes are of a token.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=');
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

/// Tells each run of token bytes that is `shortest` or longer: such a run has a byte at one of every
/// `shortest` places, so that only those are looked at.
pub(super) fn runs(text: &[u8], shortest: usize, mut found: impl FnMut(Range<usize>)) {
    let token = |byte: u8| TOKEN[usize::from(byte)];
    let mut at = shortest.saturating_sub(1);
    while let Some(byte) = text.get(at) {
        if !token(*byte) {
            at += shortest;
            continue;
        }
        let before = text.get(..at).unwrap_or_default();
        let start = before.iter().rposition(|byte| !token(*byte)).map_or(0, |at| at + 1);
        let behind = text.get(at..).unwrap_or_default();
        let end = behind.iter().position(|byte| !token(*byte)).map_or(text.len(), |more| at + more);
        if end - start >= shortest {
            found(start..end);
        }
        at = end + shortest;
    }
}

/// Tells the spans from digit to digit that have `fewest` of them or more, no two of which have more
/// than `gap` other bytes between them.
pub(super) fn clusters(
    text: &[u8],
    fewest: usize,
    gap: usize,
    mut found: impl FnMut(Cluster, Range<usize>),
) {
    /// A quick look passes over so many bytes at once.
    const STEP: usize = 32;
    let mut here = Cluster::default();
    let (mut start, mut end) = (0, 0);
    let mut base = 0;
    for step in text.chunks(STEP) {
        if step.iter().fold(false, |any, byte| any | byte.is_ascii_digit()) {
            for (place, _) in step.iter().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
                let at = base + place;
                if here.digits > 0 && at - end <= gap {
                    here.groups += usize::from(at > end);
                    here.digits += 1;
                } else {
                    if here.digits >= fewest {
                        found(here, start..end);
                    }
                    here = Cluster { digits: 1, groups: 1 };
                    start = at;
                }
                end = at + 1;
            }
        }
        base += step.len();
    }
    if here.digits >= fewest {
        found(here, start..end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::need::is_token;
    use super::*;

    #[test]
    fn tokens_are_told_by_the_same_bytes_as_in_a_regex() {
        for byte in 0..=u8::MAX {
            assert_eq!(TOKEN[usize::from(byte)], is_token(byte));
        }
    }

    proptest! {
        #[test]
        fn every_long_run_is_told_whole(text in "[a ]{0,80}", shortest in 1_usize..9) {
            let mut told = Vec::new();
            runs(text.as_bytes(), shortest, |run| told.push(run));
            let mut expected = Vec::new();
            let mut at = 0;
            for piece in text.split(' ') {
                if piece.len() >= shortest {
                    expected.push(at..at + piece.len());
                }
                at += piece.len() + 1;
            }
            prop_assert_eq!(told, expected);
        }

        #[test]
        fn digits_that_are_together_are_told_together(text in "[1 ]{0,120}", fewest in 1_usize..6, gap in 0_usize..4) {
            let mut told = Vec::new();
            clusters(text.as_bytes(), fewest, gap, |here, part| told.push((here.digits, part)));
            let mut expected: Vec<(usize, Range<usize>)> = Vec::new();
            for (at, _) in text.bytes().enumerate().filter(|(_, byte)| *byte == b'1') {
                match expected.last_mut() {
                    Some((digits, part)) if at - part.end <= gap => {
                        *digits += 1;
                        part.end = at + 1;
                    }
                    _ => expected.push((1, at..at + 1)),
                }
            }
            expected.retain(|(digits, _)| *digits >= fewest);
            prop_assert_eq!(told, expected);
        }
    }
}
