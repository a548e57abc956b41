//! Lines and columns, as editors count them.

/// Tells where places of a message are, which are asked for in their order: each byte is counted once.
pub(super) struct Places<'m> {
    message: &'m [u8],
    at: usize,
    line: u64,
    column: u64,
}

impl<'m> Places<'m> {
    /// Of a message whose first line is this one of its file.
    pub(super) fn new(message: &'m [u8], line: u64) -> Self {
        Self { message, at: 0, line, column: 1 }
    }

    /// The line and the column, in characters, of a byte.
    pub(super) fn of(&mut self, byte: usize) -> (u64, u64) {
        for byte in self.message.get(self.at..byte).unwrap_or_default() {
            if *byte == b'\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else if begins_character(*byte) {
                self.column += 1;
            }
        }
        self.at = self.at.max(byte);
        (self.line, self.column)
    }
}

/// In UTF-8, whether a character begins with this byte.
pub(super) fn begins_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_begin_with_one() {
        let text = "aé\n\n€x".as_bytes();
        let mut places = Places::new(text, 7);
        assert_eq!(places.of(0), (7, 1));
        assert_eq!(places.of(1), (7, 2));
        assert_eq!(places.of(3), (7, 3));
        assert_eq!(places.of(4), (8, 1));
        assert_eq!(places.of(5), (9, 1));
        assert_eq!(places.of(8), (9, 2));
        assert_eq!(places.of(8), (9, 2));
        assert_eq!(places.of(9), (9, 3));
    }
}
