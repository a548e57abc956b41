//! Numbers: the grammar, and the range that every peer can hold.

use super::{byte, fault_at, unexpected};
use crate::{Fault, ScanError};

/// With no more digits than this before the point and no more exponent digits than
/// [`SAFE_EXPONENT_DIGITS`], a number is below 10³⁰⁰ and needs no closer look.
const SAFE_DIGITS: usize = 200;
const SAFE_EXPONENT_DIGITS: usize = 2;

/// Behind the number at `start`, and whether it is an integer, written without fraction or
/// exponent.
#[inline(always)]
pub(super) fn walk(body: &[u8], start: usize) -> Result<(usize, bool), ScanError> {
    let first = start + usize::from(byte(body, start) == b'-');
    let end = digits(body, first);
    if end == first {
        return Err(no_digit(body, end));
    }
    if end - first > 1 && byte(body, first) == b'0' {
        return Err(fault_at(start, Fault::BadNumber));
    }
    match byte(body, end) {
        b'.' | b'e' | b'E' => Ok((not_integer(body, start, end)?, false)),
        _ if end - first > SAFE_DIGITS => in_range(body, start, end).map(|end| (end, true)),
        _ => Ok((end, true)),
    }
}

/// Behind the fraction and exponent at `at` of the number that begins at `start`.
fn not_integer(body: &[u8], start: usize, mut at: usize) -> Result<usize, ScanError> {
    let mut safe = at - start <= SAFE_DIGITS;
    if byte(body, at) == b'.' {
        let end = digits(body, at + 1);
        if end == at + 1 {
            return Err(no_digit(body, end));
        }
        at = end;
    }
    if let b'e' | b'E' = byte(body, at) {
        let first = at + 1 + usize::from(matches!(byte(body, at + 1), b'+' | b'-'));
        let end = digits(body, first);
        if end == first {
            return Err(no_digit(body, end));
        }
        safe &= end - first <= SAFE_EXPONENT_DIGITS;
        at = end;
    }
    if safe { Ok(at) } else { in_range(body, start, at) }
}

/// Behind the digits at a place.
#[inline(always)]
fn digits(body: &[u8], mut at: usize) -> usize {
    while byte(body, at).is_ascii_digit() {
        at += 1;
    }
    at
}

#[cold]
fn no_digit(body: &[u8], at: usize) -> ScanError {
    if at < body.len() { fault_at(at, Fault::BadNumber) } else { unexpected(body, at) }
}

#[cold]
fn in_range(body: &[u8], start: usize, end: usize) -> Result<usize, ScanError> {
    let number = str::from_utf8(body.get(start..end).unwrap_or_default()).unwrap_or_default();
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(end),
        _ => Err(fault_at(start, Fault::NumberOutOfRange)),
    }
}
