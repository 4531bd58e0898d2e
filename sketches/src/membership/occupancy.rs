//! How many items a filter holds, from the bits that are still zero.
//!
//! Items thrown at bits leave zeros whose mean and variance are known (occupancy); the interval is made of all numbers
//! of items for which the zeros that were found are not unusual.

use crate::estimate::{Estimate, Method};
use crate::exact::Z95;

/// How items set bits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Occupancy {
    /// An item sets one bit of 32 in each of the eight words of one block.
    Blocks(f64),
    /// An item sets so many bits, each anywhere among so many.
    Bits { bits: f64, probes: f64 },
}

impl Occupancy {
    fn bits(self) -> f64 {
        match self {
            Self::Blocks(blocks) => 256.0 * blocks,
            Self::Bits { bits, .. } => bits,
        }
    }

    /// The most bits that an item sets.
    fn probes(self) -> f64 {
        match self {
            Self::Blocks(_) => 8.0,
            Self::Bits { probes, .. } => probes,
        }
    }

    /// The logarithm of the probability that an item leaves a given bit as it is.
    fn log_survival(self) -> f64 {
        match self {
            Self::Blocks(blocks) => (-1.0 / (32.0 * blocks)).ln_1p(),
            Self::Bits { bits, probes } => probes * (-1.0 / bits).ln_1p(),
        }
    }

    /// The mean number of bits that so many items leave zero, and its variance.
    pub(super) fn zeros(self, items: f64) -> (f64, f64) {
        let bits = self.bits();
        let one = (items * self.log_survival()).exp();
        // Whether two bits are both left, and by how much less often than if they knew nothing of each other.
        let (both, apart) = match self {
            Self::Blocks(blocks) => {
                let x = 1.0 / (32.0 * blocks);
                let others = one * one * (items * (-(x / (1.0 - x)).powi(2)).ln_1p()).exp_m1();
                let exclusive = (items * (-2.0 * x).ln_1p()).exp();
                // Two words of a block are hit together: 224 of the 255 other bits of a block.
                let together = (items * (-(63.0 / 1024.0) / blocks).ln_1p()).exp();
                (exclusive - 224.0 * (together - exclusive), others)
            }
            Self::Bits { bits, probes } => {
                let x = 1.0 / bits;
                let others = one * one * (items * probes * (-(x / (1.0 - x)).powi(2)).ln_1p()).exp_m1();
                ((items * probes * (-2.0 * x).ln_1p()).exp(), others)
            }
        };
        (bits * one, (bits * (one - both) + bits * bits * apart).max(0.0))
    }

    /// The number of items after which this many bits are zero.
    pub(super) fn items(self, zeros: f64) -> f64 {
        (zeros / self.bits()).ln() / self.log_survival()
    }

    /// The number of different items that left so many bits set. `deviations`: how many standard deviations of the
    /// zeros are still usual.
    pub(super) fn estimate(self, ones: u64, deviations: f64, method: Method) -> Estimate {
        if ones == 0 {
            return Estimate::within(0.0, 0.0, 0.0, 1.0, method);
        }
        let zeros = self.bits() - ones as f64;
        let value = self.items(zeros.max(0.5));
        // Half a bit, since zeros are whole.
        let slack = |items| {
            let (mean, variance) = self.zeros(items);
            (mean - zeros, deviations * variance.sqrt() + 0.5)
        };
        let too_few = |items| {
            let (above, spread) = slack(items);
            above > spread
        };
        let not_too_many = |items| {
            let (above, spread) = slack(items);
            -above <= spread
        };
        let lower = boundary(0.0, value, too_few).max(ones as f64 / self.probes()).ceil();
        let mut most = value.max(1.0);
        while not_too_many(most) && most < 1e18 {
            most *= 2.0;
        }
        let upper = if most < 1e18 { boundary(value, most, not_too_many).floor() } else { f64::INFINITY };
        let upper = upper.max(lower);
        let confidence = if deviations >= Z95 { 0.95 } else { 0.0 };
        Estimate::within(value.clamp(lower, upper), lower, upper, confidence, method)
    }
}

/// Where a condition that holds at the low end ceases to hold.
fn boundary(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    // To a 2⁴⁰th of the range: much finer than an item.
    for _ in 0..40 {
        let middle = low.midpoint(high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The deviations beyond which one of three numbers lies with 5 % in all, however they depend on each other.
const ONE_OF_THREE: f64 = 2.393_979_8;

/// The number of items common to two filters, from the bits set in either and in both together.
pub(super) fn common(occupancy: Occupancy, ones: [u64; 2], union: u64, method: Method) -> Estimate {
    let [ours, theirs] = ones.map(|ones| occupancy.estimate(ones, ONE_OF_THREE, method));
    let union = occupancy.estimate(union, ONE_OF_THREE, method);
    let upper = ours.upper.min(theirs.upper).min(ours.upper + theirs.upper - union.lower).max(0.0);
    let lower = (ours.lower + theirs.lower - union.upper).clamp(0.0, upper);
    let value = (ours.value + theirs.value - union.value).clamp(lower, upper);
    Estimate::within(value, lower, upper, 0.95, method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_leaves_no_doubt_in_blocks() {
        for blocks in [1.0, 10.0, 1e6] {
            let (mean, variance) = Occupancy::Blocks(blocks).zeros(1.0);
            assert!((256.0 * blocks - mean - 8.0).abs() < 1e-6, "{blocks}: {mean}");
            assert!(variance < 1e-5, "{blocks}: {variance}");
        }
    }
}
