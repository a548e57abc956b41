//! What chance decides about a call: from the seed, the connection and the call alone.

use crate::random::Random;

/// What is drawn. Each has numbers of its own, so that one flag more changes nothing of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draw {
    HttpError = 1,
    Error,
    ToolError,
    Stream,
    Secret,
    WhichSecret,
    Size,
    Latency,
}

/// The chances of a connection's calls.
#[derive(Debug)]
pub(crate) struct Dice {
    key: u64,
    calls: u64,
}

impl Dice {
    /// Those of the connection of this number, counted from 0.
    pub(crate) fn new(seed: u64, connection: u64) -> Self {
        Self { key: Random::of(seed, connection).next(), calls: 0 }
    }

    /// Those of its next call.
    pub(crate) fn throw(&mut self) -> Throw {
        let call = self.calls;
        self.calls += 1;
        Throw { key: Random::of(self.key, call).next() }
    }
}

/// The chances of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throw {
    key: u64,
}

impl Throw {
    /// Random numbers for this.
    pub(crate) fn random(self, draw: Draw) -> Random {
        Random::of(self.key, draw as u64)
    }

    /// Whether it happens, which it does in this share of calls.
    pub(crate) fn happens(self, draw: Draw, share: f64) -> bool {
        share > 0.0 && self.random(draw).unit() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(connection: u64, draw: Draw, share: f64) -> usize {
        let mut dice = Dice::new(42, connection);
        (0..10_000).filter(|_| dice.throw().happens(draw, share)).count()
    }

    #[test]
    fn a_share_of_calls_is_that_share() {
        for connection in 0..5 {
            let happened = count(connection, Draw::Error, 0.1);
            assert!((900..1100).contains(&happened), "{happened}");
        }
        assert_eq!(count(0, Draw::Error, 0.0), 0);
        assert_eq!(count(0, Draw::Error, 1.0), 10_000);
    }

    #[test]
    fn draws_calls_and_connections_are_independent() {
        let both = |other: Draw, connection: u64| {
            let (mut one, mut two) = (Dice::new(42, 0), Dice::new(42, connection));
            let both = |_: &usize| {
                let (one, two) = (one.throw(), two.throw());
                one.happens(Draw::Error, 0.5) && two.happens(other, 0.5)
            };
            (0..10_000).filter(both).count()
        };
        assert!((2350..2650).contains(&both(Draw::Stream, 0)));
        assert!((2350..2650).contains(&both(Draw::Error, 1)));
    }
}
