//! How fast an error budget burns.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Windows of five minutes, one every minute: so many reach an hour back, each fifth of them beside the next.
const HOUR: usize = 56;
const MINUTES: usize = 5;
/// Windows of five minutes in a day.
const DAY: usize = 288;

/// Requests, and those of them that were too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) all: u64,
    pub(super) slow: u64,
}

impl Tally {
    /// The share that was too slow, in shares of what may be: 1 spends the budget exactly.
    pub(super) fn burn(self, target: f64) -> f64 {
        if self.all == 0 { 0.0 } else { self.slow as f64 / self.all as f64 / (1.0 - target) }
    }
}

impl FromIterator<Tally> for Tally {
    fn from_iter<I: IntoIterator<Item = Self>>(tallies: I) -> Self {
        tallies.into_iter().fold(Self::default(), |sum, it| Self { all: sum.all + it.all, slow: sum.slow + it.slow })
    }
}

/// The windows of a service that are not older than a day.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Past {
    /// Of the last hour, the newest first.
    hour: VecDeque<Tally>,
    /// Of the last day, one of five.
    day: VecDeque<Tally>,
    windows: usize,
}

impl Past {
    /// Adds the newest window.
    pub(super) fn add(&mut self, window: Tally) {
        self.hour.push_front(window);
        self.hour.truncate(HOUR);
        self.windows += 1;
        if self.windows.is_multiple_of(MINUTES) {
            self.day.push_front(window);
            self.day.truncate(DAY);
        }
    }

    /// The last hour.
    pub(super) fn hour(&self) -> Tally {
        self.hour.iter().step_by(MINUTES).copied().collect()
    }

    /// The last day.
    pub(super) fn day(&self) -> Tally {
        self.day.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_twelve_windows_beside_each_other() {
        let mut past = Past::default();
        (0..200).for_each(|minute| past.add(Tally { all: 1_000, slow: u64::from(minute >= 190) * 100 }));
        // The newest two of twelve, of which ten in a hundred were slow.
        assert_eq!(past.hour(), Tally { all: 12_000, slow: 200 });
        assert_eq!(past.day(), Tally { all: 40_000, slow: 200 });
        assert!((past.hour().burn(0.99) - 200.0 / 120.0).abs() < 1e-9);
        assert_eq!(Tally::default().burn(0.99), 0.0);
    }
}
