//! Calls at a rate: steps of one that stays, rises or falls.

use std::sync::Arc;

use super::Due;
use crate::engine::clock::{SECOND, nanoseconds, seconds, whole};
use crate::plan::{Arrival, Step};
use crate::random::Random;
use crate::report::units::real;

/// One thread's share of them.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Paced {
    start: u64,
    segments: Arc<[Segment]>,
    arrival: Arrival,
    /// Of how many shares this is one.
    shares: f64,
    random: Random,
    segment: usize,
    /// The integral of the whole rate, from the start to the next call: its number, when calls are
    /// evenly apart.
    mass: f64,
    next: Option<Due>,
}

/// A step with what came before it.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// Since the start.
    begins_ns: u64,
    length_ns: u64,
    /// The rate at its begin, and how much it grows a second.
    from_per_second: f64,
    slope: f64,
    mass_before: f64,
    mass: f64,
}

impl Paced {
    /// The share `share` of `shares` of these steps, one after the other from `start` on.
    pub(in crate::engine) fn new(
        steps: &[Step],
        arrival: Arrival,
        start: u64,
        (share, shares): (usize, usize),
        random: Random,
    ) -> Self {
        let (mut begins_ns, mut mass_before) = (0, 0.0);
        let segments = steps.iter().map(|step| {
            let Step { from_per_second, to_per_second, duration } = *step;
            let length_ns = nanoseconds(duration);
            let mass = mean_rate(step) * duration.as_secs_f64();
            let slope = (to_per_second - from_per_second) / duration.as_secs_f64();
            let segment =
                Segment { begins_ns, length_ns, from_per_second, slope, mass_before, mass };
            begins_ns += length_ns;
            mass_before += mass;
            segment
        });
        let mut schedule = Self {
            start,
            segments: segments.collect(),
            arrival,
            shares: real(shares as u64),
            random,
            segment: 0,
            mass: 0.0,
            next: None,
        };
        schedule.mass = match arrival {
            // Even calls go to the threads in turn.
            Arrival::Even => real(share as u64),
            Arrival::Poisson => schedule.gap() * schedule.shares,
        };
        schedule.next = schedule.locate();
        schedule
    }

    /// The next call, which stays the next until it is taken.
    #[inline]
    pub(super) fn peek(&self) -> Option<Due> {
        self.next
    }

    /// Steps behind the next call.
    #[inline]
    pub(super) fn take(&mut self) {
        self.mass += match self.arrival {
            Arrival::Even => self.shares,
            Arrival::Poisson => self.gap() * self.shares,
        };
        self.next = self.locate();
    }

    /// The step that a moment after the warm-up is in; the last one, if they are over.
    pub(super) fn step_at(&self, now: u64) -> u16 {
        let begun = |segment: &Segment| self.start + segment.begins_ns <= now;
        let step = self.segments.partition_point(begun).saturating_sub(1).max(1);
        u16::try_from(step).unwrap_or(u16::MAX)
    }

    /// Exponentially distributed around 1: the gaps of a Poisson process.
    #[inline]
    fn gap(&mut self) -> f64 {
        -(1.0 - self.random.unit()).ln()
    }

    /// Where the integral of the rate reaches the mass.
    fn locate(&mut self) -> Option<Due> {
        loop {
            let segment = self.segments.get(self.segment)?;
            let within = self.mass - segment.mass_before;
            if within < segment.mass {
                let at = self.start + segment.begins_ns + segment.time_of(within);
                return Some(Due { at, step: u16::try_from(self.segment).unwrap_or(u16::MAX) });
            }
            self.segment += 1;
        }
    }
}

impl Segment {
    /// Nanoseconds from its begin until so many calls were due: the inverse of the integral of a
    /// rate that rises or falls evenly.
    #[inline]
    fn time_of(&self, mass: f64) -> u64 {
        let from = self.from_per_second;
        // Of m = from·t + slope·t²/2, in the form that neither a level nor a falling rate upsets.
        let sum = from + (from * from + 2.0 * self.slope * mass).max(0.0).sqrt();
        if sum <= 0.0 {
            return 0;
        }
        whole(2.0 * mass / sum * real(SECOND)).min(self.length_ns.saturating_sub(1))
    }
}

/// Whether the rate of a step stays the same.
#[allow(clippy::float_cmp, reason = "a level rate is written as two that are the same")]
pub(in crate::engine) fn is_level(step: &Step) -> bool {
    step.from_per_second == step.to_per_second
}

/// The mean rate of a step.
pub(in crate::engine) fn mean_rate(step: &Step) -> f64 {
    f64::midpoint(step.from_per_second, step.to_per_second)
}

/// The rate that these steps have so long after their start; none when they are over.
pub(in crate::engine) fn rate_at(steps: &[Step], since_start: u64) -> Option<f64> {
    let mut begins = 0;
    for step in steps {
        let ends = begins + nanoseconds(step.duration);
        if since_start < ends {
            let part = seconds(since_start - begins) / step.duration.as_secs_f64();
            return Some(step.from_per_second + part * (step.to_per_second - step.from_per_second));
        }
        begins = ends;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn step(from: f64, to: f64, seconds: f64) -> Step {
        let duration = Duration::from_secs_f64(seconds);
        Step { from_per_second: from, to_per_second: to, duration }
    }

    fn all(mut schedule: Paced) -> Vec<Due> {
        let mut found = Vec::new();
        while let Some(due) = schedule.peek() {
            found.push(due);
            schedule.take();
        }
        found
    }

    fn even(steps: &[Step], share: (usize, usize)) -> Vec<Due> {
        all(Paced::new(steps, Arrival::Even, 1000, share, Random::of(1, 0)))
    }

    #[test]
    fn even_calls_are_as_many_as_the_rate_says_and_evenly_apart_over_all_threads() {
        let steps = [step(100.0, 100.0, 1.0), step(2000.0, 2000.0, 3.0)];
        let whole = even(&steps, (0, 1));
        assert_eq!(whole.len(), 6100);
        assert_eq!(whole.iter().filter(|due| due.step == 0).count(), 100);
        assert_eq!(whole[1].at - whole[0].at, 10_000_000);
        assert_eq!(whole[100], Due { at: 1000 + SECOND, step: 1 });
        let mut shared: Vec<Due> = (0..3).flat_map(|share| even(&steps, (share, 3))).collect();
        shared.sort_by_key(|due| due.at);
        assert_eq!(shared, whole);
    }

    #[test]
    fn a_ramp_is_the_inverse_of_its_integral() {
        for (from, to) in [(0.0, 1000.0), (1000.0, 0.0), (200.0, 800.0)] {
            let steps = [step(from, to, 4.0)];
            let dues = even(&steps, (0, 1));
            assert_eq!(dues.len(), 2000, "{from} to {to}");
            for (number, due) in (0_u32..).zip(&dues) {
                let t = seconds(due.at - 1000);
                let integral = from * t + (to - from) / 4.0 * t * t / 2.0;
                assert!((integral - f64::from(number)).abs() < 1e-3, "{number}: {integral}");
            }
        }
    }

    #[test]
    fn poisson_calls_average_to_the_rate_and_repeat_with_the_seed() {
        let steps = [step(1000.0, 1000.0, 20.0)];
        let draw = |seed| all(Paced::new(&steps, Arrival::Poisson, 0, (0, 2), Random::of(seed, 0)));
        let dues = draw(5);
        // Half of 20,000, give or take four standard deviations.
        assert!((9600..10_400).contains(&dues.len()), "{}", dues.len());
        assert!(dues.is_sorted_by_key(|due| due.at));
        let short = dues.windows(2).filter(|pair| pair[1].at - pair[0].at < 2_000_000).count();
        // 1 - 1/e of the gaps are shorter than their mean of 2 ms.
        let share = real(short as u64) / real(dues.len() as u64);
        assert!((0.60..0.66).contains(&share), "{share}");
        assert_eq!(dues, draw(5));
        assert_ne!(dues, draw(6));
    }

    #[test]
    fn a_moment_is_in_the_step_whose_calls_are_due() {
        let steps = [step(10.0, 10.0, 1.0), step(10.0, 10.0, 1.0), step(20.0, 20.0, 2.0)];
        let schedule = Paced::new(&steps, Arrival::Even, 1000, (0, 1), Random::of(1, 0));
        for due in all(schedule.clone()).iter().filter(|due| due.step > 0) {
            assert_eq!(schedule.step_at(due.at), due.step, "{due:?}");
        }
        assert_eq!(schedule.step_at(1000 + 60 * SECOND), 2, "while what is left is answered");
        // Where there is no warm-up, the first step begins at once.
        let steps = [step(10.0, 10.0, 0.0), step(10.0, 10.0, 1.0)];
        let schedule = Paced::new(&steps, Arrival::Even, 1000, (0, 1), Random::of(1, 0));
        assert_eq!(schedule.step_at(1000), 1);
    }

    #[test]
    fn a_rate_of_zero_has_no_calls() {
        assert_eq!(even(&[step(0.0, 0.0, 5.0)], (0, 1)), []);
        let dues = even(&[step(0.0, 0.0, 1.0), step(10.0, 10.0, 1.0)], (0, 1));
        assert_eq!((dues.len(), dues[0].at), (10, 1000 + SECOND));
    }

    #[test]
    fn the_rate_of_a_moment() {
        let steps = [step(100.0, 100.0, 1.0), step(0.0, 50.0, 2.0)];
        assert_eq!(rate_at(&steps, 0), Some(100.0));
        assert_eq!(rate_at(&steps, 2 * SECOND), Some(25.0));
        assert_eq!(rate_at(&steps, 3 * SECOND), None);
    }
}
