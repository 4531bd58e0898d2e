//! The quartiles of an attribute, as far as they are known.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Absorb, Kll, Merge, Mismatch, Summary};

use super::columns::is_known;

/// A quantile sketch, and the quartiles that it gave when it was asked last: reading it takes longer than a row has, so
/// it is asked each time it has grown by a sixteenth.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Quartiles {
    values: Kll,
    seen: u64,
    /// When it is asked again.
    next: u64,
    quartiles: Option<[f64; 3]>,
}

impl Quartiles {
    #[inline]
    pub(super) fn learn(&mut self, value: f64) {
        self.values.absorb(&value);
        self.seen = self.seen.saturating_add(1);
        if self.seen >= self.next {
            self.ask();
        }
    }

    pub(super) fn ask(&mut self) {
        let values = self.values.read();
        self.quartiles = Some([0.25, 0.5, 0.75].map(|q| values.at(q).value)).filter(|_| !values.is_empty());
        self.next = Self::after(self.seen);
    }

    /// The lower quartile, the median and the upper quartile; none before the first value.
    #[inline]
    pub(super) fn known(&self) -> Option<[f64; 3]> {
        self.quartiles
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        if self.seen == 0 || other.seen == 0 {
            // An empty one changes nothing, not even when the other is asked again.
            if self.seen == 0 {
                self.clone_from(other);
            }
            return Ok(());
        }
        self.values.merge(&other.values)?;
        self.seen = self.seen.saturating_add(other.seen);
        self.ask();
        Ok(())
    }

    /// When it is asked again, if it was asked after so many values.
    fn after(seen: u64) -> u64 {
        seen.saturating_add((seen / 16).max(1))
    }

    /// Whether a stored one can be: the sketch was looked at when it was read, but not for which values it may hold.
    pub(super) fn can_be(&self) -> bool {
        let known = self.quartiles.is_none_or(|[lower, median, upper]| {
            is_known(lower) && is_known(upper) && lower <= median && median <= upper
        });
        let values = self.values.read();
        let held = if self.seen > 0 { is_known(values.min()) && is_known(values.max()) } else { values.is_empty() };
        let asked = self.quartiles.is_some() == (self.seen > 0) && self.next <= Self::after(self.seen);
        known && held && asked && self.values.k() == Kll::DEFAULT_K
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.values.memory_bytes() - size_of::<Kll>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused() {
        let mut quartiles = Quartiles::default();
        assert!(quartiles.can_be());
        // Would be told of no value although there is one.
        assert!(!Quartiles { next: 100, ..quartiles.clone() }.can_be());
        (0..100).for_each(|i| {
            quartiles.learn(f64::from(i));
            assert!(quartiles.can_be());
        });
        assert!(!Quartiles { next: 1_000, ..quartiles.clone() }.can_be(), "never asked again");
        assert!(!Quartiles { values: Kll::default(), ..quartiles.clone() }.can_be(), "no value");
        let mut absurd = quartiles.clone();
        absurd.values.absorb(&f64::MAX);
        assert!(!absurd.can_be(), "a value that cannot be learned");
        let mut full = Quartiles { seen: u64::MAX, next: u64::MAX, ..quartiles };
        full.learn(7.0);
        assert!(full.can_be());
    }
}
