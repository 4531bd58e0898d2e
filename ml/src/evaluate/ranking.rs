//! Do the scores put the positives above the negatives?

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Absorb, DecodeError, Estimate, Family, Merge, Method, Mismatch, ParameterError, Summary};

use crate::image::image;

/// ROC AUC and average precision of all scores, from a histogram of the scores of positives and of negatives.
///
/// | | |
/// |---|---|
/// | answers | ROC AUC, average precision, each with a guaranteed interval |
/// | memory | 16 bytes a bin |
/// | absorb, merge, read | O(1), O(bins), O(bins) |
/// | guarantee | the exact figure lies in the interval: only the order within a bin is unknown |
/// | merged | as one of everything, to the bit |
///
/// Absorbs pairs of a score in `[0, 1]`, the higher the more likely positive, and whether the item is positive. The bins
/// are equally wide. A score that is NaN or outside is left out and counted in [`ignored`](Self::ignored).
///
/// **When not to use it.** Where nearly all scores lie in a few bins, as those of naive Bayes near 0 and 1 do, the
/// interval gets wide: take [`RecentRanking`](super::RecentRanking), which is exact on the last items.
///
/// Sources: Hanley, McNeil, *The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC) Curve*, 1982.
/// Average precision as in scikit-learn: Σ (Rₙ − Rₙ₋₁) Pₙ, equal scores together.
///
/// ```
/// use streamgauge_ml::evaluate::Ranking;
/// use streamgauge_sketches::Absorb;
/// let mut ranking = Ranking::default();
/// ranking.absorb_all(&[(0.9, true), (0.8, false), (0.7, true), (0.2, false)]);
/// assert_eq!(ranking.roc_auc().value, 0.75);
/// assert!((ranking.average_precision().value - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Ranking {
    /// Negatives and positives in each bin, by score.
    bins: Vec<[u64; 2]>,
    ignored: u64,
}

impl Default for Ranking {
    /// A thousand bins.
    fn default() -> Self {
        Self::of(1_000)
    }
}

impl Ranking {
    /// A histogram of so many bins.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 2 to 1,000,000 bins.
    pub fn with_bins(bins: usize) -> Result<Self, ParameterError> {
        if (2..=1_000_000).contains(&bins) {
            return Ok(Self::of(bins));
        }
        let (allowed, value) = ("2 to 1,000,000", bins.to_string());
        Err(ParameterError { summary: Self::NAME, parameter: "bins", allowed, value })
    }

    fn of(bins: usize) -> Self {
        Self { bins: vec![[0; 2]; bins], ignored: 0 }
    }

    fn figures(&self) -> Figures {
        Figures::of(self.bins.iter().rev().map(|bin| bin.map(|n| n as f64)))
    }

    /// The chance that a positive has a higher score than a negative, where equal ones count half. NaN without positives
    /// or without negatives.
    pub fn roc_auc(&self) -> Estimate {
        let Figures { auc, auc_apart, .. } = self.figures();
        self.within(auc, (auc - auc_apart).max(0.0), (auc + auc_apart).min(1.0))
    }

    /// The mean of the precision over the positives, each with the threshold at its own score. NaN without positives.
    pub fn average_precision(&self) -> Estimate {
        let Figures { precision, lowest, highest, .. } = self.figures();
        self.within(precision, lowest, highest)
    }

    fn within(&self, value: f64, lower: f64, upper: f64) -> Estimate {
        let method = Method::new(Family::Custom, self.bins.len() as u32);
        if value.is_nan() {
            return Estimate::unbounded(value, method);
        }
        // Rounding may carry the ends past the value.
        Estimate::within(value, lower.min(value), upper.max(value), 1.0, method)
    }

    /// How many items are positive.
    pub fn positives(&self) -> u64 {
        self.count(1)
    }

    /// How many items are not.
    pub fn negatives(&self) -> u64 {
        self.count(0)
    }

    fn count(&self, kind: usize) -> u64 {
        self.bins.iter().fold(0, |sum, bin| sum.saturating_add(bin[kind]))
    }

    /// How many scores were none.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless((2..=1_000_000).contains(&self.bins.len()), "bins", self.bins.len())
    }
}

impl Summary for Ranking {
    type Reading = Self;

    const NAME: &'static str = "Ranking";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bins.capacity() * size_of::<[u64; 2]>()
    }
}

/// Pairs of a score and whether the item is positive.
impl Absorb<(f64, bool)> for Ranking {
    type Exact = Self;

    #[inline]
    fn absorb(&mut self, &(score, positive): &(f64, bool)) {
        if !(0.0..=1.0).contains(&score) {
            self.ignored = self.ignored.saturating_add(1);
            return;
        }
        let last = self.bins.len() - 1;
        let bin = ((score * self.bins.len() as f64) as usize).min(last);
        let count = &mut self.bins[bin][usize::from(positive)];
        *count = count.saturating_add(1);
    }

    fn exact(&self) -> Self {
        Self::of(self.bins.len())
    }
}

impl Merge for Ranking {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "bins", &self.bins.len(), &other.bins.len())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        for (ours, theirs) in self.bins.iter_mut().flatten().zip(other.bins.iter().flatten()) {
            *ours = ours.saturating_add(*theirs);
        }
        self.ignored = self.ignored.saturating_add(other.ignored);
        Ok(())
    }
}

image!(Ranking, 1);

/// What groups of items of one score, or of scores about the same, tell.
pub(super) struct Figures {
    pub(super) auc: f64,
    /// How far from it the area can be, by the order within the groups.
    auc_apart: f64,
    pub(super) precision: f64,
    lowest: f64,
    highest: f64,
}

impl Figures {
    /// Of negatives and positives in groups of falling scores.
    pub(super) fn of(groups: impl Iterator<Item = [f64; 2]>) -> Self {
        // Those above the group; below it, they are counted in.
        let (mut above, mut positives) = (0.0, 0.0);
        // Pairs in which the positive stands below, or beside.
        let (mut below, mut beside) = (0.0, 0.0);
        let (mut precision, mut lowest, mut highest) = (0.0, 0.0, 0.0);
        for [n, p] in groups {
            below += p * above;
            beside += p * n;
            if p > 0.0 {
                precision += p * (positives + p) / (positives + p + above + n);
                // The first of the group below all its negatives, the last of it above them.
                lowest += p * (positives + 1.0) / (positives + 1.0 + above + n);
                highest += p * (positives + p) / (positives + p + above);
            }
            above += n;
            positives += p;
        }
        let pairs = positives * above;
        Self {
            auc: 1.0 - (below + beside / 2.0) / pairs,
            auc_apart: beside / 2.0 / pairs,
            precision: precision / positives,
            lowest: lowest / positives,
            highest: highest / positives,
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;
    use streamgauge_sketches::{Codec, laws};

    use super::*;
    use crate::evaluate::RecentRanking;

    fn items(n: usize, seed: u64) -> Vec<(f64, bool)> {
        let mut draws = Draws::new(seed);
        (0..n)
            .map(|_| {
                let positive = draws.unit() < 0.2;
                (if positive { draws.unit().sqrt() } else { draws.unit() }, positive)
            })
            .collect()
    }

    #[test]
    fn holds_the_laws_to_the_bit() {
        let mut parts = [items(100, 1), vec![], items(7, 2), items(300, 3)];
        parts[2].extend([(f64::NAN, true), (1.5, false), (0.0, true), (1.0, true)]);
        laws::hold(&Ranking::default(), &parts, Codec::to_bytes);
        let mut ranking = Ranking::with_bins(50).unwrap();
        ranking.absorb_all(&parts[2]);
        assert_eq!((ranking.ignored(), ranking.positives() + ranking.negatives()), (2, 9));
        laws::image_holds(&ranking);
        laws::refuses(&ranking, &Ranking::default());
        ranking.bins[0] = [u64::MAX, 1];
        ranking.absorb_all(&[(0.0, false), (0.5, false)]);
        assert_eq!(ranking.negatives(), u64::MAX, "counters stop");
        laws::image_holds(&ranking);
        assert!(Ranking::from_bytes(&Ranking { bins: vec![], ignored: 0 }.to_bytes()).is_err());
    }

    #[test]
    fn the_interval_holds_the_exact_figure() {
        for seed in 0..20 {
            let items = items(2_000, seed);
            let mut exact = RecentRanking::new(items.len()).unwrap();
            items.iter().for_each(|item| exact.absorb(item));
            for bins in [2, 10, 1_000] {
                let mut ranking = Ranking::with_bins(bins).unwrap();
                ranking.absorb_all(&items);
                assert!(ranking.roc_auc().contains(exact.roc_auc()), "{bins} bins, seed {seed}");
                assert!(ranking.average_precision().contains(exact.average_precision()), "{bins} bins, seed {seed}");
            }
            let mut ranking = Ranking::default();
            ranking.absorb_all(&items);
            assert!((ranking.roc_auc().value - exact.roc_auc()).abs() < 1e-3);
            // A positive of score √u stands above a negative with chance 2/3.
            assert!((ranking.roc_auc().value - 2.0 / 3.0).abs() < 0.06);
        }
    }

    #[test]
    fn one_sided_streams_have_no_figure() {
        let mut ranking = Ranking::default();
        assert!(ranking.roc_auc().value.is_nan() && ranking.average_precision().value.is_nan());
        ranking.absorb(&(0.5, true));
        assert!(ranking.roc_auc().value.is_nan() && !ranking.roc_auc().has_guarantee());
        assert_eq!(ranking.average_precision().value, 1.0);
        assert_eq!(Ranking::with_bins(1).unwrap_err().to_string(), "Ranking: bins must be 2 to 1,000,000, not 1");
    }
}
