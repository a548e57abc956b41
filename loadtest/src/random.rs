//! Random numbers that a seed repeats, on every machine and in every version.
//!
//! `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): ten
//! lines that never change, which no crate promises of its generators. Not for secrets.

/// The odd number nearest to 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads a number over 64 bits; no two numbers become the same.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The sequence of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// One of the many sequences of a seed, independent of the others.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        Self { state: mix(seed ^ mix(number.wrapping_add(GAMMA))) }
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A number below `bound`, all of them alike; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        // The upper half is below `bound`.
        usize::try_from(product >> 64).unwrap_or_default()
    }

    /// A number from 0 to below 1, with as many bits as a double holds.
    pub(crate) fn unit(&mut self) -> f64 {
        const LOW_BITS: u32 = 21;
        let bits = self.next() >> 11;
        let half = |bits: u64| f64::from(u32::try_from(bits).unwrap_or_default());
        let low = half(bits & ((1 << LOW_BITS) - 1));
        (half(bits >> LOW_BITS) * f64::from(1 << LOW_BITS) + low) * 0.5f64.powi(53)
    }

    /// One of several; `otherwise` where there is none.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T], otherwise: &'a T) -> &'a T {
        from.get(self.below(from.len())).copied().unwrap_or(otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The reference implementation, seeded with 1234567.
        let mut random = Random::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_them() {
        let mut random = Random::new(7);
        let mut seen = [0u32; 6];
        for _ in 0..6000 {
            seen[random.below(6)] += 1;
            let unit = random.unit();
            assert!((0.0..1.0).contains(&unit), "{unit}");
        }
        assert!(seen.iter().all(|count| (900..1100).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn sequences_of_one_seed_differ() {
        let firsts: std::collections::HashSet<u64> =
            (0..1000).map(|number| Random::of(1, number).next()).collect();
        assert_eq!(firsts.len(), 1000);
        assert_ne!(Random::of(1, 0).next(), Random::of(2, 0).next());
        assert_eq!(Random::of(1, 5).next(), Random::of(1, 5).next());
    }
}
