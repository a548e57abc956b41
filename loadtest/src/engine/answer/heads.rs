//! Heads of answers, read once and recognised after.
//!
//! A server says the same head again and again, but for its date. What a head means follows from
//! its bytes alone, so one that is byte for byte the last one need not be read again.

use penstock_http1::{Framing, HeadError, HeadLimits, ResponseHead, Verb};

use crate::engine::seldom::Seldom;

/// The longest head that is read.
pub(super) const HEAD_BYTES_MAX: usize = 64 << 10;
const LIMITS: HeadLimits = HeadLimits { bytes: HEAD_BYTES_MAX, fields: 200, target: 8 << 10 };
/// A longer head is read each time.
const KNOWN_BYTES_MAX: usize = 4 << 10;

/// The head that was read last, and one that is recognised.
#[derive(Debug, Default)]
pub(in crate::engine) struct Heads {
    last: ResponseHead,
    known: ResponseHead,
    bytes: Vec<u8>,
    verb: Option<Verb>,
    seldom: Seldom,
    is_known: bool,
}

impl Heads {
    /// The length of the head at the start of `buffer`, once it is whole.
    #[inline]
    pub(super) fn read(&mut self, buffer: &[u8], verb: Verb) -> Result<Option<usize>, HeadError> {
        if self.verb == Some(verb) && buffer.starts_with(&self.bytes) {
            self.is_known = true;
            self.seldom.hit();
            return Ok(Some(self.bytes.len()));
        }
        self.is_known = false;
        self.last.reset();
        let length = self.last.parse(buffer, &LIMITS, verb)?;
        if let Some(head) = length.and_then(|length| buffer.get(..length)) {
            // Of one that ends with the connection, nothing is gained.
            let repeats = self.last.status == 200 && self.last.framing != Framing::UntilClose;
            if repeats && head.len() <= KNOWN_BYTES_MAX && self.seldom.missed() {
                self.known.clone_from(&self.last);
                self.bytes.clear();
                self.bytes.extend_from_slice(head);
                self.verb = Some(verb);
            }
        }
        Ok(length)
    }

    /// What was read.
    #[inline]
    pub(super) fn head(&self) -> &ResponseHead {
        if self.is_known { &self.known } else { &self.last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(date: u32, length: u32) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    }

    #[test]
    fn a_head_that_is_known_reads_as_one_that_is_not() {
        let mut heads = Heads::default();
        for (date, length) in [(1, 5), (1, 5), (2, 5), (2, 6), (1, 5), (2, 6), (2, 6)] {
            let bytes = [head(date, length), b"body".to_vec()].concat();
            assert_eq!(heads.read(&bytes, Verb::Post), Ok(Some(bytes.len() - 4)));
            let mut alone = ResponseHead::new();
            alone.parse(&bytes, &LIMITS, Verb::Post).unwrap();
            assert_eq!(heads.head(), &alone, "{date} {length}");
        }
        assert!(heads.is_known);
    }

    #[test]
    fn what_is_shorter_or_answers_another_verb_is_not_taken_for_it() {
        let mut heads = Heads::default();
        let bytes = head(1, 5);
        heads.read(&bytes, Verb::Post).unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(heads.read(&bytes[..cut], Verb::Post), Ok(None), "{cut}");
        }
        assert_eq!(heads.read(&bytes, Verb::Head), Ok(Some(bytes.len())));
        assert_eq!(heads.head().framing, Framing::None);
    }
}
