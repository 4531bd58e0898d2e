//! HDDM with averages.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::{DriftDetector, Signal, check_numbers, known, parameter, stored};
use crate::image::image;

/// Holds the mean of values in `[0, 1]` against the lowest it had, by Hoeffding's bound.
///
/// | | |
/// |---|---|
/// | says | whether the mean has risen, with a warning before; with [`two_sided`](Self::two_sided) also whether it has fallen |
/// | memory | 72 bytes |
/// | a value | O(1) |
/// | guarantee | Hoeffding's, for any distribution in `[0, 1]`: at a given cut, a false alarm has the probability α at most |
///
/// The cut is where mean + √(ln(1/α) / 2n) was lowest. With n items until there, N in all and m = (N − n) / (n N), a
/// change is told where the mean of all exceeds the mean until the cut by √(m/2 · ln(2/α)). Values are clamped to
/// `[0, 1]`. Begins anew after each change. For slow changes [`HddmW`](super::HddmW) is earlier.
///
/// Source: Frías-Blanco et al., *Online and Non-Parametric Drift Detection Methods Based on Hoeffding's Bounds*, 2015.
///
/// ```
/// use streamgauge_ml::drift::{DriftDetector, HddmA, Signal};
/// let mut errors = HddmA::default();
/// let error = |i: u32| f64::from(u8::from(if i < 1_000 { i % 5 == 0 } else { i % 2 == 0 }));
/// let found = (0..2_000).position(|i| errors.update(error(i)) == Signal::Drift);
/// assert_eq!(found, Some(1_040));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct HddmA {
    warning: f64,
    drift: f64,
    two_sided: bool,
    all: Part,
    lowest: Part,
    highest: Part,
}

/// Items from the beginning to somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    items: u64,
    sum: f64,
}

impl Part {
    #[inline]
    fn mean(self) -> f64 {
        self.sum / self.items as f64
    }

    /// How far the mean may lie from the truth, but for a chance whose inverse has this logarithm.
    #[inline]
    fn bound(self, log: f64) -> f64 {
        (log / (2.0 * self.items as f64)).sqrt()
    }
}

impl Default for HddmA {
    /// A warning at α = 0.005, a change at 0.001, rises alone.
    fn default() -> Self {
        let none = Part::default();
        Self { warning: 0.005, drift: 0.001, two_sided: false, all: none, lowest: none, highest: none }
    }
}

impl HddmA {
    /// A detector that warns, and tells a change, at these probabilities of a false alarm.
    ///
    /// # Errors
    /// [`ParameterError`] unless 0 < drift ≤ warning < 1.
    pub fn new(warning: f64, drift: f64) -> Result<Self, ParameterError> {
        let hddm = Self { warning, drift, ..Self::default() };
        hddm.parameters().map(|()| hddm)
    }

    /// Tells falls too.
    #[must_use]
    pub fn two_sided(self) -> Self {
        Self { two_sided: true, ..self }
    }

    fn parameters(&self) -> Result<(), ParameterError> {
        let (warning, drift) = (self.warning, self.drift);
        parameter(Self::NAME, warning > 0.0 && warning < 1.0, "warning", "above 0 and below 1", warning)?;
        parameter(Self::NAME, drift > 0.0 && drift <= warning, "drift", "above 0, to that of warning", drift)
    }

    /// The mean since the last change; 0 if there was nothing since.
    pub fn estimate(&self) -> f64 {
        if self.all.items == 0 { 0.0 } else { self.all.mean() }
    }

    /// Whether the mean has moved away from that of a part, by more than chance but for this.
    #[inline]
    fn apart(&self, part: Part, apart: f64, chance: f64) -> bool {
        let (n, all) = (part.items as f64, self.all.items as f64);
        apart > 0.0 && apart * apart > (all - n) / (n * all) / 2.0 * (2.0 / chance).ln()
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.parameters().map_err(stored)?;
        let begun = self.all.items > 0;
        for part in [self.all, self.lowest, self.highest] {
            DecodeError::unless(part.items <= self.all.items && (part.items > 0) == begun, "items", part.items)?;
            check_numbers([("a sum", part.sum)])?;
        }
        Ok(())
    }
}

impl DriftDetector for HddmA {
    #[inline]
    fn update(&mut self, value: f64) -> Signal {
        if !known(value) {
            return Signal::Stable;
        }
        self.all.items = self.all.items.saturating_add(1);
        self.all.sum += value.clamp(0.0, 1.0);
        if self.all.items == 1 {
            (self.lowest, self.highest) = (self.all, self.all);
        }
        let log = -self.drift.ln();
        let (mean, bound) = (self.all.mean(), self.all.bound(log));
        if mean + bound <= self.lowest.mean() + self.lowest.bound(log) {
            self.lowest = self.all;
        }
        if self.two_sided && mean - bound >= self.highest.mean() - self.highest.bound(log) {
            self.highest = self.all;
        }
        let (risen, fallen) = (mean - self.lowest.mean(), self.highest.mean() - mean);
        if self.apart(self.lowest, risen, self.drift) || self.two_sided && self.apart(self.highest, fallen, self.drift)
        {
            (self.all, self.lowest, self.highest) = (Part::default(), Part::default(), Part::default());
            return Signal::Drift;
        }
        if self.apart(self.lowest, risen, self.warning)
            || self.two_sided && self.apart(self.highest, fallen, self.warning)
        {
            return Signal::Warning;
        }
        Signal::Stable
    }
}

impl Summary for HddmA {
    type Reading = Self;

    const NAME: &'static str = "HddmA";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

image!(HddmA, 1);

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;

    #[test]
    fn holds_the_laws() {
        laws::hold(&HddmA::default());
        laws::hold(&HddmA::default().two_sided());
        assert!(HddmA::new(0.001, 0.005).is_err() && HddmA::new(1.0, 0.5).is_err());
    }

    #[test]
    fn warns_then_tells() {
        let warnings = laws::signals(&mut HddmA::default(), &[0.2, 0.4], Signal::Warning);
        assert!(warnings[1] > 1, "{warnings:?}");
        assert_eq!(laws::signals(&mut HddmA::default(), &[0.2, 0.4, 0.1], Signal::Drift), [0, 1, 0]);
        assert_eq!(laws::signals(&mut HddmA::default().two_sided(), &[0.2, 0.4, 0.1], Signal::Drift), [0, 1, 1]);
    }

    #[test]
    fn counters_stop() {
        let part = Part { items: u64::MAX, sum: 1.0 };
        let mut hddm = HddmA { all: part, lowest: part, highest: part, ..HddmA::default() };
        hddm.update(0.0);
        assert_eq!(hddm.all.items, u64::MAX);
    }
}
