//! Telephone numbers.

use super::digits::{all_digits, digits, is_date, number, same};

/// An international number: `+` or `00`, a country's code, as many digits as the country has (ITU-T
/// E.164 and its list of assigned codes; the lengths are those the national plans give to the ITU).
pub(super) fn phone(text: &[u8]) -> bool {
    let digits = match text {
        [b'+', rest @ ..] | [b'0', b'0', rest @ ..] | [b'(', b'+', rest @ ..] => {
            all_digits(&without_trunk_zero(rest), 15)
        }
        _ => None,
    };
    digits.is_some_and(|digits| {
        // No code is the start of another.
        (1..=3).any(|length| {
            digits.split_at_checked(length).is_some_and(|(code, rest)| assigned(code, rest))
        })
    })
}

/// `+44 (0)20 …`: the zero that is dialled only at home.
fn without_trunk_zero(text: &[u8]) -> Vec<u8> {
    let trunk = text.windows(3).position(|part| part == b"(0)");
    let (before, after) = text.split_at(trunk.unwrap_or(text.len()));
    [before, after.get(3..).unwrap_or_default()].concat()
}

fn assigned(code: &[u8], rest: &[u8]) -> bool {
    let known = CODES
        .iter()
        .any(|&(known, least, most)| known == number(code) && (least..=most).contains(&rest.len()));
    // A zero before the code would not change its value.
    known && code.first() != Some(&0) && !same(rest) && (code != [1] || subscriber(rest))
}

/// A number of the North American plan, with or without the 1 before it (NANPA, "About the North
/// American Numbering Plan"): neither area nor exchange starts with 0 or 1 or is a service code as
/// 911.
pub(super) fn nanp(text: &[u8]) -> bool {
    all_digits(text, 11).is_some_and(|digits| match digits.as_slice() {
        [1, rest @ ..] if rest.len() == 10 => subscriber(rest),
        rest => rest.len() == 10 && subscriber(rest),
    })
}

fn subscriber(digits: &[u8]) -> bool {
    let [area, area_2, area_3, exchange, exchange_2, exchange_3, line @ ..] = digits else {
        return false;
    };
    let service = |second: &u8, third: &u8| *second == 1 && *third == 1;
    *area > 1
        && *area_2 < 9
        && !service(area_2, area_3)
        && *exchange > 1
        && !service(exchange_2, exchange_3)
        && line.len() == 4
        && !same(digits)
}

/// A number as it is dialled within a country: 7 to 13 digits, neither all the same one nor a date
/// (ITU-T E.123 for the notation). The rule's pattern and its context say the rest.
pub(super) fn phone_national(text: &[u8]) -> bool {
    all_digits(text, 13)
        .is_some_and(|digits| digits.len() >= 7 && !same(digits.get(1..).unwrap_or_default()))
        && !dated(text)
}

/// `2024-01-31`, `31.01.2024`, `01/31/2024`, `20240131`.
fn dated(text: &[u8]) -> bool {
    let Some(date) = digits::<8>(text) else { return false };
    let Ok(date) = u32::try_from(number(&date)) else { return false };
    let (left, right) = (date / 10_000, date % 10_000);
    let years = 1900..2100;
    let separators = text.iter().filter(|byte| matches!(byte, b'-' | b'.' | b'/')).count();
    let leading = years.contains(&left) && is_date(left, right / 100, right % 100);
    let trailing = years.contains(&right)
        && (is_date(right, left / 100, left % 100) || is_date(right, left % 100, left / 100));
    (leading && separators != 1) || (trailing && separators == 2)
}

/// Country codes with the least and the most digits that follow them.
#[rustfmt::skip]
const CODES: &[(u64, usize, usize)] = &[
    (1, 10, 10), (7, 10, 10), (20, 8, 10), (27, 9, 9), (30, 10, 10), (31, 9, 9), (32, 8, 9),
    (33, 9, 9), (34, 9, 9), (36, 8, 9), (39, 6, 11), (40, 9, 9), (41, 9, 9), (43, 7, 13),
    (44, 9, 10), (45, 8, 8), (46, 7, 10), (47, 8, 8), (48, 9, 9), (49, 6, 12), (51, 8, 9),
    (52, 10, 10), (53, 8, 8), (54, 10, 11), (55, 10, 11), (56, 9, 9), (57, 8, 10), (58, 10, 10),
    (60, 8, 10), (61, 9, 9), (62, 8, 12), (63, 8, 10), (64, 8, 10), (65, 8, 8), (66, 8, 9),
    (81, 9, 10), (82, 8, 10), (84, 9, 10), (86, 10, 11), (90, 10, 10), (91, 10, 10), (92, 9, 10),
    (93, 9, 9), (94, 9, 9), (95, 7, 10), (98, 10, 10), (211, 9, 9), (212, 9, 9), (213, 8, 9),
    (216, 8, 8), (218, 9, 9), (220, 7, 7), (221, 9, 9), (222, 8, 8), (223, 8, 8), (224, 8, 9),
    (225, 10, 10), (226, 8, 8), (227, 8, 8), (228, 8, 8), (229, 8, 10), (230, 7, 8), (231, 7, 9),
    (232, 8, 8), (233, 9, 9), (234, 8, 10), (235, 8, 8), (236, 8, 8), (237, 8, 9), (238, 7, 7),
    (239, 7, 7), (240, 9, 9), (241, 7, 8), (242, 9, 9), (243, 9, 9), (244, 9, 9), (245, 7, 9),
    (246, 7, 7), (248, 7, 7), (249, 9, 9), (250, 9, 9), (251, 9, 9), (252, 7, 9), (253, 8, 8),
    (254, 9, 10), (255, 9, 9), (256, 9, 9), (257, 8, 8), (258, 8, 9), (260, 9, 9), (261, 9, 9),
    (262, 9, 9), (263, 8, 10), (264, 8, 9), (265, 7, 9), (266, 8, 8), (267, 7, 8), (268, 8, 8),
    (269, 7, 7), (290, 5, 5), (291, 7, 7), (297, 7, 7), (298, 6, 6), (299, 6, 6), (350, 8, 8),
    (351, 9, 9), (352, 6, 9), (353, 7, 10), (354, 7, 9), (355, 8, 9), (356, 8, 8), (357, 8, 8),
    (358, 6, 11), (359, 8, 9), (370, 8, 8), (371, 8, 8), (372, 7, 8), (373, 8, 8), (374, 8, 8),
    (375, 9, 9), (376, 6, 9), (377, 8, 9), (378, 6, 10), (380, 9, 9), (381, 8, 9), (382, 8, 8),
    (383, 8, 9), (385, 8, 9), (386, 8, 8), (387, 8, 9), (389, 8, 8), (420, 9, 9), (421, 9, 9),
    (423, 7, 9), (500, 5, 5), (501, 7, 7), (502, 8, 8), (503, 8, 8), (504, 8, 8), (505, 8, 8),
    (506, 8, 8), (507, 7, 8), (508, 6, 9), (509, 8, 8), (590, 9, 9), (591, 8, 8), (592, 7, 7),
    (593, 8, 9), (594, 9, 9), (595, 9, 9), (596, 9, 9), (597, 6, 7), (598, 8, 8), (599, 7, 8),
    (670, 7, 8), (672, 6, 6), (673, 7, 7), (674, 7, 7), (675, 7, 8), (676, 5, 7), (677, 5, 7),
    (678, 5, 7), (679, 7, 7), (680, 7, 7), (681, 6, 6), (682, 5, 5), (683, 5, 7), (685, 5, 7),
    (686, 5, 8), (687, 6, 6), (688, 5, 7), (689, 6, 8), (690, 5, 7), (691, 7, 7), (692, 7, 7),
    (800, 8, 8), (870, 9, 9), (881, 8, 9), (850, 8, 10), (852, 8, 8), (853, 8, 8), (855, 8, 9),
    (856, 8, 10), (880, 8, 10), (886, 8, 9), (960, 7, 7), (961, 7, 8), (962, 8, 9), (963, 8, 9),
    (964, 8, 10), (965, 8, 8), (966, 8, 9), (967, 7, 9), (968, 8, 8), (970, 8, 9), (971, 8, 9),
    (972, 8, 9), (973, 8, 8), (974, 8, 8), (975, 7, 8), (976, 8, 8), (977, 8, 10), (992, 9, 9),
    (993, 8, 8), (994, 9, 9), (995, 9, 9), (996, 9, 9), (998, 9, 9),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn international_numbers() {
        assert!(phone(b"+1 415-555-2671"));
        assert!(phone(b"+442079460958"));
        assert!(phone(b"+44 (0)20 7946 0958"));
        assert!(phone(b"0049 30 123456"));
        assert!(phone(b"+33 1 23 45 67 89"));
        assert!(phone(b"(+91) 98765 43210"));
        assert!(!phone(b"+1 115-555-2671"));
        assert!(!phone(b"+999 1234567"));
        assert!(!phone(b"+33 1 23 45 67"));
        assert!(!phone(b"+33 1 23 45 67 89 10"));
        assert!(!phone(b"442079460958"));
        assert!(!phone(b"+"));
    }

    #[test]
    fn north_american_numbers() {
        assert!(nanp(b"(415) 555-2671"));
        assert!(nanp(b"1-415-555-2671"));
        assert!(!nanp(b"015-555-2671"));
        assert!(!nanp(b"415-155-2671"));
        assert!(!nanp(b"415-911-2671"));
        assert!(!nanp(b"411-555-2671"));
        assert!(!nanp(b"555-555-5555"));
        assert!(!nanp(b"415-555-26711"));
    }

    #[test]
    fn national_numbers() {
        assert!(phone_national(b"020 7946 0958"));
        assert!(phone_national(b"(030) 123456"));
        assert!(phone_national(b"12 34 56 78"));
        assert!(!phone_national(b"2024-01-31"));
        assert!(!phone_national(b"31.01.2024"));
        assert!(!phone_national(b"0000000000"));
        assert!(!phone_national(b"123456"));
    }
}
