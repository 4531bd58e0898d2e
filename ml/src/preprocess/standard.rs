//! Mean 0 and deviation 1.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, Summary};

use super::columns::{Columns, is_known};
use super::transformer::Transformer;
use crate::error::RowError;
use crate::image::image;
use crate::schema::Schema;

/// The weight, the mean and the sum of the squared deviations of one attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    #[inline]
    fn learn(&mut self, value: f64) {
        self.count += 1.0;
        let apart = value - self.mean;
        self.mean += apart / self.count;
        // Where hardly anything is left of the past, rounding may leave the mean a little beyond the value.
        self.squares += (apart * (value - self.mean)).max(0.0);
    }

    #[inline]
    fn scale(&self, value: f64) -> f64 {
        let deviation = (self.squares / self.count).sqrt();
        // Of nothing it is NaN.
        if deviation > 0.0 { (value - self.mean) / deviation } else { 0.0 }
    }

    fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        if other.count == 0.0 {
            return;
        }
        let apart = other.mean - self.mean;
        let share = other.count / count;
        self.mean += apart * share;
        self.squares += other.squares + apart * apart * self.count * share;
        self.count = count;
    }
}

/// Scales numbers to mean 0 and deviation 1, by what was seen so far.
///
/// Categories stay as they are. What is missing or infinite, and a number beyond ±10¹⁴⁰, is not learned and becomes
/// missing. An attribute whose values were all the same becomes 0. The deviation is that of the values seen (by n).
///
/// Merges as one of everything but for rounding (Chan, Golub, LeVeque, *Updating Formulae and a Pairwise Algorithm for
/// Computing Sample Variances*, 1979), decays, and takes 24 bytes an attribute.
///
/// **When not to use it.** Trees and Gaussian naive Bayes do not see the scale of an attribute at all. One outlier of
/// 10⁶ sets the scale of all that follows: take a
/// [`RobustScaler`](super::RobustScaler) there.
///
/// ```
/// use streamgauge_ml::Schema;
/// use streamgauge_ml::preprocess::{StandardScaler, Transformer};
/// let mut scaler = StandardScaler::new(&Schema::numeric(2, 2)?);
/// for row in [[10.0, 7.0], [20.0, 7.0]] {
///     scaler.learn_one(&row)?;
/// }
/// assert_eq!(scaler.transform_one(&[25.0, 9.0], &mut Vec::new())?, [2.0, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct StandardScaler {
    columns: Columns<Moments>,
}

impl StandardScaler {
    /// One that has seen nothing.
    pub fn new(schema: &Schema) -> Self {
        Self { columns: Columns::new(schema) }
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.columns.check(|moments| {
            let Moments { count, mean, squares } = *moments;
            let known = is_known(mean) && squares.is_finite() && squares >= 0.0;
            count.is_finite() && count >= 0.0 && known && (count > 0.0 || (mean == 0.0 && squares == 0.0))
        })
    }
}

impl Transformer for StandardScaler {
    type From = [f64];
    type To = [f64];
    type Room = Vec<f64>;

    #[inline]
    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        self.columns.learn(row, Moments::learn)
    }

    #[inline]
    fn transform_one<'a>(&self, row: &'a [f64], room: &'a mut Vec<f64>) -> Result<&'a [f64], RowError> {
        self.columns.transform(row, room, Moments::scale)
    }
}

impl Summary for StandardScaler {
    type Reading = Self;

    const NAME: &'static str = "StandardScaler";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Decay::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.columns.heap_bytes()
    }
}

impl Merge for StandardScaler {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.columns.compatible(Self::NAME, &other.columns)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.columns.merge(Self::NAME, &other.columns, Moments::merge)
    }
}

impl Decay for StandardScaler {
    fn decay(&mut self, factor: f64) {
        self.columns.each(|moments| {
            moments.count *= factor;
            moments.squares *= factor;
            if moments.count < 1e-9 {
                *moments = Moments::default();
            }
        });
    }
}

image!(StandardScaler, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Codec, laws};

    use super::*;
    use crate::preprocess::tests::{hostile, merges, mixed, rows};

    /// But for the last digits.
    fn seen(scaler: &StandardScaler) -> Vec<String> {
        let moments = |Moments { count, mean, squares }: &Moments| format!("{count:.9} {mean:.9} {squares:.6}");
        scaler.columns.states().map(moments).collect()
    }

    #[test]
    fn holds_the_laws() {
        let scaler = StandardScaler::new(&mixed());
        crate::laws::transforms(&scaler, &rows(100));
        hostile(&scaler);
        merges(&scaler, seen);
    }

    #[test]
    fn what_comes_out_has_mean_0_and_deviation_1() {
        // Values of 10⁹ and a deviation of 1: the naive sum of squares has no right digit there.
        let mut scaler = StandardScaler::new(&Schema::numeric(1, 1).unwrap());
        let values: Vec<f64> = (0..1_000).map(|i| 1e9 + f64::from(i * 617 % 1_000) / 288.675).collect();
        values.iter().for_each(|value| scaler.learn_one(&[*value]).unwrap());
        let scaled = values.iter().map(|value| scaler.transform_one(&[*value], &mut Vec::new()).unwrap()[0]);
        let (mut sum, mut squares) = (0.0, 0.0);
        scaled.for_each(|value| {
            sum += value;
            squares += value * value;
        });
        assert!((sum / 1_000.0).abs() < 1e-6 && (squares / 1_000.0 - 1.0).abs() < 1e-6, "{sum} {squares}");
    }

    #[test]
    fn the_past_fades() {
        let mut scaler = StandardScaler::new(&Schema::numeric(1, 1).unwrap());
        for mean in [0.0, 100.0] {
            scaler.decay(1e-4);
            (0..1_000).for_each(|i| scaler.learn_one(&[mean + f64::from(i % 2)]).unwrap());
        }
        let scaled = scaler.transform_one(&[101.0], &mut Vec::new()).unwrap()[0];
        assert!((scaled - 1.0).abs() < 0.7, "{scaled}");
        scaler.decay(0.0);
        assert_eq!(scaler, StandardScaler::new(&Schema::numeric(1, 1).unwrap()));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (count, mean, squares) in [(-1.0, 0.0, 0.0), (1.0, f64::NAN, 0.0), (2.0, 0.0, -1.0), (0.0, 1.0, 0.0)] {
            let mut scaler = StandardScaler::new(&mixed());
            scaler.columns.each(|moments| *moments = Moments { count, mean, squares });
            assert!(StandardScaler::from_bytes(&scaler.to_bytes()).is_err(), "{count} {mean} {squares}");
        }
    }

    #[test]
    fn what_is_hardly_left_spoils_nothing() {
        // A past of next to no weight, which rounding takes away from the mean.
        for i in 1..200 {
            let mut scaler = StandardScaler::new(&mixed());
            let mean = f64::from(i) * 1e100 / 7.0;
            scaler.columns.each(|moments| *moments = Moments { count: 1e-20, mean, squares: 0.0 });
            scaler.learn_one(&[0.1, 0.0, 0.3]).unwrap();
            laws::image_holds(&scaler);
        }
        // The deviation is too small for a number: as if there were none.
        let mut scaler = StandardScaler::new(&Schema::numeric(1, 1).unwrap());
        [0.0, 3e-162].iter().for_each(|value| scaler.learn_one(&[*value]).unwrap());
        scaler.columns.each(|moments| moments.squares = 5e-324);
        assert_eq!(scaler.transform_one(&[1.0], &mut Vec::new()).unwrap(), [0.0]);
    }
}
