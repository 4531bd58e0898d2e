//! The coins that a KLL sketch tosses, and what they make of its error.

use crate::random::Draws;

/// Coins come in pairs of opposites: of two compactions of a level that both split the items below a value unevenly, the
/// second undoes the error of the first.
#[derive(Clone, Debug)]
pub(super) struct Coins {
    /// Bit h: the last coin of level h was drawn, so the next one is its opposite …
    pub(super) owed: u64,
    /// … which is this bit; 0 where none is owed.
    pub(super) opposite: u64,
    /// The variance of the weight below any value, as compactions made it.
    pub(super) variance: f64,
    /// The variance of the weight of all, as the sampling of the items made it.
    pub(super) sampling: f64,
    pub(super) draws: Draws,
}

impl Coins {
    pub(super) fn new(seed: u64) -> Self {
        Self { owed: 0, opposite: 0, variance: 0.0, sampling: 0.0, draws: Draws::new(seed) }
    }

    /// 1 to keep the second item of each two at a level, 0 for the first.
    pub(super) fn toss(&mut self, level: usize) -> usize {
        let bit = 1 << level;
        if self.owed & bit != 0 {
            let coin = self.opposite & bit != 0;
            self.owed &= !bit;
            self.opposite &= !bit;
            return coin.into();
        }
        let coin = self.draws.bits() >> 63;
        self.owed |= bit;
        self.opposite |= (coin ^ 1) << level;
        // The weight below a value is off by 2ʰ if their number is odd, in one compaction of a pair but not in both:
        // each happens half the time.
        let error = (level as f64).exp2();
        self.add_variance(0.5 * error * error);
        coin as usize
    }

    pub(super) fn add_variance(&mut self, more: f64) {
        self.variance = (self.variance + more).min(f64::MAX);
    }

    /// An item stands for several, and so adds to the variance of their number.
    pub(super) fn add_sampling(&mut self, more: f64) {
        self.sampling = (self.sampling + more).min(f64::MAX);
    }

    /// Takes in the errors of another sketch.
    pub(super) fn join(&mut self, other: &Self) {
        self.draws.join(&other.draws);
        self.add_variance(other.variance);
        self.add_sampling(other.sampling);
    }

    /// Mixes in items. Partitions begin with the same seed: their items, in their order, make their coins different.
    pub(super) fn stir(&mut self, items: &[i64]) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        // Four at a time, or each would wait for the one before.
        let mut lanes = [1, 2, 3, 4];
        for four in items.chunks(4) {
            for (lane, &item) in lanes.iter_mut().zip(four) {
                *lane = (*lane ^ item as u64).wrapping_mul(ODD).rotate_left(29);
            }
        }
        let hash = lanes.into_iter().fold(0, |hash: u64, lane| (hash ^ lane).wrapping_mul(ODD).rotate_left(29));
        self.draws.stir(hash);
    }
}
