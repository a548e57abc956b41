//! Where on an axis a value stands, and which values are written beside it.

use crate::report::units::Unit;

/// About so many ticks on an axis.
const TICKS: f64 = 5.0;
/// Of a logarithmic axis; what is smaller stands at its foot.
const DECADES_MAX: f64 = 12.0;
/// Up to so many decades, 2 and 5 have ticks too.
const DECADES_IN_THREE: f64 = 4.0;
/// A value and a bound that differ by less are the same.
const NEARLY: f64 = 1.000_001;
/// Steps of an axis of time, in seconds.
const TIME_STEPS: [f64; 16] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    7200.0,
];
/// Ticks of an axis of time, at the most.
const TIME_TICKS: f64 = 8.0;

/// An axis: what it measures, where values stand, and its ticks.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) name: String,
    pub(crate) ticks: Vec<Tick>,
    scale: Scale,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
    pub(crate) room: Room,
}

/// How much room a tick needs to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Little,
    Some,
    Much,
}

#[derive(Debug, Clone, Copy)]
enum Scale {
    Linear { from: f64, to: f64 },
    Log { from: f64, to: f64 },
}

impl Axis {
    /// From nothing to at least `highest`.
    pub(crate) fn from_zero(name: &str, unit: Unit, highest: f64) -> Self {
        let highest = if highest.is_finite() && highest > 0.0 { highest } else { unit.base(0.0) };
        let base = unit.base(highest);
        let mut step = rounded_up(highest / base / TICKS) * base;
        if unit == Unit::Count {
            step = step.max(1.0);
        }
        let to = (highest / NEARLY / step).ceil() * step;
        let ticks = (0..=10_u32).map(|index| f64::from(index) * step);
        let ticks = ticks.take_while(|value| *value <= to * NEARLY);
        Self::new(name, Scale::Linear { from: 0.0, to }, ticks, |value| unit.tick(value))
    }

    /// From a round value below `lowest` to one above `highest`, by decades.
    pub(crate) fn log(name: &str, unit: Unit, lowest: f64, highest: f64) -> Self {
        let usable = |value: f64| value.is_finite() && value > 0.0;
        let highest = if usable(highest) { highest } else { 1.0 };
        let floor = highest / 10_f64.powf(DECADES_MAX);
        let lowest = if usable(lowest) { lowest.clamp(floor, highest) } else { highest };
        let from = rounded_down(lowest * NEARLY);
        let mut to = rounded_up(highest / NEARLY);
        if to <= from * NEARLY {
            to = rounded_up(from * 1.5);
        }
        let scale = Scale::Log { from, to };
        let decades = (to / from).log10();
        let within = |value: &f64| *value * NEARLY >= from && *value <= to * NEARLY;
        if decades < 0.9 {
            let step = rounded_up((to - from) / TICKS);
            let ticks = (0..=10_u32).map(|index| from + f64::from(index) * step).filter(within);
            return Self::new(name, scale, ticks, |value| unit.tick(value));
        }
        let every: &[f64] = if decades <= DECADES_IN_THREE { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let lowest_decade = 10_f64.powf(from.log10().floor());
        let ticks = (0..=14).flat_map(|exponent| {
            let decade = lowest_decade * 10_f64.powi(exponent);
            every.iter().map(move |digit| digit * decade)
        });
        Self::new(name, scale, ticks.filter(within), |value| unit.tick(value))
    }

    /// From nothing where values are of one size, by decades where they are not.
    pub(crate) fn positive(name: &str, unit: Unit, lowest: f64, highest: f64) -> Self {
        if lowest > 0.0 && highest / lowest >= 20.0 {
            return Self::log(name, unit, lowest, highest);
        }
        Self::from_zero(name, unit, highest)
    }

    /// Seconds since the end of the warm-up.
    pub(crate) fn time(end: f64) -> Self {
        let end = if end.is_finite() && end > 0.0 { end } else { 1.0 };
        let fits = |step: &&f64| end / **step <= TIME_TICKS;
        let days = rounded_up(end / 86_400.0 / TIME_TICKS) * 86_400.0;
        let step = TIME_STEPS.iter().find(fits).copied().unwrap_or(days);
        let ticks = (0..=10_u32).map(|index| f64::from(index) * step);
        let ticks = ticks.take_while(|value| *value <= end * NEARLY);
        let scale = Scale::Linear { from: 0.0, to: end };
        let (name, label): (_, fn(f64) -> String) = match step {
            step if step >= 86_400.0 => ("days", |at| format!("{:.0}", at / 86_400.0)),
            step if step >= 1800.0 => ("hours:minutes", |at| sixties(at / 60.0)),
            step if end > 120.0 && step >= 1.0 => ("minutes:seconds", sixties),
            _ => ("seconds", |at| Unit::Count.tick(at)),
        };
        Self::new(&format!("{name} since the end of the warm-up"), scale, ticks, label)
    }

    /// Percentiles: each decade a nine more. A value on it is what [`nines`] makes of a quantile.
    pub(crate) fn percentiles(decades: f64) -> Self {
        let decades = if decades.is_nan() { 2.0 } else { decades.clamp(2.0, DECADES_MAX) };
        let mut axis = Self::new(
            "percentile",
            Scale::Linear { from: 0.0, to: decades },
            (0..=12_u32).map(f64::from).take_while(|nines| *nines <= decades),
            percentile,
        );
        let many = axis.ticks.len() > 5;
        let mut even = true;
        for tick in &mut axis.ticks {
            tick.room = if many && !even { Room::Some } else { Room::Little };
            even = !even;
        }
        let room = if decades > 3.0 { Room::Much } else { Room::Little };
        let half = Tick { at: axis.place(nines(0.5)), label: "50 %".to_owned(), room };
        axis.ticks.insert(1, half);
        axis
    }

    fn new(
        name: &str,
        scale: Scale,
        ticks: impl Iterator<Item = f64>,
        label: impl Fn(f64) -> String,
    ) -> Self {
        let mut axis = Self { name: name.to_owned(), ticks: Vec::new(), scale };
        axis.ticks = ticks
            .map(|value| Tick { at: axis.place(value), label: label(value), room: Room::Little })
            .collect();
        axis
    }

    /// From 0 at the axis' start to 1 at its end; what lies beyond stands at the nearer end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear { from, to } => (value - from) / (to - from),
            Scale::Log { from, to } if value > 0.0 => (value / from).ln() / (to / from).ln(),
            Scale::Log { .. } => 0.0,
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// The value that stands there.
    pub(crate) fn value(&self, place: f64) -> f64 {
        match self.scale {
            Scale::Linear { from, to } => from + place * (to - from),
            Scale::Log { from, to } => from * (to / from).powf(place),
        }
    }
}

/// How many nines a quantile has: 0.9 has one, 0.999 three.
pub(crate) fn nines(quantile: f64) -> f64 {
    let rest = (1.0 - quantile).max(10_f64.powf(-DECADES_MAX));
    -rest.log10()
}

/// The percentile with so many nines: `99.9 %`.
fn percentile(nines: f64) -> String {
    let places = (nines - 2.0).max(0.0);
    let percent = 100.0 - 100.0 * 10_f64.powf(-nines);
    let text = format!("{percent:.12}");
    let Some((whole, fraction)) = text.split_once('.') else { return text };
    let digits = fraction.chars().zip(1_u32..).take_while(|(_, place)| f64::from(*place) <= places);
    let fraction: String = digits.map(|(digit, _)| digit).collect();
    if fraction.is_empty() { format!("{whole} %") } else { format!("{whole}.{fraction} %") }
}

/// `150` as `2:30`.
fn sixties(value: f64) -> String {
    format!("{:.0}:{:02.0}", (value / 60.0).floor(), value % 60.0)
}

/// The largest of 1, 2, 5, 10 … that is not above.
fn rounded_down(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let digit = [5.0, 2.0].into_iter().find(|digit| value / decade >= *digit).unwrap_or(1.0);
    digit * decade
}

/// The smallest of 1, 2, 5, 10 … that is not below.
fn rounded_up(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let fits = |digit: &f64| value / decade <= *digit * NEARLY;
    [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * decade
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_in_the_unit_they_are_written_in() {
        let axis = Axis::from_zero("", Unit::PerSecond, 2013.0);
        assert_eq!(labels(&axis), ["0/s", "500/s", "1,000/s", "1,500/s", "2,000/s", "2,500/s"]);
        let axis = Axis::from_zero("", Unit::Bytes, 21.3 * 1024.0 * 1024.0);
        assert_eq!(labels(&axis), ["0", "5 MiB", "10 MiB", "15 MiB", "20 MiB", "25 MiB"]);
        let axis = Axis::from_zero("", Unit::Share, 1.0);
        assert_eq!(labels(&axis), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]);
        let axis = Axis::from_zero("", Unit::Count, 2.0);
        assert_eq!(labels(&axis), ["0", "1", "2"]);
    }

    #[test]
    fn decades_have_ticks_at_one_two_and_five() {
        let axis = Axis::log("", Unit::Microseconds, 310.0, 4200.0);
        assert_eq!(labels(&axis), ["200 µs", "500 µs", "1 ms", "2 ms", "5 ms"]);
        let axis = Axis::log("", Unit::Microseconds, 3.0, 4_000_000.0);
        assert_eq!(
            labels(&axis),
            ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"],
            "and many decades only at one"
        );
    }

    #[test]
    fn less_than_a_decade_has_ticks_all_the_same() {
        let axis = Axis::log("", Unit::Microseconds, 110.0, 130.0);
        assert_eq!(labels(&axis), ["100 µs", "120 µs", "140 µs", "160 µs", "180 µs", "200 µs"],);
    }

    #[test]
    fn values_stand_between_the_ends() {
        let axis = Axis::log("", Unit::Microseconds, 100.0, 10_000.0);
        assert!((axis.place(1000.0) - 0.5).abs() < 1e-9);
        assert!((axis.value(0.5) - 1000.0).abs() < 1e-6);
        let axis = Axis::from_zero("", Unit::Count, 100.0);
        assert!((axis.place(25.0) - 0.25).abs() < 1e-9);
        assert!((axis.value(0.25) - 25.0).abs() < 1e-9);
    }

    #[test]
    fn no_value_leaves_the_axis_or_is_no_number() {
        let strange = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e-300, 1e300];
        for low in strange {
            for high in strange {
                let axes = [
                    Axis::from_zero("", Unit::Bytes, high),
                    Axis::log("", Unit::Microseconds, low, high),
                    Axis::positive("", Unit::PerSecond, low, high),
                    Axis::time(high),
                    Axis::percentiles(high),
                ];
                for axis in axes {
                    let places = axis.ticks.iter().map(|tick| tick.at);
                    let places = places.chain(strange.map(|value| axis.place(value)));
                    for place in places {
                        assert!((0.0..=1.0).contains(&place), "{low} {high} {axis:?}");
                    }
                    assert!(axis.ticks.len() <= 16, "{axis:?}");
                    assert!(!axis.ticks.is_empty(), "{low} {high} {axis:?}");
                }
            }
        }
    }

    #[test]
    fn time_has_the_steps_of_a_clock() {
        assert_eq!(labels(&Axis::time(1.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(&Axis::time(30.0)), ["0", "5", "10", "15", "20", "25", "30"],);
        assert_eq!(labels(&Axis::time(600.0)), ["0:00", "2:00", "4:00", "6:00", "8:00", "10:00"],);
        assert_eq!(labels(&Axis::time(10_800.0)).last(), Some(&"3:00"));
        assert!(Axis::time(10_800.0).name.starts_with("hours:minutes"));
    }

    #[test]
    fn percentiles_gain_a_nine_a_decade() {
        let axis = Axis::percentiles(4.2);
        assert_eq!(labels(&axis), ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert!((nines(0.999) - 3.0).abs() < 1e-9);
        assert!((nines(1.0) - DECADES_MAX).abs() < 1e-9);
    }
}
