//! Numbers for people: three digits that say something, and a unit.

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "exact to 2^53, which no count of a run reaches")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// So many in so many seconds; none in no time.
pub(crate) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { real(count) / seconds } else { 0.0 }
}

/// A rate, or one that rises or falls to another.
pub(crate) fn rates(from: f64, to: f64) -> String {
    let rate = |rate| Unit::PerSecond.show(rate);
    if (from - to).abs() < f64::EPSILON {
        rate(to)
    } else {
        format!("{} to {}", rate(from), rate(to))
    }
}

/// What a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Of things.
    Count,
    /// Things a second.
    PerSecond,
    /// Of time.
    Microseconds,
    Bytes,
    /// A part of one, shown in per cent.
    Share,
    /// Cores in use.
    Cores,
}

impl Unit {
    /// A value with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        if !value.is_finite() {
            return "–".to_owned();
        }
        match self {
            Self::Count => number(value),
            Self::PerSecond => format!("{}/s", number(value)),
            Self::Microseconds => scaled(value, &TIMES),
            Self::Bytes => scaled(value, &SIZES),
            Self::Share => share(value),
            Self::Cores if value != 0.0 && value.abs() < 0.01 => format!("{value:.4}"),
            Self::Cores => format!("{value:.2}"),
        }
    }

    /// A value beside a tick: without zeros at its end.
    pub(crate) fn tick(self, value: f64) -> String {
        match self {
            Self::Count => trimmed(&separated(value, 2)),
            Self::PerSecond => format!("{}/s", trimmed(&separated(value, 2))),
            Self::Share => format!("{} %", trimmed(&format!("{:.3}", value * 100.0))),
            Self::Cores => trimmed(&format!("{value:.3}")),
            Self::Microseconds | Self::Bytes => {
                let text = self.show(value);
                match text.split_once(' ') {
                    Some((digits, unit)) => format!("{} {unit}", trimmed(digits)),
                    None => text,
                }
            }
        }
    }

    /// How many of the value's unit make one of what a tick would be written in: ticks are round in
    /// KiB, and not in bytes.
    pub(crate) fn base(self, value: f64) -> f64 {
        match self {
            Self::Bytes => step_of(value, &SIZES).1,
            Self::Share => 0.01,
            _ => 1.0,
        }
    }
}

const TIMES: [(&str, f64); 4] = [("ns", 0.001), ("µs", 1.0), ("ms", 1e3), ("s", 1e6)];
const SIZES: [(&str, f64); 5] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1024.0 * 1024.0),
    ("GiB", 1024.0 * 1024.0 * 1024.0),
    ("TiB", 1024.0 * 1024.0 * 1024.0 * 1024.0),
];

fn scaled(value: f64, units: &[(&'static str, f64)]) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let (name, factor) = step_of(value, units);
    format!("{} {name}", digits(value / factor))
}

/// The largest unit of which there is one, as it would be rounded.
fn step_of(value: f64, units: &[(&'static str, f64)]) -> (&'static str, f64) {
    let fits = |(_, factor): &&(&str, f64)| value.abs() >= factor * 0.9995;
    units.iter().rev().find(fits).or(units.first()).copied().unwrap_or(("", 1.0))
}

/// Three digits that say something, and whole numbers whole.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { separated(value, 0) } else { digits(value) }
}

fn digits(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.0995 => 2,
        _ => 4,
    };
    separated(value, places)
}

fn share(value: f64) -> String {
    let percent = value * 100.0;
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        size if size < 0.001 => "< 0.001 %".to_owned(),
        size if size < 0.095 => format!("{percent:.3} %"),
        size if size < 9.95 => format!("{percent:.2} %"),
        _ => format!("{percent:.1} %"),
    }
}

/// A latency in microseconds. None takes no time at all: that is none.
pub(crate) fn latency(us: f64) -> String {
    if us > 0.0 { Unit::Microseconds.show(us) } else { "–".to_owned() }
}

/// How many times the base's value the new one is.
pub(crate) fn ratio(value: f64) -> String {
    match value {
        value if !value.is_finite() => "–".to_owned(),
        value if value >= 99.95 => format!("{}x", separated(value, 0)),
        value if value >= 9.995 => format!("{value:.1}x"),
        value => format!("{value:.2}x"),
    }
}

/// A stretch of time: `45 s`, `2 min 30 s`, `1 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.round();
    if !seconds.is_finite() {
        return "–".to_owned();
    }
    if seconds < 60.0 {
        return format!("{} s", trimmed(&format!("{seconds:.1}")));
    }
    let (big, small, per_big, per_small) =
        if whole < 3600.0 { ("min", "s", 60.0, 1.0) } else { ("h", "min", 3600.0, 60.0) };
    let rest = (whole % per_big / per_small).floor();
    let first = format!("{} {big}", separated((whole / per_big).floor(), 0));
    if rest > 0.0 { format!("{first} {rest:.0} {small}") } else { first }
}

pub(crate) fn count(count: u64) -> String {
    grouped(&count.to_string())
}

/// A count and its noun, which makes its plural with an `s`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

fn separated(value: f64, places: usize) -> String {
    grouped(&format!("{value:.places$}"))
}

/// `1234567.8` as `1,234,567.8`.
fn grouped(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// Without zeros at the end of its fraction.
fn trimmed(text: &str) -> String {
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_digits_and_their_unit() {
        let time = |us| Unit::Microseconds.show(us);
        assert_eq!(
            [0.0, 0.85, 12.34, 999.6, 1430.0, 2_050_000.0, 125_000_000.0].map(time),
            ["0", "850 ns", "12.3 µs", "1.00 ms", "1.43 ms", "2.05 s", "125 s"]
        );
        let size = |bytes| Unit::Bytes.show(bytes);
        assert_eq!(
            [0.0, 128.0, 4096.0, 22_334_668.0].map(size),
            ["0", "128 B", "4.00 KiB", "21.3 MiB"]
        );
        let rate = |rate| Unit::PerSecond.show(rate);
        assert_eq!(
            [2000.0, 1998.37, 14.25, 0.5, 1_234_567.0].map(rate),
            ["2,000/s", "1,998/s", "14.2/s", "0.50/s", "1,234,567/s"]
        );
        assert_eq!([rates(20.0, 20.0), rates(0.0, 1500.0)], ["20/s", "0/s to 1,500/s"]);
        let part = |part| Unit::Share.show(part);
        assert_eq!(
            [0.0, 0.000_001, 0.000_2, 0.012_3, 0.98].map(part),
            ["0 %", "< 0.001 %", "0.020 %", "1.23 %", "98.0 %"]
        );
    }

    #[test]
    fn what_is_no_number_is_not_shown_as_one() {
        for unit in [Unit::Count, Unit::PerSecond, Unit::Microseconds, Unit::Bytes, Unit::Share] {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert_eq!(unit.show(value), "–");
            }
        }
        assert_eq!(ratio(f64::NAN), "–");
        assert_eq!(seconds(f64::INFINITY), "–");
    }

    #[test]
    fn stretches_of_time_read_as_people_say_them() {
        assert_eq!(
            [0.0, 0.53, 30.0, 60.0, 150.0, 3599.6, 3900.0].map(seconds),
            ["0 s", "0.5 s", "30 s", "1 min", "2 min 30 s", "1 h", "1 h 5 min"]
        );
    }

    #[test]
    fn ticks_end_in_no_zero() {
        assert_eq!(Unit::Microseconds.tick(200.0), "200 µs");
        assert_eq!(Unit::Microseconds.tick(1000.0), "1 ms");
        assert_eq!(Unit::Microseconds.tick(1500.0), "1.5 ms");
        assert_eq!(Unit::Bytes.tick(4096.0), "4 KiB");
        assert_eq!(Unit::Share.tick(0.2), "20 %");
        assert_eq!(Unit::Cores.tick(0.25), "0.25");
        assert_eq!(Unit::PerSecond.tick(20_000.0), "20,000/s");
    }

    #[test]
    fn ratios_are_times() {
        assert_eq!([1.0, 1.0849, 12.34, 250.0].map(ratio), ["1.00x", "1.08x", "12.3x", "250x"]);
    }
}
