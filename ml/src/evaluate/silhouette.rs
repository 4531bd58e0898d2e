//! Do points lie nearer to their own centre than to the next?

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Absorb, Decay, DecodeError, Estimate, Merge, Mismatch, Moments, Summary};

use crate::image::image;

/// The simplified silhouette of clusters: the mean of (b − a) / max(a, b), where a is the distance of a point to its own
/// centre and b that to the nearest other one. 1 at best; 0 where clusters touch; below 0 for points in the wrong one.
///
/// The full silhouette takes a and b as mean distances to all points of a cluster, which a stream does not keep; with the
/// distances to the centres it needs the point alone (Hruschka et al., 2006; Vendramin et al., 2010, who find both to
/// rank clusterings alike). The two have different values: do not hold one against the other.
///
/// Reads as an [`Estimate`] with Student's 95 % interval. 56 bytes; merges but for rounding; decays.
///
/// **When not to use it.** It favours round clusters of one size, whatever the data.
///
/// ```
/// use streamgauge_ml::evaluate::Silhouette;
/// use streamgauge_sketches::Summary;
/// let centres = [[0.0, 0.0], [10.0, 0.0]];
/// let mut silhouette = Silhouette::default();
/// for point in [[1.0, 0.0], [9.0, 0.0]] {
///     silhouette.add(&point, centres.iter().map(|centre| &centre[..]));
/// }
/// assert!((silhouette.read().value - 8.0 / 9.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Silhouette {
    widths: Moments,
}

impl Silhouette {
    /// Adds a point, which belongs to the nearest of the centres. Coordinates that are missing in the point or in a
    /// centre add nothing to their distance. Whether it was added: not if there are fewer than two centres.
    pub fn add<'a>(&mut self, point: &[f64], centres: impl IntoIterator<Item = &'a [f64]>) -> bool {
        let (mut nearest, mut next) = (f64::INFINITY, f64::INFINITY);
        for centre in centres {
            let apart = point.iter().zip(centre).map(|(x, c)| (x - c) * (x - c));
            let distance: f64 = apart.filter(|apart| apart.is_finite()).sum();
            if distance < nearest {
                (nearest, next) = (distance, nearest);
            } else if distance < next {
                next = distance;
            }
        }
        self.absorb_one(nearest.sqrt(), next.sqrt())
    }

    fn absorb_one(&mut self, own: f64, other: f64) -> bool {
        let possible = own >= 0.0 && other >= 0.0 && own.is_finite() && other.is_finite();
        if possible {
            let widest = own.max(other);
            self.widths.absorb(&if widest > 0.0 { (other - own) / widest } else { 0.0 });
        }
        possible
    }

    /// How many points were added.
    pub fn count(&self) -> f64 {
        self.widths.count()
    }

    fn check(&self) -> Result<(), DecodeError> {
        // The moments were looked at when they were read.
        let mean = self.widths.mean();
        DecodeError::unless(mean.is_nan() || mean.abs() <= 1.0 + 1e-9, "a silhouette of", mean)
    }
}

impl Summary for Silhouette {
    type Reading = Estimate;

    const NAME: &'static str = "Silhouette";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Decay::decay);

    fn read(&self) -> Estimate {
        self.widths.mean_interval()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The distances of a point to its own centre, and to the nearest other one. Those that are no distances are left out.
impl Absorb<(f64, f64)> for Silhouette {
    type Exact = Self;

    fn absorb(&mut self, &(own, other): &(f64, f64)) {
        self.absorb_one(own, other);
    }

    fn exact(&self) -> Self {
        Self::default()
    }
}

impl Decay for Silhouette {
    fn decay(&mut self, factor: f64) {
        self.widths.decay(factor);
    }
}

impl Merge for Silhouette {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.widths.merge(&other.widths)
    }
}

image!(Silhouette, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Codec, laws};

    use super::*;

    #[test]
    fn holds_the_laws_but_for_rounding() {
        let points = |n: u32| -> Vec<(f64, f64)> {
            (0..n)
                .map(|i| (f64::from(i % 7), f64::from(i % 11)))
                .chain([(f64::NAN, 1.0), (1.0, f64::INFINITY)])
                .collect()
        };
        let seen = |silhouette: &Silhouette| {
            let Estimate { value, upper, .. } = silhouette.read();
            (format!("{value:.9} {upper:.9}"), silhouette.count())
        };
        laws::hold(&Silhouette::default(), &[points(50), vec![], points(9), points(300)], seen);
        let mut silhouette = Silhouette::default();
        silhouette.absorb_all(&points(50));
        laws::image_holds(&silhouette);
        silhouette.widths.absorb(&1_000.0);
        assert!(Silhouette::from_bytes(&silhouette.to_bytes()).is_err());
    }

    #[test]
    fn takes_the_two_nearest_centres() {
        let centres = [vec![0.0, 0.0], vec![0.0, 5.0], vec![100.0, 0.0]];
        let width = |point: &[f64]| {
            let mut silhouette = Silhouette::default();
            assert!(silhouette.add(point, centres.iter().map(Vec::as_slice)));
            silhouette.read().value
        };
        assert_eq!(width(&[0.0, 1.0]), 0.75);
        assert_eq!(width(&[0.0, 2.5]), 0.0);
        assert_eq!(width(&[100.0, 0.0]), 1.0);
        // What is missing adds nothing.
        assert_eq!(width(&[f64::NAN, 1.0]), width(&[f64::INFINITY, 1.0]));
        let mut silhouette = Silhouette::default();
        assert!(!silhouette.add(&[1.0], [&[0.0][..]]));
        assert_eq!(silhouette.count(), 0.0);
        assert!(silhouette.add(&[1.0], [&[1.0][..], &[1.0]]) && silhouette.read().value == 0.0);
    }
}
