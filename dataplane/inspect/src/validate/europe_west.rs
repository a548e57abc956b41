//! Personal numbers of Western Europe, by country.

use super::digits::{
    characters, digit, digits, hybrid_check, is_short_date, mod_97, number, pair, same, to_eleven,
    weighted,
};

/// Austria, Sozialversicherungsnummer: a serial of three, a check digit, a date of birth
/// (Dachverband der Sozialversicherungsträger). Months 13 to 15 stand for births whose date was
/// used up.
pub(super) fn svnr(text: &[u8]) -> bool {
    digits(text).is_some_and(|[a, b, c, check, d1, d2, m1, m2, y1, y2]: [u8; 10]| {
        let sum = weighted(&[a, b, c, d1, d2, m1, m2, y1, y2], &[3, 7, 9, 5, 8, 4, 2, 1, 6]) % 11;
        let (day, month) = (pair(d1, d2), pair(m1, m2));
        a > 0
            && sum == u32::from(check)
            && (is_short_date(pair(y1, y2), month, day)
                || ((13..=15).contains(&month) && (1..=31).contains(&day)))
    })
}

/// Belgium, rijksregisternummer: a date, a serial, and 97 less the remainder, with a 2 before it
/// for those born since 2000 (royal decree of 3 April 1984). Months are 20 or 40 higher in bis
/// numbers; unknown dates have zeros.
pub(super) fn rijksregister(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., c1, c2]: [u8; 11]| {
        let [y1, y2, m1, m2, d1, d2, ..] = body;
        let (month, day) = (pair(m1, m2) % 20, pair(d1, d2));
        let check = pair(c1, c2);
        let old = 97 - mod_97(body);
        let young = 97 - mod_97([2].into_iter().chain(body));
        (check == old || check == young)
            && pair(m1, m2) < 53
            && (month == 0 || day == 0 || is_short_date(pair(y1, y2), month, day))
            && day < 32
            && !same(&body)
    })
}

/// France, numéro d'inscription au répertoire: sex, year, month, department, commune, serial, and
/// 97 less the remainder (INSEE; décret 82-103). Corsica's 2A and 2B count as 19 and 18.
pub(super) fn nir(text: &[u8]) -> bool {
    characters(text).is_some_and(|all: [u8; 15]| {
        let [sex, y1, y2, m1, m2, d1, d2, rest @ ..] = all;
        let department = match [d1, d2] {
            [b'2', b'A'] => *b"19",
            [b'2', b'B'] => *b"18",
            other => other,
        };
        let spelt = [sex, y1, y2, m1, m2].into_iter().chain(department).chain(rest);
        let Some(all) = spelt.map(digit).collect::<Option<Vec<u8>>>() else { return false };
        let Some((body, &[c1, c2])) = all.split_last_chunk::<2>() else { return false };
        let [sex, _, _, m1, m2, ..] = *body else { return false };
        97 - mod_97(body.iter().copied()) == pair(c1, c2)
            && matches!(sex, 1..=4 | 7 | 8)
            && matches!(pair(m1, m2), 1..=12 | 20 | 30..=42 | 50..=99)
    })
}

/// Germany, steuerliche Identifikationsnummer: MOD 11,10, and of the first ten digits exactly one
/// twice or thrice (§ 139b AO; Bundeszentralamt für Steuern).
pub(super) fn steuer_id(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 11]| {
        let [first, ..] = body;
        let times = |digit| body.iter().map(|other| usize::from(*other == digit)).sum::<usize>();
        let mut counts = (0..10).map(times);
        let repeated = counts.clone().filter(|count| *count > 1).count();
        first > 0
            && repeated == 1
            && counts.all(|count| count < 4)
            && hybrid_check(&body) == u32::from(check)
    })
}

/// Germany, serial number of an identity card or passport with its check digit: weights 7, 3, 1
/// (ICAO Doc 9303-3, section 4.9; Personalausweisverordnung, annex).
pub(super) fn de_id_card(text: &[u8]) -> bool {
    characters(text).is_some_and(|[body @ .., check]: [u8; 10]| {
        let drawn = |byte: &u8| b"0123456789CFGHJKLMNPRTVWXYZ".contains(byte);
        let values = body.map(super::mrz::value);
        let numbered = body.iter().filter(|byte| byte.is_ascii_digit()).count();
        let sum = weighted(&values, &[7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10;
        body.iter().all(drawn)
            && body.first().is_some_and(u8::is_ascii_uppercase)
            && numbered > 1
            && digit(check).map(u32::from) == Some(sum)
    })
}

/// Ireland, Personal Public Service Number: seven digits, a letter by 23, since 2013 a second one
/// (Department of Social Protection, "PPS number").
pub(super) fn pps(text: &[u8]) -> bool {
    let short = || characters(text).map(|[body @ .., check]: [u8; 8]| (body, check, b'W'));
    let long = || characters(text).map(|[body @ .., check, second]: [u8; 9]| (body, check, second));
    let Some((body, check, second)) = short().or_else(long) else { return false };
    let Some(body) = body.into_iter().map(digit).collect::<Option<Vec<u8>>>() else {
        return false;
    };
    // W counts as nothing, in both places.
    let value = |letter: u8| match letter {
        b'A'..=b'V' => Some(letter - b'A' + 1),
        b'W' => Some(0),
        _ => None,
    };
    let sum = |second: u8| weighted(&body, &[8, 7, 6, 5, 4, 3, 2]) + u32::from(second) * 9;
    let held = value(second).map(|second| sum(second) % 23);
    matches!(second, b'A'..=b'I' | b'T' | b'W')
        && held == value(check).map(u32::from)
        && !same(&body)
}

/// Netherlands, burgerservicenummer: the test by eleven with -1 for the last digit (Wet algemene
/// bepalingen burgerservicenummer; `RvIG`, "Elfproef").
pub(super) fn bsn(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 9]| {
        let sum = weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2]);
        sum % 11 == u32::from(check) && !same(&body)
    })
}

/// Switzerland, AHV number: country 756 and the check digit of an EAN-13 (Zentrale
/// Ausgleichsstelle, "AHVN13").
pub(super) fn ahv(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 13]| {
        let sum = weighted(&body, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
        let [_, _, _, serial @ ..] = body;
        body.starts_with(&[7, 5, 6])
            && (sum + u32::from(check)).is_multiple_of(10)
            && number(&serial) > 0
    })
}

/// United Kingdom, National Insurance number: two letters that are in use, six digits, A to D
/// (HMRC, NIM39110).
pub(super) fn nino(text: &[u8]) -> bool {
    characters(text).is_some_and(|[first, second, body @ .., suffix]: [u8; 9]| {
        let unused = [*b"BG", *b"GB", *b"KN", *b"NK", *b"NT", *b"TN", *b"ZZ"];
        let letter = |byte: u8| byte.is_ascii_uppercase() && !b"DFIQUV".contains(&byte);
        letter(first)
            && letter(second)
            && second != b'O'
            && !unused.contains(&[first, second])
            && body.iter().all(u8::is_ascii_digit)
            && matches!(suffix, b'A'..=b'D')
    })
}

/// United Kingdom, NHS number: modulus 11 with weights 10 to 2 (NHS Data Model and Dictionary, "NHS
/// number").
pub(super) fn nhs(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 10]| {
        to_eleven(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) == u32::from(check) && !same(&body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn austria_belgium_switzerland() {
        assert!(svnr(b"1237 010180"));
        assert!(!svnr(b"1236 010180"));
        assert!(!svnr(b"0000 000000"));
        assert!(rijksregister(b"85.07.30-033.28"));
        assert!(rijksregister(b"17.07.30-033.84"));
        assert!(!rijksregister(b"85.07.30-033.29"));
        assert!(ahv(b"756.9217.0769.85"));
        assert!(!ahv(b"756.9217.0769.84"));
    }

    #[test]
    fn france() {
        assert!(nir(b"2 55 08 14 168 025 38"));
        assert!(!nir(b"2 55 08 14 168 025 39"));
        assert!(!nir(b"9 55 08 14 168 025 38"));
    }

    #[test]
    fn germany() {
        assert!(steuer_id(b"86 095 742 719"));
        assert!(steuer_id(b"65 929 970 489"));
        assert!(!steuer_id(b"86 095 742 718"));
        assert!(!steuer_id(b"11 111 111 111"));
        assert!(de_id_card(b"T220001293"));
        assert!(de_id_card(b"C01X00T478"));
        assert!(!de_id_card(b"T220001294"));
    }

    #[test]
    fn ireland_and_the_netherlands() {
        assert!(pps(b"1234567T"));
        assert!(pps(b"1234567FA"));
        assert!(!pps(b"1234567U"));
        assert!(bsn(b"111222333"));
        assert!(!bsn(b"111222334"));
        assert!(!bsn(b"000000000"));
    }

    #[test]
    fn united_kingdom() {
        assert!(nino(b"AB 12 34 56 C"));
        assert!(!nino(b"BG 12 34 56 C"));
        assert!(!nino(b"AB 12 34 56 E"));
        assert!(!nino(b"QQ123456C"));
        assert!(nhs(b"943 476 5919"));
        assert!(!nhs(b"943 476 5918"));
    }
}
