//! DDM.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::{DriftDetector, Signal, check_numbers, known, parameter, stored};
use crate::image::image;

/// Tells when the error rate of a model lies some standard deviations above the lowest it had.
///
/// | | |
/// |---|---|
/// | says | whether the error rate has risen, with a warning before |
/// | memory | 56 bytes |
/// | a value | O(1) |
/// | guarantee | none; the rate since the last change is compared, so that a change after a long time is found late |
///
/// With p the error rate and s = √(p (1 − p) / n), a warning begins at p + s > p₀ + 2 s₀ and a change is told at
/// p + s > p₀ + 3 s₀, where p₀ + s₀ was lowest. Values are clamped to `[0, 1]`. Begins anew after each change.
///
/// Source: Gama et al., *Learning with Drift Detection*, 2004.
///
/// ```
/// use streamgauge_ml::drift::{Ddm, DriftDetector, Signal};
/// let mut errors = Ddm::default();
/// let error = |i: u32| f64::from(u8::from(if i < 1_000 { i % 5 == 0 } else { i % 2 == 0 }));
/// let found = (0..2_000).position(|i| errors.update(error(i)) == Signal::Drift);
/// assert_eq!(found, Some(1_090));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Ddm {
    warning: f64,
    drift: f64,
    warm_up: u32,
    items: u64,
    rate: f64,
    lowest_rate: f64,
    lowest_deviation: f64,
}

impl Default for Ddm {
    /// A warning at two standard deviations, a change at three, and 30 items before the first answer.
    fn default() -> Self {
        Self { warning: 2.0, drift: 3.0, warm_up: 30, items: 0, rate: 0.0, lowest_rate: 1.0, lowest_deviation: 1.0 }
    }
}

impl Ddm {
    /// A detector that warns, and tells a change, at so many standard deviations.
    ///
    /// # Errors
    /// [`ParameterError`] unless 0 < warning ≤ drift ≤ 100.
    pub fn new(warning: f64, drift: f64) -> Result<Self, ParameterError> {
        let ddm = Self { warning, drift, ..Self::default() };
        ddm.parameters().map(|()| ddm)
    }

    /// How many items there are before the first answer.
    #[must_use]
    pub fn warm_up(self, items: u32) -> Self {
        Self { warm_up: items, ..self }
    }

    fn parameters(&self) -> Result<(), ParameterError> {
        let (warning, drift) = (self.warning, self.drift);
        parameter(Self::NAME, warning > 0.0 && warning <= drift, "warning", "above 0, to that of drift", warning)?;
        parameter(Self::NAME, drift <= 100.0, "drift", "that of warning, to 100", drift)
    }

    /// The error rate since the last change; 0 if there was nothing since.
    pub fn estimate(&self) -> f64 {
        self.rate
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.parameters().map_err(stored)?;
        check_numbers([
            ("a rate", self.rate),
            ("a lowest rate", self.lowest_rate),
            ("a lowest deviation", self.lowest_deviation),
        ])?;
        DecodeError::unless((0.0..=1.0).contains(&self.rate), "a rate", self.rate)
    }
}

impl DriftDetector for Ddm {
    #[inline]
    fn update(&mut self, value: f64) -> Signal {
        if !known(value) {
            return Signal::Stable;
        }
        self.items = self.items.saturating_add(1);
        let items = self.items as f64;
        self.rate += (value.clamp(0.0, 1.0) - self.rate) / items;
        // Rounding may leave a rate a little outside.
        self.rate = self.rate.clamp(0.0, 1.0);
        if self.items <= u64::from(self.warm_up) {
            return Signal::Stable;
        }
        let deviation = (self.rate * (1.0 - self.rate) / items).sqrt();
        let level = self.rate + deviation;
        if level <= self.lowest_rate + self.lowest_deviation {
            (self.lowest_rate, self.lowest_deviation) = (self.rate, deviation);
        }
        if level > self.lowest_rate + self.drift * self.lowest_deviation {
            *self = Self { warning: self.warning, drift: self.drift, warm_up: self.warm_up, ..Self::default() };
            return Signal::Drift;
        }
        if level > self.lowest_rate + self.warning * self.lowest_deviation {
            return Signal::Warning;
        }
        Signal::Stable
    }
}

impl Summary for Ddm {
    type Reading = Self;

    const NAME: &'static str = "Ddm";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

image!(Ddm, 1);

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;

    #[test]
    fn holds_the_laws() {
        laws::hold(&Ddm::default());
        assert!(Ddm::new(3.0, 2.0).is_err() && Ddm::new(0.0, 2.0).is_err() && Ddm::new(2.0, f64::NAN).is_err());
    }

    #[test]
    fn warns_then_tells() {
        let warnings = laws::signals(&mut Ddm::default(), &[0.2, 0.4], Signal::Warning);
        assert!(warnings[1] > 10, "{warnings:?}");
        assert_eq!(laws::signals(&mut Ddm::default(), &[0.2, 0.4], Signal::Drift), [0, 1]);
    }

    #[test]
    fn counters_stop() {
        let mut ddm = Ddm { items: u64::MAX, ..Ddm::default() };
        ddm.update(1.0);
        assert_eq!(ddm.items, u64::MAX);
    }
}
