//! What centroids say about the distribution they were made of.

use super::centroid::{Centroid, total};

/// A distribution as centroids know it.
///
/// An atom is a step: its values are all equal. The values of a mixture ascend along a parabola that has the mixture's
/// mean, between edges that it shares with its neighbours. So values ascend with quantiles to the last bit, means are
/// kept, and a digest of atoms alone answers exactly as the values would.
///
/// The parabolas are those of Colella and Woodward's piecewise parabolic method (1984): edges by fourth order from the
/// four means around (their equation 1.6), held back where a parabola would turn inside (1.10).
#[derive(Clone, Debug)]
pub(super) struct Digest {
    /// Ascending by mean.
    pub(super) centroids: Vec<Centroid>,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Digest {
    pub(super) fn is_empty(&self) -> bool {
        self.centroids.is_empty()
    }

    /// The weight of all values.
    pub(super) fn total(&self) -> f64 {
        total(&self.centroids)
    }

    /// The value at a quantile in 0..=1; NaN if there is none.
    pub(super) fn value_at(&self, q: f64) -> f64 {
        if q <= 0.0 || self.is_empty() {
            return if self.is_empty() { f64::NAN } else { self.min };
        }
        if q >= 1.0 {
            return self.max;
        }
        let target = q * self.total();
        let mut below = 0.0;
        for (at, centroid) in self.centroids.iter().enumerate() {
            let weight = centroid.weight();
            if below + weight >= target {
                return self.piece(at).at((target - below) / weight);
            }
            below += weight;
        }
        self.max
    }

    /// The share of the values that do not exceed this one. Ascends with it.
    pub(super) fn rank_of(&self, x: f64) -> f64 {
        if self.is_empty() || x.is_nan() {
            return f64::NAN;
        }
        if x < self.min || x >= self.max {
            return f64::from(x >= self.max);
        }
        // What begins above this value has its mean above it; only the one before may still reach over it.
        let next = self.centroids.partition_point(|c| c.mean <= x);
        let reaches = next > 0 && self.piece(next - 1).high > x;
        let at = (next - usize::from(reaches)).min(self.centroids.len() - 1);
        let piece = self.piece(at);
        let share = if piece.low > x { 0.0 } else { piece.share_up_to(x) };
        let below = total(&self.centroids[..at]);
        ((below + share * self.centroids[at].weight()) / self.total()).min(1.0)
    }

    /// The mean of what lies between two quantiles; the value there, if they are equal.
    pub(super) fn mean_between(&self, low: f64, high: f64) -> f64 {
        if self.is_empty() || low.is_nan() || high.is_nan() {
            return f64::NAN;
        }
        let total = self.total();
        let (from, to) = (low.clamp(0.0, 1.0) * total, high.clamp(0.0, 1.0) * total);
        let (mut below, mut mean, mut weight) = (0.0, 0.0, 0.0);
        for (at, centroid) in self.centroids.iter().enumerate() {
            let through = below + centroid.weight();
            let (first, last) = (from.max(below), to.min(through));
            if first < last {
                let share = |rank: f64| ((rank - below) / centroid.weight()).clamp(0.0, 1.0);
                let part = self.piece(at).mean_between(share(first), share(last));
                weight += last - first;
                // Weighted by shares, so that large values do not overflow.
                let new = (last - first) / weight;
                mean = mean * (1.0 - new) + part * new;
            }
            below = through;
        }
        if weight > 0.0 { mean.clamp(self.min, self.max) } else { self.value_at(low) }
    }

    fn piece(&self, at: usize) -> Piece {
        let centroid = self.centroids[at];
        if centroid.is_atom() {
            return Piece::new(centroid.mean, centroid.mean, centroid.mean);
        }
        let low = if at == 0 { self.min } else { self.edge(at - 1) };
        let high = if at + 1 == self.centroids.len() { self.max } else { self.edge(at) };
        Piece::new(low, centroid.mean, high)
    }

    /// The value between a centroid and the next.
    fn edge(&self, at: usize) -> f64 {
        let (left, right) = (&self.centroids[at], &self.centroids[at + 1]);
        match (left.is_atom(), right.is_atom()) {
            (true, _) => return left.mean,
            (_, true) => return right.mean,
            _ => {}
        }
        // Differences of large values must be finite.
        let mean = |c: &Centroid| c.mean * SMALL;
        let (a, b) = (mean(left), mean(right));
        let (v, w) = (left.weight(), right.weight());
        let between = a + (b - a) * (v / (v + w));
        let mut edge = between;
        if at > 0
            && let Some(beyond) = self.centroids.get(at + 2)
        {
            let before = &self.centroids[at - 1];
            let all = before.weight() + v + w + beyond.weight();
            // As shares: a heavy weight times a large value would overflow.
            let [u, v, w, x] = [before.weight(), v, w, beyond.weight()].map(|weight| weight / all);
            let left_slope = slope([mean(before), a, b], [u, v, w]);
            let right_slope = slope([a, b, mean(beyond)], [v, w, x]);
            let (outer_left, outer_right) = ((u + v) / (2.0 * v + w), (w + x) / (v + 2.0 * w));
            let bent = 2.0 * v * w / (v + w) * (outer_left - outer_right) * (b - a) - v * outer_left * right_slope
                + w * outer_right * left_slope;
            edge += bent;
        }
        // Weights so far apart that their shares vanish say nothing of a bend.
        let edge = if edge.is_nan() { between } else { edge };
        // The least of all floats lose digits in between.
        (edge.clamp(a, b) / SMALL).clamp(left.mean, right.mean)
    }
}

/// Makes differences and thirds of the largest values finite; a power of two keeps all digits.
const SMALL: f64 = 1.0 / 1_024.0;

/// How much the values rise across the middle one of three neighbours: the parabola through all three, but no steeper
/// than twice to either side.
fn slope([a, b, c]: [f64; 3], [u, v, w]: [f64; 3]) -> f64 {
    let (left, right) = (b - a, c - b);
    let rise = v / (u + v + w) * ((2.0 * u + v) / (v + w) * right + (v + 2.0 * w) / (u + v) * left);
    rise.min(2.0 * left).min(2.0 * right)
}

/// The values of one centroid: a parabola over its share of the weight, 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Piece {
    low: f64,
    high: f64,
    /// The parabola in units of [`SMALL`], from the flatter end: its value there, its slope and its curvature.
    start: f64,
    slope: f64,
    curve: f64,
    /// Whether the flatter end is the upper one.
    downwards: bool,
}

impl Piece {
    fn new(low: f64, mean: f64, high: f64) -> Self {
        let (mut a, m, mut b) = (low * SMALL, mean * SMALL, high * SMALL);
        // A parabola with this mean turns inside if the mean is in the outer third: then that edge gives way.
        if 3.0 * (m - a) < b - a {
            b = a + 3.0 * (m - a);
        } else if 3.0 * (b - m) < b - a {
            a = b - 3.0 * (b - m);
        }
        let curve = 3.0 * (a + b - 2.0 * m);
        let downwards = curve < 0.0;
        let slope = ((b - a) - curve.abs()).max(0.0);
        let start = if downwards { b } else { a };
        let whole = |x: f64| (x / SMALL).clamp(low, high);
        Self { low: whole(a), high: whole(b), start, slope, curve: curve.abs(), downwards }
    }

    /// The value at a share. Every step of the calculation ascends with the share, so the result does.
    fn at(&self, share: f64) -> f64 {
        let share = share.clamp(0.0, 1.0);
        let value = if self.downwards {
            let from_top = 1.0 - share;
            self.start - from_top * (self.slope + self.curve * from_top)
        } else {
            self.start + share * (self.slope + self.curve * share)
        };
        (value / SMALL).clamp(self.low, self.high)
    }

    /// The largest share at which the value is not above this one: the inverse of [`at`](Self::at), by halving, so that
    /// it ascends as surely.
    fn share_up_to(&self, x: f64) -> f64 {
        if x >= self.high {
            return 1.0;
        }
        let (mut from, mut to) = (0.0, 1.0);
        for _ in 0..50 {
            let middle = (from + to) / 2.0;
            if self.at(middle) <= x { from = middle } else { to = middle }
        }
        from
    }

    fn mean_between(&self, from: f64, to: f64) -> f64 {
        let (from, to) = if self.downwards { (1.0 - to, 1.0 - from) } else { (from, to) };
        let linear = (from + to) / 2.0;
        let square = (from * from + from * to + to * to) / 3.0;
        let rise = self.slope * linear + self.curve * square;
        let mean = if self.downwards { self.start - rise } else { self.start + rise };
        (mean / SMALL).clamp(self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::super::{TDigest, tdigest};
    use super::*;
    use crate::summary::Absorb;

    fn digest(compression: u16, values: &[f64]) -> Digest {
        let mut digest = TDigest::with_compression(compression).unwrap();
        digest.absorb_all(values);
        tdigest::digest(&digest)
    }

    fn shapes() -> Vec<Vec<f64>> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut uniform = || random.random::<f64>();
        vec![
            (0..20_000).map(|_| uniform()).collect(),
            (0..20_000).map(|_| -uniform().ln()).collect(),
            (0..20_000).map(|_| (-6.0 * uniform().ln()).exp()).collect(),
            (0..20_000).map(|_| (uniform() * 300.0 * uniform()).floor()).collect(),
            (0..20_000).map(|_| (uniform() - 0.5).signum() * (1.6e308 + uniform() * 1e307)).collect(),
            (0..20_000).map(|_| if uniform() < 0.5 { 7.0 } else { uniform() * 14.0 }).collect(),
            vec![3.0],
            vec![-0.0, 0.0, 5e-324, -5e-324],
        ]
    }

    #[test]
    fn ranks_and_values_ascend_and_invert_each_other() {
        for values in shapes() {
            let digest = digest(50, &values);
            let mut before = (f64::NEG_INFINITY, 0.0);
            for i in 0..=5_000 {
                let q = f64::from(i) / 5_000.0;
                let value = digest.value_at(q);
                let rank = digest.rank_of(value);
                assert!(before.0 <= value && before.1 <= rank, "q {q}: {value}, {rank} after {before:?}");
                assert!(rank >= q - 1e-9, "q {q}: {value} has the lower rank {rank}");
                let again = digest.value_at(rank);
                assert!(again <= value || again - value <= 1e-9 * value.abs(), "q {q}: {value}, again {again}");
                before = (value, rank);
            }
            assert_eq!((digest.rank_of(f64::NEG_INFINITY), digest.rank_of(f64::INFINITY)), (0.0, 1.0));
        }
    }

    #[test]
    fn trimmed_means_are_those_of_the_values() {
        for values in shapes() {
            let digest = digest(100, &values);
            let mut sorted = values;
            sorted.sort_unstable_by(f64::total_cmp);
            let spread = sorted[sorted.len() - 1] / 2.0 - sorted[0] / 2.0;
            for (low, high) in [(0.0, 1.0), (0.25, 0.75), (0.01, 0.99), (0.0, 0.5)] {
                let (from, to) = ((low * sorted.len() as f64) as usize, (high * sorted.len() as f64) as usize);
                let inner = &sorted[from..to.max(from + 1)];
                let expected: f64 = inner.iter().map(|x| x / inner.len() as f64).sum();
                let found = digest.mean_between(low, high);
                if sorted.len() > 1_000 {
                    assert!((found - expected).abs() <= 0.02 * spread, "{low} to {high}: {found}, not {expected}");
                }
                assert!((digest.min..=digest.max).contains(&found));
            }
            assert_eq!(digest.mean_between(0.3, 0.3), digest.value_at(0.3));
        }
    }

    #[test]
    fn nothing_has_no_values() {
        let digest = digest(100, &[]);
        assert!(
            digest.value_at(0.5).is_nan() && digest.rank_of(0.5).is_nan() && digest.mean_between(0.0, 1.0).is_nan()
        );
    }
}
