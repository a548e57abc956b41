//! Finds where a head ends, however its bytes arrive, looking at each byte once.

use memchr::memchr2;

use crate::error::HeadError;

const CR: u8 = b'\r';
const LF: u8 = b'\n';

/// What the two kinds of head differ in before they are parsed.
pub(crate) struct ScanRule {
    /// Most bytes of the head.
    pub(crate) bytes: usize,
    /// Most bytes of the start line, its CRLF included.
    pub(crate) first_line: usize,
    /// What it means when the start line does not end within that.
    pub(crate) first_line_error: HeadError,
    /// How many empty lines before the start line are forgiven.
    pub(crate) strays: u8,
    /// Whether a byte can begin the start line.
    pub(crate) first: fn(u8) -> bool,
}

/// How far a head has been searched.
///
/// Every verdict depends on a prefix of the bytes only, and faults are found in the order of
/// their bytes: the same head gives the same result however it is split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadScan {
    start: usize,
    line: usize,
    searched: usize,
    strays: u8,
}

impl HeadScan {
    /// Whether nothing was searched yet.
    #[inline]
    pub(crate) fn is_new(&self) -> bool {
        self.searched == 0
    }

    /// Where the head starts and ends in `buf`, or `None` while more bytes are needed.
    #[inline]
    pub(crate) fn find(
        &mut self,
        buf: &[u8],
        rule: &ScanRule,
    ) -> Result<Option<(usize, usize)>, HeadError> {
        loop {
            let first_line = self.line == self.start;
            let cap = if first_line {
                rule.bytes.min(self.start.saturating_add(rule.first_line))
            } else {
                rule.bytes
            };
            let window = buf.get(..cap).unwrap_or(buf);
            if first_line
                && let Some(&byte) = window.get(self.start)
                && !(rule.first)(byte)
                && byte != CR
                && byte != LF
            {
                return Err(HeadError::NotHttp { byte });
            }

            let rest = window.get(self.searched..).unwrap_or_default();
            let at = self.searched.saturating_add(memchr2(CR, LF, rest).unwrap_or(rest.len()));
            match (window.get(at), window.get(at + 1)) {
                (Some(&LF), _) => return Err(HeadError::BareLf { at }),
                (Some(_), Some(&LF)) => {}
                (Some(_), Some(_)) => return Err(HeadError::BareCr { at }),
                // Nothing found, or a CR whose next byte has not come.
                (Some(_), None) | (None, _) => {
                    self.searched = at;
                    return if buf.len() < cap {
                        Ok(None)
                    } else if first_line {
                        Err(rule.first_line_error)
                    } else {
                        Err(HeadError::TooLarge { limit: rule.bytes })
                    };
                }
            }

            let next = at + 2;
            if at == self.line {
                if !first_line {
                    return Ok(Some((self.start, next)));
                }
                if self.strays >= rule.strays {
                    return Err(HeadError::EmptyStart);
                }
                self.strays += 1;
                self.start = next;
            }
            self.line = next;
            self.searched = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: ScanRule = ScanRule {
        bytes: 64,
        first_line: 32,
        first_line_error: HeadError::TargetTooLong { limit: 16 },
        strays: 2,
        first: |byte| byte.is_ascii_alphabetic(),
    };

    fn whole(buf: &[u8]) -> Result<Option<(usize, usize)>, HeadError> {
        HeadScan::default().find(buf, &RULE)
    }

    #[test]
    fn the_end_is_found_and_stray_lines_before_the_start_are_skipped() {
        assert_eq!(whole(b"A b\r\nC: d\r\n\r\nrest"), Ok(Some((0, 13))));
        assert_eq!(whole(b"\r\n\r\nA b\r\n\r\n"), Ok(Some((4, 11))));
        assert_eq!(whole(b"\r\n\r\n\r\nA b\r\n\r\n"), Err(HeadError::EmptyStart));
        assert_eq!(whole(b"A b\r\nC: d\r\n\r"), Ok(None));
    }

    #[test]
    fn a_bare_line_end_is_refused_at_once() {
        assert_eq!(whole(b"A b\n"), Err(HeadError::BareLf { at: 3 }));
        assert_eq!(whole(b"A b\rC"), Err(HeadError::BareCr { at: 3 }));
        assert_eq!(whole(b"A b\r\nC: d\n"), Err(HeadError::BareLf { at: 9 }));
        assert_eq!(whole(b"\n"), Err(HeadError::BareLf { at: 0 }));
    }

    #[test]
    fn what_cannot_be_http_is_refused_at_its_first_byte() {
        assert_eq!(whole(b"\x16"), Err(HeadError::NotHttp { byte: 0x16 }));
        assert_eq!(whole(b"\r\n\x16"), Err(HeadError::NotHttp { byte: 0x16 }));
    }

    #[test]
    fn limits_hold_before_the_end_has_come() {
        assert_eq!(whole(&[b'a'; 31]), Ok(None));
        assert_eq!(whole(&[b'a'; 32]), Err(RULE.first_line_error));
        let mut long = b"A b\r\n".to_vec();
        long.resize(63, b'c');
        assert_eq!(whole(&long), Ok(None));
        long.push(b'c');
        assert_eq!(whole(&long), Err(HeadError::TooLarge { limit: 64 }));
    }

    #[test]
    fn no_byte_is_searched_twice() {
        let mut scan = HeadScan::default();
        assert_eq!(scan.find(b"A b\r\nCc", &RULE), Ok(None));
        assert_eq!(scan.searched, 7);
        // Bytes already searched are not looked at again, so a fault put there is not seen.
        assert_eq!(scan.find(b"A\nb\r\nCc: d\r\n\r\n", &RULE), Ok(Some((0, 14))));
    }
}
