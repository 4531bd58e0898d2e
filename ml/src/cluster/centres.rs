//! Centres, and which of them is nearest.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

/// A coordinate farther out counts as missing: its square could not be summed.
const FARTHEST: f64 = 1e100;

/// A squared distance below this has no coordinate in it that is missing or too far out.
const PLAIN: f64 = 1e180;

/// How many sums go side by side, for vector instructions.
const LANES: usize = 4;

/// Whether a coordinate says anything: no NaN, not infinite, not absurdly large.
#[inline]
pub(crate) fn is_known(coordinate: f64) -> bool {
    coordinate.abs() <= FARTHEST
}

/// Centres of one dimension, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Centres {
    pub(crate) dimension: usize,
    pub(crate) coordinates: Vec<f64>,
}

/// The centre that is nearest to a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Nearest {
    pub(crate) cluster: usize,
    /// The square of the distance, over the coordinates that are known.
    pub(crate) squared: f64,
    /// How many coordinates are known.
    pub(crate) known: usize,
}

#[inline]
pub(crate) fn squared_distance(point: &[f64], centre: &[f64]) -> f64 {
    let (points, point_rest) = point.as_chunks::<LANES>();
    let (centres, centre_rest) = centre.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (point, centre) in points.iter().zip(centres) {
        for ((sum, x), c) in sums.iter_mut().zip(point).zip(centre) {
            *sum += (x - c) * (x - c);
        }
    }
    let rest: f64 = point_rest.iter().zip(centre_rest).map(|(x, c)| (x - c) * (x - c)).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

impl Centres {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.coordinates.len() / self.dimension
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.coordinates.chunks_exact(self.dimension)
    }

    #[inline]
    pub(crate) fn row(&self, cluster: usize) -> std::ops::Range<usize> {
        cluster * self.dimension..(cluster + 1) * self.dimension
    }

    /// The centre nearest to a point of this dimension, the lowest of several; none if no coordinate is known.
    #[inline]
    pub(crate) fn nearest(&self, point: &[f64]) -> Option<Nearest> {
        let (mut cluster, mut squared) = (0, f64::INFINITY);
        for (at, centre) in self.iter().enumerate() {
            let distance = squared_distance(point, centre);
            if distance < squared {
                (cluster, squared) = (at, distance);
            }
        }
        // A coordinate that is missing makes every distance a NaN or infinite: to look for one here costs nothing.
        if squared < PLAIN {
            return Some(Nearest { cluster, squared, known: self.dimension });
        }
        self.nearest_by_known(point)
    }

    #[cold]
    fn nearest_by_known(&self, point: &[f64]) -> Option<Nearest> {
        let known = point.iter().filter(|x| is_known(**x)).count();
        let mut best = Nearest { cluster: 0, squared: f64::INFINITY, known };
        for (cluster, centre) in self.iter().enumerate() {
            let terms = point.iter().zip(centre).map(|(x, c)| if is_known(*x) { (x - c) * (x - c) } else { 0.0 });
            let squared: f64 = terms.sum();
            if squared < best.squared {
                best = Nearest { cluster, squared, known };
            }
        }
        (known > 0 && best.squared.is_finite()).then_some(best)
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        let lengths = self.dimension > 0 && !self.coordinates.is_empty();
        let whole = lengths && self.coordinates.len().is_multiple_of(self.dimension);
        DecodeError::unless(whole, "coordinates of centres", self.coordinates.len())?;
        let wrong = self.coordinates.iter().find(|x| x.abs().is_nan() || x.abs() > 10.0 * FARTHEST);
        DecodeError::unless(wrong.is_none(), "a centre at", wrong.copied().unwrap_or_default())
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.coordinates.capacity() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_found_in_every_dimension() {
        let mut draws = streamgauge_sketches::random::Draws::new(3);
        for dimension in 1..20 {
            let coordinates: Vec<f64> = (0..7 * dimension).map(|_| draws.unit()).collect();
            let centres = Centres { dimension, coordinates };
            for _ in 0..50 {
                let point: Vec<f64> = (0..dimension).map(|_| draws.unit()).collect();
                let squares = centres.iter().map(|c| c.iter().zip(&point).map(|(c, x)| (c - x).powi(2)).sum::<f64>());
                let (cluster, squared) = squares.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                let nearest = centres.nearest(&point).unwrap();
                assert_eq!((nearest.cluster, nearest.known), (cluster, dimension));
                assert!((nearest.squared - squared).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn what_is_missing_is_left_out() {
        let centres = Centres { dimension: 2, coordinates: vec![0.0, 0.0, 3.0, 10.0] };
        for missing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e120] {
            let nearest = centres.nearest(&[2.0, missing]);
            assert_eq!(nearest, Some(Nearest { cluster: 1, squared: 1.0, known: 1 }), "{missing}");
            assert_eq!(centres.nearest(&[missing, missing]), None);
        }
        assert_eq!(centres.nearest(&[1e99, 0.0]).map(|nearest| nearest.known), Some(2));
    }
}
