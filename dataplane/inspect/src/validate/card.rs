//! Numbers of payment cards.

use super::digits::{all_digits, luhn, number, same};

/// A card number: an issuer's range, a length that the range has, and Luhn's check digit (ISO/IEC
/// 7812-1; the ranges are those the networks publish for merchants).
pub(super) fn card(text: &[u8]) -> bool {
    all_digits(text, 19).is_some_and(|digits| issued(&digits) && luhn(&digits) && !same(&digits))
}

fn issued(digits: &[u8]) -> bool {
    let Some(prefix) = digits.first_chunk::<6>() else { return false };
    let prefix = number(prefix);
    let length = digits.len();
    RANGES.iter().any(|&(first, last, lengths)| {
        (first..=last).contains(&prefix) && lengths.contains(&length)
    })
}

/// The first six digits, from and to, and the lengths.
const RANGES: &[(u64, u64, &[usize])] = &[
    // Mir.
    (220_000, 220_499, &[16, 17, 18, 19]),
    // Mastercard.
    (222_100, 272_099, &[16]),
    (510_000, 559_999, &[16]),
    // Diners Club.
    (300_000, 305_999, &[14, 16]),
    (309_500, 309_599, &[14, 16]),
    (360_000, 369_999, &[14, 16]),
    (380_000, 399_999, &[14, 16]),
    // American Express.
    (340_000, 349_999, &[15]),
    (370_000, 379_999, &[15]),
    // JCB.
    (352_800, 358_999, &[16, 17, 18, 19]),
    // Visa.
    (400_000, 499_999, &[13, 16, 19]),
    // Maestro; among them RuPay 508, Verve 5060 and 5061, Elo 5067 and 509.
    (500_000, 509_999, &[13, 14, 15, 16, 17, 18, 19]),
    (560_000, 589_999, &[13, 14, 15, 16, 17, 18, 19]),
    (630_400, 630_499, &[13, 14, 15, 16, 17, 18, 19]),
    (639_000, 639_099, &[13, 14, 15, 16, 17, 18, 19]),
    (670_000, 679_999, &[13, 14, 15, 16, 17, 18, 19]),
    // RuPay.
    (607_000, 608_999, &[16]),
    (652_100, 653_199, &[16]),
    (817_200, 820_199, &[16]),
    // Discover.
    (601_100, 601_199, &[16, 17, 18, 19]),
    (644_000, 659_999, &[16, 17, 18, 19]),
    // UnionPay.
    (620_000, 629_999, &[16, 17, 18, 19]),
    (810_000, 817_199, &[16, 17, 18, 19]),
    // Elo and Hipercard.
    (636_297, 636_297, &[16]),
    (636_368, 636_368, &[16]),
    (606_282, 606_282, &[16]),
    // Troy.
    (979_200, 979_289, &[16]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_test_numbers() {
        assert!(card(b"4111 1111 1111 1111"));
        assert!(card(b"4242424242424242"));
        assert!(card(b"5555-5555-5555-4444"));
        assert!(card(b"2223003122003222"));
        assert!(card(b"3782 822463 10005"));
        assert!(card(b"6011 1111 1111 1117"));
        assert!(card(b"3056 930902 5904"));
        assert!(card(b"36227206271667"));
        assert!(card(b"3566002020360505"));
        assert!(card(b"6200000000000005"));
        assert!(card(b"2200000000000004"));
    }

    #[test]
    fn a_digit_off_or_no_issuer() {
        assert!(!card(b"4111 1111 1111 1112"));
        assert!(!card(b"5555-5555-5555-4445"));
        assert!(!card(b"3782 822463 10006"));
        assert!(!card(b"1111111111111117"));
        assert!(!card(b"1700000000000"));
        assert!(!card(b"411111111111111"));
        assert!(!card(b"0000000000000000"));
        assert!(!card(b""));
    }
}
