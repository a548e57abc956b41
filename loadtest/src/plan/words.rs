//! Values that flags and scenarios write in the same words.

use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::{PADDING_BYTES_MAX, Size};
use crate::units;

/// Makes a type with `fn parse(&str) -> Result<Self, String>` one that flags, scenarios and the
/// scenario's schema know.
macro_rules! words {
    ($type:ident, $schema:tt) => {
        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::parse(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::plan::words::written(from)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

pub(super) use words;

/// Reads a scalar as the text that it was written as.
pub(super) fn written<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(from)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// A duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

impl Time {
    fn parse(text: &str) -> Result<Self, String> {
        units::duration(text).map(Self)
    }
}

words!(Time, { "type": "string", "examples": ["30s", "1.5s", "500ms"] });

/// A size, or a range of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes(pub(crate) Size);

impl Sizes {
    fn parse(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let (from, to) = (units::size(from)?, units::size(to)?);
        if from > to {
            return Err(format!("the range `{text}` ends before it begins"));
        }
        if to > PADDING_BYTES_MAX {
            return Err(format!("`{text}` is more than the limit of 16MiB"));
        }
        Ok(Self(if from == to { Size::Fixed(to) } else { Size::Between(from, to) }))
    }
}

words!(Sizes, { "type": ["string", "integer"], "examples": [1024, "4KiB", "100..4096"] });

/// A part of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

impl Share {
    fn parse(text: &str) -> Result<Self, String> {
        units::share(text).map(Self)
    }
}

words!(Share, { "type": ["string", "number"], "examples": ["2%", 0.02] });

/// Times as fast as a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Speed(pub(crate) f64);

impl Speed {
    const MIN: f64 = 0.001;
    const MAX: f64 = 1000.0;

    fn parse(text: &str) -> Result<Self, String> {
        let speed = text.strip_suffix('x').and_then(units::decimal);
        let speed = speed.ok_or_else(|| {
            format!("`{text}` is not a speed: write times the recording's own, as 2x or 0.5x")
        })?;
        if (Self::MIN..=Self::MAX).contains(&speed) {
            Ok(Self(speed))
        } else {
            Err(format!("the speed `{text}` is not from {}x to {}x", Self::MIN, Self::MAX))
        }
    }
}

words!(Speed, { "type": "string", "examples": ["2x", "0.5x"] });

/// Calls a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

impl Rate {
    /// More is no rate that a machine reaches.
    pub(super) const MAX: f64 = 1e7;

    fn parse(text: &str) -> Result<Self, String> {
        let rate = units::decimal(text)
            .ok_or_else(|| format!("`{text}` is not a rate: write calls a second, as 2000"))?;
        if rate <= 0.0 {
            return Err(format!("the rate `{text}` sends nothing: write one above 0"));
        }
        if rate > Self::MAX {
            return Err(format!("the rate `{text}` is more than the limit of {}", Self::MAX));
        }
        Ok(Self(rate))
    }
}

words!(Rate, { "type": ["string", "number"], "examples": [100, 20000] });

/// Rates one after another, and ramps from one to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rates(pub(crate) Vec<(f64, f64)>);

impl Rates {
    const MAX: usize = 100;

    fn parse(text: &str) -> Result<Self, String> {
        let forms = "write 2000, 500,1000,2000 (steps) or 100..5000 (a ramp)";
        let one = |text: &str| {
            let (from, to) = text.split_once("..").unwrap_or((text, text));
            Ok((Rate::parse(from.trim())?.0, Rate::parse(to.trim())?.0))
        };
        let steps: Result<Vec<_>, String> = text.split(',').map(one).collect();
        let steps = steps.map_err(|why| format!("{why}; {forms}"))?;
        if steps.len() > Self::MAX {
            let (steps, limit) = (steps.len(), Self::MAX);
            return Err(format!("{steps} steps are more than the limit of {limit}"));
        }
        Ok(Self(steps))
    }
}

words!(Rates, {
    "type": ["string", "number"],
    "examples": [2000, "500,1000,2000", "100..5000"],
});

/// Socket addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses(pub(crate) Vec<SocketAddr>);

impl Addresses {
    fn parse(text: &str) -> Result<Self, String> {
        let one = |text: &str| {
            text.trim().parse().map_err(|_| {
                format!(
                    "`{text}` is not an address and a port: write 192.0.2.7:8808 or \
                     [2001:db8::7]:8808"
                )
            })
        };
        text.split(',').map(one).collect::<Result<_, _>>().map(Self)
    }
}

words!(Addresses, { "type": "string", "examples": ["127.0.0.1:8808"] });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_steps_and_ramps() {
        let rates = |text: &str| Rates::parse(text).unwrap().0;
        assert_eq!(rates("2000"), [(2000.0, 2000.0)]);
        assert_eq!(rates("500, 0.5,2000"), [(500.0, 500.0), (0.5, 0.5), (2000.0, 2000.0)]);
        assert_eq!(rates("100..5000,5000"), [(100.0, 5000.0), (5000.0, 5000.0)]);
        assert_eq!(rates("5000..100"), [(5000.0, 100.0)]);
    }

    #[test]
    fn a_speed_is_times_the_recordings() {
        assert_eq!(
            ["2x", "0.5x", "1000x"].map(Speed::parse),
            [2.0, 0.5, 1000.0].map(|it| Ok(Speed(it)))
        );
        for text in ["", "x", "2", "-1x", "1e1x", "fast"] {
            let said = "is not a speed: write times the recording's own, as 2x or 0.5x";
            assert_eq!(Speed::parse(text).unwrap_err(), format!("`{text}` {said}"));
        }
        for text in ["0x", "1001x"] {
            let said = format!("the speed `{text}` is not from 0.001x to 1000x");
            assert_eq!(Speed::parse(text).unwrap_err(), said);
        }
    }

    #[test]
    fn what_is_no_rate_says_why() {
        let forms = "write 2000, 500,1000,2000 (steps) or 100..5000 (a ramp)";
        for (text, why) in [
            ("", "`` is not a rate: write calls a second, as 2000"),
            ("fast", "`fast` is not a rate: write calls a second, as 2000"),
            ("1e3", "`1e3` is not a rate: write calls a second, as 2000"),
            ("-5", "`-5` is not a rate: write calls a second, as 2000"),
            ("0", "the rate `0` sends nothing: write one above 0"),
            ("0..100", "the rate `0` sends nothing: write one above 0"),
            ("1,,2", "`` is not a rate: write calls a second, as 2000"),
            ("20000000", "the rate `20000000` is more than the limit of 10000000"),
        ] {
            assert_eq!(Rates::parse(text).unwrap_err(), format!("{why}; {forms}"), "{text}");
        }
        let many = vec!["1"; 101].join(",");
        assert_eq!(Rates::parse(&many).unwrap_err(), "101 steps are more than the limit of 100");
    }

    #[test]
    fn padding_is_a_size_or_a_range() {
        assert_eq!(Sizes::parse("1024").unwrap().0, Size::Fixed(1024));
        assert_eq!(Sizes::parse("100..4k").unwrap().0, Size::Between(100, 4096));
        assert_eq!(Sizes::parse("7..7").unwrap().0, Size::Fixed(7));
        assert_eq!(Sizes::parse("2..1").unwrap_err(), "the range `2..1` ends before it begins");
        assert_eq!(Sizes::parse("17MiB").unwrap_err(), "`17MiB` is more than the limit of 16MiB");
        assert!(Sizes::parse("much").is_err());
    }

    #[test]
    fn addresses_are_numbers() {
        let two = Addresses::parse("127.0.0.1:80, [::1]:81").unwrap().0;
        assert_eq!(two, ["127.0.0.1:80".parse().unwrap(), "[::1]:81".parse().unwrap()]);
        assert_eq!(
            Addresses::parse("localhost:80").unwrap_err(),
            "`localhost:80` is not an address and a port: write 192.0.2.7:8808 or \
             [2001:db8::7]:8808"
        );
    }
}
