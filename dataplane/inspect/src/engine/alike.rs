//! Bytes that automata do not tell apart: letters by no case, most digits and few signs.
//!
//! What one automaton of hundreds of regexes has to say is where one of them is worth asking. With 60 kinds of bytes
//! in the place of 256 it has fewer states, and of those four times as many are near the processor.

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Repetition};

use super::bytes::{Bytes, of_class};

/// What each byte is read as: letters, digits and `_` as one of them, all others as none.
pub(super) static READ: [u8; 256] = {
    let mut all = [0; 256];
    let mut byte = 0_u8;
    loop {
        all[byte as usize] = read(byte);
        if byte == u8::MAX {
            break all;
        }
        byte += 1;
    }
};

/// Those that are kept apart stand in a row before the digits, as an automaton counts the gaps between bytes, too.
const fn read(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte | 0x20,
        b'a'..=b'z' | b'0'..=b'3' | b'_' => byte,
        b'4'..=b'9' => b'3',
        0x80.. => 0x17,
        b'$' | b'%' | b'&' => 0x19,
        b'\t' | b'\r' => 0x1a,
        b'\n' => 0x1b,
        b' ' => 0x1c,
        b'"' => 0x1d,
        b'\'' | b'`' => 0x1e,
        b'(' => 0x1f,
        b')' => 0x20,
        b'+' => 0x21,
        b',' => 0x22,
        b'-' => 0x23,
        b'.' => 0x24,
        b'/' => 0x25,
        b':' => 0x26,
        b'<' => 0x27,
        b'=' => 0x28,
        b'>' => 0x29,
        b'@' => 0x2a,
        b'[' => 0x2b,
        b'\\' => 0x2c,
        b']' => 0x2d,
        b'{' => 0x2e,
        b'}' => 0x2f,
        _ => 0x18,
    }
}

/// The same regex over what bytes are read as; it matches wherever it did.
pub(super) fn over_read(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let one = |byte: &u8| Hir::literal([READ[usize::from(*byte)]]);
            Hir::concat(literal.0.iter().map(one).collect())
        }
        HirKind::Class(class) => of_bytes(of_class(class)),
        HirKind::Capture(capture) => over_read(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(over_read).collect()),
        HirKind::Alternation(forms) => Hir::alternation(forms.iter().map(over_read).collect()),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(over_read(&repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
    }
}

fn of_bytes(bytes: Bytes) -> Hir {
    let read = (0..=u8::MAX).filter(|byte| bytes.has(*byte)).map(|byte| READ[usize::from(byte)]);
    let ranges = read.map(|byte| ClassBytesRange::new(byte, byte));
    Hir::class(Class::Bytes(ClassBytes::new(ranges)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_words_and_nothing_else_is() {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        for byte in 0..=u8::MAX {
            assert_eq!(is_word(byte), is_word(READ[usize::from(byte)]), "{byte}");
        }
    }

    #[test]
    fn they_are_few_enough_for_an_automaton_to_take_a_quarter() {
        let is_read = |byte: u8| READ.contains(&byte);
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        // Of bytes that stand beside each other an automaton tells apart what may be different anywhere.
        let apart = |byte: &u8| {
            let (one, next) = (*byte, *byte + 1);
            is_read(one) || is_read(next) || is_word(one) != is_word(next)
        };
        let classes = (0..u8::MAX).filter(apart).count() + 1;
        assert!(classes < 64, "{classes}, and the end of a text");
    }
}
