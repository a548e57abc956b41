//! When something that is not recognised is worth remembering.

/// Where what comes differs each time, remembering it is a copy for nothing: after a few misses in
/// a row it is done seldom.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    misses: u32,
}

const OFTEN: u32 = 8;
const SELDOM: u32 = 64;

impl Seldom {
    /// Whether to remember what was just missed.
    #[inline]
    pub(super) fn missed(&mut self) -> bool {
        self.misses = self.misses.wrapping_add(1);
        self.misses <= OFTEN || self.misses.is_multiple_of(SELDOM)
    }

    /// What was remembered came again.
    #[inline]
    pub(super) fn hit(&mut self) {
        self.misses = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_repeats_is_remembered_ever_less_and_what_does_at_once() {
        let mut seldom = Seldom::default();
        let remembered = (0..1000).filter(|_| seldom.missed()).count();
        assert!((8..40).contains(&remembered), "{remembered}");
        seldom.hit();
        assert!(seldom.missed());
    }
}
