//! What simulations share: random numbers that follow from a seed and a place, and a beginning of time.

use std::fmt;

use streamgauge::sketches::random::Draws;

use crate::weblog::time::{DAY, civil_from_days};

/// The beginning of the simulated time: 2026-01-01 00:00:00, a Thursday, in milliseconds since the epoch.
pub(crate) const BEGIN: i64 = 1_767_225_600_000;

/// Random numbers that follow from a seed and a place alone: what is simulated there is the same whoever asks, and when.
pub(crate) fn draws(seed: u64, place: &[u64]) -> Draws {
    let mut draws = Draws::new(seed);
    place.iter().for_each(|part| draws.stir(*part));
    draws
}

/// A normally distributed number, by the method of Box and Muller.
pub(crate) fn normal(draws: &mut Draws) -> f64 {
    (-2.0 * draws.unit().ln()).sqrt() * (std::f64::consts::TAU * draws.unit()).cos()
}

/// A time in milliseconds since the epoch, written as `2026-01-01 09:30:00`.
pub(crate) struct Written(pub(crate) i64);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1_000);
        let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}
