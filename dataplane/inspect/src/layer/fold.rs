//! Characters that are not seen, or are seen as others.
//!
//! Whoever wants to carry a token past a scanner can put a zero-width space into it or write it in
//! full-width letters; a model reads it all the same.

/// What a character is scanned as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folded {
    /// As it is.
    Itself,
    /// Not at all.
    Nothing,
    /// As this one.
    Ascii(u8),
}

pub(crate) fn fold(character: char) -> Folded {
    match character {
        // Soft hyphen, combining grapheme joiner, marks of direction, fillers of Hangul, vowels of Khmer that are not
        // written, Mongolian selectors and vowel separator; zero-width spaces and joiners; invisible operators; the
        // byte order mark; variation selectors; tags.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e007f}'
        | '\u{e0100}'..='\u{e01ef}' => Folded::Nothing,
        // Full-width forms of the printable ASCII characters stand in its order.
        '\u{ff01}'..='\u{ff5e}' => {
            let offset = u32::from(character) - 0xff01;
            u8::try_from(offset + 0x21).map_or(Folded::Itself, Folded::Ascii)
        }
        // Spaces and dashes of other widths.
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Folded::Ascii(b' ')
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Folded::Ascii(b'-'),
        _ => Folded::Itself,
    }
}

/// Whether a character that this byte begins may be folded.
pub(crate) fn may_fold(lead: u8) -> bool {
    matches!(lead, 0xc2 | 0xcd | 0xd8 | 0xe1 | 0xe2 | 0xe3 | 0xef | 0xf3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_folded_begins_with_a_byte_that_is_looked_at() {
        let mut folded = 0;
        for character in '\0'..=char::MAX {
            if fold(character) != Folded::Itself {
                let lead = character.encode_utf8(&mut [0; 4]).as_bytes()[0];
                assert!(may_fold(lead), "{character:?}");
                folded += 1;
            }
        }
        assert!(folded > 500, "{folded}");
    }

    #[test]
    fn full_width_digits_and_letters_are_read_as_their_own() {
        assert_eq!(fold('４'), Folded::Ascii(b'4'));
        assert_eq!(fold('Ａ'), Folded::Ascii(b'A'));
        assert_eq!(fold('～'), Folded::Ascii(b'~'));
        assert_eq!(fold('字'), Folded::Itself);
    }
}
