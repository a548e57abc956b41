//! The sums that many numbers share.
//!
//! Text comes as it was matched: separators are skipped, any other character refuses the number.

/// The digits of a text that has exactly `N` of them.
pub(super) fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    gathered(text, |byte| byte.is_ascii_digit().then_some(byte & 0x0f))
}

/// The letters, as capitals, and digits of a text that has exactly `N` of them, as ASCII.
pub(super) fn characters<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    gathered(text, |byte| byte.is_ascii_alphanumeric().then_some(byte.to_ascii_uppercase()))
}

/// The digits of a text that has at most `most` of them.
pub(super) fn all_digits(text: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    for &byte in text {
        if byte.is_ascii_digit() && found.len() < most {
            found.push(byte & 0x0f);
        } else if !separates(byte) {
            return None;
        }
    }
    Some(found)
}

fn gathered<const N: usize>(text: &[u8], take: impl Fn(u8) -> Option<u8>) -> Option<[u8; N]> {
    let mut found = [0; N];
    let mut slots = found.iter_mut();
    for &byte in text {
        match take(byte) {
            Some(value) => *slots.next()? = value,
            None if separates(byte) => {}
            None => return None,
        }
    }
    let full = slots.next().is_none();
    full.then_some(found)
}

const fn separates(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'-' | b'+' | b'.' | b'/' | b'(' | b')')
}

/// The value of an ASCII digit.
pub(super) fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then_some(byte & 0x0f)
}

/// The digits as one number; the greatest there is where it does not fit.
pub(super) fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |sum: u64, &digit| sum.saturating_mul(10).saturating_add(u64::from(digit)))
}

/// Whether all the digits are the same one, as in what people type to fill a field.
pub(super) fn same(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

/// The sum of digits times their weights.
pub(super) fn weighted(digits: &[u8], weights: &[u8]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(&digit, &weight)| u32::from(digit).saturating_mul(u32::from(weight)))
        .fold(0, u32::saturating_add)
}

/// What brings a weighted sum to a multiple of 11: 0 to 10.
pub(super) fn to_eleven(digits: &[u8], weights: &[u8]) -> u32 {
    (11 - weighted(digits, weights) % 11) % 11
}

/// What brings a weighted sum to a multiple of 10: 0 to 9.
pub(super) fn to_ten(digits: &[u8], weights: &[u8]) -> u32 {
    (10 - weighted(digits, weights) % 10) % 10
}

/// Luhn's formula over all digits, the check digit last (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0, |sum: u32, (place, &digit)| {
        let doubled = u32::from(digit) * if place.is_multiple_of(2) { 1 } else { 2 };
        sum.saturating_add(doubled / 10 + doubled % 10)
    });
    sum.is_multiple_of(10)
}

/// The remainder by 97 of a number too long for an integer (ISO/IEC 7064).
pub(super) fn mod_97(digits: impl IntoIterator<Item = u8>) -> u32 {
    digits.into_iter().fold(0, |rest, digit| (rest * 10 + u32::from(digit)) % 97)
}

/// The check digit of ISO/IEC 7064, MOD 11,10.
pub(super) fn hybrid_check(digits: &[u8]) -> u32 {
    let product = digits.iter().fold(10, |product: u32, &digit| {
        let sum = (product + u32::from(digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10
}

/// Verhoeff's check over all digits, the check digit last (J. Verhoeff, "Error detecting decimal
/// codes", 1969).
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    let check = digits.iter().rev().enumerate().fold(0, |check, (place, &digit)| {
        let turned = (0..place % 8).fold(digit, |digit, _| permuted(digit));
        dihedral(check, turned)
    });
    check == 0
}

/// The product in the dihedral group of the pentagon: 0 to 4 turn it, 5 to 9 turn and flip it.
const fn dihedral(left: u8, right: u8) -> u8 {
    let (turn, other) = (left % 5, right % 5);
    let turned = (turn + if left < 5 { other } else { 5 - other }) % 5;
    if (left < 5) == (right < 5) { turned } else { turned + 5 }
}

const fn permuted(digit: u8) -> u8 {
    match digit {
        0 => 1,
        1 => 5,
        2 => 7,
        3 => 6,
        4 => 2,
        5 => 8,
        6 => 3,
        7 => 0,
        8 => 9,
        _ => 4,
    }
}

/// Two digits as one number.
pub(super) fn pair(tens: u8, ones: u8) -> u32 {
    u32::from(tens) * 10 + u32::from(ones)
}

/// Whether the Gregorian calendar has the day.
pub(super) fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether there is such a day in the year of some century: 2000 had a 29 February.
pub(super) fn is_short_date(year: u32, month: u32, day: u32) -> bool {
    is_date(2000 + year % 100, month, day)
}

/// Luhn's formula over the digits of a text (ISO/IEC 7812-1, annex B).
pub(super) fn luhn_text(text: &[u8]) -> bool {
    all_digits(text, 40).is_some_and(|digits| digits.len() > 1 && luhn(&digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_numbers() {
        assert!(luhn_text(b"7992739871-3"));
        assert!(!luhn_text(b"7992739871-4"));
        assert!(!luhn_text(b"79927398713x"));
    }

    #[test]
    fn verhoeff_numbers() {
        assert!(verhoeff(&[2, 3, 6, 3]));
        assert!(!verhoeff(&[2, 3, 6, 4]));
        assert!(!verhoeff(&[3, 2, 6, 3]));
    }

    #[test]
    fn dates() {
        assert!(is_date(2000, 2, 29));
        assert!(!is_date(1900, 2, 29));
        assert!(!is_date(2023, 4, 31));
        assert!(!is_date(2023, 13, 1));
    }

    #[test]
    fn only_as_many_digits_as_asked() {
        assert_eq!(digits::<3>(b"1-2 3"), Some([1, 2, 3]));
        assert_eq!(digits::<3>(b"1-2"), None);
        assert_eq!(digits::<3>(b"1-234"), None);
        assert_eq!(digits::<3>(b"1,23"), None);
    }
}
