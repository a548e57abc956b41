//! Places in a buffer, kept instead of slices so that a head outlives borrows of it.

use std::ops::Range;

/// Byte range into the buffer a head was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes of the span in `buf`; empty when `buf` is not the buffer it was made from.
    #[inline]
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        buf.get(self.range()).unwrap_or_default()
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.range().len()
    }

    /// Whether the span holds no byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// As a range of indices.
    #[inline]
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: offset(start), end: offset(end) }
    }

    /// Where `part`, a slice of `buf`, lies in it.
    #[inline]
    pub(crate) fn locate(buf: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(buf.as_ptr().addr());
        Self::new(start, start.saturating_add(part.len()))
    }
}

/// An index as spans have it. Those past `u32::MAX` saturate: every caller bounds its input far below.
#[inline]
pub(crate) fn offset(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_another_buffer_is_empty_and_never_panics() {
        let span = Span { start: 3, end: 9 };
        assert_eq!(span.of(b"0123456789"), b"345678");
        assert_eq!(span.len(), 6);
        assert_eq!(span.of(b"0123"), b"");
        let reversed = Span { start: 9, end: 3 };
        assert!(reversed.is_empty());
        assert_eq!(reversed.len(), 0);
        assert_eq!(reversed.of(b"0123456789"), b"");
    }

    #[test]
    fn a_part_is_located_in_its_buffer() {
        let buf = b"abcdef";
        assert_eq!(Span::locate(buf, &buf[2..4]), Span { start: 2, end: 4 });
        assert_eq!(Span::locate(buf, &buf[6..]), Span { start: 6, end: 6 });
    }
}
