//! A validator of JSON (RFC 8259) that walks over a body and builds nothing.
//!
//! The walks in the submodules are functions from a place in the body to a later one: on plain
//! values the compiler keeps them in registers, which it does not do with a cursor's fields.

#![expect(clippy::inline_always, reason = "a step of a few bytes costs less than its call")]

mod number;
mod string;
mod value;

use self::string::Quoted;
use crate::{Fault, ScanError, Span, Text};

/// The deepest nesting that can be allowed; a larger limit counts as this one. It is what
/// `serde_json` allows at the most, and keeps the walk's whole memory in two registers.
pub const DEPTH_MAX: u32 = 128;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A place in a body, and what the walk so far has to remember.
pub(crate) struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
    depth: u32,
    depth_limit: u32,
    /// Whether any byte may not be ASCII, so that the body has to be checked for UTF-8.
    non_ascii: bool,
}

impl<'a> Cursor<'a> {
    /// A cursor before the first value of `body`.
    pub(crate) fn new(body: &'a [u8], depth_limit: u32) -> Result<Self, ScanError> {
        if u32::try_from(body.len()).is_err() {
            return Err(fault_at(0, Fault::TooLarge));
        }
        if body.starts_with(BYTE_ORDER_MARK) {
            return Err(fault_at(0, Fault::ByteOrderMark));
        }
        let depth_limit = depth_limit.min(DEPTH_MAX);
        Ok(Self { body, at: skip(body, 0), depth: 0, depth_limit, non_ascii: false })
    }

    /// Checks that only whitespace is left, and what could not be checked on the way.
    pub(crate) fn finish(&mut self) -> Result<(), ScanError> {
        self.whitespace();
        if self.at != self.body.len() {
            return Err(fault_at(self.at, Fault::TrailingBytes));
        }
        // Outside strings the grammar has already refused what is not ASCII.
        if self.non_ascii
            && let Err(error) = simdutf8::compat::from_utf8(self.body)
        {
            return Err(fault_at(error.valid_up_to(), Fault::InvalidUtf8));
        }
        Ok(())
    }

    pub(crate) fn body(&self) -> &'a [u8] {
        self.body
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }

    /// The next byte; NUL, which has no place in JSON, at the end.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        byte(self.body, self.at)
    }

    /// Steps over `wanted` if it comes next.
    #[inline]
    pub(crate) fn eat(&mut self, wanted: u8) -> bool {
        let eaten = self.peek() == wanted;
        self.at += usize::from(eaten);
        eaten
    }

    #[inline]
    pub(crate) fn whitespace(&mut self) {
        self.at = skip(self.body, self.at);
    }

    /// Steps into an array or object.
    pub(crate) fn enter(&mut self) -> Result<(), ScanError> {
        if self.depth >= self.depth_limit {
            return Err(fault_at(self.at, Fault::TooDeep(self.depth_limit)));
        }
        self.depth += 1;
        self.at = skip(self.body, self.at + 1);
        Ok(())
    }

    /// Steps out of the array or object that `close` ends.
    pub(crate) fn leave(&mut self, close: u8) -> Result<(), ScanError> {
        if self.peek() != close {
            return Err(unexpected(self.body, self.at));
        }
        self.depth = self.depth.saturating_sub(1);
        self.at += 1;
        Ok(())
    }

    /// Steps over a string, from its quote.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Text, ScanError> {
        let Quoted { end, escaped, non_ascii } = string::walk(self.body, self.at)?;
        let raw = Span::new(self.at + 1, end - 1);
        self.at = end;
        self.non_ascii |= non_ascii;
        Ok(Text { raw, escaped })
    }

    /// Steps over a member's name and colon to its value.
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Result<Text, ScanError> {
        let key = match self.peek() {
            b'"' => self.string()?,
            _ => return Err(unexpected(self.body, self.at)),
        };
        self.at = value::colon(self.body, self.at)?;
        Ok(key)
    }

    /// Steps over a number. True if it is an integer, written without fraction or exponent.
    pub(crate) fn number(&mut self) -> Result<bool, ScanError> {
        let (end, integer) = number::walk(self.body, self.at)?;
        self.at = end;
        Ok(integer)
    }
}

/// The byte at a place; NUL, which has no place in JSON, at the end.
#[inline(always)]
fn byte(body: &[u8], at: usize) -> u8 {
    body.get(at).copied().unwrap_or(0)
}

/// Behind the whitespace at a place.
#[inline(always)]
fn skip(body: &[u8], at: usize) -> usize {
    if byte(body, at) > b' ' { at } else { skip_run(body, at) }
}

fn skip_run(body: &[u8], mut at: usize) -> usize {
    // Indentation is runs of spaces, most of the bytes of a pretty-printed body.
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    while let b' ' | b'\n' | b'\r' | b'\t' = byte(body, at) {
        at += 1;
        while let Some(word) = word(body, at) {
            let other = word ^ SPACES;
            at += other.trailing_zeros() as usize / 8;
            if other != 0 {
                break;
            }
        }
    }
    at
}

/// The eight bytes at a place, the first one lowest; none if there are not as many.
#[inline(always)]
fn word(body: &[u8], at: usize) -> Option<u64> {
    body.get(at..).and_then(<[u8]>::first_chunk).map(|word| u64::from_le_bytes(*word))
}

#[cold]
pub(crate) fn fault_at(at: usize, fault: Fault) -> ScanError {
    ScanError { at: u32::try_from(at).unwrap_or(u32::MAX), fault }
}

#[cold]
pub(crate) fn unexpected(body: &[u8], at: usize) -> ScanError {
    fault_at(at, body.get(at).map_or(Fault::UnexpectedEnd, |&byte| Fault::UnexpectedByte(byte)))
}
