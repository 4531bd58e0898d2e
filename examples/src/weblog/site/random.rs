//! Random numbers that are the same on every machine.
//!
//! Whole numbers and the basic arithmetic of floating point, which IEEE 754 defines to the last bit; nothing of the
//! system's mathematical library, which it does not.

/// The golden ratio, as a fraction of 2^64: the step of SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: every bit of the result depends on every bit of `x`.
#[inline]
pub(super) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number for the `index`-th thing of the kind that `key` stands for.
#[inline]
pub(super) fn hash(key: u64, index: u64) -> u64 {
    mix(key ^ mix(index.wrapping_add(1).wrapping_mul(STEP)))
}

/// A share of 2^64 as a number from 0 to below 1.
#[inline]
pub(super) fn fraction(x: u64) -> f64 {
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// SplitMix64 by Sebastiano Vigna.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `bound`, or 0 if that is 0. The bias is below 2^-32 for all bounds in use.
    #[inline]
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A rank below `2^bits`, with a probability in proportion to `1 / (rank + 2^shift)`: Zipf's law, with a
    /// flattened top if `shift` is above 0.
    ///
    /// An octave is drawn evenly, a number evenly within it, and the number is refused as often as the law is below
    /// that staircase; 1.4 draws on the average, no table and no logarithm.
    #[inline]
    pub(super) fn zipf(&mut self, shift: u32, bits: u32) -> u64 {
        let octaves = u64::from(bits.saturating_sub(shift));
        loop {
            let start = 1 << (u64::from(shift) + self.below(octaves));
            let number = start + self.below(start);
            if self.below(number) < start {
                return number - (1 << shift);
            }
        }
    }

    /// A Poisson-distributed count.
    pub(super) fn poisson(&mut self, mean: f64) -> u64 {
        if mean < 64.0 {
            // Knuth: how many uniform factors keep the product above e^-mean.
            let floor = exp_negative(mean);
            let mut product = fraction(self.next());
            let mut count = 0;
            while product > floor {
                product *= fraction(self.next());
                count += 1;
            }
            return count;
        }
        // Close to a normal distribution by now; twelve uniform numbers less six make one of variance 1.
        let normal = (0..12).map(|_| fraction(self.next())).sum::<f64>() - 6.0;
        (mean + mean.sqrt() * normal).round().max(0.0) as u64
    }
}

/// e^-x for x up to 64: a series for a small share of it, squared as often as that was halved.
fn exp_negative(x: f64) -> f64 {
    let y = x / 4_096.0;
    let small = 1.0 - y * (1.0 - y / 2.0 * (1.0 - y / 3.0 * (1.0 - y / 4.0 * (1.0 - y / 5.0))));
    (0..12).fold(small, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers() {
        // The first outputs of the reference implementation for seed 1234567.
        let mut random = Random::new(1_234_567);
        let numbers = [0; 3].map(|_| random.next());
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn powers_of_e() {
        for x in [0.0, 1e-9, 0.5, 1.0, 10.0, 63.9] {
            let (ours, exact) = (exp_negative(x), f64::exp(-x));
            assert!((ours / exact - 1.0).abs() < 1e-10, "{x}: {ours} {exact}");
        }
    }

    #[test]
    fn counts_have_mean_and_variance() {
        let mut random = Random::new(3);
        for mean in [0.0, 0.3, 5.0, 60.0, 70.0, 4_000.0] {
            let counts: Vec<f64> = (0..4_000).map(|_| random.poisson(mean) as f64).collect();
            let average = counts.iter().sum::<f64>() / 4_000.0;
            let variance = counts.iter().map(|count| (count - average).powi(2)).sum::<f64>() / 4_000.0;
            assert!((average - mean).abs() <= 5.0 * (mean / 4_000.0).sqrt(), "{mean}: {average}");
            assert!((variance - mean).abs() <= 0.15 * mean, "{mean}: {variance}");
        }
    }

    #[test]
    fn ranks_follow_zipf() {
        let mut random = Random::new(5);
        for shift in [0, 3] {
            let mut counts = [0_u32; 1 << 10];
            for _ in 0..400_000 {
                counts[random.zipf(shift, 10) as usize] += 1;
            }
            let weight = |rank: usize| 1.0 / (rank + (1 << shift)) as f64;
            let last = (1 << 10) - (1 << shift);
            let total: f64 = (0..last).map(weight).sum();
            for rank in [0, 1, 2, 3, 6, 7, 8, 40, 500] {
                let expected = 400_000.0 * weight(rank) / total;
                assert!((f64::from(counts[rank]) - expected).abs() < 5.0 * expected.sqrt(), "{shift} {rank}");
            }
            assert_eq!(counts[last..].iter().sum::<u32>(), 0);
        }
    }
}
