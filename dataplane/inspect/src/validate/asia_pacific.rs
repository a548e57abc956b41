//! Personal numbers of Asia and the Pacific, by country.

use super::digits::{
    all_digits, characters, digit, digits, is_date, number, pair, same, to_eleven, verhoeff,
    weighted,
};

/// Australia, tax file number: weights by 11 (Australian Taxation Office; Taxation Administration
/// Act 1953).
pub(super) fn tfn(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 9]| {
        weighted(&all, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !same(&all)
    })
}

/// Australia, Medicare number: starts with 2 to 6, the ninth digit by 10, then the issue and
/// perhaps the person on the card (Services Australia, "Medicare card"; `METeOR` 270101).
pub(super) fn medicare(text: &[u8]) -> bool {
    all_digits(text, 11).is_some_and(|all| {
        let Some((body, [check, issue, ..])) = all.split_first_chunk::<8>() else { return false };
        matches!(body, [2..=6, ..])
            && *issue > 0
            && weighted(body, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == u32::from(*check)
    })
}

/// China, resident identity number: province, date, serial, a character by 11 (GB 11643-1999).
pub(super) fn resident_id(text: &[u8]) -> bool {
    characters(text).is_some_and(|[body @ .., check]: [u8; 18]| {
        let body: Option<Vec<u8>> = body.into_iter().map(digit).collect();
        let Some(body) = body else { return false };
        let [p1, p2, _, _, _, _, y1, y2, y3, y4, m1, m2, d1, d2, ..] = *body.as_slice() else {
            return false;
        };
        let provinces = [11..=15, 21..=23, 31..=37, 41..=46, 50..=54, 61..=65, 71..=71, 81..=83];
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        // The character makes the sum 1 by 11; X is ten.
        let expected = (12 - weighted(&body, &weights) % 11) % 11;
        let held = if check == b'X' { Some(10) } else { digit(check).map(u32::from) };
        let year = pair(y1, y2) * 100 + pair(y3, y4);
        provinces.iter().any(|known| known.contains(&pair(p1, p2)))
            && (1880..2100).contains(&year)
            && is_date(year, pair(m1, m2), pair(d1, d2))
            && held == Some(expected)
    })
}

/// Hong Kong, identity card: one or two letters, six digits, a character by 11 (Immigration
/// Department; Registration of Persons Regulations).
pub(super) fn hkid(text: &[u8]) -> bool {
    let short = || characters(text).map(|rest: [u8; 8]| (36, rest));
    let long =
        || characters(text).and_then(|[first, rest @ ..]: [u8; 9]| Some((letter(first)?, rest)));
    let Some((first, rest)) = long().or_else(short) else { return false };
    let [second, body @ .., check] = rest;
    let body: Option<Vec<u8>> = body.into_iter().map(digit).collect();
    let (Some(second), Some(body)) = (letter(second), body) else { return false };
    let sum = first * 9 + second * 8 + weighted(&body, &[7, 6, 5, 4, 3, 2]);
    let held = if check == b'A' { Some(10) } else { digit(check).map(u32::from) };
    held == Some((11 - sum % 11) % 11) && !same(&body)
}

/// A as 10 to Z as 35.
fn letter(byte: u8) -> Option<u32> {
    byte.is_ascii_uppercase().then(|| u32::from(byte - b'A') + 10)
}

/// India, Aadhaar: twelve digits, the first 2 to 9, Verhoeff's check (UIDAI, "UID numbering
/// scheme").
pub(super) fn aadhaar(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 12]| {
        let [first, ..] = all;
        let backwards = all.iter().rev().eq(&all);
        first > 1 && verhoeff(&all) && !backwards
    })
}

/// India, permanent account number: five letters, the fourth the kind of holder, four digits, a
/// letter (Income Tax Rules, rule 114). How the last letter is made is not published.
pub(super) fn pan(text: &[u8]) -> bool {
    characters(text).is_some_and(|all: [u8; 10]| {
        let [a, b, c, kind, e, n1, n2, n3, n4, last] = all;
        [a, b, c, e, last].iter().all(u8::is_ascii_uppercase)
            && b"ABCFGHJLPT".contains(&kind)
            && [n1, n2, n3, n4].iter().all(u8::is_ascii_digit)
            && [n1, n2, n3, n4] != *b"0000"
    })
}

/// Japan, Individual Number: a check digit by 11 (Ministry of Internal Affairs and Communications,
/// order 85 of 2014, article 5).
pub(super) fn my_number(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 12]| {
        let expected = to_eleven(&body, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 10;
        expected == u32::from(check) && !same(&body)
    })
}

/// New Zealand, IRD number: weights by 11, others where the first leave ten (Inland Revenue,
/// "Resident withholding tax specification", check digit validation).
pub(super) fn ird(text: &[u8]) -> bool {
    all_digits(text, 9).is_some_and(|all| {
        let Some((check, body)) = all.split_last() else { return false };
        let padded = if body.len() == 7 { [[0].as_slice(), body].concat() } else { body.to_vec() };
        let first = to_eleven(&padded, &[3, 2, 7, 6, 5, 4, 3, 2]);
        let second = to_eleven(&padded, &[7, 4, 3, 2, 5, 2, 7, 6]);
        let expected = if first == 10 { second } else { first };
        padded.len() == 8
            && (10_000_000..150_000_000).contains(&number(&all))
            && expected == u32::from(*check)
            && !same(body)
    })
}

/// Singapore, NRIC and FIN: a letter for the century or the kind, seven digits, a letter by 11
/// (Immigration and Checkpoints Authority; M since 2022).
pub(super) fn nric(text: &[u8]) -> bool {
    characters(text).is_some_and(|[kind, body @ .., check]: [u8; 9]| {
        let body: Option<Vec<u8>> = body.into_iter().map(digit).collect();
        let (start, letters) = match kind {
            b'S' => (0, b"JZIHGFEDCBA"),
            b'T' => (4, b"JZIHGFEDCBA"),
            b'F' => (0, b"XWUTRQPNMLK"),
            b'G' => (4, b"XWUTRQPNMLK"),
            b'M' => (3, b"XWUTRQPNJLK"),
            _ => return false,
        };
        body.is_some_and(|body| {
            let sum = start + weighted(&body, &[2, 7, 6, 5, 4, 3, 2]);
            let place = usize::try_from(sum % 11).unwrap_or_default();
            letters.get(place) == Some(&check) && !same(&body)
        })
    })
}

/// South Korea, resident registration number: a date, a digit for century, sex and nationality, a
/// check digit by 11, which numbers given since October 2020 no longer have (Ministry of the
/// Interior and Safety, Resident Registration Act).
pub(super) fn rrn(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 13]| {
        let [y1, y2, m1, m2, d1, d2, kind, ..] = body;
        let year = pair(y1, y2)
            + match kind {
                1 | 2 | 5 | 6 => 1900,
                3 | 4 | 7 | 8 => 2000,
                _ => 1800,
            };
        let rest = to_eleven(&body, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
        let foreigner = (5..=8).contains(&kind);
        let expected = if foreigner { (rest + 2) % 10 } else { rest % 10 };
        let unchecked = (year, pair(m1, m2)) >= (2020, 10);
        is_date(year, pair(m1, m2), pair(d1, d2)) && (unchecked || expected == u32::from(check))
    })
}

/// Taiwan, national identification number: a letter for the county, nine digits, the last by 10
/// (Ministry of the Interior, Department of Household Registration).
pub(super) fn taiwan_id(text: &[u8]) -> bool {
    // The letters in the order of their numbers, from 10.
    const COUNTIES: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    characters(text).is_some_and(|[county, body @ ..]: [u8; 10]| {
        let body: Option<Vec<u8>> = body.into_iter().map(digit).collect();
        let place = COUNTIES.iter().position(|letter| *letter == county);
        let place = place.and_then(|place| u32::try_from(place + 10).ok());
        let (Some(body), Some(place)) = (body, place) else { return false };
        let sum = place / 10 + place % 10 * 9 + weighted(&body, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
        sum.is_multiple_of(10) && matches!(body.first(), Some(1 | 2 | 8 | 9)) && !same(&body)
    })
}

/// Thailand, national identification number: a check digit by 11 (Department of Provincial
/// Administration).
pub(super) fn thai_id(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 13]| {
        let [first, ..] = body;
        let rest = weighted(&body, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        first > 0 && (11 - rest) % 10 == u32::from(check) && !same(&body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn australia_and_new_zealand() {
        assert!(tfn(b"123 456 782"));
        assert!(!tfn(b"123 456 783"));
        assert!(medicare(b"2123 45670 1"));
        assert!(!medicare(b"2123 45671 1"));
        assert!(ird(b"49-091-850"));
        assert!(ird(b"136410132"));
        assert!(!ird(b"136410133"));
        assert!(!ird(b"9125568"));
    }

    #[test]
    fn china_hong_kong_taiwan() {
        assert!(resident_id(b"11010519491231002X"));
        assert!(resident_id(b"440524188001010014"));
        assert!(!resident_id(b"110105194912310021"));
        assert!(hkid(b"A123456(3)"));
        assert!(hkid(b"G123456(A)"));
        assert!(!hkid(b"A123456(4)"));
        assert!(taiwan_id(b"A123456789"));
        assert!(!taiwan_id(b"A123456788"));
    }

    #[test]
    fn india() {
        assert!(aadhaar(b"2341 2341 2346"));
        assert!(!aadhaar(b"2341 2341 2347"));
        assert!(pan(b"ABCPE1234F"));
        assert!(!pan(b"ABCDE1234F"));
    }

    #[test]
    fn japan_and_korea() {
        assert!(my_number(b"1234 5678 9018"));
        assert!(!my_number(b"1234 5678 9019"));
        assert!(rrn(b"971013-9019902"));
        assert!(!rrn(b"971013-9019903"));
        assert!(!rrn(b"971313-9019902"));
        assert!(rrn(b"201105-3019903"));
    }

    #[test]
    fn south_east() {
        assert!(nric(b"S1234567D"));
        assert!(nric(b"F1234567N"));
        assert!(nric(b"M1234567K"));
        assert!(!nric(b"S1234567E"));
        assert!(thai_id(b"1-2345-45678-78-1"));
        assert!(!thai_id(b"1-2345-45678-78-2"));
    }
}
