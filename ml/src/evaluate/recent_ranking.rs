//! Do the scores of the last items put the positives above the negatives?

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Absorb, DecodeError, ParameterError, Summary};

use super::ranking::Figures;
use crate::image::image;

/// ROC AUC and average precision of the last items, exactly.
///
/// Absorbs pairs of a score, any number, and whether the item is positive. A NaN is left out. 16 bytes an item of the
/// window; O(1) to absorb, O(n log n) to read. It does not merge: which items are the last ones depends on their order.
///
/// **When not to use it.** For the whole of a long stream, or over partitions: that is [`Ranking`](super::Ranking).
///
/// Source: Brzezinski, Stefanowski, *Prequential AUC*, 2017.
///
/// ```
/// use streamgauge_ml::evaluate::RecentRanking;
/// use streamgauge_sketches::Absorb;
/// let mut ranking = RecentRanking::new(4)?;
/// ranking.absorb_all(&[(0.1, true), (3.0, true), (2.0, false), (2.0, true), (-1.0, false)]);
/// // The first item has left. The positive of 2 stands beside one negative and above the other.
/// assert_eq!(ranking.roc_auc(), 0.875);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct RecentRanking {
    most: u32,
    items: VecDeque<(f64, bool)>,
}

impl RecentRanking {
    /// Of the last `items` items.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 2³² − 1.
    pub fn new(items: usize) -> Result<Self, ParameterError> {
        match u32::try_from(items) {
            Ok(most @ 1..) => Ok(Self { most, items: VecDeque::new() }),
            _ => {
                let (allowed, value) = ("1 to 2^32 - 1", items.to_string());
                Err(ParameterError { summary: Self::NAME, parameter: "items", allowed, value })
            }
        }
    }

    fn figures(&self) -> Figures {
        let mut items: Vec<(f64, bool)> = self.items.iter().copied().collect();
        items.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
        let groups = items.chunk_by(|(a, _), (b, _)| a == b);
        Figures::of(groups.map(|group| {
            let positives = group.iter().filter(|(_, positive)| *positive).count();
            [(group.len() - positives) as f64, positives as f64]
        }))
    }

    /// The chance that a positive has a higher score than a negative, where equal ones count half. NaN without positives
    /// or without negatives.
    pub fn roc_auc(&self) -> f64 {
        self.figures().auc
    }

    /// The mean of the precision over the positives, each with the threshold at its own score. NaN without positives.
    pub fn average_precision(&self) -> f64 {
        self.figures().precision
    }

    /// How many items are in the window.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(self.most > 0 && self.items.len() <= self.most as usize, "items", self.items.len())?;
        DecodeError::unless(!self.items.iter().any(|(score, _)| score.is_nan()), "a score of", f64::NAN)
    }
}

impl Summary for RecentRanking {
    type Reading = Self;

    const NAME: &'static str = "RecentRanking";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.items.capacity() * size_of::<(f64, bool)>()
    }
}

/// Pairs of a score and whether the item is positive.
impl Absorb<(f64, bool)> for RecentRanking {
    type Exact = Self;

    #[inline]
    fn absorb(&mut self, item: &(f64, bool)) {
        if item.0.is_nan() {
            return;
        }
        if self.items.len() == self.most as usize {
            self.items.pop_front();
        }
        self.items.push_back(*item);
    }

    fn exact(&self) -> Self {
        Self { most: self.most, items: VecDeque::new() }
    }
}

image!(RecentRanking, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;
    use streamgauge_sketches::{Codec, laws};

    use super::*;

    #[test]
    fn is_the_count_of_pairs_of_the_last_items() {
        let mut draws = Draws::new(5);
        // Few different scores, so that many are equal; the two zeros are.
        let mut score = || [-2.0, -0.0, 0.0, 0.25, f64::INFINITY][draws.below(5) as usize];
        let items: Vec<_> = (0..500).map(|i| (score(), i % 3 == 0)).collect();
        let mut ranking = RecentRanking::new(100).unwrap();
        ranking.absorb_all(&items);
        ranking.absorb(&(f64::NAN, true));
        let last = &items[400..];
        let (mut won, mut pairs) = (0.0, 0.0);
        for (ours, _) in last.iter().filter(|(_, positive)| *positive) {
            for (theirs, _) in last.iter().filter(|(_, positive)| !positive) {
                pairs += 1.0;
                won += if ours > theirs {
                    1.0
                } else if ours == theirs {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert!((ranking.roc_auc() - won / pairs).abs() < 1e-12);
        let precision = |score: f64| {
            let above: Vec<_> = last.iter().filter(|(other, _)| *other >= score).collect();
            above.iter().filter(|(_, positive)| *positive).count() as f64 / above.len() as f64
        };
        let positives: Vec<_> =
            last.iter().filter(|(_, positive)| *positive).map(|(score, _)| precision(*score)).collect();
        let mean = positives.iter().sum::<f64>() / positives.len() as f64;
        assert!((ranking.average_precision() - mean).abs() < 1e-12);
        laws::storing(&ranking);
        laws::image_holds(&ranking);
        ranking.most = 99;
        assert!(RecentRanking::from_bytes(&ranking.to_bytes()).is_err());
    }

    #[test]
    fn nothing_has_no_figure() {
        let empty = RecentRanking::new(3).unwrap();
        assert!(empty.roc_auc().is_nan() && empty.average_precision().is_nan() && empty.is_empty());
        assert!(RecentRanking::new(0).unwrap_err().to_string().ends_with("must be 1 to 2^32 - 1, not 0"));
    }
}
