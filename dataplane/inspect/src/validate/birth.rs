//! Dates of birth.

use super::digits::{digit, is_date};

/// A date somebody alive may be born on, in figures in any of the usual orders or with the month's
/// name (ISO 8601; CLDR for the names). What is after the day, as a time, does not count.
pub(super) fn birth_date(text: &[u8]) -> bool {
    let parts = text.split(|byte| !byte.is_ascii_digit()).filter(|part| !part.is_empty());
    let numbers: Vec<Option<Number>> = parts.take(3).map(Number::of).collect();
    match (month(text), numbers.as_slice()) {
        (Some(month), [Some(first), Some(second), ..]) => {
            let (day, year) = if first.value > 31 { (second, first) } else { (first, second) };
            born(*year, month, day.value)
        }
        (None, [Some(Number { value, length: 8 })]) => {
            let year = Number { value: value / 10_000, length: 4 };
            born(year, value / 100 % 100, value % 100)
        }
        (None, [Some(year), Some(month), Some(day), ..]) if year.length == 4 => {
            born(*year, month.value, day.value)
        }
        (None, [Some(first), Some(second), Some(year)]) => {
            born(*year, second.value, first.value) || born(*year, first.value, second.value)
        }
        _ => false,
    }
}

#[derive(Clone, Copy)]
struct Number {
    value: u32,
    length: usize,
}

impl Number {
    fn of(figures: &[u8]) -> Option<Self> {
        let digits: Option<Vec<u8>> = figures.iter().copied().map(digit).collect();
        let value = digits.filter(|digits| digits.len() <= 8)?;
        let value = value.iter().fold(0, |sum: u32, digit| sum * 10 + u32::from(*digit));
        Some(Self { value, length: figures.len() })
    }
}

fn born(year: Number, month: u32, day: u32) -> bool {
    match year.length {
        4 => (1900..2040).contains(&year.value) && is_date(year.value, month, day),
        // Of two digits there is a leap year in one of the centuries.
        2 => is_date(2000 + year.value, month, day),
        _ => false,
    }
}

/// The month whose name is in a text: the first three letters tell it in most of Europe.
fn month(text: &[u8]) -> Option<u32> {
    text.split(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic()).find_map(|word| {
        let word = word.to_ascii_lowercase();
        MONTHS.iter().find(|(start, _)| word.starts_with(start)).map(|&(_, month)| month)
    })
}

/// How the names begin: English, German, French, Spanish, Italian, Portuguese, Dutch, the Nordic languages, Polish,
/// Turkish, Russian.
const MONTHS: &[(&[u8], u32)] = &[
    (b"jan", 1),
    (b"ene", 1),
    (b"gen", 1),
    (b"feb", 2),
    (b"fev", 2),
    ("fév".as_bytes(), 2),
    (b"mar", 3),
    ("mär".as_bytes(), 3),
    (b"maa", 3),
    (b"mrt", 3),
    (b"apr", 4),
    (b"abr", 4),
    (b"avr", 4),
    (b"may", 5),
    (b"mai", 5),
    (b"mag", 5),
    (b"mei", 5),
    (b"jun", 6),
    (b"juin", 6),
    (b"giu", 6),
    (b"jul", 7),
    (b"juil", 7),
    (b"lug", 7),
    (b"aug", 8),
    (b"ago", 8),
    (b"aou", 8),
    ("aoû".as_bytes(), 8),
    (b"sep", 9),
    (b"set", 9),
    (b"oct", 10),
    (b"okt", 10),
    (b"ott", 10),
    (b"out", 10),
    (b"nov", 11),
    (b"dec", 12),
    (b"dez", 12),
    (b"dic", 12),
    ("déc".as_bytes(), 12),
    (b"des", 12),
    (b"maj", 5),
    (b"sty", 1),
    (b"lut", 2),
    (b"kwi", 4),
    (b"cze", 6),
    (b"lip", 7),
    (b"sie", 8),
    (b"wrz", 9),
    ("paź".as_bytes(), 10),
    (b"lis", 11),
    (b"gru", 12),
    (b"oca", 1),
    ("şub".as_bytes(), 2),
    ("Şub".as_bytes(), 2),
    (b"nis", 4),
    (b"haz", 6),
    (b"tem", 7),
    ("ağu".as_bytes(), 8),
    (b"eyl", 9),
    (b"eki", 10),
    (b"kas", 11),
    (b"ara", 12),
    ("янв".as_bytes(), 1),
    ("фев".as_bytes(), 2),
    ("мар".as_bytes(), 3),
    ("апр".as_bytes(), 4),
    ("мая".as_bytes(), 5),
    ("май".as_bytes(), 5),
    ("июн".as_bytes(), 6),
    ("июл".as_bytes(), 7),
    ("авг".as_bytes(), 8),
    ("сен".as_bytes(), 9),
    ("окт".as_bytes(), 10),
    ("ноя".as_bytes(), 11),
    ("дек".as_bytes(), 12),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_birth() {
        assert!(birth_date(b"1985-03-12"));
        assert!(birth_date(b"12/03/1985"));
        assert!(birth_date(b"03/27/1985"));
        assert!(birth_date(b"27.03.85"));
        assert!(birth_date(b"March 12, 1985"));
        assert!(birth_date(b"12 Mar 1985"));
        assert!(birth_date(b"12. Oktober 1985"));
        assert!(birth_date(b"19850312"));
        assert!(birth_date("12 марта 1985".as_bytes()));
        assert!(birth_date("12 października 1985".as_bytes()));
        assert!(birth_date("1985年3月12日".as_bytes()));
        assert!(birth_date(b"1985-Mar-12"));
        assert!(birth_date(b"1985-03-12T00:00:00Z"));
        assert!(!birth_date(b"1985-13-12"));
        assert!(!birth_date(b"31/02/1985"));
        assert!(!birth_date(b"12/03/3985"));
        assert!(!birth_date(b"12 Foo 1985"));
        assert!(!birth_date(b"1985"));
        assert!(!birth_date(b""));
    }
}
