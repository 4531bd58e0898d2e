//! Where the centres begin.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;
use streamgauge_sketches::random::Draws;

use crate::cluster::batch::{HEAVIEST, KMeansBatch, check_numbers};
use crate::cluster::centres::{Centres, is_known, squared_distance};

/// How many times a start is tried; the best is taken.
const TRIES: usize = 8;

/// The most rounds of Lloyd's algorithm of a try.
const ROUNDS: usize = 20;

/// How the centres are found among the first points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// By k-means++ (Arthur and Vassilvitskii, *k-means++: the advantages of careful seeding*, SODA 2007), each centre
    /// the best of several candidates, followed by rounds of Lloyd's algorithm; the best of eight tries.
    #[default]
    PlusPlus,
    /// Points drawn at random.
    Random,
}

/// The first points, which are kept until there are enough to start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FirstPoints {
    pub(crate) coordinates: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

impl FirstPoints {
    pub(crate) const NONE: Self = Self { coordinates: Vec::new(), weights: Vec::new() };

    /// Keeps a point, unless nothing of it is known.
    pub(crate) fn keep(&mut self, point: &[f64], weight: f64) {
        if point.iter().any(|x| is_known(*x)) {
            self.coordinates.extend(point.iter().map(|x| if is_known(*x) { *x } else { f64::NAN }));
            self.weights.push(weight.min(HEAVIEST));
        }
    }

    pub(crate) fn check(&self, dimension: usize, most: usize) -> Result<(), DecodeError> {
        let points = self.weights.len();
        DecodeError::unless(points < most, "points before the start", points)?;
        let numbers = points.checked_mul(dimension);
        DecodeError::unless(numbers == Some(self.coordinates.len()), "coordinates", self.coordinates.len())?;
        let wrong = self.coordinates.iter().find(|x| !(x.is_nan() || is_known(**x)));
        DecodeError::unless(wrong.is_none(), "a coordinate of", wrong.copied().unwrap_or_default())?;
        check_numbers("a point of weight", &self.weights, 0.0)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        (self.coordinates.capacity() + self.weights.capacity()) * size_of::<f64>()
    }

    /// `k` centres. There has to be a point.
    pub(crate) fn centres(&self, start: Start, k: usize, dimension: usize, draws: &mut Draws) -> Centres {
        let points = self.filled(dimension);
        match start {
            Start::Random => self.random(&points, k, draws),
            Start::PlusPlus => {
                let mut tries = (0..TRIES).map(|_| self.lloyd(&points, self.plus_plus(&points, k, draws)));
                let first = tries.next().unwrap_or_else(|| (f64::INFINITY, points.clone()));
                tries.fold(first, |best, found| if found.0 < best.0 { found } else { best }).1
            }
        }
    }

    /// The points with the mean of the others in place of what is missing.
    fn filled(&self, dimension: usize) -> Centres {
        let mut coordinates = self.coordinates.clone();
        for at in 0..dimension {
            let column = || self.coordinates.iter().skip(at).step_by(dimension).filter(|x| !x.is_nan());
            let (sum, n) = column().fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
            let mean = if n > 0.0 { sum / n } else { 0.0 };
            coordinates.iter_mut().skip(at).step_by(dimension).filter(|x| x.is_nan()).for_each(|x| *x = mean);
        }
        Centres { dimension, coordinates }
    }

    /// As many different points as there are, then some of them again.
    fn random(&self, points: &Centres, k: usize, draws: &mut Draws) -> Centres {
        let mut order: Vec<usize> = (0..points.len()).collect();
        for at in 0..k.min(order.len()) {
            let other = at + draws.below((order.len() - at) as u64) as usize;
            order.swap(at, other);
        }
        let drawn = order.iter().cycle().take(k).flat_map(|point| &points.coordinates[points.row(*point)]);
        Centres { dimension: points.dimension, coordinates: drawn.copied().collect() }
    }

    fn plus_plus(&self, points: &Centres, k: usize, draws: &mut Draws) -> Centres {
        let candidates = 2 + (k as f64).ln() as usize;
        let mut centres = Centres { dimension: points.dimension, coordinates: Vec::new() };
        // What each point costs: its weight times the square of its distance from the nearest centre.
        let mut costs = vec![f64::INFINITY; points.len()];
        for chosen in 0..k {
            let mut best: Option<(f64, usize, Vec<f64>)> = None;
            for _ in 0..candidates {
                let candidate = drawn_by(if chosen == 0 { &self.weights } else { &costs }, draws);
                let centre = &points.coordinates[points.row(candidate)];
                let closer = points.iter().zip(&self.weights).map(|(point, w)| w * squared_distance(point, centre));
                let closer: Vec<f64> = closer.zip(&costs).map(|(new, old)| new.min(*old)).collect();
                let sum = closer.iter().sum();
                if best.as_ref().is_none_or(|(least, ..)| sum < *least) {
                    best = Some((sum, candidate, closer));
                }
            }
            if let Some((_, candidate, closer)) = best {
                centres.coordinates.extend_from_slice(&points.coordinates[points.row(candidate)]);
                costs = closer;
            }
        }
        centres
    }

    /// Moves centres to the means of their points until that helps no more; with the sum of squares there.
    fn lloyd(&self, points: &Centres, mut centres: Centres) -> (f64, Centres) {
        let mut least = f64::INFINITY;
        for _ in 0..ROUNDS {
            let mut batch = KMeansBatch::new(centres.clone());
            points.iter().zip(&self.weights).for_each(|(point, weight)| batch.gather(point, *weight));
            let cost = batch.sum_of_squares();
            if cost >= least {
                break;
            }
            least = cost;
            centres = batch.means();
        }
        (least, centres)
    }
}

/// An index drawn with a probability in proportion to its share; any, if all shares are zero.
fn drawn_by(shares: &[f64], draws: &mut Draws) -> usize {
    let sum: f64 = shares.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return draws.below(shares.len() as u64) as usize;
    }
    let mut left = draws.unit() * sum;
    for (at, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return at;
        }
    }
    // Rounding may leave a little: the last that has a share.
    shares.iter().rposition(|share| *share > 0.0).unwrap_or(0)
}
