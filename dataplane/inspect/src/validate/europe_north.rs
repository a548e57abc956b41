//! Personal numbers of Northern Europe, by country.

use super::digits::{
    digit, digits, is_date, is_short_date, luhn, number, pair, to_eleven, weighted,
};

/// Denmark, CPR number: a date and a serial of four. The old test by eleven is no longer kept
/// (CPR-kontoret, "Personnumre uden kontrolciffer", since 2007), so that context must say the rest.
pub(super) fn cpr(text: &[u8]) -> bool {
    digits(text).is_some_and(|[d1, d2, m1, m2, y1, y2, serial @ ..]: [u8; 10]| {
        is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2)) && number(&serial) > 0
    })
}

/// Estonia and Lithuania, isikukood and asmens kodas: century and sex, date, serial, a check digit
/// by 11 in two rounds (EVS 585; Lietuvos gyventojų registras).
pub(super) fn isikukood(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 11]| {
        let [century, y1, y2, m1, m2, d1, d2, ..] = body;
        let first = weighted(&body, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
        let second = weighted(&body, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
        let sum = if first < 10 { first } else { second % 10 };
        let year = 1800 + (u32::from(century).saturating_sub(1) / 2) * 100 + pair(y1, y2);
        (1..=6).contains(&century)
            && is_date(year, pair(m1, m2), pair(d1, d2))
            && sum == u32::from(check)
    })
}

/// Finland, henkilötunnus: a date, a sign for the century, a serial, a character by 31 (Digi- ja
/// väestötietovirasto; new signs since 2023).
pub(super) fn hetu(text: &[u8]) -> bool {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let Ok(all) = <[u8; 11]>::try_from(text.to_ascii_uppercase()) else { return false };
    let [d1, d2, m1, m2, y1, y2, sign, s1, s2, s3, check] = all;
    let spelt = [d1, d2, m1, m2, y1, y2, s1, s2, s3].map(digit);
    let body: Option<Vec<u8>> = spelt.into_iter().collect();
    let [Some(d1), Some(d2), Some(m1), Some(m2), Some(y1), Some(y2), serial @ ..] = spelt else {
        return false;
    };
    let century = match sign {
        b'+' => 1800,
        b'-' | b'U'..=b'Y' => 1900,
        b'A'..=b'F' => 2000,
        _ => return false,
    };
    let expected = body.and_then(|body| {
        let place = usize::try_from(number(&body) % 31).ok()?;
        CHECKS.get(place).copied()
    });
    is_date(century + pair(y1, y2), pair(m1, m2), pair(d1, d2))
        && serial != [Some(0), Some(0), Some(0)]
        && expected == Some(check)
}

/// Norway, fødselsnummer and D-nummer: a date, a serial, two check digits by 11 (Skatteetaten,
/// "Fødselsnummer"; a D-number's day is 40 higher).
pub(super) fn fodselsnummer(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., k1, k2]: [u8; 11]| {
        let [d1, d2, m1, m2, y1, y2, s1, s2, s3] = body;
        let tens = if d1 > 3 { d1 - 4 } else { d1 };
        let first = to_eleven(&body, &[3, 7, 6, 1, 8, 9, 4, 5, 2]);
        let with_first = [d1, d2, m1, m2, y1, y2, s1, s2, s3, k1];
        let second = to_eleven(&with_first, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
        is_short_date(pair(y1, y2), pair(m1, m2), pair(tens, d2))
            && first == u32::from(k1)
            && second == u32::from(k2)
    })
}

/// Sweden, personnummer and samordningsnummer: a date with two or four digits for the year, a
/// serial, Luhn's digit over the last ten (Skatteverket, SKV 704; a coordination number's day is 60
/// higher).
pub(super) fn personnummer(text: &[u8]) -> bool {
    let long = || {
        digits(text).and_then(|[c1, c2, rest @ ..]: [u8; 12]| {
            matches!(pair(c1, c2), 18..=20).then_some(rest)
        })
    };
    digits(text).or_else(long).is_some_and(|all: [u8; 10]| {
        let [y1, y2, m1, m2, d1, d2, serial @ ..] = all;
        let tens = if d1 > 5 { d1 - 6 } else { d1 };
        is_short_date(pair(y1, y2), pair(m1, m2), pair(tens, d2))
            && luhn(&all)
            && number(&serial) > 0
    })
}

/// Latvia, personas kods in its old form: a date, a sign for the century, a serial, a check digit
/// by 11 (Pilsonības un migrācijas lietu pārvalde); the new form begins with 32 and checks nothing.
pub(super) fn personas_kods(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 11]| {
        let [d1, d2, m1, m2, y1, y2, century, ..] = body;
        let sum = weighted(&body, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
        let expected = (1101_u32.saturating_sub(sum)) % 11;
        century < 3
            && is_date(1800 + u32::from(century) * 100 + pair(y1, y2), pair(m1, m2), pair(d1, d2))
            && expected == u32::from(check)
    })
}

/// Iceland, kennitala: a date, a serial, a check digit by 11, a sign for the century (Þjóðskrá).
pub(super) fn kennitala(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check, century]: [u8; 10]| {
        let [d1, d2, m1, m2, y1, y2, ..] = body;
        is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2))
            && matches!(century, 0 | 8 | 9)
            && to_eleven(&body, &[3, 2, 7, 6, 5, 4, 3, 2]) == u32::from(check)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baltic() {
        assert!(isikukood(b"37605030299"));
        assert!(isikukood(b"38703181745"));
        assert!(!isikukood(b"37605030298"));
        assert!(personas_kods(b"161175-19997"));
        assert!(!personas_kods(b"161175-19998"));
    }

    #[test]
    fn nordic() {
        assert!(cpr(b"211062-5629"));
        assert!(!cpr(b"311162-5629"));
        assert!(hetu(b"131052-308T"));
        assert!(!hetu(b"131052-308U"));
        assert!(!hetu(b"131052*308T"));
        assert!(fodselsnummer(b"151086 95088"));
        assert!(!fodselsnummer(b"151086 95089"));
        assert!(personnummer(b"880320-0016"));
        assert!(personnummer(b"19880320-0016"));
        assert!(!personnummer(b"880320-0018"));
        assert!(kennitala(b"120174-3399"));
        assert!(!kennitala(b"120174-3389"));
    }
}
