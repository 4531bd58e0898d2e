//! What a mini-batch says about its centres.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, PortableHash, Summary};

use crate::cluster::centres::{Centres, Nearest, is_known};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Clusterer;

/// A heavier point counts as one of this weight: 2⁵³ points.
pub(crate) const HEAVIEST: f64 = (1_u64 << 53) as f64;

/// The points of a mini-batch, gathered around centres that stay where they are: of each centre the weight of its points
/// and, for each coordinate, how far they are from it and the square of that, summed up.
///
/// Two of them against the same centres merge: the parts of a mini-batch can be gathered apart, on several threads or
/// machines, and taken in by [`StreamingKMeans::learn_gathered`](crate::cluster::StreamingKMeans::learn_gathered). Weights
/// merge exactly (as long as they are whole numbers below 2⁵³), sums up to rounding: put the parts together in a fixed
/// order to get the same bytes again. Against other centres there is nothing to merge, which is a [`Mismatch`].
///
/// `k · (3 d + 1)` numbers of 8 bytes; a point costs `k · d` multiplications.
///
/// ```
/// use streamgauge_ml::{Clusterer, cluster::StreamingKMeans};
/// use streamgauge_sketches::Merge;
/// let mut clusters = StreamingKMeans::with_centres(&[[0.0, 0.0], [9.0, 9.0]], 1.0)?;
/// let mut parts = [clusters.gather().expect("there are centres"), clusters.gather().expect("there are centres")];
/// parts[0].learn_one(&[1.0, 1.0])?;
/// parts[1].learn_one(&[8.0, 9.0])?;
/// let [mut gathered, part] = parts;
/// gathered.merge(&part)?;
/// assert_eq!(gathered.weights(), [1.0, 1.0]);
/// clusters.learn_gathered(&gathered)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KMeansBatch {
    pub(crate) centres: Centres,
    /// Of each centre, the weight of its points.
    pub(crate) weights: Vec<f64>,
    /// Of each centre and coordinate, the weighted sum of how far its points are from it.
    pub(crate) sums: Vec<f64>,
    /// Of each centre and coordinate, the weighted sum of the squares of that.
    pub(crate) squares: Vec<f64>,
    /// How many points that is, whatever they weigh by now.
    pub(crate) points: f64,
}

impl KMeansBatch {
    pub(crate) fn new(centres: Centres) -> Self {
        let (k, numbers) = (centres.len(), centres.coordinates.len());
        Self { centres, weights: vec![0.0; k], sums: vec![0.0; numbers], squares: vec![0.0; numbers], points: 0.0 }
    }

    /// The centres that points are gathered around.
    pub fn centres(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.centres.iter()
    }

    /// The weight of the points of each centre.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The sum of the squared distances of the points from their centres.
    pub fn sum_of_squares(&self) -> f64 {
        self.squares.iter().sum()
    }

    /// Gathers a point of the right width and a good weight.
    #[inline]
    pub(crate) fn gather(&mut self, point: &[f64], weight: f64) {
        let Some(Nearest { cluster, known, .. }) = self.centres.nearest(point) else { return };
        let weight = weight.min(HEAVIEST);
        self.points += weight;
        self.weights[cluster] += weight;
        let row = self.centres.row(cluster);
        let centre = &self.centres.coordinates[row.clone()];
        let (sums, squares) = (&mut self.sums[row.clone()], &mut self.squares[row]);
        if known == centre.len() {
            add(sums, squares, point, centre, weight);
        } else {
            add_known(sums, squares, point, centre, weight);
        }
    }

    /// Forgets the points, keeps the centres.
    pub(crate) fn clear(&mut self) {
        for sums in [&mut self.weights, &mut self.sums, &mut self.squares] {
            sums.fill(0.0);
        }
        self.points = 0.0;
    }

    /// Everything gathered so far weighs `factor` of what it did.
    pub(crate) fn fade(&mut self, factor: f64) {
        for sums in [&mut self.weights, &mut self.sums, &mut self.squares] {
            sums.iter_mut().for_each(|sum| *sum *= factor);
        }
    }

    /// Moves each centre to the mean of its points; one without points stays.
    pub(crate) fn means(mut self) -> Centres {
        let d = self.centres.dimension;
        let rows = self.centres.coordinates.chunks_exact_mut(d).zip(self.sums.chunks_exact(d));
        for ((centre, sums), weight) in rows.zip(&self.weights).filter(|(_, weight)| **weight > 0.0) {
            centre.iter_mut().zip(sums).for_each(|(c, sum)| *c += sum / weight);
        }
        self.centres
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        self.centres.check()?;
        let numbers = self.centres.coordinates.len();
        DecodeError::unless(self.weights.len() == self.centres.len(), "weights of centres", self.weights.len())?;
        DecodeError::unless(self.sums.len() == numbers, "sums", self.sums.len())?;
        DecodeError::unless(self.squares.len() == numbers, "sums of squares", self.squares.len())?;
        check_numbers("a sum of", &self.sums, -1e250)?;
        check_numbers("a sum of squares of", &self.squares, 0.0)?;
        check_numbers("a centre of weight", &self.weights, 0.0)?;
        check_numbers("points of a mini-batch", &[self.points], 0.0)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let sums = self.weights.capacity() + self.sums.capacity() + self.squares.capacity();
        self.centres.heap_bytes() + sums * size_of::<f64>()
    }
}

/// Adds how far a point is from its centre, and the square of that, coordinate by coordinate.
#[inline]
fn add(sums: &mut [f64], squares: &mut [f64], point: &[f64], centre: &[f64], weight: f64) {
    for (((sum, square), x), c) in sums.iter_mut().zip(squares).zip(point).zip(centre) {
        let away = x - c;
        *sum += weight * away;
        *square += weight * away * away;
    }
}

/// The same for the coordinates that are known.
#[cold]
fn add_known(sums: &mut [f64], squares: &mut [f64], point: &[f64], centre: &[f64], weight: f64) {
    for (((sum, square), x), c) in sums.iter_mut().zip(squares).zip(point).zip(centre) {
        if is_known(*x) {
            let away = x - c;
            *sum += weight * away;
            *square += weight * away * away;
        }
    }
}

pub(crate) fn check_numbers(field: &'static str, numbers: &[f64], least: f64) -> Result<(), DecodeError> {
    let wrong = numbers.iter().find(|number| !(least..=1e250).contains(*number));
    DecodeError::unless(wrong.is_none(), field, wrong.copied().unwrap_or_default())
}

impl Clusterer for KMeansBatch {
    type Point = [f64];

    #[inline]
    fn learn_weighted(&mut self, point: &[f64], weight: f64) -> Result<(), RowError> {
        RowError::check_width(self.centres.dimension, point.len())?;
        RowError::check_weight(weight)?;
        self.gather(point, weight);
        Ok(())
    }

    #[inline]
    fn predict_one(&self, point: &[f64]) -> Result<Option<usize>, RowError> {
        RowError::check_width(self.centres.dimension, point.len())?;
        Ok(self.centres.nearest(point).map(|nearest| nearest.cluster))
    }
}

impl Summary for KMeansBatch {
    type Reading = Self;

    const NAME: &'static str = "KMeansBatch";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.heap_bytes()
    }
}

impl Merge for KMeansBatch {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "dimension", &self.centres.dimension, &other.centres.dimension)?;
        Mismatch::check(Self::NAME, "clusters", &self.centres.len(), &other.centres.len())?;
        if self.centres == other.centres {
            return Ok(());
        }
        let digest = |centres: &Centres| {
            let hash = centres.coordinates.iter().fold(0, |hash, x| x.to_bits().portable_hash(hash));
            format!("with digest {hash:016x}")
        };
        let (ours, theirs) = (digest(&self.centres), digest(&other.centres));
        Err(Mismatch { summary: Self::NAME, parameter: "centres", ours, theirs })
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        let pairs =
            [(&mut self.weights, &other.weights), (&mut self.sums, &other.sums), (&mut self.squares, &other.squares)];
        for (ours, theirs) in pairs {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        }
        self.points += other.points;
        Ok(())
    }
}

image!(KMeansBatch, 1);
