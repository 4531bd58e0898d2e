//! EDDM.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::{DriftDetector, Signal, check_numbers, known, parameter, stored};
use crate::image::image;

/// Tells when the errors of a model come closer together.
///
/// | | |
/// |---|---|
/// | says | whether the error rate has risen, with a warning before |
/// | memory | 64 bytes |
/// | a value | O(1) |
/// | guarantee | none; false alarms are frequent, since the largest of many sums is what it compares with |
///
/// With p the mean distance between errors and s its standard deviation, a warning begins at
/// (p + 2 s) / max (p + 2 s) < 0.95 and a change is told at 0.9, after 30 errors. A value of 0.5 or more is an error.
/// Begins anew after each change. **Not** where false alarms cost anything: [`Adwin`](super::Adwin) is better at slow
/// changes too.
///
/// Source: Baena-García et al., *Early Drift Detection Method*, 2006.
///
/// ```
/// use streamgauge_ml::drift::{DriftDetector, Eddm, Signal};
/// let mut errors = Eddm::default();
/// let error = |i: u32| f64::from(u8::from(if i < 1_000 { i % 5 == 0 } else { i % 2 == 0 }));
/// let found = (0..2_000).position(|i| errors.update(error(i)) == Signal::Drift);
/// assert_eq!(found, Some(675));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Eddm {
    warning: f64,
    drift: f64,
    warm_up: u32,
    errors: u64,
    /// Items since the last error.
    since: u64,
    mean: f64,
    squares: f64,
    highest: f64,
}

impl Default for Eddm {
    /// A warning at 0.95, a change at 0.9, and 30 errors before the first answer.
    fn default() -> Self {
        Self { warning: 0.95, drift: 0.9, warm_up: 30, errors: 0, since: 0, mean: 0.0, squares: 0.0, highest: 0.0 }
    }
}

impl Eddm {
    /// A detector that warns, and tells a change, when the distance has fallen to these shares of the largest.
    ///
    /// # Errors
    /// [`ParameterError`] unless 0 < drift ≤ warning < 1.
    pub fn new(warning: f64, drift: f64) -> Result<Self, ParameterError> {
        let eddm = Self { warning, drift, ..Self::default() };
        eddm.parameters().map(|()| eddm)
    }

    /// How many errors there are before the first answer.
    #[must_use]
    pub fn warm_up(self, errors: u32) -> Self {
        Self { warm_up: errors, ..self }
    }

    fn parameters(&self) -> Result<(), ParameterError> {
        let (warning, drift) = (self.warning, self.drift);
        parameter(Self::NAME, warning > 0.0 && warning < 1.0, "warning", "above 0 and below 1", warning)?;
        parameter(Self::NAME, drift > 0.0 && drift <= warning, "drift", "above 0, to that of warning", drift)
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.parameters().map_err(stored)?;
        check_numbers([("a highest distance", self.highest)])?;
        // Distances are counted in 64 bits, and so are the squares of them that were added up.
        let longest = u64::MAX as f64;
        DecodeError::unless((0.0..=longest).contains(&self.mean), "a mean", self.mean)?;
        DecodeError::unless((0.0..=longest.powi(3)).contains(&self.squares), "squares", self.squares)?;
        let begun = self.errors > 0 || (self.mean == 0.0 && self.squares == 0.0);
        DecodeError::unless(begun, "a mean of no errors", self.mean)
    }
}

impl DriftDetector for Eddm {
    #[inline]
    fn update(&mut self, value: f64) -> Signal {
        if !known(value) {
            return Signal::Stable;
        }
        self.since = self.since.saturating_add(1);
        if value < 0.5 {
            return Signal::Stable;
        }
        let distance = self.since as f64;
        (self.since, self.errors) = (0, self.errors.saturating_add(1));
        let before = self.mean;
        self.mean += (distance - before) / self.errors as f64;
        // Rounding may leave the mean a little beyond the distance.
        self.squares += ((distance - before) * (distance - self.mean)).max(0.0);
        if self.errors <= u64::from(self.warm_up) {
            return Signal::Stable;
        }
        let level = self.mean + 2.0 * (self.squares / self.errors as f64).sqrt();
        if level >= self.highest {
            self.highest = level;
            return Signal::Stable;
        }
        if level < self.drift * self.highest {
            *self = Self { warning: self.warning, drift: self.drift, warm_up: self.warm_up, ..Self::default() };
            return Signal::Drift;
        }
        if level < self.warning * self.highest { Signal::Warning } else { Signal::Stable }
    }
}

impl Summary for Eddm {
    type Reading = Self;

    const NAME: &'static str = "Eddm";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

image!(Eddm, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;

    use super::super::laws;
    use super::*;

    #[test]
    fn holds_the_laws() {
        laws::hold(&Eddm::default());
        assert!(Eddm::new(0.8, 0.9).is_err() && Eddm::new(1.0, 0.9).is_err() && Eddm::new(0.9, f64::NAN).is_err());
    }

    #[test]
    fn warns_then_tells() {
        let warnings = laws::signals(&mut Eddm::default(), &[0.1, 0.4], Signal::Warning);
        assert!(warnings[1] > 10, "{warnings:?}");
        assert!(laws::signals(&mut Eddm::default(), &[0.1, 0.4], Signal::Drift)[1] > 0);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for spoil in [
            |eddm: &mut Eddm| eddm.mean = -1.0,
            |eddm: &mut Eddm| eddm.mean = 1e200,
            |eddm: &mut Eddm| eddm.squares = 1e300,
            |eddm: &mut Eddm| eddm.squares = -1.0,
            |eddm: &mut Eddm| (eddm.errors, eddm.mean) = (0, 1.0),
        ] {
            let mut spoiled = Eddm { errors: 5, ..Eddm::default() };
            spoil(&mut spoiled);
            assert!(Eddm::from_bytes(&spoiled.to_bytes()).is_err(), "{spoiled:?}");
        }
    }

    #[test]
    fn counters_stop() {
        let mut eddm = Eddm { errors: u64::MAX, since: u64::MAX, ..Eddm::default() };
        (0..3).for_each(|i| _ = eddm.update(f64::from(i % 2)));
        assert_eq!((eddm.errors, eddm.since), (u64::MAX, 1));
        assert!(Eddm::from_bytes(&eddm.to_bytes()).is_ok());
    }
}
