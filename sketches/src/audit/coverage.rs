//! How many exact answers lie inside the intervals, and whether fewer do than promised.

use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;

/// The probability of a false alarm, at the most: that of all looks of a [`Coverage`] together, until it has an alarm.
pub const FALSE_ALARM: f64 = 1e-6;

/// How much likelier a miss may be than promised, as a factor of its odds: what is held against the promise.
const ODDS: [f64; 8] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1_000.0];

/// After an alarm so many comparisons are not held against the promise: an alarm that goes on is told now and then.
const PAUSE: u32 = 100;

/// Counts comparisons of estimates with exact answers, and tells when more of these lie outside than promised.
///
/// With a confidence of 95 % one exact answer in twenty may lie outside. How many are too many is decided by a test that
/// may look after every comparison: it bets against the promise, with a capital of one, at odds that are fair if the
/// promise is kept, and so by Ville's inequality multiplies its capital by a million with a probability of
/// [one in a million](FALSE_ALARM) at most, at whatever time. The stakes are spread over eight rates of misses, as an
/// average of their gains. A coverage of 90 % instead of 95 % is found after some 700 comparisons, one of 80 % after 100,
/// one of 50 % after 20. Where an interval is certain, a single miss is an alarm.
///
/// Source: G. Shafer, Testing by betting, Journal of the Royal Statistical Society A 184 (2021), 407–431.
///
/// The test takes what it is told to [`test`](Self::test) for independent. Estimates of the same items under the same
/// seed err alike: let windows that overlap count once.
///
/// ```
/// use streamgauge_sketches::audit::Coverage;
/// use streamgauge_sketches::{Estimate, Family, Method};
///
/// let says = |value| Estimate::within(value, value - 1.0, value + 1.0, 0.95, Method::new(Family::Custom, 0));
/// let mut coverage = Coverage::default();
/// let mut alarms = 0;
/// for _ in 0..100 {
///     coverage.count(&says(10.0), 12.0);
///     alarms += u32::from(coverage.test(&says(10.0), 12.0));
/// }
/// assert_eq!((coverage.comparisons(), coverage.misses(), alarms), (100, 100, 1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    comparisons: u64,
    misses: u64,
    without_promise: u64,
    /// The sum of the confidences.
    promised: f64,
    /// The logarithm of the capital by rate of misses.
    capital: [f64; ODDS.len()],
    /// The comparisons that are still to be passed over.
    pause: u32,
}

impl Coverage {
    /// Counts a comparison. Gives whether the exact answer lies inside; none if nothing was promised, or if one of the
    /// two is no number.
    pub fn count(&mut self, estimate: &Estimate, exact: f64) -> Option<bool> {
        if estimate.value.is_nan() || exact.is_nan() {
            return None;
        }
        if !estimate.has_guarantee() {
            self.without_promise += 1;
            return None;
        }
        let inside = estimate.contains(exact);
        self.comparisons += 1;
        self.misses += u64::from(!inside);
        self.promised += estimate.confidence.min(1.0);
        Some(inside)
    }

    /// Holds a comparison against the promise. Gives whether it is broken: then the test begins anew, after a pause of
    /// 100 comparisons.
    pub fn test(&mut self, estimate: &Estimate, exact: f64) -> bool {
        if estimate.value.is_nan() || exact.is_nan() || !estimate.has_guarantee() {
            return false;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        let (missed, chance) = (!estimate.contains(exact), (1.0 - estimate.confidence).max(0.0));
        for (capital, odds) in self.capital.iter_mut().zip(ODDS) {
            // Fair if misses have this chance: it gains `odds` times as much by a miss as by a hit.
            let gain = if missed { odds } else { 1.0 };
            *capital += (gain / (1.0 - chance + odds * chance)).ln();
        }
        let broken = (missed && chance == 0.0) || self.log_capital() >= -FALSE_ALARM.ln();
        if broken {
            (self.capital, self.pause) = ([0.0; ODDS.len()], PAUSE);
        }
        broken
    }

    /// The logarithm of the average capital.
    fn log_capital(&self) -> f64 {
        let most = self.capital.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.capital.iter().map(|capital| (capital - most).exp()).sum();
        most + (sum / ODDS.len() as f64).ln()
    }

    /// Comparisons with an interval.
    pub fn comparisons(&self) -> u64 {
        self.comparisons
    }

    /// Those of them whose exact answer lies outside.
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// Comparisons with estimates that promise nothing.
    pub fn without_promise(&self) -> u64 {
        self.without_promise
    }

    /// The share of the exact answers that lie inside; none before the first comparison.
    pub fn share_inside(&self) -> Option<f64> {
        (self.comparisons > 0).then(|| 1.0 - self.misses as f64 / self.comparisons as f64)
    }

    /// The share that is promised: the mean confidence. None before the first comparison.
    pub fn promised(&self) -> Option<f64> {
        (self.comparisons > 0).then(|| self.promised / self.comparisons as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{Family, Method};
    use crate::random::Draws;

    fn estimate(confidence: f64) -> Estimate {
        Estimate::within(0.0, -1.0, 1.0, confidence, Method::new(Family::Custom, 0))
    }

    /// After how many comparisons of `most` there is an alarm, if misses have this chance.
    fn alarm_after(confidence: f64, chance: f64, seed: u64, most: u32) -> Option<u32> {
        let (mut coverage, mut draws) = (Coverage::default(), Draws::new(seed));
        (1..=most).find(|_| coverage.test(&estimate(confidence), if draws.unit() < chance { 2.0 } else { 0.5 }))
    }

    #[test]
    fn a_promise_that_is_just_kept_is_never_called_broken() {
        for confidence in [0.5, 0.95, 0.99, 0.9999] {
            for seed in 0..20 {
                assert_eq!(alarm_after(confidence, 1.0 - confidence, seed, 20_000), None, "{confidence}, {seed}");
            }
        }
    }

    #[test]
    fn a_promise_that_is_broken_is_found_and_the_sooner_the_worse_it_is() {
        let median = |confidence, chance| {
            let mut found: Vec<u32> =
                (0..21).map(|seed| alarm_after(confidence, chance, seed, 20_000).unwrap()).collect();
            found.sort_unstable();
            found[10]
        };
        let slightly = median(0.95, 0.1);
        assert!((600..1_200).contains(&slightly), "{slightly}");
        let badly = median(0.95, 0.5);
        assert!((10..40).contains(&badly), "{badly}");
        assert!(median(0.99, 0.05) < 600);
        assert!(alarm_after(0.95, 1.0, 0, 10).unwrap() <= 10);
    }

    /// Under the promise the capital is worth what it was, on average: checked by all outcomes of some comparisons.
    #[test]
    fn the_bets_are_fair() {
        let confidences = [0.95, 0.5, 0.99, 0.8, 0.95, 0.9];
        let mut expected = 0.0;
        for outcome in 0_u32..1 << confidences.len() {
            let (mut coverage, mut probability) = (Coverage::default(), 1.0);
            for (i, confidence) in confidences.iter().enumerate() {
                let missed = outcome >> i & 1 == 1;
                probability *= if missed { 1.0 - confidence } else { *confidence };
                assert!(!coverage.test(&estimate(*confidence), if missed { 2.0 } else { 0.0 }), "too few to tell");
            }
            expected += probability * coverage.log_capital().exp();
        }
        assert!((expected - 1.0).abs() < 1e-9, "{expected}");
    }

    #[test]
    fn one_miss_of_what_is_certain_is_an_alarm_and_no_hit_ever_is() {
        let mut coverage = Coverage::default();
        assert!((0..10_000).all(|_| !coverage.test(&estimate(1.0), 0.5)));
        assert!(coverage.test(&estimate(1.0), 1.5));
        let again = (1..1_000).find(|_| coverage.test(&estimate(1.0), 1.5));
        assert_eq!(again, Some(PAUSE + 1), "not told with each comparison");
    }

    #[test]
    fn what_promises_nothing_and_what_is_no_number_is_no_miss() {
        let mut coverage = Coverage::default();
        let nothing = Estimate::unbounded(1.0, Method::EXACT);
        assert_eq!(coverage.count(&nothing, 1e9), None);
        assert_eq!(coverage.count(&estimate(0.95), f64::NAN), None);
        assert_eq!(coverage.count(&Estimate { value: f64::NAN, ..estimate(1.0) }, 7.0), None);
        assert!((0..1_000).all(|_| !coverage.test(&nothing, 1e9) && !coverage.test(&estimate(1.0), f64::NAN)));
        assert_eq!((coverage.comparisons(), coverage.without_promise(), coverage.promised()), (0, 1, None));
        assert_eq!(coverage.count(&estimate(0.9), 5.0), Some(false));
        assert_eq!(coverage.count(&estimate(1.0), 1.0), Some(true));
        assert_eq!((coverage.share_inside(), coverage.promised()), (Some(0.5), Some(0.95)));
    }
}
