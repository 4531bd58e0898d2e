//! HDDM with weighted averages.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::{DriftDetector, Signal, check_numbers, known, parameter, stored};
use crate::image::image;

/// Holds the fading mean of values in `[0, 1]` since its lowest point against the one at that point, by McDiarmid's
/// bound.
///
/// | | |
/// |---|---|
/// | says | whether the mean has risen, with a warning before; with [`two_sided`](Self::two_sided) also whether it has fallen |
/// | memory | 112 bytes |
/// | a value | O(1) |
/// | guarantee | McDiarmid's, for any distribution in `[0, 1]`: at a given cut, a false alarm has the probability α at most |
///
/// The mean fades by λ with each item; the sum of the squared weights of its items says how sure it is. The cut is where
/// mean + bound was lowest; from there a second mean begins, and a change is told where it exceeds the first by
/// √(½ (w₁ + w₂) ln(1/α)). Values are clamped to `[0, 1]`. Begins anew after each change. For sudden changes
/// [`HddmA`](super::HddmA) raises fewer false alarms.
///
/// Source: Frías-Blanco et al., *Online and Non-Parametric Drift Detection Methods Based on Hoeffding's Bounds*, 2015.
///
/// ```
/// use streamgauge_ml::drift::{DriftDetector, HddmW, Signal};
/// let mut errors = HddmW::default();
/// let error = |i: u32| f64::from(u8::from(if i < 1_000 { i % 5 == 0 } else { i % 4 != 0 }));
/// let found = (0..2_000).position(|i| errors.update(error(i)) == Signal::Drift);
/// assert_eq!(found, Some(1_027));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct HddmW {
    warning: f64,
    drift: f64,
    lambda: f64,
    two_sided: bool,
    all: Fading,
    rise: Cut,
    fall: Cut,
}

/// A fading mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Fading {
    mean: f64,
    /// The sum of the squared weights; 0 if there are no items.
    weight: f64,
}

impl Fading {
    #[inline]
    fn add(&mut self, value: f64, lambda: f64) {
        if self.weight == 0.0 {
            *self = Self { mean: value, weight: 1.0 };
            return;
        }
        let old = 1.0 - lambda;
        self.mean = lambda * value + old * self.mean;
        self.weight = lambda * lambda + old * old * self.weight;
    }
}

/// The means until the cut, and since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cut {
    until: Fading,
    since: Fading,
}

/// How far a mean may lie from the truth, but for a chance whose inverse has this logarithm.
#[inline]
fn bound(weight: f64, log: f64) -> f64 {
    (weight * log / 2.0).sqrt()
}

impl Cut {
    /// Moves the cut here if the mean is lower than ever, else adds the value behind it.
    #[inline]
    fn add(&mut self, all: Fading, value: f64, lambda: f64, log: f64) {
        let lowest = self.until.mean + bound(self.until.weight, log);
        if self.until.weight == 0.0 || all.mean + bound(all.weight, log) < lowest {
            *self = Self { until: all, since: Fading::default() };
        } else {
            self.since.add(value, lambda);
        }
    }

    #[inline]
    fn risen(&self, log: f64) -> bool {
        self.since.weight > 0.0 && self.since.mean - self.until.mean > bound(self.until.weight + self.since.weight, log)
    }
}

impl Default for HddmW {
    /// A warning at α = 0.005, a change at 0.001, λ = 0.05, rises alone.
    fn default() -> Self {
        let (all, rise, fall) = (Fading::default(), Cut::default(), Cut::default());
        Self { warning: 0.005, drift: 0.001, lambda: 0.05, two_sided: false, all, rise, fall }
    }
}

impl HddmW {
    /// A detector that warns, and tells a change, at these probabilities of a false alarm.
    ///
    /// # Errors
    /// [`ParameterError`] unless 0 < drift ≤ warning < 1.
    pub fn new(warning: f64, drift: f64) -> Result<Self, ParameterError> {
        let hddm = Self { warning, drift, ..Self::default() };
        hddm.parameters().map(|()| hddm)
    }

    /// The weight of the newest item.
    ///
    /// # Errors
    /// [`ParameterError`] unless λ lies in `(0, 1)`.
    pub fn lambda(self, lambda: f64) -> Result<Self, ParameterError> {
        let hddm = Self { lambda, ..self };
        hddm.parameters().map(|()| hddm)
    }

    /// Tells falls too.
    #[must_use]
    pub fn two_sided(self) -> Self {
        Self { two_sided: true, ..self }
    }

    fn parameters(&self) -> Result<(), ParameterError> {
        let (warning, drift, lambda) = (self.warning, self.drift, self.lambda);
        parameter(Self::NAME, warning > 0.0 && warning < 1.0, "warning", "above 0 and below 1", warning)?;
        parameter(Self::NAME, drift > 0.0 && drift <= warning, "drift", "above 0, to that of warning", drift)?;
        parameter(Self::NAME, lambda > 0.0 && lambda < 1.0, "lambda", "above 0 and below 1", lambda)
    }

    /// The fading mean since the last change; 0 if there was nothing since.
    pub fn estimate(&self) -> f64 {
        self.all.mean
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.parameters().map_err(stored)?;
        for mean in [self.all, self.rise.until, self.rise.since, self.fall.until, self.fall.since] {
            check_numbers([("a mean", mean.mean)])?;
            DecodeError::unless((0.0..=1.0).contains(&mean.weight), "a weight", mean.weight)?;
        }
        Ok(())
    }
}

impl DriftDetector for HddmW {
    #[inline]
    fn update(&mut self, value: f64) -> Signal {
        if !known(value) {
            return Signal::Stable;
        }
        let value = value.clamp(0.0, 1.0);
        self.all.add(value, self.lambda);
        let (warning, drift) = (-self.warning.ln(), -self.drift.ln());
        self.rise.add(self.all, value, self.lambda, drift);
        if self.two_sided {
            // A fall is the rise of what is missing to one.
            let all = Fading { mean: 1.0 - self.all.mean, ..self.all };
            self.fall.add(all, 1.0 - value, self.lambda, drift);
        }
        if self.rise.risen(drift) || self.fall.risen(drift) {
            (self.all, self.rise, self.fall) = (Fading::default(), Cut::default(), Cut::default());
            return Signal::Drift;
        }
        if self.rise.risen(warning) || self.fall.risen(warning) { Signal::Warning } else { Signal::Stable }
    }
}

impl Summary for HddmW {
    type Reading = Self;

    const NAME: &'static str = "HddmW";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

image!(HddmW, 1);

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;

    #[test]
    fn holds_the_laws() {
        laws::hold(&HddmW::default());
        laws::hold(&HddmW::default().two_sided());
        assert!(HddmW::new(0.001, 0.005).is_err() && HddmW::new(1.0, 0.5).is_err());
        assert!(HddmW::default().lambda(0.0).is_err() && HddmW::default().lambda(1.0).is_err());
    }

    #[test]
    fn warns_then_tells() {
        let warnings = laws::signals(&mut HddmW::default(), &[0.2, 0.6], Signal::Warning);
        assert!(warnings[1] > 1, "{warnings:?}");
        let falls = |mut hddm: HddmW| laws::signals(&mut hddm, &[0.9, 0.1], Signal::Drift)[1];
        assert_eq!((falls(HddmW::default()), falls(HddmW::default().two_sided()) > 0), (0, true));
    }
}
