//! Text in two or four bytes a character: UTF-16 and UTF-32, with or without a mark, in either order.
//!
//! All that is looked for is in ASCII, each of whose characters is its own byte there, and zeros. Without these it is
//! what it says. Nobody has to know in which order they come, or where in a body such a text begins.

/// A character has no more zeros before or behind it.
const ZEROS_MAX: usize = 3;

/// A text without the zeros that stand between its characters; where there are more of them a line ends.
pub(super) fn narrowed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut rest = text;
    while let Some(at) = memchr::memchr(0, rest) {
        let (before, behind) = rest.split_at(at);
        out.extend_from_slice(before);
        let zeros = behind.iter().take_while(|byte| **byte == 0).count();
        if zeros > ZEROS_MAX {
            out.push(b'\n');
        }
        rest = behind.get(zeros..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_text_is_read_in_every_form() {
        let wide = |before: usize, behind: usize| -> Vec<u8> {
            let one = |byte: u8| [vec![0; before], vec![byte], vec![0; behind]].concat();
            b"k: ab-1\n".iter().flat_map(|byte| one(*byte)).collect()
        };
        for (before, behind) in [(0, 1), (1, 0), (0, 3), (3, 0)] {
            assert_eq!(narrowed(&wide(before, behind)), b"k: ab-1\n");
        }
        assert_eq!(narrowed(b"\xff\xfea\0b\0"), b"\xff\xfeab");
        assert_eq!(narrowed(b"ab\0\0\0\0cd\0"), b"ab\ncd");
        assert_eq!(narrowed(b"ab"), b"ab");
        assert_eq!(narrowed(b""), b"");
    }
}
