//! A distribution of centroids.

use super::Centroid;

/// Centroids, ascending by mean, between the lowest and the highest value.
#[derive(Clone, Debug)]
pub(super) struct Digest {
    pub(super) centroids: Vec<Centroid>,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Digest {
    pub(super) fn is_empty(&self) -> bool {
        self.centroids.is_empty()
    }

    /// The value at a quantile in 0..=1.
    pub(super) fn value_at(&self, q: f64) -> f64 {
        interpolate(&self.centroids, self.min, self.max, q)
    }

    /// The share of the values up to `x`: the highest quantile whose value does not exceed it.
    pub(super) fn rank_of(&self, x: f64) -> f64 {
        if x < self.min {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, 1.0);
        if self.value_at(high) <= x {
            return high;
        }
        for _ in 0..53 {
            let middle = (low + high) / 2.0;
            if self.value_at(middle) <= x { low = middle } else { high = middle }
        }
        low
    }

    /// The mean of the values between two quantiles.
    pub(super) fn mean_between(&self, low: f64, high: f64) -> f64 {
        const STEPS: u32 = 1_000;
        let step = (high - low) / f64::from(STEPS);
        let values = (0..STEPS).map(|i| self.value_at(low + (f64::from(i) + 0.5) * step) / f64::from(STEPS));
        values.sum::<f64>().clamp(self.min, self.max)
    }
}

/// Each centroid's weight lies half below and half above its mean; a centroid of one value is that value.
fn interpolate(centroids: &[Centroid], min: f64, max: f64, q: f64) -> f64 {
    let total: f64 = centroids.iter().map(|c| c.weight).sum();
    let (Some(first), Some(last)) = (centroids.first(), centroids.last()) else {
        return f64::NAN;
    };
    let target = q * total;
    if target <= first.weight / 2.0 {
        let share = if first.weight > 1.0 { target / (first.weight / 2.0) } else { 0.0 };
        return lerp(min, first.mean, share);
    }
    if target >= total - last.weight / 2.0 {
        let share = if last.weight > 1.0 { (total - target) / (last.weight / 2.0) } else { 0.0 };
        return lerp(max, last.mean, share);
    }
    // What a centroid holds exactly, around its middle.
    let exact = |c: &Centroid| if c.weight == 1.0 { 0.5 } else { 0.0 };
    let mut middle = first.weight / 2.0;
    for pair in centroids.windows(2) {
        let (here, next) = (&pair[0], &pair[1]);
        let step = (here.weight + next.weight) / 2.0;
        if target <= middle + step {
            let from = middle + exact(here);
            let to = middle + step - exact(next);
            let share = if to > from { ((target - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
            let share = if to > from { share } else { f64::from(target - middle > step / 2.0) };
            return lerp(here.mean, next.mean, share).clamp(min, max);
        }
        middle += step;
    }
    max
}

/// Between two values; never outside of them, whatever rounding does.
fn lerp(from: f64, to: f64, share: f64) -> f64 {
    (from * (1.0 - share) + to * share).clamp(from.min(to), from.max(to))
}
