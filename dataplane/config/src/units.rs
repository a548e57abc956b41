//! Sizes and durations as the file writes them: a whole number and its unit.

use std::time::Duration;

/// Units of a size, in bytes.
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// Units of a duration, in milliseconds.
const TIMES: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Bytes, or what to write instead.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    match amount(text, SIZES) {
        Ok(bytes) => Ok(bytes),
        Err(Amount::Bare) => {
            Err(format!("a size has a unit: write {text}B, {text}KiB or {text}MiB"))
        }
        Err(Amount::Unit(number, unit)) => Err(match unit.to_ascii_lowercase().as_str() {
            "k" | "kb" | "kib" => format!("write {number}KiB (or {number}kB for thousands)"),
            "m" | "mb" | "mib" => format!("write {number}MiB (or {number}MB for millions)"),
            "g" | "gb" | "gib" => format!("write {number}GiB (or {number}GB)"),
            _ => "write a whole number and B, KiB, MiB or GiB, as in 4MiB".to_owned(),
        }),
        Err(Amount::Other) => {
            Err("write a whole number and B, KiB, MiB or GiB, as in 4MiB".to_owned())
        }
    }
}

/// A duration, or what to write instead.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match amount(text, TIMES) {
        Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        Err(Amount::Bare) => {
            Err(format!("a duration has a unit: write {text}s for seconds or {text}ms"))
        }
        Err(Amount::Unit(number, unit)) if unit.to_ascii_lowercase().starts_with("min") => {
            Err(format!("write {number}m"))
        }
        Err(Amount::Unit(number, unit)) if unit.to_ascii_lowercase().starts_with("sec") => {
            Err(format!("write {number}s"))
        }
        Err(_) => Err("write a whole number and ms, s, m, h or d, as in 30s".to_owned()),
    }
}

/// Thousandths in a number with at most three decimals, or what to write instead.
pub(crate) fn thousandths(text: &str) -> Result<u32, String> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits(whole) && digits(decimals) && decimals.len() <= 3 {
        format!("{whole}{decimals:0<3}").parse().ok()
    } else {
        None
    };
    number.ok_or_else(|| "write a number with at most three decimals, as in 1.5".to_owned())
}

/// Why a text is no amount.
enum Amount<'a> {
    Bare,
    Unit(&'a str, &'a str),
    Other,
}

fn amount<'a>(text: &'a str, units: &[(&str, u64)]) -> Result<u64, Amount<'a>> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or(Amount::Other)?;
    let value: u64 = number.parse().map_err(|_| Amount::Other)?;
    if unit.is_empty() {
        return Err(Amount::Bare);
    }
    let unit = unit.trim_start_matches(' ');
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => value.checked_mul(*factor).ok_or(Amount::Other),
        None => Err(Amount::Unit(number, unit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_exact() {
        assert_eq!(size("4MiB"), Ok(4 << 20));
        assert_eq!(size("512 B"), Ok(512));
        assert_eq!(size("2kB"), Ok(2_000));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1d"), Ok(Duration::from_hours(24)));
    }

    #[test]
    fn a_number_with_decimals_is_exact() {
        assert_eq!(thousandths("1.5"), Ok(1_500));
        assert_eq!(thousandths("0.01"), Ok(10));
        assert_eq!(thousandths("2"), Ok(2_000));
        for text in ["", ".5", "1.", "1.2345", "-1", "1e3", "1.5.5", "9999999999"] {
            assert!(thousandths(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wrong_amount_says_what_to_write() {
        assert_eq!(size("4096").unwrap_err(), "a size has a unit: write 4096B, 4096KiB or 4096MiB");
        assert_eq!(size("4m").unwrap_err(), "write 4MiB (or 4MB for millions)");
        assert!(size("-1B").is_err() && size("1.5MiB").is_err() && size("").is_err());
        assert!(size("99999999999999999999GiB").is_err() && size("99999999999999GiB").is_err());
        assert_eq!(
            duration("30").unwrap_err(),
            "a duration has a unit: write 30s for seconds or 30ms"
        );
        assert_eq!(duration("5min").unwrap_err(), "write 5m");
    }
}
