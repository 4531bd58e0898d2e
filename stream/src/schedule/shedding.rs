//! How much of its input a job keeps that cannot keep up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Trigger;
use crate::graph::Parts;
use crate::monitor::BatchInfo;

/// The part of the batch interval that a batch is to take.
const GOAL: f64 = 0.8;
/// Below this there is room for more, and above 1 too much; in between all stays as it is.
const ROOM: f64 = 0.7;
/// In how many batches a lag is to be worked off, …
const CATCH_UP: f64 = 4.0;
/// … and the longest lag, in intervals, that counts for that: a long one would take the whole interval.
const LONGEST_LAG: f64 = 2.0;
/// A lag, in intervals, with which nothing is added.
const LAGGING: f64 = 0.25;
/// The least and the most that a fraction changes by from one batch to the next.
const DOWN: f64 = 0.25;
const UP: f64 = 1.25;
/// From here on all is kept.
const NEARLY_ALL: f64 = 0.95;

/// What a batch was like, by the clock of the job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pressure {
    pub(crate) processing: Duration,
    /// How long the batch had waited.
    pub(crate) delay: Duration,
    pub(crate) interval: Duration,
}

/// The fraction of its records that the next batch keeps, after one that has kept `fraction`; never below `floor`.
///
/// A batch is to take 0.8 of its interval, less if the job lags. One that takes more than the interval lowers the
/// fraction at once, by as much as it was too long, to a quarter at most; one that takes less than 0.7 while nothing is
/// late raises it by a quarter at most. In between nothing changes, so that a steady load leads to a steady fraction.
pub(crate) fn next_fraction(fraction: f64, floor: f64, load: Pressure) -> f64 {
    let interval = load.interval.as_secs_f64();
    let (busy, lag) = (load.processing.as_secs_f64() / interval, load.delay.as_secs_f64() / interval);
    let pressure = busy + lag.min(LONGEST_LAG) / CATCH_UP;
    let next = if pressure > 1.0 {
        fraction * (GOAL / pressure).max(DOWN)
    } else if pressure < ROOM && lag < LAGGING {
        let more = fraction * ((ROOM + GOAL) / 2.0 / pressure).min(UP);
        if more >= NEARLY_ALL { 1.0 } else { more }
    } else {
        fraction
    };
    // Both are numbers: an interval is not zero.
    next.max(floor).min(1.0)
}

/// The fraction that a job keeps at the moment: all of it at first.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Fraction(f64);

impl Default for Fraction {
    fn default() -> Self {
        Self(1.0)
    }
}

/// Decides what a job keeps of its records.
pub(crate) struct Shedding {
    /// The lowest fraction; none if the job does not shed.
    floor: Option<f64>,
    fraction: Arc<Mutex<Fraction>>,
}

impl Shedding {
    /// Of a job that sheds if it has an operator for it. Without an interval there is nothing to keep up with.
    pub(crate) fn new(parts: &Parts, trigger: Trigger) -> Self {
        let floor = parts.floors.iter().copied().reduce(f64::min);
        Self { floor: floor.filter(|_| trigger == Trigger::Every), fraction: parts.fraction.clone() }
    }

    fn held(&self) -> MutexGuard<'_, Fraction> {
        // Nothing that can panic runs under this lock.
        self.fraction.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the batch that is about to run keeps.
    pub(crate) fn fraction(&self) -> f64 {
        self.held().0
    }

    /// A batch is run again, and keeps what it kept.
    pub(crate) fn repeat(&self, fraction: f64) {
        self.held().0 = fraction;
    }

    /// Learns from a batch that is done.
    pub(crate) fn learn(&self, batch: &BatchInfo) {
        let mut held = self.held();
        held.0 = match (self.floor, batch.interval, batch.started, batch.ended) {
            (Some(floor), Some(interval), Some(started), Some(ended)) => {
                let load = Pressure { processing: ended.since(started), delay: batch.scheduling_delay, interval };
                next_fraction(held.0, floor, load)
            }
            _ => 1.0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(processing: f64, delay: f64) -> Pressure {
        let seconds = Duration::from_secs_f64;
        Pressure { processing: seconds(processing), delay: seconds(delay), interval: seconds(1.0) }
    }

    /// The fractions of batches that take `cost` seconds if everything is kept, and the lag after them.
    fn play(mut fraction: f64, floor: f64, costs: impl Iterator<Item = f64>) -> (Vec<f64>, f64) {
        let mut lag = 0.0_f64;
        let fractions = costs.map(|cost| {
            let processing = 0.02 + cost * fraction;
            let used = fraction;
            fraction = next_fraction(fraction, floor, load(processing, lag));
            lag = (lag + processing - 1.0).max(0.0);
            used
        });
        (fractions.collect(), lag)
    }

    #[test]
    fn a_job_that_keeps_up_keeps_everything() {
        for cost in [0.0, 0.3, 0.69, 0.71, 0.97] {
            assert!(play(1.0, 0.01, [cost; 50].into_iter()).0.iter().all(|fraction| *fraction == 1.0), "{cost}");
        }
    }

    #[test]
    fn overload_is_met_at_once_and_settles() {
        for (cost, floor) in [(1.1, 0.01), (2.0, 0.01), (10.0, 0.01), (50.0, 0.001)] {
            let (fractions, lag) = play(1.0, floor, [cost; 300].into_iter());
            assert!(lag < 0.01, "{cost}: lags {lag}");
            let settled = &fractions[250..];
            assert!(settled.iter().all(|fraction| fraction == &settled[0]), "{cost}: {settled:?}");
            let busy = 0.02 + cost * settled[0];
            assert!((0.69..=1.0).contains(&busy), "{cost}: batches take {busy}");
        }
    }

    #[test]
    fn the_floor_holds_and_all_is_kept_again() {
        let (fractions, _) = play(1.0, 0.2, [100.0; 5].into_iter().chain([0.5; 400]));
        assert!(fractions[2..5].iter().all(|fraction| *fraction == 0.2), "{fractions:?}");
        assert_eq!(fractions.last(), Some(&1.0), "{fractions:?}");
        // Up in steps, never down again on the way.
        assert!(fractions[5..].is_sorted(), "{fractions:?}");
    }

    #[test]
    fn a_load_that_wavers_does_not_make_the_fraction_waver() {
        let costs = (0..200).map(|i| if i % 2 == 0 { 2.0 } else { 2.3 });
        let (fractions, _) = play(1.0, 0.01, costs);
        assert!(fractions[20..].windows(2).all(|two| two[0] == two[1]), "{:?}", &fractions[20..40]);
    }

    #[test]
    fn any_load_gives_a_fraction() {
        for processing in [0.0, 1e-9, 1.0, 1e9] {
            for delay in [0.0, 0.3, 1e9] {
                for fraction in [0.01, 0.5, 1.0] {
                    let next = next_fraction(fraction, 0.01, load(processing, delay));
                    assert!((0.01..=1.0).contains(&next), "{processing}, {delay}: {next}");
                    assert!(next <= UP * fraction / NEARLY_ALL && next >= 0.01_f64.max(DOWN * fraction));
                }
            }
        }
    }
}
