//! How large answers are: `4096`, `512..65536`, or `128:70,4096:25,64KiB:5`.

use super::dice::{Draw, Throw};
use crate::units;

/// The most bytes of text in an answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The most sizes in a list.
const SIZES_MAX: usize = 64;

/// The distribution of sizes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AnswerBytes {
    /// At least one.
    spans: Vec<Span>,
}

/// Sizes that are all alike.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    from: usize,
    to: usize,
    /// The share of answers that are of this span or one before it.
    share: f64,
}

impl AnswerBytes {
    /// Reads what a flag says.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| {
            format!(
                "{why}; write one size (4096, 4KiB), a range (512..65536), or sizes with weights \
                 (128:70,4096:25,65536:5)"
            )
        };
        let listed = text.contains([',', ':']);
        let mut spans = Vec::new();
        for entry in text.split(',') {
            let (sizes, weight) = match entry.split_once(':') {
                Some((sizes, weight)) => (sizes, units::decimal(weight).filter(|it| *it > 0.0)),
                None if listed => return Err(wrong(format!("`{entry}` has no weight"))),
                None => (entry, Some(1.0)),
            };
            let weight =
                weight.ok_or_else(|| wrong(format!("the weight in `{entry}` is none above 0")))?;
            let (from, to) = sizes.split_once("..").unwrap_or((sizes, sizes));
            let (from, to) = (units::size(from).map_err(wrong)?, units::size(to).map_err(wrong)?);
            if from > to {
                return Err(wrong(format!("the range `{sizes}` ends before it begins")));
            }
            if to > ANSWER_BYTES_MAX {
                return Err(format!("`{sizes}` is more than the limit of 64MiB"));
            }
            spans.push(Span { from, to, share: weight });
        }
        if spans.len() > SIZES_MAX {
            return Err(format!("{} sizes are more than the limit of {SIZES_MAX}", spans.len()));
        }
        let total: f64 = spans.iter().map(|span| span.share).sum();
        let mut below = 0.0;
        for span in &mut spans {
            below += span.share / total;
            span.share = below;
        }
        Ok(Self { spans })
    }

    /// The largest.
    pub(crate) fn max(&self) -> usize {
        self.spans.iter().map(|span| span.to).max().unwrap_or_default()
    }

    /// The size of one answer.
    pub(crate) fn draw(&self, throw: Throw) -> usize {
        // Where there is nothing to draw, nothing is spent on it.
        if let [Span { from, to, .. }] = self.spans.as_slice()
            && from == to
        {
            return *from;
        }
        let mut random = throw.random(Draw::Size);
        let at = random.unit();
        let chosen = self.spans.iter().find(|span| at < span.share).or(self.spans.last());
        chosen.map_or(0, |span| span.from + random.below(span.to - span.from + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::dice::Dice;
    use super::*;

    fn draws(text: &str, count: usize) -> Vec<usize> {
        let sizes = AnswerBytes::parse(text).unwrap();
        let mut dice = Dice::new(1, 0);
        (0..count).map(|_| sizes.draw(dice.throw())).collect()
    }

    #[test]
    fn one_size_is_always_that() {
        assert!(draws("4KiB", 100).iter().all(|size| *size == 4096));
        assert_eq!(AnswerBytes::parse("0").unwrap().max(), 0);
    }

    #[test]
    fn a_range_is_even_and_holds_both_its_ends() {
        let sizes = draws("10..19", 10_000);
        for size in 10..=19 {
            let count = sizes.iter().filter(|drawn| **drawn == size).count();
            assert!((900..1100).contains(&count), "{size}: {count}");
        }
        assert_eq!(sizes.iter().filter(|size| !(10..=19).contains(*size)).count(), 0);
    }

    #[test]
    fn weights_are_shares() {
        let sizes = draws("128:70,4096:25,65536:5", 10_000);
        for (size, around) in [(128, 7000), (4096, 2500), (65_536, 500)] {
            let count = sizes.iter().filter(|drawn| **drawn == size).count();
            assert!(count.abs_diff(around) < 150, "{size}: {count}");
        }
        assert_eq!(AnswerBytes::parse("1:1,4MiB:0.1").unwrap().max(), 4 << 20);
    }

    #[test]
    fn what_is_no_distribution_says_why() {
        let forms = "write one size (4096, 4KiB), a range (512..65536), or sizes with weights \
                     (128:70,4096:25,65536:5)";
        let size = |text: &str| {
            format!("`{text}` is not a size: write bytes or a unit, as 4096, 4KiB or 1MiB; {forms}")
        };
        for (text, said) in [
            ("", size("")),
            ("big", size("big")),
            ("1..", size("")),
            ("1..2..3", size("2..3")),
            ("2..1", format!("the range `2..1` ends before it begins; {forms}")),
            ("1,2:3", format!("`1` has no weight; {forms}")),
            ("1:0", format!("the weight in `1:0` is none above 0; {forms}")),
            ("1:x", format!("the weight in `1:x` is none above 0; {forms}")),
            ("65MiB", "`65MiB` is more than the limit of 64MiB".into()),
        ] {
            assert_eq!(AnswerBytes::parse(text).unwrap_err(), said, "{text}");
        }
        let many = vec!["1:1"; 65].join(",");
        assert_eq!(
            AnswerBytes::parse(&many).unwrap_err(),
            "65 sizes are more than the limit of 64"
        );
    }
}
