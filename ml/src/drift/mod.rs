//! Has a stream changed?
//!
//! A [`DriftDetector`] is fed numbers, mostly the errors of a model (1 for a wrong answer, 0 for a right one), and says
//! after each whether they still come from what the ones before came from.
//!
//! | detector | watches | finds | when to use it |
//! |---|---|---|---|
//! | [`Adwin`] | the mean of any numbers | rises and falls, sudden and slow | nearly always: few false alarms, and it knows the mean since the last change |
//! | [`PageHinkley`] | the mean of any numbers | rises, falls or both, above a set size | a shift of known size has to be found in a few bytes |
//! | [`HddmA`] | the mean of numbers in `[0, 1]` | rises, sudden | errors of a model, with a bound on false alarms |
//! | [`HddmW`] | the same, recent ones weighing more | rises, slow ones too | as above, for changes that creep |
//! | [`Ddm`] | an error rate | rises, sudden | for comparison with what is published |
//! | [`Eddm`] | the distance between errors | rises, slow | for comparison; it raises false alarms |
//! | [`Kswin`] | the distribution of any numbers | any change of it, also with the same mean | single features, more than errors |
//!
//! **When not to use one**: to say that one item is strange (an [anomaly detector](crate::anomaly) does), for seasons
//! (every morning is a change), and for a model that forgets by itself anyway.
//!
//! None of them merges: what a detector knows depends on the order of its items. They are used as keyed state and in
//! windows that are fed in order; a reduce of one does not compile.
//!
//! ```compile_fail
//! use streamgauge_ml::drift::Adwin;
//! use streamgauge_sketches::Merge;
//! fn reduce<S: Merge>(_: S) {}
//! reduce(Adwin::default());
//! ```

mod adwin;
mod ddm;
mod eddm;
mod errors;
mod hddm_a;
mod hddm_w;
mod kswin;
mod page_hinkley;
mod window;

pub use adwin::Adwin;

pub use ddm::Ddm;
pub use eddm::Eddm;
pub use hddm_a::HddmA;
pub use hddm_w::HddmW;
pub use kswin::Kswin;
pub use page_hinkley::{Direction, PageHinkley};

pub(crate) use errors::Errors;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

/// What a detector says after an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Signal {
    /// Nothing speaks for a change.
    Stable,
    /// A change may be on its way: a good moment to begin a new model beside the old one.
    Warning,
    /// The stream has changed; the detector has begun anew with what is left of the stream.
    Drift,
}

/// Says whether a stream of numbers has changed.
///
/// After a [`Signal::Drift`] it has forgotten what was before the change and needs no reset. A value that is missing (NaN)
/// or infinite is passed over: it changes nothing, and the answer is [`Signal::Stable`].
///
/// ```
/// use streamgauge_ml::drift::{Adwin, DriftDetector, Signal};
/// let mut errors = Adwin::default();
/// let one_in = |n| move |i: u64| f64::from(u8::from(i % n == 0));
/// assert!((0..10_000).map(one_in(5)).all(|error| errors.update(error) == Signal::Stable));
/// let found = (0..10_000).map(one_in(2)).position(|error| errors.update(error) == Signal::Drift);
/// assert_eq!(found, Some(79));
/// ```
pub trait DriftDetector: Summary {
    /// Takes in the next value.
    fn update(&mut self, value: f64) -> Signal;
}

/// Values beyond this count as missing: their squares could not be added up.
const MOST: f64 = 1e100;

/// Whether a value can be taken in.
#[inline]
fn known(value: f64) -> bool {
    value.abs() <= MOST
}

fn parameter(
    summary: &'static str,
    holds: bool,
    parameter: &'static str,
    allowed: &'static str,
    value: impl ToString,
) -> Result<(), ParameterError> {
    if holds { Ok(()) } else { Err(ParameterError { summary, parameter, allowed, value: value.to_string() }) }
}

/// A parameter that was stored and cannot be.
fn stored(wrong: ParameterError) -> DecodeError {
    DecodeError::Value { field: wrong.parameter, value: wrong.value }
}

/// Checks numbers that were stored.
fn check_numbers<const N: usize>(numbers: [(&'static str, f64); N]) -> Result<(), DecodeError> {
    numbers.into_iter().try_for_each(|(field, number)| DecodeError::unless(number.is_finite(), field, number))
}

/// What every detector is held to.
#[cfg(test)]
mod laws {
    use streamgauge_sketches::random::Draws;
    use streamgauge_sketches::{Codec, laws};

    use super::{DriftDetector, Signal};

    /// How many signals of a kind errors of these rates give, 2,000 items of each.
    pub(super) fn signals<D: DriftDetector>(detector: &mut D, rates: &[f64], kind: Signal) -> Vec<usize> {
        let mut draws = Draws::new(1);
        let mut error = |rate: f64| f64::from(u8::from(draws.unit() < rate));
        rates.iter().map(|&rate| (0..2_000).filter(|_| detector.update(error(rate)) == kind).count()).collect()
    }

    /// Restored to the bit on the way, the same items give the same bytes, bad values change nothing, the image holds.
    pub(super) fn hold<D: DriftDetector + Codec>(empty: &D) {
        let bytes = |detector: &D| postcard::to_allocvec(detector).unwrap();
        let mut draws = Draws::new(2);
        let (mut single, mut again) = (empty.clone(), empty.clone());
        let mut drifts = 0;
        for at in 0..3_000 {
            let value = f64::from(u8::from(draws.unit() < if at / 1_000 == 1 { 0.7 } else { 0.1 }));
            let signal = single.update(value);
            drifts += usize::from(signal == Signal::Drift);
            assert_eq!(again.update(value), signal);
            if at % 500 == 250 {
                again = postcard::from_bytes(&bytes(&again)).unwrap();
                let before = bytes(&single);
                for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    assert_eq!(single.update(wrong), Signal::Stable);
                }
                assert_eq!(bytes(&single), before);
                laws::image_holds(&single);
            }
        }
        assert!(drifts > 0);
        assert_eq!(bytes(&single), bytes(&again));
        assert!(single.memory_bytes() >= size_of::<D>());
        damaged(&single);
        let mut odd = single.clone();
        for value in [f64::MAX, f64::MIN, -0.0, 5e-324, -7.5, 1e99, -1e100].iter().cycle().take(2_000) {
            odd.update(*value);
        }
        D::from_bytes(&odd.to_bytes()).expect("what odd values leave behind is a good detector");
        for value in [f64::MAX, f64::NAN, -0.0, 5e-324, -7.5, 3.0].iter().cycle().take(2_000) {
            single.update(*value);
        }
        signals(&mut single, &[0.0; 10], Signal::Drift);
        assert!(signals(&mut single, &[1.0], Signal::Drift)[0] > 0, "still finds a change after odd values");
    }

    /// Every byte changed: what is not refused goes on.
    fn damaged<D: DriftDetector + Codec>(detector: &D) {
        let good = postcard::to_allocvec(detector).unwrap();
        for at in 0..good.len() {
            for by in [1, 0x40, 0x7f, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= by;
                // The envelope of an image would find the damage: here is none around it.
                let Ok(read) = postcard::from_bytes::<D>(&bytes) else { continue };
                if let Ok(mut read) = D::from_bytes(&read.to_bytes()) {
                    (0..200).for_each(|i| _ = read.update(f64::from(i % 3)));
                    D::from_bytes(&read.to_bytes()).expect("a detector that was accepted stays a good one");
                }
            }
        }
    }
}
