//! Finds where the events of a stream end, without buffering it.

use memchr::memchr2;

use crate::error::EventTooLarge;

const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Finds event ends in a `text/event-stream` fed in any pieces.
///
/// Lines end with LF, CR or CRLF (WHATWG HTML 9.2.5); every blank line ends an event, if only
/// an empty one. Where a blank line is a CR after a CR, the event ends there and then, for
/// nothing might follow for minutes; after an LF, the LF that completes CRLF is waited for. The
/// ends found depend on the bytes alone, not on how they were cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventScanner {
    event_bytes_max: u64,
    /// Bytes of the event under way in earlier chunks.
    event_bytes: u64,
    /// Whether the line under way has any byte.
    line_has_bytes: bool,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    /// That CR ended a blank line, but its event was not announced.
    end_is_due: bool,
    /// Bytes of the byte order mark matched at the start of the stream; past 3: decided.
    bom: usize,
}

impl EventScanner {
    /// At the start of a stream whose events have at most `event_bytes_max` bytes each, line
    /// ends included.
    pub fn new(event_bytes_max: u64) -> Self {
        Self {
            event_bytes_max,
            event_bytes: 0,
            line_has_bytes: false,
            after_cr: false,
            end_is_due: false,
            bom: 0,
        }
    }

    /// Calls `ends` with each offset in `chunk` just past a blank line.
    ///
    /// An offset of 0 means that the event ended with the chunk before. After an error the
    /// stream must be given up.
    pub fn feed(&mut self, chunk: &[u8], mut ends: impl FnMut(usize)) -> Result<(), EventTooLarge> {
        let mut at = self.skip_bom(chunk);
        let mut start = 0;
        while let Some(&byte) = chunk.get(at) {
            if std::mem::take(&mut self.after_cr) {
                let is_crlf = byte == b'\n';
                at += usize::from(is_crlf);
                if std::mem::take(&mut self.end_is_due) {
                    start = self.end(start, at, &mut ends)?;
                } else if is_crlf && self.event_bytes == 0 && start + 1 == at {
                    // The event was announced before this LF came: it is part of nothing.
                    start = at;
                }
                if is_crlf {
                    continue;
                }
                if byte == b'\r' && !self.line_has_bytes {
                    at += 1;
                    start = self.end(start, at, &mut ends)?;
                    self.after_cr = true;
                    continue;
                }
            }
            let rest = chunk.get(at..).unwrap_or_default();
            let found = match rest.first() {
                // A search costs more than this look, and every event ends so.
                Some(b'\n' | b'\r') => Some(0),
                _ => memchr2(b'\n', b'\r', rest),
            };
            let Some(length) = found else {
                self.line_has_bytes = true;
                break;
            };
            let is_blank = length == 0 && !self.line_has_bytes;
            self.line_has_bytes = false;
            at += length + 1;
            if rest.get(length) == Some(&b'\r') {
                self.after_cr = true;
                self.end_is_due = is_blank;
            } else if is_blank {
                start = self.end(start, at, &mut ends)?;
            }
        }
        self.event_bytes = self.grown(start, chunk.len())?;
        Ok(())
    }

    /// Whether the stream has got into an event that has not ended: if it closes now, the event
    /// is cut off.
    pub fn mid_event(&self) -> bool {
        self.event_bytes > 0
    }

    fn end(
        &mut self,
        start: usize,
        end: usize,
        ends: &mut impl FnMut(usize),
    ) -> Result<usize, EventTooLarge> {
        self.grown(start, end)?;
        self.event_bytes = 0;
        ends(end);
        Ok(end)
    }

    fn grown(&self, start: usize, end: usize) -> Result<u64, EventTooLarge> {
        let bytes = self.event_bytes.saturating_add(end.saturating_sub(start) as u64);
        if bytes > self.event_bytes_max {
            return Err(EventTooLarge { limit: self.event_bytes_max });
        }
        Ok(bytes)
    }

    /// How many bytes of `chunk` belong to a byte order mark that opens the stream.
    fn skip_bom(&mut self, chunk: &[u8]) -> usize {
        let mut skipped = 0;
        while let (Some(expected), Some(byte)) = (BOM.get(self.bom), chunk.get(skipped)) {
            if byte != expected {
                // What looked like one was the start of a line.
                self.line_has_bytes |= self.bom > 0;
                self.bom = BOM.len();
                break;
            }
            self.bom += 1;
            skipped += 1;
        }
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of `stream` fed in pieces of `size`, and what remains.
    fn events(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut scanner = EventScanner::new(1 << 20);
        let (mut done, mut open) = (Vec::new(), Vec::new());
        for chunk in stream.chunks(size) {
            let mut from = 0;
            scanner
                .feed(chunk, |end| {
                    open.extend_from_slice(&chunk[from..end]);
                    from = end;
                    done.push(std::mem::take(&mut open));
                })
                .unwrap();
            open.extend_from_slice(&chunk[from..]);
        }
        assert!(scanner.mid_event() || open.is_empty() || open == b"\n");
        (done, open)
    }

    #[test]
    fn every_line_end_ends_events_at_any_split() {
        for (stream, expected) in [
            ("data: a\n\ndata: b\n\n", vec!["data: a\n\n", "data: b\n\n"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", vec!["data: a\r\n\r\n", "data: b\r\n\r\n"]),
            ("data: a\r\rdata: b\r\r", vec!["data: a\r\r", "data: b\r\r"]),
            ("data: a\n\r\nb\n\n", vec!["data: a\n\r\n", "b\n\n"]),
            ("data: a\n\rb\n\n", vec!["data: a\n\r", "b\n\n"]),
            ("\u{feff}\n: c\n\n", vec!["\u{feff}\n", ": c\n\n"]),
            ("\n\na\n\n", vec!["\n", "\n", "a\n\n"]),
        ] {
            for size in 1..=stream.len() {
                let (done, open) = events(stream.as_bytes(), size);
                let expected: Vec<_> = expected.iter().map(|e| e.as_bytes().to_vec()).collect();
                assert_eq!(done, expected, "{stream:?} by {size}");
                assert_eq!(open, b"", "{stream:?} by {size}");
            }
        }
    }

    #[test]
    fn an_event_of_bare_crs_is_not_held_back() {
        let mut ends = Vec::new();
        let mut scanner = EventScanner::new(100);
        scanner.feed(b"data: a\r\r", |end| ends.push(end)).unwrap();
        assert_eq!(ends, [9]);
        assert!(!scanner.mid_event());
        scanner.feed(b"\n", |end| ends.push(end)).unwrap();
        assert_eq!(ends, [9]);
        assert!(!scanner.mid_event());
    }

    #[test]
    fn a_cut_off_event_is_noticed() {
        let mut scanner = EventScanner::new(100);
        assert!(!scanner.mid_event());
        scanner.feed(b"data: a\n", |_| panic!("no event has ended")).unwrap();
        assert!(scanner.mid_event());
        scanner.feed(b"\n", |end| assert_eq!(end, 1)).unwrap();
        assert!(!scanner.mid_event());
    }

    #[test]
    fn a_partial_mark_is_a_line() {
        let (done, open) = events(b"\xef\xbb\n\n", 1);
        assert_eq!((done, open), (vec![b"\xef\xbb\n\n".to_vec()], vec![]));
    }

    #[test]
    fn an_event_over_its_limit_is_refused_at_any_split() {
        for size in 1..12 {
            let mut scanner = EventScanner::new(8);
            let stream = b"data:1\n\ndata:12\n\n";
            let mut ended = 0;
            let result =
                stream.chunks(size).try_for_each(|chunk| scanner.feed(chunk, |_| ended += 1));
            assert_eq!(result, Err(EventTooLarge { limit: 8 }), "by {size}");
            assert_eq!(ended, 1, "by {size}");
        }
    }
}
