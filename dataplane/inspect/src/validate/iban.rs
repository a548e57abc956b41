//! International bank account numbers.

use super::digits::mod_97;

/// An IBAN: a country of the registry, its exact length, remainder 1 by 97 (ISO 13616-1; the IBAN
/// registry of SWIFT).
pub(super) fn iban(text: &[u8]) -> bool {
    let compact: Vec<u8> =
        text.iter().copied().filter(|byte| !matches!(byte, b' ' | b'-')).collect();
    let Some((head, account)) = compact.split_first_chunk::<4>() else { return false };
    let [first, second, tens, ones] = *head;
    let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    let known = LENGTHS.iter().any(|&(code, length)| *code == country && length == compact.len());
    known
        && tens.is_ascii_digit()
        && ones.is_ascii_digit()
        && account.iter().all(u8::is_ascii_alphanumeric)
        && account.iter().any(|byte| *byte != b'0')
        && mod_97(account.iter().chain(head).copied().flat_map(spelt)) == 1
}

/// A letter as the two digits of its number, A being 10; a digit as itself.
fn spelt(byte: u8) -> impl Iterator<Item = u8> {
    let value = if byte.is_ascii_digit() {
        byte & 0x0f
    } else {
        byte.to_ascii_uppercase().wrapping_sub(b'A' - 10)
    };
    (value > 9).then_some(value / 10).into_iter().chain([value % 10])
}

/// The countries and the length of their numbers.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_registry() {
        assert!(iban(b"DE89 3704 0044 0532 0130 00"));
        assert!(iban(b"GB29NWBK60161331926819"));
        assert!(iban(b"FR14 2004 1010 0505 0001 3M02 606"));
        assert!(iban(b"NO93-8601-1117-947"));
        assert!(iban(b"MT84MALT011000012345MTLCAST001S"));
        assert!(iban(b"CH93 0076 2011 6238 5295 7"));
    }

    #[test]
    fn a_digit_off_or_a_wrong_length() {
        assert!(!iban(b"DE89 3704 0044 0532 0130 01"));
        assert!(!iban(b"GB29NWBK6016133192681"));
        assert!(!iban(b"XX89 3704 0044 0532 0130 00"));
        assert!(!iban(b"DE89"));
        assert!(!iban(b""));
    }
}
