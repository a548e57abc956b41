//! Personal numbers of the Americas, by country.

use super::digits::{
    characters, digit, digits, luhn, number, pair, same, to_eleven, to_ten, weighted,
};

/// Argentina, CUIT and CUIL: a kind, the DNI, a check digit by 11 (AFIP/ARCA, Resolución General
/// 10/97).
pub(super) fn cuit(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., check]: [u8; 11]| {
        let [k1, k2, dni @ ..] = body;
        to_eleven(&body, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == u32::from(check)
            && matches!(pair(k1, k2), 20 | 23..=27 | 30 | 33 | 34)
            && !same(&dni)
    })
}

/// Brazil, CPF: two check digits by 11 (Receita Federal, Instrução Normativa 2.172/2024).
pub(super) fn cpf(text: &[u8]) -> bool {
    digits(text).is_some_and(|[body @ .., d1, d2]: [u8; 11]| {
        let first = to_eleven(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 10;
        let with_first = [body.as_slice(), &[d1]].concat();
        let second = to_eleven(&with_first, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 10;
        first == u32::from(d1) && second == u32::from(d2) && !same(&body)
    })
}

/// Brazil, CNPJ: twelve digits or, since 2026, letters too, which count as their ASCII code less
/// 48, and two check digits by 11 (Receita Federal, Instrução Normativa 2.229/2024).
pub(super) fn cnpj(text: &[u8]) -> bool {
    const WEIGHTS: [u8; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    characters(text).is_some_and(|[body @ .., d1, d2]: [u8; 14]| {
        let (Some(d1), Some(d2)) = (digit(d1), digit(d2)) else { return false };
        let body = body.map(|byte| byte.wrapping_sub(b'0'));
        let [_, shorter @ ..] = WEIGHTS;
        let first = to_eleven(&body, &shorter) % 10;
        let second = to_eleven(&[body.as_slice(), &[d1]].concat(), &WEIGHTS) % 10;
        first == u32::from(d1) && second == u32::from(d2) && !same(&body)
    })
}

/// Canada, Social Insurance Number: Luhn; none starts with 0 or 8 (Employment and Social
/// Development Canada, "SIN code of practice").
pub(super) fn sin(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 9]| {
        let [first, body @ ..] = all;
        !matches!(first, 0 | 8) && luhn(&all) && !same(&body)
    })
}

/// Chile, RUT and RUN: seven or eight digits, a character by 11 (Servicio de Registro Civil; DFL 3
/// de 1969).
pub(super) fn rut(text: &[u8]) -> bool {
    let short = || {
        characters(text)
            .map(|[rest @ .., check]: [u8; 8]| ([b"0".as_slice(), rest.as_slice()].concat(), check))
    };
    let long = || characters(text).map(|[rest @ .., check]: [u8; 9]| (rest.to_vec(), check));
    let Some((body, check)) = long().or_else(short) else { return false };
    let body: Option<Vec<u8>> = body.into_iter().map(digit).collect();
    body.is_some_and(|body| {
        let expected = to_eleven(&body, &[3, 2, 7, 6, 5, 4, 3, 2]);
        let held = if check == b'K' { Some(10) } else { digit(check).map(u32::from) };
        held == Some(expected) && number(&body) > 999_999 && !same(&body)
    })
}

/// Mexico, CURP: name, date, sex, state and consonants, a sign, a check digit by 10 (RENAPO,
/// Instructivo normativo para la asignación de la CURP).
pub(super) fn curp(text: &[u8]) -> bool {
    characters(text).is_some_and(|[body @ .., check]: [u8; 18]| {
        // Letters after N come one later: Ñ has a place of its own.
        let value = |byte: u8| match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'N' => byte - b'A' + 10,
            _ => byte.wrapping_sub(b'A').wrapping_add(11),
        };
        let weights = [18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
        let [_, _, _, _, date @ .., _, _, _, _, _, _, _] = body;
        date.iter().all(u8::is_ascii_digit)
            && Some(to_ten(&body.map(value), &weights)) == digit(check).map(u32::from)
    })
}

/// United States, Employer Identification Number: a prefix that the IRS gives ("How EINs are
/// assigned and valid EIN prefixes"). It has no check digit.
pub(super) fn ein(text: &[u8]) -> bool {
    digits(text).is_some_and(|[a, b, serial @ ..]: [u8; 9]| {
        let campus = matches!(
            pair(a, b),
            1..=6 | 10..=16 | 20..=27 | 30..=48 | 50..=68 | 71..=77 | 80..=88 | 90..=95 | 98 | 99
        );
        campus && !same(&serial)
    })
}

/// United States, Individual Taxpayer Identification Number: starts with 9, the fourth and fifth
/// digits in the ranges of the IRS (Internal Revenue Manual 3.21.263).
pub(super) fn itin(text: &[u8]) -> bool {
    digits(text).is_some_and(|[first, _, _, g1, g2, serial @ ..]: [u8; 9]| {
        first == 9
            && matches!(pair(g1, g2), 50..=65 | 70..=88 | 90..=92 | 94..=99)
            && number(&serial) > 0
    })
}

/// United States, Social Security number: no area 000, 666 or 9xx, no group 00, no serial 0000
/// (SSA, "Social Security number randomization"), nor the two that were printed in advertisements.
pub(super) fn ssn(text: &[u8]) -> bool {
    digits(text).is_some_and(|all: [u8; 9]| {
        let [a1, a2, a3, g1, g2, serial @ ..] = all;
        let area = number(&[a1, a2, a3]);
        area != 0
            && area != 666
            && a1 < 9
            && pair(g1, g2) != 0
            && number(&serial) != 0
            && !matches!(number(&all), 78_051_120 | 219_099_999)
            && !same(&all)
    })
}

/// Colombia, NIT of a person or a company: nine or ten digits and a check digit by 11 (DIAN,
/// Decreto 2460 de 2013).
pub(super) fn nit(text: &[u8]) -> bool {
    let short = || {
        digits(text)
            .map(|[rest @ .., check]: [u8; 10]| ([[0].as_slice(), rest.as_slice()].concat(), check))
    };
    let long = || digits(text).map(|[rest @ .., check]: [u8; 11]| (rest.to_vec(), check));
    long().or_else(short).is_some_and(|(body, check)| {
        let rest = weighted(&body, &[43, 41, 37, 29, 23, 19, 17, 13, 7, 3]) % 11;
        let expected = if rest > 1 { 11 - rest } else { rest };
        expected == u32::from(check) && !same(&body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brazil() {
        assert!(cpf(b"529.982.247-25"));
        assert!(!cpf(b"529.982.247-26"));
        assert!(!cpf(b"111.111.111-11"));
        assert!(cnpj(b"11.222.333/0001-81"));
        assert!(cnpj(b"12.ABC.345/01DE-35"));
        assert!(!cnpj(b"11.222.333/0001-82"));
    }

    #[test]
    fn canada_and_mexico() {
        assert!(sin(b"130 692 544"));
        assert!(!sin(b"130 692 545"));
        assert!(!sin(b"046 454 286"));
        assert!(curp(b"BOXW310820HNERXN09"));
        assert!(!curp(b"BOXW310820HNERXN08"));
    }

    #[test]
    fn south_america() {
        assert!(cuit(b"20-05536168-2"));
        assert!(!cuit(b"20-05536168-3"));
        assert!(rut(b"12.531.909-2"));
        assert!(rut(b"76086428-5"));
        assert!(!rut(b"12.531.909-3"));
        assert!(nit(b"213.123.432-1"));
        assert!(!nit(b"213.123.432-2"));
    }

    #[test]
    fn united_states() {
        assert!(ssn(b"536-90-4399"));
        assert!(!ssn(b"078-05-1120"));
        assert!(!ssn(b"666-12-3456"));
        assert!(!ssn(b"000-12-3456"));
        assert!(!ssn(b"923-12-3456"));
        assert!(!ssn(b"536-00-4399"));
        assert!(!ssn(b"536-90-0000"));
        assert!(itin(b"912-90-3456"));
        assert!(!itin(b"912-93-3456"));
        assert!(ein(b"91-1144442"));
        assert!(!ein(b"07-1144442"));
    }
}
