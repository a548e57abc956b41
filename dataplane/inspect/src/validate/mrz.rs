//! The lines on travel documents that machines read.

use super::digits::weighted;

/// The lines with their check digits, of a passport (TD3), a visa or an older card (TD2), a card of
/// three lines (TD1); of the first two their second line alone will do (ICAO Doc 9303, parts 3 to
/// 6).
pub(super) fn mrz(text: &[u8]) -> bool {
    let lines: Vec<&[u8]> = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect();
    match *lines.as_slice() {
        [line] | [_, line] => passport(line) || card(line),
        [first, second, _] => small_card(first, second),
        _ => false,
    }
}

fn passport(line: &[u8]) -> bool {
    let Ok(line) = <&[u8; 44]>::try_from(line) else { return false };
    fields(line, &[(0, 9), (13, 19), (21, 27)])
        && (fields(line, &[(28, 42)]) || line.get(28..43).is_some_and(blank))
        && composite(&[line.get(0..10), line.get(13..20), line.get(21..43)], line.last())
}

fn card(line: &[u8]) -> bool {
    let Ok(line) = <&[u8; 36]>::try_from(line) else { return false };
    fields(line, &[(0, 9), (13, 19), (21, 27)])
        && composite(&[line.get(0..10), line.get(13..20), line.get(21..35)], line.last())
}

fn small_card(first: &[u8], second: &[u8]) -> bool {
    let parts = [first.get(5..30), second.get(0..7), second.get(8..15), second.get(18..29)];
    first.len() == 30
        && second.len() == 30
        && fields(second, &[(0, 6), (8, 14)])
        && composite(&parts, second.last())
}

/// Whether each field, from and to, is followed by its check digit and has anything in it.
fn fields(line: &[u8], fields: &[(usize, usize)]) -> bool {
    fields.iter().all(|&(start, end)| {
        let field = line.get(start..end).unwrap_or_default();
        !blank(field) && checked(field, line.get(end))
    })
}

/// Whether the last digit of all checks the parts together.
fn composite(parts: &[Option<&[u8]>], check: Option<&u8>) -> bool {
    let whole: Option<Vec<&[u8]>> = parts.iter().copied().collect();
    whole.is_some_and(|whole| checked(&whole.concat(), check))
}

fn checked(field: &[u8], check: Option<&u8>) -> bool {
    let values: Vec<u8> = field.iter().copied().map(value).collect();
    let weights: Vec<u8> = [7, 3, 1].into_iter().cycle().take(values.len()).collect();
    let sum = weighted(&values, &weights) % 10;
    check.is_some_and(|check| check.is_ascii_digit() && u32::from(check & 0x0f) == sum)
}

fn blank(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, b'<' | b'0'))
}

/// What a character counts: digits as they are, A as 10 and so on, the filler nothing (ICAO Doc
/// 9303-3, section 4.9).
pub(super) fn value(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specimens_of_the_standard() {
        assert!(mrz(b"L898902C36UTO7408122F1204159ZE184226B<<<<<10"));
        assert!(mrz(b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"));
        assert!(mrz(b"I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"));
        assert!(mrz(b"D231458907UTO7408122F1204159<<<<<<<6"));
    }

    #[test]
    fn a_digit_off() {
        assert!(!mrz(b"L898902C46UTO7408122F1204159ZE184226B<<<<<10"));
        assert!(!mrz(b"L898902C36UTO7408122F1204159ZE184226B<<<<<11"));
        assert!(!mrz(b"D231458907UTO7408122F1204159<<<<<<<7"));
        assert!(!mrz(b"<<<<<<<<<0UTO0000000F0000000<<<<<<<0"));
        assert!(!mrz(b""));
    }
}
