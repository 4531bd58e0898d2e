//! The generalised Pareto distribution: what lies beyond a high threshold.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

/// A generalised Pareto distribution of excesses over a threshold: whatever the distribution, its far tail looks like
/// this one (Pickands 1975; Balkema, de Haan 1974).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    shape: f64,
    scale: f64,
}

impl Tail {
    /// A tail of this shape and scale, in the unit of the excesses. The scale is at least the smallest positive number.
    pub fn new(shape: f64, scale: f64) -> Self {
        Self { shape, scale: scale.clamp(f64::MIN_POSITIVE, f64::MAX) }
    }

    /// The shape: above 0 the tail is heavier than an exponential one, below 0 it ends.
    pub fn shape(&self) -> f64 {
        self.shape
    }

    /// The scale, in the unit of the excesses.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The tail that fits equally likely, ascending excesses, by probability-weighted moments (Hosking, Wallis 1987),
    /// its shape clamped to this range: the mean of the excesses is then kept. None without any spread.
    pub fn fit(ascending: &[f64], shapes: (f64, f64)) -> Option<Self> {
        let highest = *ascending.last()?;
        if !(highest > 0.0 && highest.is_finite()) {
            return None;
        }
        // Relative to the highest, so that nothing overflows.
        let n = ascending.len() as f64;
        let (mut mean, mut weighted) = (0.0, 0.0);
        for (rank, excess) in ascending.iter().enumerate() {
            let share = excess / highest;
            mean += share / n;
            weighted += (1.0 - (rank as f64 + 0.65) / n) * share / n;
        }
        let shape = 2.0 - mean / (mean - 2.0 * weighted);
        let shape = if shape.is_nan() { shapes.1 } else { shape.clamp(shapes.0, shapes.1) };
        Some(Self::new(shape, mean * (1.0 - shape) * highest))
    }

    /// The tail of the greatest likelihood, with a shape of −0.5 to 1; none of no excesses or such that are not above 0.
    ///
    /// Grimshaw 1993: for each ratio of shape and scale the likeliest shape is known, so one number is looked for; here
    /// on a grid, then by golden sections. O(100 n).
    pub fn likeliest(excesses: &[f64]) -> Option<Self> {
        let highest = excesses.iter().copied().fold(0.0, f64::max);
        let possible = excesses.iter().all(|excess| *excess > 0.0 && excess.is_finite());
        if excesses.is_empty() || !possible {
            return None;
        }
        // Relative to the highest, so that nothing overflows.
        let n = excesses.len() as f64;
        let mean = excesses.iter().map(|excess| excess / highest / n).sum::<f64>();
        let shape = |ratio: f64| excesses.iter().map(|excess| (ratio * (excess / highest)).ln_1p()).sum::<f64>() / n;
        // Of one excess; an exponential tail has a ratio of 0.
        let likelihood = |ratio: f64| {
            let shape = shape(ratio);
            if (-0.5..=1.0).contains(&shape) { -(shape / ratio).ln() - shape - 1.0 } else { f64::NEG_INFINITY }
        };
        let below = (0..24).map(|i| -1.0 + 10.0_f64.powf(-4.0 + f64::from(i) / 6.0)).filter(|ratio| *ratio < -1e-3);
        let above = (0..48).map(|i| 10.0_f64.powf(-3.0 + f64::from(i) / 6.0) / mean.max(1e-9));
        let ratios: Vec<f64> = below.chain(above).collect();
        let (mut best, mut greatest) = (None, -mean.ln() - 1.0);
        for (i, &ratio) in ratios.iter().enumerate() {
            let likelihood = likelihood(ratio);
            if likelihood > greatest {
                (best, greatest) = (Some(i), likelihood);
            }
        }
        let Some(best) = best else { return Some(Self::new(0.0, mean * highest)) };
        let (mut low, mut high) = (ratios[best.saturating_sub(1)], ratios[(best + 1).min(ratios.len() - 1)]);
        let golden = 0.618_033_988_749_894_9;
        for _ in 0..30 {
            let (left, right) = (high - golden * (high - low), low + golden * (high - low));
            if likelihood(left) > likelihood(right) { high = right } else { low = left }
        }
        let middle = low / 2.0 + high / 2.0;
        let ratio = if likelihood(middle) > greatest { middle } else { ratios[best] };
        let shape = shape(ratio);
        Some(Self::new(shape, shape / ratio * highest))
    }

    /// The decimal logarithm of one over the probability of a larger excess. Infinite beyond the end of a tail that has
    /// one.
    #[inline]
    pub fn nines(&self, excess: f64) -> f64 {
        let relative = (excess / self.scale).min(f64::MAX);
        let nats = if self.shape == 0.0 {
            relative
        } else {
            let inner = (self.shape * relative).max(-1.0);
            inner.ln_1p() / self.shape
        };
        nats * std::f64::consts::LOG10_E
    }

    /// The excess that is exceeded with a probability of `10^−nines`: the inverse of [`nines`](Self::nines).
    pub fn excess(&self, nines: f64) -> f64 {
        let nats = nines * std::f64::consts::LN_10;
        let relative = if self.shape == 0.0 { nats } else { (nats * self.shape).exp_m1() / self.shape };
        relative * self.scale
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(self.shape.is_finite(), "the shape of a tail", self.shape)?;
        DecodeError::unless(self.scale > 0.0 && self.scale.is_finite(), "the scale of a tail", self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equally likely excesses of a known tail are its quantiles.
    fn quantiles(tail: Tail) -> Vec<f64> {
        (0..1_000).map(|i| tail.excess(-(1.0 - (f64::from(i) + 0.5) / 1_000.0_f64).log10())).collect()
    }

    #[test]
    fn fits_what_it_is_given() {
        for (shape, scale) in [(-0.2, 3.0), (0.0, 1e-9), (0.1, 1e200), (0.4, 2.0)] {
            let fitted = Tail::fit(&quantiles(Tail::new(shape, scale)), (-0.5, 0.9)).unwrap();
            assert!((fitted.shape() - shape).abs() < 0.02, "{shape}, {scale}: {fitted:?}");
            assert!((fitted.scale() / scale - 1.0).abs() < 0.02, "{shape}, {scale}: {fitted:?}");
        }
        for (shape, scale) in [(-0.2, 3.0), (0.0, 1e-9), (0.1, 1e200), (0.4, 2.0)] {
            let fitted = Tail::likeliest(&quantiles(Tail::new(shape, scale))).unwrap();
            assert!((fitted.shape() - shape).abs() < 0.02, "{shape}, {scale}: {fitted:?}");
            assert!((fitted.scale() / scale - 1.0).abs() < 0.02, "{shape}, {scale}: {fitted:?}");
        }
        assert_eq!(Tail::likeliest(&[]), None);
        assert_eq!(Tail::likeliest(&[1.0, 0.0]), None);
        assert!(Tail::likeliest(&[2.0]).is_some_and(|tail| tail.scale().is_finite()));
        let clamped = Tail::fit(&quantiles(Tail::new(-0.2, 3.0)), (0.1, 0.9)).unwrap();
        assert_eq!(clamped.shape(), 0.1);
        assert_eq!(Tail::fit(&[], (0.1, 0.9)), None);
        assert_eq!(Tail::fit(&[0.0, 0.0], (0.1, 0.9)), None);
    }

    #[test]
    fn nines_and_excess_invert() {
        for tail in [Tail::new(0.3, 2.0), Tail::new(0.0, 2.0), Tail::new(-0.3, 2.0)] {
            for nines in [0.0, 0.5, 3.0] {
                assert!((tail.nines(tail.excess(nines)) - nines).abs() < 1e-9, "{tail:?}");
            }
        }
        assert_eq!(Tail::new(-0.5, 1.0).nines(3.0), f64::INFINITY);
        assert!(Tail::new(0.1, 1.0).nines(f64::INFINITY).is_finite());
    }
}
