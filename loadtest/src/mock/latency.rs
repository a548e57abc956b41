//! How long the mock takes to answer: `5ms`, `1ms..20ms`, `exp:5ms`, `lognormal:p50=5ms,p99=80ms`.

use std::f64::consts::TAU;
use std::time::Duration;

use super::dice::{Draw, Throw};
use crate::units;

/// No answer takes longer, whatever is drawn.
const LATENCY_MAX: Duration = Duration::from_hours(1);
/// The 99th percentile of the standard normal distribution.
const P99_DEVIATIONS: f64 = 2.326_347_874_040_841;

/// The distribution of latencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Latency {
    Fixed(Duration),
    /// Evenly from the first to the last.
    Uniform(Duration, Duration),
    /// Of this mean.
    Exponential(Duration),
    /// Of this median, and of this deviation of its logarithm.
    LogNormal {
        median: Duration,
        sigma: f64,
    },
}

impl Latency {
    /// Reads what a flag says.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| {
            format!(
                "{why}; write 5ms, 1ms..20ms (evenly), exp:5ms (exponential, of this mean) or \
                 lognormal:p50=5ms,p99=80ms"
            )
        };
        let time = |text: &str| {
            let time = units::duration(text).map_err(wrong)?;
            if time > LATENCY_MAX {
                return Err(format!("`{text}` is more than the limit of 1h"));
            }
            Ok(time)
        };
        if let Some(mean) = text.strip_prefix("exp:") {
            return Ok(Self::Exponential(time(mean)?));
        }
        if let Some(points) = text.strip_prefix("lognormal:") {
            let points = points.split_once(',').and_then(|(p50, p99)| {
                Some((p50.strip_prefix("p50=")?, p99.trim_start().strip_prefix("p99=")?))
            });
            let (p50, p99) =
                points.ok_or_else(|| wrong(format!("`{text}` lacks p50=… and p99=…")))?;
            let (median, high) = (time(p50)?, time(p99)?);
            if median.is_zero() || high < median {
                return Err(wrong(format!("`{text}` needs 0 < p50 ≤ p99")));
            }
            let sigma = (high.as_secs_f64() / median.as_secs_f64()).ln() / P99_DEVIATIONS;
            return Ok(Self::LogNormal { median, sigma });
        }
        let Some((from, to)) = text.split_once("..") else { return time(text).map(Self::Fixed) };
        let (from, to) = (time(from)?, time(to)?);
        if from > to {
            return Err(wrong(format!("the range `{text}` ends before it begins")));
        }
        Ok(Self::Uniform(from, to))
    }

    /// The latency of one answer.
    pub(crate) fn draw(self, throw: Throw) -> Duration {
        let mut random = throw.random(Draw::Latency);
        let drawn = match self {
            Self::Fixed(time) => return time,
            Self::Uniform(from, to) => {
                return from + to.saturating_sub(from).mul_f64(random.unit());
            }
            Self::Exponential(mean) => mean.as_secs_f64() * -(1.0 - random.unit()).ln(),
            Self::LogNormal { median, sigma } => {
                // Box and Muller: two even numbers become one of the normal distribution.
                let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
                let deviations = radius * (TAU * random.unit()).cos();
                median.as_secs_f64() * (sigma * deviations).exp()
            }
        };
        Duration::try_from_secs_f64(drawn).map_or(LATENCY_MAX, |time| time.min(LATENCY_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::super::dice::Dice;
    use super::*;

    /// Of 10,000 draws, sorted, in milliseconds.
    fn drawn(text: &str) -> Vec<f64> {
        let latency = Latency::parse(text).unwrap();
        let mut dice = Dice::new(3, 0);
        let mut all: Vec<f64> =
            (0..10_000).map(|_| latency.draw(dice.throw()).as_secs_f64() * 1e3).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn each_distribution_is_what_it_says() {
        assert!(drawn("5ms").iter().all(|ms| (*ms - 5.0).abs() < 1e-9));
        let even = drawn("1ms..20ms");
        assert!(even[0] >= 1.0 && even[9999] <= 20.0);
        assert!((even[5000] - 10.5).abs() < 0.5, "{}", even[5000]);
        let exponential = drawn("exp:5ms");
        let mean = exponential.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 5.0).abs() < 0.2, "{mean}");
        assert!((exponential[5000] - 5.0 * 2f64.ln()).abs() < 0.2, "{}", exponential[5000]);
        let skewed = drawn("lognormal:p50=5ms,p99=80ms");
        assert!((skewed[5000] - 5.0).abs() < 0.4, "{}", skewed[5000]);
        assert!((skewed[9900] - 80.0).abs() < 15.0, "{}", skewed[9900]);
    }

    #[test]
    fn a_long_tail_ends_at_the_limit() {
        let longest = drawn("lognormal:p50=50m,p99=1h");
        assert!(longest[9999] <= LATENCY_MAX.as_secs_f64() * 1e3);
    }

    #[test]
    fn what_is_no_distribution_says_why() {
        let forms = "write 5ms, 1ms..20ms (evenly), exp:5ms (exponential, of this mean) or \
                     lognormal:p50=5ms,p99=80ms";
        for (text, why) in [
            ("5", "`5` has no unit: write 5s for seconds, or 5ms or 5us"),
            ("20ms..1ms", "the range `20ms..1ms` ends before it begins"),
            ("lognormal:5ms", "`lognormal:5ms` lacks p50=… and p99=…"),
            ("lognormal:p50=9ms,p99=5ms", "`lognormal:p50=9ms,p99=5ms` needs 0 < p50 ≤ p99"),
            ("lognormal:p50=0s,p99=5ms", "`lognormal:p50=0s,p99=5ms` needs 0 < p50 ≤ p99"),
        ] {
            assert_eq!(Latency::parse(text).unwrap_err(), format!("{why}; {forms}"), "{text}");
        }
        assert_eq!(Latency::parse("2h").unwrap_err(), "`2h` is more than the limit of 1h");
        for text in ["", "normal:5ms", "exp:", "exp:-5ms", "1ms..", "5ms,6ms"] {
            assert!(Latency::parse(text).unwrap_err().ends_with(forms), "{text}");
        }
    }
}
