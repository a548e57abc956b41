//! The chunked coding (RFC 9112 7.1), read strictly and passed on in its plainest form.

use memchr::memchr2;

use crate::error::ChunkError;
use crate::names::{field_name, is_control};
use crate::span::Span;
use crate::trailer::may_travel;

/// Most significant hexadecimal digits of a chunk size: those of 64 bits.
const SIZE_DIGITS_MAX: u8 = 16;

/// What a chunked body may hold beside data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Bytes of extensions and superfluous zeros in one chunk's size line.
    pub extension_bytes: usize,
    /// The same, in a whole body.
    pub extension_bytes_total: usize,
    /// Bytes of the trailer section.
    pub trailer_bytes: usize,
    /// Fields in the trailer section.
    pub trailer_fields: usize,
}

impl ChunkLimits {
    /// Default of [`ChunkLimits::extension_bytes`].
    pub const EXTENSION_BYTES: usize = 256;
    /// Default of [`ChunkLimits::extension_bytes_total`].
    pub const EXTENSION_BYTES_TOTAL: usize = 16 * 1024;
    /// Default of [`ChunkLimits::trailer_bytes`].
    pub const TRAILER_BYTES: usize = 4 * 1024;
    /// Default of [`ChunkLimits::trailer_fields`].
    pub const TRAILER_FIELDS: usize = 32;
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self {
            extension_bytes: Self::EXTENSION_BYTES,
            extension_bytes_total: Self::EXTENSION_BYTES_TOTAL,
            trailer_bytes: Self::TRAILER_BYTES,
            trailer_fields: Self::TRAILER_FIELDS,
        }
    }
}

/// A run of input that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where in the input.
    pub span: Span,
    /// Body bytes; otherwise framing or trailer.
    pub data: bool,
}

/// How far one [`Chunked::feed`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Bytes consumed. Less than the input after the end of the body, and within an incomplete
    /// trailer field: then the rest must be given again with more bytes after it. The rest never
    /// exceeds [`ChunkLimits::trailer_bytes`].
    pub consumed: usize,
    /// Whether the body, trailers included, has ended.
    pub ended: bool,
}

/// Decodes chunked framing strictly, telling which input bytes to keep when forwarding.
///
/// All pieces in order are the same body in its plain form: no extensions, at most one leading
/// zero in a size (one that came alone cannot be taken back), and no trailer field that must not
/// travel. The data pieces in order are the body itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunked {
    limits: ChunkLimits,
    state: State,
    /// The size being read.
    size: u64,
    /// Its significant digits so far.
    digits: u8,
    /// Dropped bytes of this size line.
    overhead: usize,
    overhead_total: usize,
    trailer_bytes: usize,
    trailer_fields: usize,
    /// The incomplete trailer field that was given back. A caller that loses it would make
    /// another field of the rest, so that is noticed.
    given_back: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    SizeStart,
    /// After at least one digit.
    Size,
    Extension,
    SizeLf,
    /// Bytes of data still to come.
    Data(u64),
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    Trailer,
    EndLf,
    Ended,
}

impl Chunked {
    /// At the start of a body.
    pub fn new(limits: ChunkLimits) -> Self {
        Self {
            limits,
            state: State::SizeStart,
            size: 0,
            digits: 0,
            overhead: 0,
            overhead_total: 0,
            trailer_bytes: 0,
            trailer_fields: 0,
            given_back: Vec::new(),
        }
    }

    /// Whether all that was fed is whole chunks, so that a last chunk could follow here.
    pub fn between_chunks(&self) -> bool {
        matches!(self.state, State::SizeStart)
    }

    /// Calls `piece` for each kept run of `input`, in order.
    ///
    /// After an error the body cannot be continued; pieces given before it were good.
    pub fn feed(&mut self, input: &[u8], piece: impl FnMut(Piece)) -> Result<Fed, ChunkError> {
        // Spans hold 32 bits; the caller gives the rest again.
        let input = input.get(..u32::MAX as usize).unwrap_or(input);
        if !input.starts_with(&self.given_back) {
            return Err(ChunkError::NotGivenAgain { bytes: self.given_back.len() });
        }
        self.given_back.clear();
        let mut kept = Kept { from: 0, to: 0, data: false, piece };
        let consumed = self.run(input, &mut kept);
        kept.flush();
        Ok(Fed { consumed: consumed?, ended: self.state == State::Ended })
    }

    fn run(
        &mut self,
        input: &[u8],
        kept: &mut Kept<impl FnMut(Piece)>,
    ) -> Result<usize, ChunkError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Data(left) => {
                    let here = input.len() - at;
                    let take = usize::try_from(left).map_or(here, |left| left.min(here));
                    kept.keep(at, at + take, true);
                    at += take;
                    let left = left - take as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data(left) };
                    continue;
                }
                State::Extension => {
                    at += self.skip_extension(input.get(at..).unwrap_or_default())?;
                    continue;
                }
                State::Trailer if byte != b'\r' => {
                    let rest = input.get(at..).unwrap_or_default();
                    let Some((length, keep)) = self.trailer_line(rest)? else {
                        self.given_back.extend_from_slice(rest);
                        return Ok(at);
                    };
                    if keep {
                        kept.keep(at, at + length, false);
                    }
                    at += length;
                    continue;
                }
                State::Ended => return Ok(at),
                _ => {}
            }
            if self.step(byte)? {
                kept.keep(at, at + 1, false);
            }
            at += 1;
        }
        Ok(at)
    }

    /// Takes one byte of framing; whether it is kept.
    fn step(&mut self, byte: u8) -> Result<bool, ChunkError> {
        match (self.state, byte) {
            (State::SizeStart | State::Size, _) => return self.size_byte(byte),
            (State::SizeLf, b'\n') => {
                self.state = if self.size == 0 { State::Trailer } else { State::Data(self.size) };
            }
            (State::DataCr, b'\r') => self.state = State::DataLf,
            (State::DataLf, b'\n') => {
                self.state = State::SizeStart;
                (self.size, self.digits, self.overhead) = (0, 0, 0);
            }
            (State::Trailer, b'\r') => self.state = State::EndLf,
            (State::EndLf, b'\n') => self.state = State::Ended,
            _ => return Err(ChunkError::LineEnd { byte }),
        }
        Ok(true)
    }

    fn size_byte(&mut self, byte: u8) -> Result<bool, ChunkError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if self.state == State::Size => {
                self.state = State::SizeLf;
                return Ok(true);
            }
            b';' if self.state == State::Size => {
                self.state = State::Extension;
                self.spend(1)?;
                return Ok(false);
            }
            _ => return Err(ChunkError::Size { byte }),
        };
        let first = self.state == State::SizeStart;
        self.state = State::Size;
        if digit == 0 && self.digits == 0 {
            // The first zero may be the whole size of the last chunk; any further one is idle.
            if !first {
                self.spend(1)?;
            }
            return Ok(first);
        }
        self.digits += 1;
        self.size = (self.size << 4) | u64::from(digit);
        // Past 63 bits the upstream's signed arithmetic would read another size.
        if self.digits > SIZE_DIGITS_MAX || i64::try_from(self.size).is_err() {
            return Err(ChunkError::SizeTooLarge);
        }
        Ok(true)
    }

    /// Counts bytes that are dropped from a size line. The limit named is the one reached first,
    /// whether bytes come singly or together.
    fn spend(&mut self, bytes: usize) -> Result<(), ChunkError> {
        let ChunkLimits { extension_bytes, extension_bytes_total, .. } = self.limits;
        let left = extension_bytes.saturating_sub(self.overhead);
        let left_total = extension_bytes_total.saturating_sub(self.overhead_total);
        if bytes > left.min(left_total) {
            let limit = if left <= left_total { extension_bytes } else { extension_bytes_total };
            return Err(ChunkError::ExtensionTooLarge { limit });
        }
        self.overhead += bytes;
        self.overhead_total += bytes;
        Ok(())
    }

    /// Consumes extension bytes up to the CR that ends them, which stays for `Size` to take.
    fn skip_extension(&mut self, rest: &[u8]) -> Result<usize, ChunkError> {
        let length = rest.iter().position(|byte| is_control(*byte)).unwrap_or(rest.len());
        self.spend(length)?;
        match rest.get(length) {
            None => {}
            Some(b'\r') => self.state = State::Size,
            Some(&byte) => return Err(ChunkError::Extension { byte }),
        }
        Ok(length)
    }

    /// Length of the trailer line at the start of `rest` and whether it is kept; `None` while
    /// it is incomplete, for only the whole name tells.
    fn trailer_line(&mut self, rest: &[u8]) -> Result<Option<(usize, bool)>, ChunkError> {
        let number = self.trailer_fields + 1;
        let malformed = ChunkError::Trailer { number };
        let budget = self.limits.trailer_bytes.saturating_sub(self.trailer_bytes);
        let window = rest.get(..budget).unwrap_or(rest);
        let end = memchr2(b'\r', b'\n', window).unwrap_or(window.len());
        match (window.get(end), window.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => {}
            (Some(b'\r') | None, None) if rest.len() > budget => {
                return Err(ChunkError::TrailerTooLarge { limit: self.limits.trailer_bytes });
            }
            (Some(b'\r') | None, None) => return Ok(None),
            _ => return Err(malformed),
        }
        if number > self.limits.trailer_fields {
            return Err(ChunkError::TooManyTrailers { limit: self.limits.trailer_fields });
        }
        let name = window.get(..end).map(field_name).and_then(Result::ok).ok_or(malformed)?;
        let length = end + 2;
        self.trailer_fields = number;
        self.trailer_bytes += length;
        Ok(Some((length, may_travel(name))))
    }
}

/// Joins adjacent kept bytes of one sort into runs.
struct Kept<F> {
    from: usize,
    to: usize,
    data: bool,
    piece: F,
}

impl<F: FnMut(Piece)> Kept<F> {
    #[inline]
    fn keep(&mut self, from: usize, to: usize, data: bool) {
        if self.to != from || self.data != data {
            self.flush();
            self.from = from;
            self.data = data;
        }
        self.to = to;
    }

    fn flush(&mut self) {
        if self.from < self.to {
            (self.piece)(Piece { span: Span::new(self.from, self.to), data: self.data });
        }
        self.from = self.to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data, the kept bytes, and the bytes consumed.
    type Read = (Vec<u8>, Vec<u8>, usize);

    fn read(input: &[u8]) -> Result<Read, ChunkError> {
        read_with(ChunkLimits::default(), input)
    }

    fn read_with(limits: ChunkLimits, input: &[u8]) -> Result<Read, ChunkError> {
        let (mut data, mut kept) = (Vec::new(), Vec::new());
        let fed = Chunked::new(limits).feed(input, |piece| {
            kept.extend_from_slice(piece.span.of(input));
            if piece.data {
                data.extend_from_slice(piece.span.of(input));
            }
        })?;
        assert!(fed.ended, "the body has not ended");
        Ok((data, kept, fed.consumed))
    }

    #[test]
    fn a_plain_body_passes_whole_and_what_follows_is_left() {
        let input = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /";
        let (data, kept, consumed) = read(input).unwrap();
        assert_eq!(data, b"hello world");
        assert_eq!(consumed, input.len() - 5);
        assert_eq!(kept, input[..consumed]);
    }

    #[test]
    fn extensions_and_idle_zeros_are_not_passed_on() {
        let (data, kept, _) = read(b"00a;x=\"y;\"\r\n0123456789\r\n000;end\r\n\r\n").unwrap();
        assert_eq!(data, b"0123456789");
        assert_eq!(kept, b"0a\r\n0123456789\r\n0\r\n\r\n");
    }

    #[test]
    fn trailers_pass_unless_they_could_change_the_message() {
        let (_, kept, _) =
            read(b"0\r\nX-Sum: 1\r\nContent-Length: 5\r\nauthorization: x\r\nY: 2\r\n\r\n")
                .unwrap();
        assert_eq!(kept, b"0\r\nX-Sum: 1\r\nY: 2\r\n\r\n");
    }

    #[test]
    fn an_incomplete_trailer_is_given_back() {
        let mut body = Chunked::new(ChunkLimits::default());
        let fed = body.feed(b"0\r\nX-Su", |_| {}).unwrap();
        assert_eq!(fed, Fed { consumed: 3, ended: false });
        let lost = body.clone().feed(b"m: 1\r\n\r\n", |_| {});
        assert_eq!(lost, Err(ChunkError::NotGivenAgain { bytes: 4 }));
        let mut kept = Vec::new();
        let input = b"X-Sum: 1\r\n\r\n";
        let fed = body.feed(input, |piece| kept.extend_from_slice(piece.span.of(input))).unwrap();
        assert_eq!(fed, Fed { consumed: input.len(), ended: true });
        assert_eq!(kept, input);
    }

    #[test]
    fn sizes_are_hexadecimal_digits_and_nothing_else() {
        for bad in ["+5", "-5", "0x5", " 5", "5 ", "5\t", "g", "\r\n", ";a", "5\n", "\x0b5"] {
            let result = read(format!("{bad}\r\nhello\r\n0\r\n\r\n").as_bytes());
            assert!(matches!(result, Err(ChunkError::Size { .. })), "{bad:?}: {result:?}");
        }
        for large in ["8000000000000000", "ffffffffffffffff", "10000000000000005"] {
            let result = read(format!("{large}\r\n").as_bytes());
            assert_eq!(result, Err(ChunkError::SizeTooLarge), "{large}");
        }
    }

    #[test]
    fn what_lies_between_chunks_must_be_crlf() {
        for bad in ["5\r\nhelloX", "5\r\nhello\n", "5\r\nhello\rX", "5\rX", "0\r\n\rX"] {
            let result = read(bad.as_bytes());
            assert!(matches!(result, Err(ChunkError::LineEnd { .. })), "{bad:?}: {result:?}");
        }
        for bad in ["5;a\nhello", "5;a\0\r\n"] {
            let result = read(bad.as_bytes());
            assert!(matches!(result, Err(ChunkError::Extension { .. })), "{bad:?}: {result:?}");
        }
    }

    #[test]
    fn every_limit_holds() {
        let limits = ChunkLimits {
            extension_bytes: 4,
            extension_bytes_total: 6,
            trailer_bytes: 12,
            trailer_fields: 2,
        };
        let check = |input: &str| read_with(limits, input.as_bytes()).err();
        assert_eq!(check("1;abc\r\nx\r\n0\r\n\r\n"), None);
        let extension = |limit| Some(ChunkError::ExtensionTooLarge { limit });
        assert_eq!(check("1;abcd\r\n"), extension(4));
        assert_eq!(check("0000001\r\n"), extension(4));
        assert_eq!(check("1;abc\r\nx\r\n1;ab\r\n"), extension(6));
        assert_eq!(check("0\r\na:b\r\nc:d\r\n\r\n"), None);
        let trailers = Some(ChunkError::TrailerTooLarge { limit: 12 });
        assert_eq!(check("0\r\na:bcdefghijk\r\n\r\n"), trailers);
        assert_eq!(
            check("0\r\na:\r\nb:\r\nc:\r\n\r\n"),
            Some(ChunkError::TooManyTrailers { limit: 2 })
        );
    }

    #[test]
    fn the_limit_named_does_not_depend_on_the_split() {
        let limits =
            ChunkLimits { extension_bytes: 8, extension_bytes_total: 12, ..ChunkLimits::default() };
        let input = b"1;abcde\r\nx\r\n1;abcdefghijk\r\n";
        let whole = Chunked::new(limits).feed(input, |_| {});
        let mut body = Chunked::new(limits);
        let bytewise = input.chunks(1).find_map(|byte| body.feed(byte, |_| {}).err());
        assert_eq!(whole, Err(ChunkError::ExtensionTooLarge { limit: 12 }));
        assert_eq!(bytewise, whole.err());
    }

    #[test]
    fn malformed_trailers_are_refused() {
        for bad in [" a: b\r\n", "a : b\r\n", "a\r\n", ": b\r\n", "a: b\n", "a: \0\r\n", "a: b\rc"]
        {
            let result = read(format!("0\r\n{bad}\r\n").as_bytes());
            assert_eq!(result, Err(ChunkError::Trailer { number: 1 }), "{bad:?}");
        }
    }
}
