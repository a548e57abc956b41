//! Personal numbers of Eastern Europe, by country.

use super::digits::{digits, is_date, is_short_date, number, pair, same, to_ten, weighted};

/// Bulgaria, ЕГН: a date, its month 20 higher before 1900 and 40 higher since 2000, a serial, a
/// check digit by 11 (Наредба № РД-02-20-9, 2012).
pub(super) fn egn(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 10]| {
        let [y1, y2, m1, m2, d1, d2, ..] = body;
        let (century, month) = match pair(m1, m2) {
            month @ 0..=20 => (1900, month),
            month @ 21..=40 => (1800, month - 20),
            month => (2000, month - 40),
        };
        is_date(century + pair(y1, y2), month, pair(d1, d2))
            && weighted(&body, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == u32::from(check)
    })
}

/// Czechia and Slovakia, rodné číslo of ten digits: a date, its month 50 higher for women, 20 more
/// where a day is used up, and a multiple of 11 (zákon 133/2000 Sb., § 13). The nine digits given
/// until 1953 check nothing: left out.
pub(super) fn rodne_cislo(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 10]| {
        let [y1, y2, m1, m2, d1, d2, ..] = all;
        let [body @ .., last] = all;
        let month = pair(m1, m2) % 50;
        let plain = if month > 20 { month - 20 } else { month };
        let held = number(&body) % 11 % 10 == u64::from(last);
        held && is_short_date(pair(y1, y2), plain, pair(d1, d2))
    })
}

/// Poland, PESEL: a date, its month telling the century, a serial, a check digit by 10 (ustawa o
/// ewidencji ludności).
pub(super) fn pesel(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 11]| {
        let [y1, y2, m1, m2, d1, d2, ..] = body;
        let century = match pair(m1, m2) / 20 {
            0 => 1900,
            1 => 2000,
            2 => 2100,
            3 => 2200,
            _ => 1800,
        };
        is_date(century + pair(y1, y2), pair(m1, m2) % 20, pair(d1, d2))
            && to_ten(&body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) == u32::from(check)
    })
}

/// Romania, cod numeric personal: sex and century, a date, a county, a serial, a check digit by 11
/// (Legea 105/1996).
pub(super) fn cnp(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 13]| {
        let [sex, y1, y2, m1, m2, d1, d2, c1, c2, ..] = body;
        let rest = weighted(&body, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        let sum = if rest == 10 { 1 } else { rest };
        sex > 0
            && is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2))
            && matches!(pair(c1, c2), 1..=52 | 70)
            && sum == u32::from(check)
    })
}

/// Russia, СНИЛС: nine digits and their sum by 101 (Постановление Правления ПФР 192п).
pub(super) fn snils(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., c1, c2]: [u8; 11]| {
        let sum = weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
        // Numbers up to 001-001-998 were given before the sum was.
        number(&body) > 1_001_998 && sum == pair(c1, c2) && !same(&body)
    })
}

/// Ukraine, РНОКПП: days since 1899, a serial, a check digit by 11 (Державна податкова служба).
pub(super) fn rnokpp(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 10]| {
        // The weight of the first digit is -1, which by 11 is 10.
        let sum = weighted(&body, &[10, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10;
        sum == u32::from(check) && !same(&body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulgaria_and_romania() {
        assert!(egn(b"7523169263"));
        assert!(egn(b"8032056031"));
        assert!(!egn(b"7523169264"));
        assert!(cnp(b"1630615123457"));
        assert!(!cnp(b"1630615123458"));
        assert!(!cnp(b"0000000000000"));
    }

    #[test]
    fn czechia_and_poland() {
        assert!(rodne_cislo(b"710319/2745"));
        assert!(!rodne_cislo(b"710319/2746"));
        assert!(pesel(b"44051401359"));
        assert!(pesel(b"02070803628"));
        assert!(!pesel(b"44051401358"));
    }

    #[test]
    fn russia_and_ukraine() {
        assert!(snils(b"112-233-445 95"));
        assert!(!snils(b"112-233-445 96"));
        assert!(rnokpp(b"1759013776"));
        assert!(!rnokpp(b"1759013777"));
    }
}
