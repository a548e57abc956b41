//! Which rate is tried next when the highest is searched: the double until a bound breaks, then
//! halfway between the highest that held and the lowest that did not.

use crate::plan::Search;
use crate::report::model::SearchEnded;

/// Steps of a search: enough to double from one call a second to a billion and to close in on it.
const STEPS_MAX: usize = 64;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Held,
    Broken,
    /// The harness could not send as it should: whatever was found says nothing of the target.
    Spoilt,
}

pub(super) struct Searching {
    from: f64,
    to: Option<f64>,
    precision: f64,
    pub(super) held: Option<f64>,
    pub(super) broken: Option<f64>,
    steps: usize,
    over: bool,
}

impl Searching {
    pub(super) fn new(search: &Search) -> Self {
        Self {
            from: search.from_per_second,
            to: search.to_per_second,
            precision: search.precision,
            held: None,
            broken: None,
            steps: 0,
            over: false,
        }
    }

    /// The next rate; none when the answer is known.
    pub(super) fn next(&mut self) -> Option<f64> {
        if self.over || self.steps >= STEPS_MAX {
            return None;
        }
        self.steps += 1;
        let highest = self.to.unwrap_or(f64::INFINITY);
        match (self.held, self.broken) {
            (None, None) => Some(self.from.min(highest)),
            // It broke where it began.
            (None, Some(_)) => None,
            (Some(held), None) if held >= highest => None,
            (Some(held), None) => Some((held * 2.0).min(highest)),
            (Some(held), Some(broken)) if (broken - held) <= self.precision * broken => None,
            (Some(held), Some(broken)) => Some(f64::midpoint(held, broken)),
        }
    }

    /// Why there is no next rate.
    pub(super) fn ended(&self) -> SearchEnded {
        match (self.held, self.broken) {
            _ if self.over => SearchEnded::Harness,
            (None, Some(_)) => SearchEnded::Found,
            (Some(held), None) if held >= self.to.unwrap_or(f64::INFINITY) => SearchEnded::UpperEnd,
            (Some(held), Some(broken)) if (broken - held) <= self.precision * broken => {
                SearchEnded::Found
            }
            _ => SearchEnded::Steps,
        }
    }

    pub(super) fn learn(&mut self, rate: f64, outcome: Outcome) {
        match outcome {
            Outcome::Held => self.held = Some(rate),
            Outcome::Broken => self.broken = Some(rate),
            Outcome::Spoilt => self.over = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::Arrival;

    fn searching(to_per_second: Option<f64>) -> Searching {
        Searching::new(&Search {
            bounds: Vec::new(),
            from_per_second: 100.0,
            to_per_second,
            duration: Duration::from_secs(1),
            arrival: Arrival::Even,
            precision: 0.02,
        })
    }

    /// The rates that are tried against a target that carries `capacity`.
    fn tried(mut searching: Searching, capacity: f64) -> (Vec<f64>, Searching) {
        let mut rates = Vec::new();
        while let Some(rate) = searching.next() {
            rates.push(rate);
            let outcome = if rate <= capacity { Outcome::Held } else { Outcome::Broken };
            searching.learn(rate, outcome);
        }
        (rates, searching)
    }

    #[test]
    fn the_rate_doubles_and_then_closes_in() {
        let (rates, found) = tried(searching(None), 730.0);
        assert_eq!(rates[..6], [100.0, 200.0, 400.0, 800.0, 600.0, 700.0]);
        let (held, broken) = (found.held.unwrap(), found.broken.unwrap());
        assert_eq!(found.ended(), SearchEnded::Found);
        assert!(held <= 730.0 && broken > 730.0 && (broken - held) / broken <= 0.02);
    }

    #[test]
    fn it_ends_where_it_began_or_at_its_upper_end() {
        let (rates, found) = tried(searching(None), 50.0);
        assert_eq!(
            (found.held, found.broken, found.ended()),
            (None, Some(100.0), SearchEnded::Found)
        );
        assert_eq!(rates, [100.0]);
        let (rates, found) = tried(searching(Some(300.0)), 1e9);
        assert_eq!(
            (rates, found.held, found.broken),
            (vec![100.0, 200.0, 300.0], Some(300.0), None)
        );
        assert_eq!(found.ended(), SearchEnded::UpperEnd);
    }

    #[test]
    fn a_step_that_the_harness_spoilt_ends_it_and_is_held_against_nobody() {
        let mut searching = searching(None);
        let first = searching.next().unwrap();
        searching.learn(first, Outcome::Held);
        let second = searching.next().unwrap();
        searching.learn(second, Outcome::Spoilt);
        assert_eq!((searching.next(), searching.held, searching.broken), (None, Some(100.0), None));
        assert_eq!(searching.ended(), SearchEnded::Harness);
    }

    #[test]
    fn a_search_of_a_target_without_end_ends() {
        let (rates, found) = tried(searching(None), f64::INFINITY);
        assert!(rates.len() <= STEPS_MAX && found.ended() == SearchEnded::Steps);
    }
}
