//! Personal numbers of Africa and the Middle East, by country.

use super::digits::{digits, is_date, is_short_date, luhn, pair, same};

/// Egypt, national number: a century, a date, a governorate, a serial, a digit whose making is not
/// published (Civil Status Organization).
pub(super) fn egypt_id(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 14]| {
        let [century, y1, y2, m1, m2, d1, d2, g1, g2, ..] = all;
        let year = 1700 + u32::from(century) * 100 + pair(y1, y2);
        matches!(century, 2 | 3)
            && is_date(year, pair(m1, m2), pair(d1, d2))
            && matches!(pair(g1, g2), 1..=4 | 11..=19 | 21..=29 | 31..=35 | 88)
    })
}

/// United Arab Emirates, Emirates ID: 784, a year of birth, a serial, Luhn's digit (Federal
/// Authority for Identity and Citizenship).
pub(super) fn emirates_id(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 15]| {
        let [c1, c2, c3, y1, y2, ..] = all;
        [c1, c2, c3] == [7, 8, 4] && matches!(pair(y1, y2), 18..=20) && luhn(&all)
    })
}

/// Israel, Teudat Zehut: nine digits with their leading zeros, Luhn's digit (Population and
/// Immigration Authority).
pub(super) fn teudat_zehut(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 9]| luhn(&all) && !same(&all))
}

/// Saudi Arabia, national identity and residence number: 1 for citizens or 2 for residents, Luhn's
/// digit (Ministry of Interior, Absher).
pub(super) fn saudi_id(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 10]| {
        let [kind, body @ ..] = all;
        matches!(kind, 1 | 2) && luhn(&all) && !same(&body)
    })
}

/// South Africa, identity number: a date, a serial, citizenship, Luhn's digit (Department of Home
/// Affairs; Identification Act 68 of 1997).
pub(super) fn za_id(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 13]| {
        let [y1, y2, m1, m2, d1, d2, _, _, _, _, citizenship, ..] = all;
        is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2)) && citizenship < 3 && luhn(&all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn africa() {
        assert!(za_id(b"8001015009087"));
        assert!(!za_id(b"8001015009088"));
        assert!(!za_id(b"8013015009087"));
        assert!(egypt_id(b"29001011234567"));
        assert!(!egypt_id(b"29013011234567"));
    }

    #[test]
    fn middle_east() {
        assert!(teudat_zehut(b"123456782"));
        assert!(!teudat_zehut(b"123456783"));
        assert!(emirates_id(b"784-1980-1234567-8"));
        assert!(!emirates_id(b"784-1980-1234567-9"));
        assert!(!saudi_id(b"3010101010"));
    }
}
