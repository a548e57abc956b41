//! Sizes, durations and shares as flags and files write them.

use std::time::Duration;

/// Units of a size in bytes. `k`, `M` and `G` alone are powers of 1024, as in `head -c`.
const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("k", 1 << 10),
    ("K", 1 << 10),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("M", 1 << 20),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("G", 1 << 30),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A number of bytes, as `4096`, `4k` or `1.5MiB`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let wrong = || format!("`{text}` is not a size: write bytes or a unit, as 4096, 4KiB or 1MiB");
    let (number, unit) = number_and_unit(text);
    let &(_, factor) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(wrong());
    }
    let scale = 10u64.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
    let parts: u64 = fraction.parse().map_err(|_| wrong())?;
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    // A part of a byte is none.
    let extra = parts.checked_mul(factor).filter(|extra| extra % scale == 0).ok_or_else(wrong)?;
    let bytes = whole.checked_mul(factor).and_then(|whole| whole.checked_add(extra / scale));
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(wrong)
}

/// A duration with its unit, as `5ms`, `1.5s` or `2m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text);
    if unit.is_empty() && number.parse::<f64>().is_ok() {
        return Err(format!(
            "`{text}` has no unit: write {number}s for seconds, or {number}ms or {number}us"
        ));
    }
    humantime::parse_duration(text).map_err(|_| {
        format!("`{text}` is not a duration: write a number and us, ms, s, m or h, as 5ms or 1.5s")
    })
}

/// A part of the whole, as `0.05` or `5%`.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not a share: write 0 to 1 or a percentage, as 0.05 or 5%");
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = decimal(number).ok_or_else(wrong)? / scale;
    if share <= 1.0 { Ok(share) } else { Err(wrong()) }
}

/// A number from 0 on, in plain digits: none of `1e3`, `inf`, `+1` and `.5`.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number: f64 = text.parse().ok()?;
    (digits(whole) && digits(fraction) && number.is_finite()).then_some(number)
}

/// The number at the start of a text, and the unit after it.
pub(crate) fn number_and_unit(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("512B", 512),
            ("4k", 4096),
            ("4K", 4096),
            ("4kB", 4000),
            ("4KiB", 4096),
            ("1.5MiB", 3 << 19),
            ("2 MB", 2_000_000),
            ("1G", 1 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_the_forms() {
        for text in ["", "k", "-1", "1e3", "4kb", "1.B", ".5k", "1.2.3k", "1.0001k", "0.5"] {
            let said = size(text).unwrap_err();
            let forms = "is not a size: write bytes or a unit, as 4096, 4KiB or 1MiB";
            assert_eq!(said, format!("`{text}` {forms}"));
        }
        assert!(size("99999999999999999999").is_err() && size("99999999999G").is_err());
    }

    #[test]
    fn durations_want_a_unit() {
        assert_eq!(duration("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("50us"), Ok(Duration::from_micros(50)));
        assert_eq!(
            duration("30").unwrap_err(),
            "`30` has no unit: write 30s for seconds, or 30ms or 30us"
        );
        for text in ["", "s", "5 parsecs", "-5ms", "5ms!", "ms5"] {
            assert_eq!(
                duration(text).unwrap_err(),
                format!(
                    "`{text}` is not a duration: write a number and us, ms, s, m or h, as 5ms or \
                     1.5s"
                )
            );
        }
    }

    #[test]
    fn a_share_is_a_part_or_a_percentage() {
        for (text, part) in [("0", 0.0), ("1", 1.0), ("0.05", 0.05), ("5%", 0.05), ("100%", 1.0)] {
            assert!((share(text).unwrap() - part).abs() < 1e-12, "{text}");
        }
        for text in ["", "%", "1.1", "101%", "-0.1", "5 %", "NaN", "inf", "1e-3", ".5"] {
            assert_eq!(
                share(text).unwrap_err(),
                format!("`{text}` is not a share: write 0 to 1 or a percentage, as 0.05 or 5%")
            );
        }
    }
}
