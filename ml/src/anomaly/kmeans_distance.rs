//! The distance to the nearest cluster.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::rows::any_known;
use super::scale::Scale;
use super::scorer::Scorer;
use crate::cluster::StreamingKMeans;
use crate::error::RowError;
use crate::image::image;
use crate::learner::Clusterer;

/// How far a row is from the nearest large one of `k` clusters that follow the stream.
///
/// | | |
/// |---|---|
/// | raw score | the distance to the nearest large centre of a [`StreamingKMeans`], in deviations of the attributes |
/// | memory | that of the clusters, and 16 bytes an attribute |
/// | learn, score | O(k · attributes) |
/// | warm-up | 64 rows, none with [`scaled`](Self::scaled) attributes; and until the clusters begin |
/// | missing | a value that is NaN or infinite: the others stand for it |
/// | merged | no: centres that were taught apart have moved apart |
///
/// The heaviest clusters that together hold nine tenths of all weight are large; anomalies that are alike make a small one,
/// and are measured from the large ones (He, Xu, Deng, *Discovering cluster-based local outliers*, 2003, by the
/// distance alone). Attributes are divided by their deviation, which is measured on the first 64 rows unless it is given. How fast the past
/// fades, and how the centres begin, is a matter of the clusters.
///
/// **When not to use it**: where the usual rows are no round clusters; where more than a tenth is strange; where
/// attributes have far outliers, which draw the centres. The [`IsolationForest`](super::IsolationForest) minds none of this.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, KMeansDistance};
/// use streamgauge_ml::cluster::StreamingKMeans;
/// let mut detector = Calibrated::new(KMeansDistance::new(StreamingKMeans::new(2, 1)?));
/// for i in 0..1_000 {
///     detector.learn_one(&[if i % 2 == 0 { 0.0 } else { 100.0 } + f64::from(i % 7)])?;
/// }
/// let (usual, strange) = (detector.score_one(&[103.0])?, detector.score_one(&[50.0])?);
/// assert!(usual < Some(0.6) && strange > Some(0.7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KMeansDistance {
    clusters: StreamingKMeans,
    /// Of each attribute; empty as long as it is measured.
    scales: Vec<Scale>,
    /// The rows that scales are measured on.
    first: Vec<f64>,
    #[serde(skip)]
    scratch: Vec<f64>,
}

impl KMeansDistance {
    /// Clusters that together hold so much of all weight are large.
    const LARGE: f64 = 0.9;

    /// Over these clusters, which should have learned nothing.
    pub fn new(clusters: StreamingKMeans) -> Self {
        Self { clusters, scales: Vec::new(), first: Vec::new(), scratch: Vec::new() }
    }

    /// The mean and the deviation of each attribute, instead of those of the first rows. To be set before anything is
    /// learned.
    ///
    /// # Errors
    /// [`ParameterError`] unless there is one of each attribute, the mean is finite and the deviation above 0.
    pub fn scaled(mut self, scales: impl IntoIterator<Item = (f64, f64)>) -> Result<Self, ParameterError> {
        self.scales = Scale::given(Self::NAME, scales, self.clusters.dimension())?;
        Ok(self)
    }

    /// The clusters, of rows in deviations.
    pub fn clusters(&self) -> &StreamingKMeans {
        &self.clusters
    }

    /// A row in deviations; one that is missing stays so.
    #[inline]
    fn scale(scales: &[Scale], row: &[f64], into: &mut Vec<f64>) {
        into.clear();
        into.extend(row.iter().zip(scales).map(|(value, scale)| scale.of(*value).unwrap_or(f64::NAN)));
    }

    /// Works on a scaled row.
    #[inline]
    fn scaling<R>(&mut self, row: &[f64], work: impl FnOnce(&mut StreamingKMeans, &[f64]) -> R) -> R {
        Self::scale(&self.scales, row, &mut self.scratch);
        work(&mut self.clusters, &self.scratch)
    }
}

/// The distance to the nearest large centre; none before there are centres.
#[inline]
fn distance(clusters: &StreamingKMeans, row: &[f64]) -> Option<f64> {
    let weights = clusters.weights();
    let mut passed = None;
    // Mostly the first is large. It ends at the heaviest, which always is.
    while let Some((squared, at)) = nearest(clusters, row, passed) {
        if is_large(weights, at) {
            return Some(squared.sqrt());
        }
        passed = Some((squared, at));
    }
    None
}

/// The squared distance to the nearest centre that is farther than the one passed by, and which that is.
#[inline]
fn nearest(clusters: &StreamingKMeans, row: &[f64], passed: Option<(f64, usize)>) -> Option<(f64, usize)> {
    let mut best = None;
    for (at, centre) in clusters.centres().enumerate() {
        let (mut squared, mut known) = (0.0, 0_u32);
        for (value, centre) in row.iter().zip(centre) {
            let apart = value - centre;
            if !apart.is_nan() {
                squared += apart * apart;
                known += 1;
            }
        }
        squared *= row.len() as f64 / f64::from(known.max(1));
        let farther = passed.is_none_or(|passed| (squared, at) > passed);
        if farther && best.is_none_or(|(nearest, _)| squared < nearest) {
            best = Some((squared, at));
        }
    }
    best
}

/// Whether the clusters that are heavier hold less than `LARGE` of all weight.
#[inline]
fn is_large(weights: &[f64], at: usize) -> bool {
    let (mut heavier, mut all) = (0.0, 0.0);
    for (other, weight) in weights.iter().enumerate() {
        all += weight;
        if *weight > weights[at] || (*weight == weights[at] && other < at) {
            heavier += weight;
        }
    }
    heavier < KMeansDistance::LARGE * all || heavier == 0.0
}

impl Scorer for KMeansDistance {
    type Item = [f64];

    fn raw_one(&self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.clusters.dimension(), row.len())?;
        if self.scales.is_empty() || !any_known(row) {
            return Ok(None);
        }
        let mut scaled = Vec::with_capacity(row.len());
        Self::scale(&self.scales, row, &mut scaled);
        Ok(distance(&self.clusters, &scaled))
    }

    #[inline]
    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.clusters.dimension(), row.len())?;
        if !any_known(row) {
            return Ok(());
        }
        if !self.scales.is_empty() {
            return self.scaling(row, StreamingKMeans::learn_one);
        }
        if Scale::keep_first(&mut self.first, row) {
            let first = std::mem::take(&mut self.first);
            self.scales = Scale::measured(&first, row.len());
            for row in first.chunks_exact(row.len()) {
                self.scaling(row, StreamingKMeans::learn_one)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn raw_and_learn(&mut self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.clusters.dimension(), row.len())?;
        if self.scales.is_empty() || !any_known(row) {
            self.learn_one(row)?;
            return Ok(None);
        }
        self.scaling(row, |clusters, row| {
            let raw = distance(clusters, row);
            clusters.learn_one(row)?;
            Ok(raw)
        })
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.clusters.check()?;
        Scale::check(&self.scales, &self.first, self.clusters.dimension())
    }
}

impl Summary for KMeansDistance {
    type Reading = Self;

    const NAME: &'static str = "KMeansDistance";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<StreamingKMeans>()
            + self.clusters.memory_bytes()
            + self.scales.capacity() * size_of::<Scale>()
            + (self.first.capacity() + self.scratch.capacity()) * size_of::<f64>()
    }

    fn end_batch(&mut self) {
        self.clusters.end_batch();
    }
}

image!(KMeansDistance, 1);

#[cfg(test)]
mod tests {
    use super::super::trials;
    use super::*;

    fn two() -> KMeansDistance {
        KMeansDistance::new(StreamingKMeans::new(2, 3).unwrap().start_after(20).unwrap())
    }

    #[test]
    fn holds_the_laws() {
        trials::holds_the_laws(&two());
        trials::holds_the_laws(&two().scaled([(1.0, 0.4), (-1e3, 1e3), (1.0, 0.8)]).unwrap());
    }

    #[test]
    fn a_small_cluster_is_no_refuge() {
        let clusters = StreamingKMeans::with_centres(&[[0.0], [10.0], [100.0]], 0.0).unwrap();
        let mut scorer = KMeansDistance::new(clusters).scaled([(0.0, 1.0)]).unwrap();
        for i in 0..10_000 {
            scorer.learn_one(&[if i % 50 == 0 { 100.0 } else { f64::from(i % 2) * 10.0 }]).unwrap();
        }
        let raw = |value: f64| scorer.raw_one(&[value]).unwrap();
        assert_eq!((raw(10.5), raw(100.0), raw(-3.0)), (Some(0.5), Some(90.0), Some(3.0)));
    }

    #[test]
    fn scales_that_cannot_be_are_refused() {
        for wrong in [vec![(0.0, 1.0); 2], vec![(0.0, 0.0); 3], vec![(f64::NAN, 1.0); 3], vec![(0.0, f64::INFINITY); 3]]
        {
            assert!(two().scaled(wrong).is_err());
        }
    }
}
