//! Personal numbers of Southern Europe, by country.

use super::digits::{
    characters, digit, digits, hybrid_check, is_short_date, luhn, number, pair, same, to_eleven,
    weighted,
};

/// Croatia, osobni identifikacijski broj: MOD 11,10 (Zakon o osobnom identifikacijskom broju).
pub(super) fn oib(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 11]| {
        hybrid_check(&body) == u32::from(check) && !same(&body)
    })
}

/// Greece, AMKA: a date, a serial, Luhn's digit (Law 3655/2008; amka.gr).
pub(super) fn amka(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 11]| {
        let [d1, d2, m1, m2, y1, y2, ..] = all;
        is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2)) && luhn(&all)
    })
}

/// Greece, ΑΦΜ: powers of two by 11 (AADE; OECD, "Tax identification numbers, Greece").
pub(super) fn afm(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 9]| {
        let sum = body.iter().fold(0, |sum: u32, digit| sum * 2 + u32::from(*digit)) * 2;
        sum % 11 % 10 == u32::from(check) && !same(&body)
    })
}

/// Italy, codice fiscale: name, date and place in letters and digits, a letter by 26 (D.M. 23
/// dicembre 1976). Letters may stand for digits where two people would have the same code.
pub(super) fn codice_fiscale(text: &[u8]) -> bool {
    characters(text).is_some_and(|all: [u8; 16]| {
        let [n1, n2, n3, n4, n5, n6, y1, y2, month, d1, d2, place, p1, p2, p3, check] = all;
        let letters = [n1, n2, n3, n4, n5, n6, place, check];
        let [Some(_), Some(_), Some(d1), Some(d2), Some(_), Some(_), Some(_)] =
            [y1, y2, d1, d2, p1, p2, p3].map(omocode)
        else {
            return false;
        };
        let day = pair(d1, d2) % 40;
        letters.iter().all(u8::is_ascii_uppercase)
            && b"ABCDEHLMPRST".contains(&month)
            && (1..=31).contains(&day)
            && pair(d1, d2) < 72
            && letter_by_26(&all) == Some(check)
    })
}

/// A digit of an Italian code, or the letter that stands for it.
fn omocode(byte: u8) -> Option<u8> {
    let letter = b"LMNPQRSTUV".iter().position(|letter| *letter == byte);
    digit(byte).or_else(|| letter.and_then(|place| u8::try_from(place).ok()))
}

/// The check letter of the first fifteen: odd places, the first among them, by a table, even ones
/// as they are.
fn letter_by_26(all: &[u8; 16]) -> Option<u8> {
    const ODD: [u8; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let [body @ .., _] = all;
    let sum = body.iter().enumerate().try_fold(0, |sum: u32, (place, byte)| {
        // A digit counts as the letter at its place: 0 as A.
        let value = digit(*byte).unwrap_or_else(|| byte.wrapping_sub(b'A'));
        let counted = if place.is_multiple_of(2) { *ODD.get(usize::from(value))? } else { value };
        Some(sum + u32::from(counted))
    })?;
    u8::try_from(sum % 26).ok().map(|letter| b'A' + letter)
}

/// Portugal, número de identificação fiscal: by 11, what would be 10 is 0 (Decreto-Lei 14/2013).
pub(super) fn nif(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 9]| {
        let [first, ..] = body;
        to_eleven(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 10 == u32::from(check)
            && !matches!(first, 0 | 4)
            && !same(&body)
    })
}

/// Slovenia and other successors of Yugoslavia, JMBG and EMŠO: a date, a region, a serial, a check
/// digit by 11 (Zakon o centralnem registru prebivalstva).
pub(super) fn emso(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 13]| {
        let [d1, d2, m1, m2, y0, y1, y2, ..] = body;
        is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2))
            && matches!(y0, 0 | 8 | 9)
            && to_eleven(&body, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == u32::from(check)
    })
}

/// Spain, DNI and NIE: a number, for foreigners with X, Y or Z as its first digit, and a letter by
/// 23 (Real Decreto 1553/2005; Orden INT/2058/2008).
pub(super) fn dni(text: &[u8]) -> bool {
    characters(text).is_some_and(|[first, body @ .., check]: [u8; 9]| {
        let first = match first {
            b'X' => Some(0),
            b'Y' => Some(1),
            b'Z' => Some(2),
            other => digit(other),
        };
        let rest: Option<Vec<u8>> = body.into_iter().map(digit).collect();
        let (Some(first), Some(rest)) = (first, rest) else { return false };
        let number = u64::from(first) * 10_000_000 + number(&rest);
        let letter = usize::try_from(number % 23)
            .ok()
            .and_then(|place| b"TRWAGMYFPDXBNJZSQVHLCKE".get(place));
        letter == Some(&check) && !same(&rest)
    })
}

/// Turkey, T.C. kimlik numarası: two check digits by 10 (Nüfus ve Vatandaşlık İşleri Genel
/// Müdürlüğü).
pub(super) fn tckn(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., tenth, eleventh]: [u8; 11]| {
        let [first, ..] = body;
        // Seven times the odd places less the even ones; nine times is the same as less once.
        let sum = weighted(&body, &[7, 9, 7, 9, 7, 9, 7, 9, 7]);
        let all = weighted(&body, &[1; 9]) + u32::from(tenth);
        first > 0 && sum % 10 == u32::from(tenth) && all % 10 == u32::from(eleventh) && !same(&body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn croatia_and_greece() {
        assert!(oib(b"33392005961"));
        assert!(!oib(b"33392005962"));
        assert!(amka(b"01013099997"));
        assert!(!amka(b"01013099998"));
        assert!(afm(b"023456780"));
        assert!(!afm(b"023456781"));
    }

    #[test]
    fn italy() {
        assert!(codice_fiscale(b"RSSMRA85T10A562S"));
        assert!(codice_fiscale(b"MRTMTT91D08F205J"));
        assert!(!codice_fiscale(b"RSSMRA85T10A562T"));
        assert!(!codice_fiscale(b"RSSMRA85T00A562S"));
    }

    #[test]
    fn portugal_and_spain() {
        assert!(nif(b"123456789"));
        assert!(!nif(b"123456788"));
        assert!(dni(b"12345678Z"));
        assert!(dni(b"X-1234567-L"));
        assert!(!dni(b"12345678A"));
        assert!(!dni(b"W1234567L"));
    }

    #[test]
    fn slovenia_and_turkey() {
        assert!(emso(b"0101006500006"));
        assert!(!emso(b"0101006500007"));
        assert!(tckn(b"10000000146"));
        assert!(!tckn(b"10000000147"));
        assert!(!tckn(b"00000000000"));
    }
}
