//! From raw scores to tail probabilities.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Absorb, Decay, DecodeError, Merge, Mismatch, ParameterError, Summary, TDigest};

use super::score;
use super::tail::Tail;

/// Points of the distribution below the tail, equally spaced in nines.
const POINTS: usize = 24;
/// Equally likely excesses that the tail is fitted to.
const EXCESSES: usize = 64;
/// The tail is heavier than an exponential one, so that not even the largest numbers saturate, and has a mean.
const SHAPES: (f64, f64) = (0.05, 0.9);
/// Raw scores from one fit to the next, at most.
const INTERVAL: u64 = 64;
/// Counting ends here, so that no sum of counts overflows.
const MOST: u64 = 1 << 62;

/// The distribution of raw scores: empirical up to a high quantile, generalised Pareto beyond it; the past fades.
///
/// | | |
/// |---|---|
/// | answers | the tail probability of a raw score, as a [score](super::score) in `[0, 1]` |
/// | memory | a [`TDigest`] of compression 100: about 3 KiB |
/// | learn, score | O(1) amortised (a fit every 64 raw scores), O(log 24) |
/// | guarantee | monotone, strictly so up to rounding of the last bits, and unbounded in nines: it does not saturate. The probabilities are as good as the digest in the body, and an extrapolation beyond what was seen |
///
/// The tail begins at the 98 % quantile, or where ten raw scores lie beyond. Its shape is held in 0.05 to 0.9: a lighter
/// tail would end, and an anomaly beyond its end could not be told from a greater one. A raw score that is a NaN has no
/// score and is not learned; infinite ones count as the largest number.
///
/// ```
/// use streamgauge_ml::anomaly::{Calibration, score};
/// let mut calibration = Calibration::new();
/// (0..10_000).for_each(|i| calibration.learn(f64::from(i * 7_919 % 10_000) / 100.0));
/// let half = calibration.score(50.0).unwrap_or_default();
/// assert!((score::tail_probability(half) - 0.5).abs() < 0.02);
/// assert!(calibration.score(1e6) < calibration.score(2e6));
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Calibration {
    warm_up: u64,
    /// In raw scores; infinite means that nothing is forgotten.
    half_life: f64,
    seen: u64,
    next_fit: u64,
    last_fit: u64,
    digest: TDigest,
    fit: Option<Fit>,
}

/// What is known of the distribution, as it is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fit {
    /// Raw scores, strictly ascending, and the nines of something as high or higher; the last point begins the tail.
    points: Vec<(f64, f64)>,
    /// The nines of something higher than the last point.
    beyond: f64,
    tail: Tail,
}

impl Calibration {
    /// The raw scores that are learned before the first score, if not set.
    pub const WARM_UP: u64 = 32;

    /// One that forgets nothing.
    pub fn new() -> Self {
        Self {
            warm_up: Self::WARM_UP,
            half_life: f64::INFINITY,
            seen: 0,
            next_fit: Self::WARM_UP,
            last_fit: 0,
            digest: Self::digest(),
            fit: None,
        }
    }

    fn digest() -> TDigest {
        TDigest::with_compression(100).unwrap_or_default()
    }

    /// After so many raw scores an older one counts half.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is at least 10; infinite means that nothing is forgotten.
    pub fn half_life(mut self, raw_scores: f64) -> Result<Self, ParameterError> {
        if raw_scores.is_nan() || raw_scores < 10.0 {
            return Err(Self::wrong("half-life", "at least 10", raw_scores));
        }
        self.half_life = raw_scores;
        Ok(self)
    }

    /// So many raw scores are learned before the first score. To be set before anything is learned.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 2 to 2³².
    pub fn warm_up(mut self, raw_scores: u64) -> Result<Self, ParameterError> {
        if !(2..=1 << 32).contains(&raw_scores) {
            return Err(Self::wrong("warm-up", "2 to 2^32", raw_scores));
        }
        self.warm_up = raw_scores;
        if self.fit.is_none() {
            self.next_fit = raw_scores.max(self.seen + 1);
        }
        Ok(self)
    }

    fn wrong(parameter: &'static str, allowed: &'static str, value: impl ToString) -> ParameterError {
        ParameterError { summary: Self::NAME, parameter, allowed, value: value.to_string() }
    }

    /// How many raw scores were learned.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Learns a raw score.
    #[inline]
    pub fn learn(&mut self, raw: f64) {
        if raw.is_nan() {
            return;
        }
        self.digest.absorb(&raw.clamp(f64::MIN, f64::MAX));
        self.seen = (self.seen + 1).min(MOST);
        if self.seen >= self.next_fit {
            self.refit();
        }
    }

    /// How strange a raw score is, in `[0, 1]`; none in the warm-up and for a NaN.
    #[inline]
    pub fn score(&self, raw: f64) -> Option<f64> {
        self.nines(raw).map(score::of_nines)
    }

    /// The decimal logarithm of one over the tail probability: what [`score`](Self::score) is made of.
    #[inline]
    pub fn nines(&self, raw: f64) -> Option<f64> {
        let fit = self.fit.as_ref()?;
        (!raw.is_nan()).then(|| fit.nines(raw.clamp(f64::MIN, f64::MAX)))
    }

    /// The raw score of these nines: the inverse of [`nines`](Self::nines), up to the steps that raw scores have which
    /// came several times. None in the warm-up.
    pub fn raw(&self, nines: f64) -> Option<f64> {
        self.fit.as_ref().map(|fit| fit.raw(nines))
    }

    /// Looks at the distribution anew, after what was learned since has faded as much as it should.
    fn refit(&mut self) {
        let learned = self.seen - self.last_fit;
        self.digest.decay(0.5_f64.powf(learned as f64 / self.half_life));
        self.fit = Fit::of(&self.digest);
        self.last_fit = self.seen;
        self.next_fit = self.seen + (self.seen / 8).clamp(1, INTERVAL);
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(self.half_life >= 10.0, "a half-life of", self.half_life)?;
        DecodeError::unless((2..=1 << 32).contains(&self.warm_up), "a warm-up of", self.warm_up)?;
        DecodeError::unless(self.seen <= MOST, "raw scores", self.seen)?;
        let ordered = self.last_fit <= self.seen && self.seen < self.next_fit;
        DecodeError::unless(ordered, "raw scores", self.seen)?;
        DecodeError::unless(self.next_fit <= self.seen + self.warm_up.max(INTERVAL), "a fit at", self.next_fit)?;
        self.fit.as_ref().map_or(Ok(()), Fit::check)
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self::new()
    }
}

impl Fit {
    fn of(digest: &TDigest) -> Option<Self> {
        let quantiles = digest.read();
        let count = quantiles.count();
        if quantiles.is_empty() {
            return None;
        }
        // A smoothed probability: what was never seen in `count` is not impossible.
        let share = (10.0 / count).clamp(0.02, 0.5);
        let least = (1.0 / (count + 1.0)).clamp(f64::MIN_POSITIVE, share);
        let step = -share.log10() / POINTS as f64;
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(POINTS + 1);
        for i in 0..=POINTS {
            let nines = step * i as f64;
            let raw = quantiles.at(1.0 - 10.0_f64.powf(-nines)).value;
            if points.last().is_none_or(|last| raw > last.0) {
                // Below the lowest there is some room too.
                points.push((raw, nines.max(least)));
            }
        }
        let (threshold, nines) = *points.last()?;
        let above = (1.0 - quantiles.rank(threshold).value).clamp(least, share);
        let excess = |i: usize| {
            let rank = 1.0 - above * (1.0 - (i as f64 + 0.5) / EXCESSES as f64);
            (quantiles.at(rank).value - threshold).clamp(0.0, f64::MAX)
        };
        let mut excesses = [0.0; EXCESSES];
        excesses.iter_mut().enumerate().for_each(|(i, value)| *value = excess(i));
        let tail = Tail::fit(&excesses, SHAPES).unwrap_or_else(|| {
            // Nothing lies beyond: the unit is that of what lies below.
            let width = threshold - points[0].0;
            let unit = if width > 0.0 { width.min(f64::MAX) / points.len() as f64 } else { threshold.abs() };
            Tail::new(SHAPES.0, if unit > 0.0 { unit } else { 1.0 })
        });
        // What is higher than a point has no fewer nines, whatever was rounded.
        Some(Self { points, beyond: nines.max(-above.log10()), tail })
    }

    #[inline]
    fn nines(&self, raw: f64) -> f64 {
        let after = self.points.partition_point(|(at, _)| *at <= raw);
        let Some(&(low, below)) = after.checked_sub(1).and_then(|i| self.points.get(i)) else {
            // A `Fit` has at least one point.
            let (lowest, nines) = self.points[0];
            return nines / (1.0 + (lowest - raw) / lowest.abs().max(self.tail.scale()));
        };
        if raw == low {
            return below;
        }
        match self.points.get(after) {
            // Halved, so that the width is finite.
            Some(&(high, above)) => below + (above - below) * ((raw / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)),
            None => self.beyond + self.tail.nines(raw - low),
        }
    }

    fn raw(&self, nines: f64) -> f64 {
        let after = self.points.partition_point(|(_, at)| *at <= nines);
        match (after.checked_sub(1).map(|i| self.points[i]), self.points.get(after)) {
            (Some((low, below)), Some(&(high, above))) => {
                let part = (nines - below) / (above - below);
                low * (1.0 - part) + high * part
            }
            // What is usual is above the lowest.
            (None, _) => self.points[0].0,
            (Some((last, _)), None) => {
                let excess = self.tail.excess((nines - self.beyond).max(0.0));
                (last + excess).clamp(last.next_up(), f64::MAX)
            }
        }
    }

    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless((1..=POINTS + 1).contains(&self.points.len()), "points", self.points.len())?;
        let ascend = self.points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        DecodeError::unless(ascend, "points", "that do not ascend")?;
        for &(raw, nines) in &self.points {
            DecodeError::unless(raw.is_finite(), "a raw score of", raw)?;
            DecodeError::unless((0.0..=400.0).contains(&nines), "nines", nines)?;
        }
        let last = self.points.last().map_or(0.0, |(_, nines)| *nines);
        DecodeError::unless((last..=400.0).contains(&self.beyond), "nines", self.beyond)?;
        let shape = self.tail.shape();
        DecodeError::unless((SHAPES.0..=SHAPES.1).contains(&shape), "the shape of a tail", shape)?;
        self.tail.check()
    }
}

impl Summary for Calibration {
    type Reading = Self;

    const NAME: &'static str = "Calibration";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let points = self.fit.as_ref().map_or(0, |fit| fit.points.capacity() * size_of::<(f64, f64)>());
        size_of::<Self>() - size_of::<TDigest>() + self.digest.memory_bytes() + points
    }
}

impl Decay for Calibration {
    fn decay(&mut self, factor: f64) {
        self.digest.decay(factor);
    }
}

impl Merge for Calibration {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "half-life", &self.half_life, &other.half_life)?;
        Mismatch::check(Self::NAME, "warm-up", &self.warm_up, &other.warm_up)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.digest.merge(&other.digest)?;
        self.seen = (self.seen + other.seen).min(MOST);
        self.last_fit = self.seen;
        if self.seen >= self.warm_up {
            self.refit();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;

    use super::*;

    fn learned(raws: impl IntoIterator<Item = f64>) -> Calibration {
        let mut calibration = Calibration::new();
        raws.into_iter().for_each(|raw| calibration.learn(raw));
        calibration
    }

    fn exponential(n: usize, seed: u64) -> impl Iterator<Item = f64> {
        let mut draws = Draws::new(seed);
        (0..n).map(move |_| -draws.unit().ln())
    }

    #[test]
    fn tail_probabilities_are_those_of_the_distribution() {
        let calibration = learned(exponential(50_000, 1));
        for p in [0.9, 0.5, 0.1, 0.01, 0.001, 1e-4] {
            let found = score::tail_probability(calibration.score(-f64::ln(p)).unwrap());
            // The tail is held to be a little heavier than this one is.
            assert!((found / p).ln().abs() < 0.1 + 0.05 * -f64::ln(p), "{found}, not {p}");
        }
    }

    #[test]
    fn a_larger_raw_score_has_a_larger_score_however_large() {
        let atoms = (0..500).map(|i| if i % 10 == 0 { 1.0 } else { 0.0 });
        let cases = [
            learned(exponential(10_000, 2)),
            learned(exponential(40, 3)),
            learned(atoms),
            learned([7.0; 100]),
            learned((0..300).map(|i| f64::from(i) * 1e300)),
            learned((0..300).map(|i| if i % 2 == 0 { f64::INFINITY } else { f64::NEG_INFINITY })),
        ];
        for calibration in &cases {
            let mut last = (f64::NEG_INFINITY, -1.0);
            let steps = (-3_070..3_070_i32).map(|i| f64::from(i.signum()) * 10_f64.powf(f64::from(i.abs()) / 10.0));
            for raw in (-40..400).map(|i| f64::from(i) / 40.0).chain(steps.filter(|raw| *raw > 10.0)) {
                let score = calibration.score(raw).unwrap();
                assert!((0.0..1.0).contains(&score) && score >= last.1, "{raw}: {score} after {last:?}");
                if raw > 1.0 && calibration.seen() != 300 {
                    assert!(score > last.1, "{raw}: {score} after {last:?}");
                }
                last = (raw, score);
            }
        }
    }

    #[test]
    fn raw_inverts_nines() {
        let calibration = learned(exponential(5_000, 9));
        for nines in [0.1, 0.5, 1.0, 1.5, 2.5, 5.0, 50.0] {
            let again = calibration.nines(calibration.raw(nines).unwrap()).unwrap();
            assert!((again - nines).abs() < 1e-6 * (1.0 + nines), "{nines}: {again}");
        }
    }

    #[test]
    fn the_past_fades() {
        let mut calibration = Calibration::new().half_life(500.0).unwrap();
        exponential(5_000, 4).for_each(|raw| calibration.learn(raw));
        let before = calibration.score(20.0).unwrap();
        exponential(5_000, 5).for_each(|raw| calibration.learn(20.0 + raw));
        let after = calibration.score(20.0).unwrap();
        assert!(before > 0.85 && after < 0.1, "{before} {after}");
    }

    #[test]
    fn there_is_no_score_in_the_warm_up_nor_for_what_is_none() {
        let mut calibration = Calibration::new();
        for raw in exponential(31, 6).chain([f64::NAN; 50]) {
            calibration.learn(raw);
            assert_eq!(calibration.score(1.0), None);
        }
        calibration.learn(1.0);
        assert!(calibration.score(1.0).is_some());
        assert_eq!(calibration.score(f64::NAN), None);
        assert!(Calibration::new().half_life(f64::NAN).is_err());
        assert!(Calibration::new().warm_up(1).is_err());
    }

    #[test]
    fn what_learning_reaches_can_be_restored_however_fast_the_past_fades() {
        for half_life in [10.0, 20.0, 50.0, 500.0, f64::INFINITY] {
            let mut calibration = Calibration::new().half_life(half_life).unwrap();
            for raw in exponential(3_000, 10) {
                calibration.learn(raw);
                calibration.check().unwrap();
            }
            let fit = calibration.fit.as_ref().unwrap();
            assert!(fit.points.last().unwrap().1 <= fit.beyond, "{fit:?}");
        }
        // Counted to the end, it goes on.
        let mut calibration = Calibration { seen: MOST, next_fit: MOST + 1, last_fit: MOST, ..learned([1.0, 2.0]) };
        exponential(200, 11).for_each(|raw| calibration.learn(raw));
        calibration.check().unwrap();
    }

    #[test]
    fn merging_is_close_to_learning_all() {
        let mut ours = learned(exponential(20_000, 7));
        ours.merge(&learned(exponential(20_000, 8))).unwrap();
        let both = learned(exponential(20_000, 7).chain(exponential(20_000, 8)));
        for raw in [0.1, 1.0, 5.0, 9.0, 15.0] {
            let (merged, whole) = (ours.nines(raw).unwrap(), both.nines(raw).unwrap());
            assert!((merged - whole).abs() < 0.03 * (1.0 + whole), "{raw}: {merged} {whole}");
        }
        assert!(ours.merge(&Calibration::new().half_life(50.0).unwrap()).is_err());
    }
}
