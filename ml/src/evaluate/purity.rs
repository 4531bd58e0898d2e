//! Do clusters hold one class each?

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Absorb, DecodeError, Estimate, Merge, Mismatch, ParameterError, Summary};

use super::wilson::wilson;
use crate::error::RowError;
use crate::image::image;

/// The purity of clusters: the share of points that are of the most frequent class of their cluster.
///
/// Absorbs pairs of the cluster and the class. A pair of an unknown cluster or class is left out. 8 bytes for each
/// cluster and class; merges to the bit, if a number means the same cluster in both.
///
/// **When not to use it.** More clusters are always purer, one for each point entirely: compare equal numbers of
/// clusters. Without classes see [`Silhouette`](super::Silhouette).
///
/// ```
/// use streamgauge_ml::evaluate::Purity;
/// use streamgauge_sketches::Absorb;
/// let mut purity = Purity::new(2, 3)?;
/// purity.absorb_all(&[(0, 1), (0, 1), (0, 2), (1, 0)]);
/// assert_eq!(purity.purity().value, 0.75);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Purity {
    classes: u32,
    /// By cluster, and in that by class.
    counts: Vec<u64>,
}

/// The most counts: 134 MB.
const MOST: usize = 1 << 24;

impl Purity {
    /// Of so many clusters and classes.
    ///
    /// # Errors
    /// [`ParameterError`] if there are no clusters or no classes, or more than 2²⁴ of both together.
    pub fn new(clusters: usize, classes: usize) -> Result<Self, ParameterError> {
        let counts = clusters.saturating_mul(classes);
        if !(1..=MOST).contains(&counts) {
            let (allowed, value) = ("1 to 2^24", format!("{clusters} · {classes}"));
            return Err(ParameterError { summary: Self::NAME, parameter: "clusters · classes", allowed, value });
        }
        Ok(Self { classes: classes as u32, counts: vec![0; counts] })
    }

    /// How many clusters there are.
    pub fn clusters(&self) -> usize {
        self.counts.len() / self.classes as usize
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes as usize
    }

    /// Counts a point.
    ///
    /// # Errors
    /// [`RowError::Class`] of an unknown cluster or class.
    pub fn add(&mut self, cluster: usize, class: usize) -> Result<(), RowError> {
        RowError::check_class(self.clusters(), cluster)?;
        RowError::check_class(self.classes(), class)?;
        let count = &mut self.counts[cluster * self.classes as usize + class];
        *count = count.saturating_add(1);
        Ok(())
    }

    /// How many points were counted.
    pub fn total(&self) -> f64 {
        self.counts.iter().map(|count| *count as f64).sum()
    }

    /// The purity, with Wilson's 95 % interval. NaN of no points.
    pub fn purity(&self) -> Estimate {
        let most = |cluster: &[u64]| cluster.iter().copied().max().unwrap_or_default() as f64;
        wilson(self.counts.chunks_exact(self.classes()).map(most).sum(), self.total(), 1.0)
    }

    fn check(&self) -> Result<(), DecodeError> {
        let counts = self.counts.len();
        let fits = self.classes > 0 && counts > 0 && counts <= MOST && counts.is_multiple_of(self.classes());
        DecodeError::unless(fits, "counts of clusters and classes", counts)
    }
}

impl Summary for Purity {
    type Reading = Estimate;

    const NAME: &'static str = "Purity";

    fn read(&self) -> Estimate {
        self.purity()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counts.capacity() * size_of::<u64>()
    }
}

/// Pairs of the cluster and the class. A pair of an unknown one is left out.
impl Absorb<(usize, usize)> for Purity {
    type Exact = Self;

    #[inline]
    fn absorb(&mut self, &(cluster, class): &(usize, usize)) {
        // What is refused changes nothing.
        let _ = self.add(cluster, class);
    }

    fn exact(&self) -> Self {
        Self { counts: vec![0; self.counts.len()], ..*self }
    }
}

impl Merge for Purity {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "classes", &self.classes, &other.classes)?;
        Mismatch::check(Self::NAME, "clusters", &self.clusters(), &other.clusters())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *ours = ours.saturating_add(*theirs);
        }
        Ok(())
    }
}

image!(Purity, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Codec, laws};

    use super::*;

    #[test]
    fn holds_the_laws_to_the_bit() {
        let points = |n: usize| -> Vec<(usize, usize)> { (0..n).map(|i| (i * i % 5, i % 3)).collect() };
        let empty = Purity::new(4, 3).unwrap();
        laws::hold(&empty, &[points(50), vec![], points(7), points(200)], Codec::to_bytes);
        let mut filled = empty.clone();
        filled.absorb_all(&points(50));
        laws::image_holds(&filled);
        laws::refuses(&filled, &Purity::new(3, 3).unwrap());
        laws::refuses(&filled, &Purity::new(6, 2).unwrap());
        filled.classes = 0;
        assert!(Purity::from_bytes(&filled.to_bytes()).is_err());
        filled.classes = 5;
        assert!(Purity::from_bytes(&filled.to_bytes()).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut purity = Purity::new(2, 3).unwrap();
        assert!(purity.add(2, 0).is_err() && purity.add(0, 3).is_err());
        assert!(purity.purity().value.is_nan());
        assert!(Purity::new(0, 3).is_err() && Purity::new(3, 0).is_err() && Purity::new(usize::MAX, 2).is_err());
    }
}
