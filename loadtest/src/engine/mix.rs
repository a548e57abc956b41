//! Which call comes next.

use crate::plan::{Part, Traffic};
use crate::random::Random;

/// One thread's choices; the seed decides them.
pub(super) enum Choice {
    /// By weight: the sums of the weights up to each part.
    Mix { sums: Vec<f64>, random: Random },
    /// One of so many after the other, the threads in turn.
    Replay { next: usize, stride: usize, length: usize },
}

impl Choice {
    pub(super) fn new(traffic: &Traffic, (share, shares): (usize, usize), random: Random) -> Self {
        match traffic {
            Traffic::Mix(parts) => {
                let sum = |sum: &mut f64, part: &Part| {
                    *sum += part.weight.max(0.0);
                    Some(*sum)
                };
                Self::Mix { sums: parts.iter().scan(0.0, sum).collect(), random }
            }
            Traffic::Replay(messages) => {
                let length = messages.len().max(1);
                Self::Replay { next: share % length, stride: shares, length }
            }
        }
    }

    /// The number of its template.
    #[inline]
    pub(super) fn next(&mut self) -> usize {
        match self {
            Self::Mix { sums, .. } if sums.len() < 2 => 0,
            Self::Mix { sums, random } => {
                let drawn = (1.0 - random.unit()) * sums.last().copied().unwrap_or_default();
                sums.partition_point(|sum| *sum < drawn).min(sums.len() - 1)
            }
            Self::Replay { next, stride, length } => {
                let this = *next;
                *next = (this + *stride) % *length;
                this
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Operation, Recorded};

    fn mix(weights: &[f64]) -> Traffic {
        let part = |weight: &f64| Part { weight: *weight, operation: Operation::List };
        Traffic::Mix(weights.iter().map(part).collect())
    }

    #[test]
    fn parts_are_drawn_by_weight_and_the_same_for_the_same_seed() {
        let traffic = mix(&[90.0, 0.0, 9.0, 1.0]);
        let draw = |seed| {
            let mut choice = Choice::new(&traffic, (0, 1), Random::of(seed, 0));
            (0..100_000).map(|_| choice.next()).collect::<Vec<_>>()
        };
        let drawn = draw(3);
        let share = |part| drawn.iter().filter(|drawn| **drawn == part).count();
        assert!((89_500..90_500).contains(&share(0)), "{}", share(0));
        assert_eq!(share(1), 0);
        assert!((8_700..9_300).contains(&share(2)), "{}", share(2));
        assert!((900..1100).contains(&share(3)), "{}", share(3));
        assert_eq!(drawn, draw(3));
        assert_ne!(drawn, draw(4));
    }

    #[test]
    fn a_recording_is_sent_in_its_order_and_again_from_its_start() {
        let message = Recorded { at: None, method: "tools/list".to_owned(), params: None };
        let traffic = Traffic::Replay(vec![message; 5]);
        let sent = |share, shares, count| {
            let mut choice = Choice::new(&traffic, (share, shares), Random::of(1, 0));
            (0..count).map(|_| choice.next()).collect::<Vec<_>>()
        };
        assert_eq!(sent(0, 1, 7), [0, 1, 2, 3, 4, 0, 1]);
        assert_eq!(sent(0, 2, 5), [0, 2, 4, 1, 3]);
        assert_eq!(sent(1, 2, 5), [1, 3, 0, 2, 4]);
    }
}
