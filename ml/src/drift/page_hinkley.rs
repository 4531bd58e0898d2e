//! The Page–Hinkley test.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::{DriftDetector, MOST, Signal, known, parameter, stored};
use crate::image::image;

/// Which changes of a mean are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Where the mean rises.
    Up,
    /// Where it falls.
    Down,
    /// Either.
    Both,
}

/// Adds up how far values lie above (or below) their mean so far, and tells when the sum has risen too far.
///
/// | | |
/// |---|---|
/// | says | whether the mean has risen, fallen, or either |
/// | memory | 80 bytes |
/// | a value | O(1) |
/// | guarantee | none without the distribution of the values: the threshold is in their unit, and choosing it is up to you |
///
/// The sum of xᵢ − mean − δ (fading by α) is held against its minimum: beyond the threshold λ the mean has risen by more
/// than δ. For falls the same with the signs turned. Begins anew after each change.
///
/// Source: Page, *Continuous Inspection Schemes*, 1954; Mouss et al., *Test of Page–Hinkley*, 2004.
///
/// ```
/// use streamgauge_ml::drift::{Direction, DriftDetector, PageHinkley, Signal};
/// let mut errors = PageHinkley::default().threshold(20.0)?.direction(Direction::Up);
/// let error = |i: u32| f64::from(u8::from(if i < 1_000 { i % 5 == 0 } else { i % 2 == 0 }));
/// let found = (0..2_000).position(|i| errors.update(error(i)) == Signal::Drift);
/// assert_eq!(found, Some(1_068));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PageHinkley {
    direction: Direction,
    warm_up: u32,
    delta: f64,
    threshold: f64,
    alpha: f64,
    items: u64,
    mean: f64,
    risen: f64,
    lowest: f64,
    fallen: f64,
    highest: f64,
}

impl Default for PageHinkley {
    /// δ = 0.005, a threshold of 50, α = 0.9999, both directions, and 30 items before the first answer.
    fn default() -> Self {
        Self {
            direction: Direction::Both,
            warm_up: 30,
            delta: 0.005,
            threshold: 50.0,
            alpha: 0.9999,
            items: 0,
            mean: 0.0,
            risen: 0.0,
            lowest: 0.0,
            fallen: 0.0,
            highest: 0.0,
        }
    }
}

impl PageHinkley {
    /// Which changes are told.
    #[must_use]
    pub fn direction(self, direction: Direction) -> Self {
        Self { direction, ..self }
    }

    /// How many items there are before the first answer.
    #[must_use]
    pub fn warm_up(self, items: u32) -> Self {
        Self { warm_up: items, ..self }
    }

    /// The change δ of the mean that is let pass, in the unit of the values.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in `[0, 1e100]`.
    pub fn delta(self, delta: f64) -> Result<Self, ParameterError> {
        let test = Self { delta, ..self };
        test.parameters().map(|()| test)
    }

    /// The sum λ at which a change is told, in the unit of the values: the higher, the surer and the later.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in `(0, 1e100]`.
    pub fn threshold(self, threshold: f64) -> Result<Self, ParameterError> {
        let test = Self { threshold, ..self };
        test.parameters().map(|()| test)
    }

    /// What is left of the sum after another item.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in `(0, 1]`.
    pub fn alpha(self, alpha: f64) -> Result<Self, ParameterError> {
        let test = Self { alpha, ..self };
        test.parameters().map(|()| test)
    }

    fn parameters(&self) -> Result<(), ParameterError> {
        parameter(Self::NAME, self.delta >= 0.0 && known(self.delta), "delta", "0 to 1e100", self.delta)?;
        let threshold = self.threshold;
        parameter(Self::NAME, threshold > 0.0 && known(threshold), "threshold", "above 0, to 1e100", threshold)?;
        parameter(Self::NAME, self.alpha > 0.0 && self.alpha <= 1.0, "alpha", "above 0, to 1", self.alpha)
    }

    /// The mean since the last change; 0 if there was nothing since.
    pub fn estimate(&self) -> f64 {
        self.mean
    }

    fn begin(&mut self) {
        self.items = 0;
        (self.mean, self.risen, self.lowest, self.fallen, self.highest) = (0.0, 0.0, 0.0, 0.0, 0.0);
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.parameters().map_err(stored)?;
        // With room for rounding, and for sums of more values than can be counted.
        DecodeError::unless(self.mean.abs() <= 2.0 * MOST, "a mean", self.mean)?;
        let sums = [
            ("a rise", self.risen),
            ("a lowest rise", self.lowest),
            ("a fall", self.fallen),
            ("a highest fall", self.highest),
        ];
        sums.into_iter().try_for_each(|(field, sum)| DecodeError::unless(sum.abs() <= 1e30 * MOST, field, sum))
    }
}

impl DriftDetector for PageHinkley {
    #[inline]
    fn update(&mut self, value: f64) -> Signal {
        if !known(value) {
            return Signal::Stable;
        }
        self.items = self.items.saturating_add(1);
        self.mean += (value - self.mean) / self.items as f64;
        let above = value - self.mean;
        self.risen = self.alpha * self.risen + above - self.delta;
        self.fallen = self.alpha * self.fallen + above + self.delta;
        self.lowest = self.lowest.min(self.risen);
        self.highest = self.highest.max(self.fallen);
        let up = self.direction != Direction::Down && self.risen - self.lowest > self.threshold;
        let down = self.direction != Direction::Up && self.highest - self.fallen > self.threshold;
        if self.items >= u64::from(self.warm_up) && (up || down) {
            self.begin();
            return Signal::Drift;
        }
        Signal::Stable
    }
}

impl Summary for PageHinkley {
    type Reading = Self;

    const NAME: &'static str = "PageHinkley";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

image!(PageHinkley, 1);

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;

    #[test]
    fn holds_the_laws() {
        laws::hold(&PageHinkley::default());
        assert!(PageHinkley::default().delta(-1.0).is_err());
        assert!(PageHinkley::default().threshold(0.0).is_err());
        assert!(PageHinkley::default().alpha(f64::NAN).is_err());
    }

    #[test]
    fn tells_the_directions_that_were_asked_for() {
        let told = |direction| {
            let mut test = PageHinkley::default().direction(direction);
            laws::signals(&mut test, &[0.2, 0.5, 0.2], Signal::Drift)
        };
        assert_eq!(told(Direction::Up), [0, 1, 0]);
        assert_eq!(told(Direction::Down), [0, 0, 1]);
        assert_eq!(told(Direction::Both), [0, 1, 1]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        use streamgauge_sketches::Codec;
        for spoil in [
            |test: &mut PageHinkley| test.mean = -1e300,
            |test: &mut PageHinkley| test.risen = 1e300,
            |test: &mut PageHinkley| test.highest = f64::NAN,
        ] {
            let mut spoiled = PageHinkley { items: u64::MAX, ..PageHinkley::default() };
            spoiled.update(1.0);
            assert!(PageHinkley::from_bytes(&spoiled.to_bytes()).is_ok());
            spoil(&mut spoiled);
            assert!(PageHinkley::from_bytes(&spoiled.to_bytes()).is_err(), "{spoiled:?}");
        }
    }
}
