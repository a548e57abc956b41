//! Stepping over a whole value without reading it.

use super::{Cursor, byte, fault_at, number, skip, string, unexpected};
use crate::{Fault, ScanError, Span};

/// The open containers from the innermost out, a bit each: 1 is an object. Wide enough for
/// [`super::DEPTH_MAX`].
type Containers = u128;

impl Cursor<'_> {
    /// Steps over a value of any type, validating all of it.
    pub(crate) fn value(&mut self) -> Result<Span, ScanError> {
        let start = self.at;
        let (end, non_ascii) = walk(self.body, start, self.depth, self.depth_limit)?;
        self.at = end;
        self.non_ascii |= non_ascii;
        Ok(Span::new(start, end))
    }
}

/// Behind the value at `at`, and whether it has bytes that are not ASCII. `outside` is how deep it
/// is nested itself.
fn walk(body: &[u8], mut at: usize, outside: u32, limit: u32) -> Result<(usize, bool), ScanError> {
    let mut non_ascii = false;
    let mut open: Containers = 0;
    let mut depth = outside;
    'value: loop {
        match byte(body, at) {
            b'"' => {
                let quoted = string::walk(body, at)?;
                non_ascii |= quoted.non_ascii;
                at = quoted.end;
            }
            b'-' | b'0'..=b'9' => at = number::walk(body, at)?.0,
            bracket @ (b'{' | b'[') => {
                if depth >= limit {
                    return Err(fault_at(at, Fault::TooDeep(limit)));
                }
                at = skip(body, at + 1);
                let is_object = bracket == b'{';
                let close = if is_object { b'}' } else { b']' };
                if byte(body, at) == close {
                    at += 1;
                } else {
                    depth += 1;
                    open = open << 1 | Containers::from(is_object);
                    if is_object {
                        at = key(body, at, &mut non_ascii)?;
                    }
                    continue 'value;
                }
            }
            b't' => at = literal(body, at, b"true")?,
            b'f' => at = literal(body, at, b"false")?,
            b'n' => at = literal(body, at, b"null")?,
            _ => return Err(unexpected(body, at)),
        }
        while depth != outside {
            at = skip(body, at);
            let in_object = open & 1 == 1;
            match byte(body, at) {
                b',' => {
                    at = skip(body, at + 1);
                    if in_object {
                        at = key(body, at, &mut non_ascii)?;
                    }
                    continue 'value;
                }
                b'}' if in_object => {}
                b']' if !in_object => {}
                _ => return Err(unexpected(body, at)),
            }
            at += 1;
            depth -= 1;
            open >>= 1;
        }
        return Ok((at, non_ascii));
    }
}

/// From a member's name to its value.
#[inline(always)]
fn key(body: &[u8], at: usize, non_ascii: &mut bool) -> Result<usize, ScanError> {
    if byte(body, at) != b'"' {
        return Err(unexpected(body, at));
    }
    let quoted = string::walk(body, at)?;
    *non_ascii |= quoted.non_ascii;
    colon(body, quoted.end)
}

/// From behind a member's name to its value.
#[inline(always)]
pub(super) fn colon(body: &[u8], at: usize) -> Result<usize, ScanError> {
    let at = skip(body, at);
    if byte(body, at) == b':' { Ok(skip(body, at + 1)) } else { Err(unexpected(body, at)) }
}

#[inline(always)]
fn literal(body: &[u8], at: usize, word: &[u8]) -> Result<usize, ScanError> {
    if body.get(at..).is_some_and(|rest| rest.starts_with(word)) {
        return Ok(at + word.len());
    }
    let wrong = word.iter().zip(at..).find(|(wanted, at)| byte(body, *at) != **wanted);
    Err(unexpected(body, wrong.map_or(at, |(_, at)| at)))
}
