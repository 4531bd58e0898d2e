//! KSWIN.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::{DriftDetector, Signal, known, parameter, stored};
use crate::image::image;

/// Holds the newest values of a window against a random sample of the older ones by the Kolmogorov–Smirnov test.
///
/// | | |
/// |---|---|
/// | says | whether the distribution has changed, also where the mean has not |
/// | memory | 16 bytes for each value of the window; 1.7 KB for the default of 100 |
/// | a value | O(window): some hundred nanoseconds |
/// | guarantee | for independent values of one distribution each single test tells a change with probability α at most |
///
/// When the window is full, as many of its older values as there are newest ones are drawn, without replacement. The
/// p-value is exact (for ties an upper bound). After a change the newest values alone are kept. There is a test for every
/// value, and tests of neighbours are much alike: take α some hundred times smaller than the rate of false alarms that you
/// can bear.
///
/// Source: Raab, Heusinger, Schleif, *Reactive Soft Prototype Computing for Concept Drift Streams*, 2020; Gnedenko,
/// Korolyuk, 1951, for the p-value.
///
/// ```
/// use streamgauge_ml::drift::{DriftDetector, Kswin, Signal};
/// let mut noise = Kswin::new(1e-5, 200, 60)?;
/// // The mean stays, the spread grows.
/// let value = |i: u32| (f64::from(i * 7 % 11) - 5.0) * if i < 1_000 { 1.0 } else { 10.0 };
/// let found = (0..2_000).position(|i| noise.update(value(i)) == Signal::Drift);
/// assert!(found.is_some_and(|at| (1_010..1_060).contains(&at)), "{found:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Kswin {
    alpha: f64,
    window: u32,
    recent: u32,
    draws: Draws,
    /// By how many of the newest values the distributions must differ for a p-value of α; more than all of them if that
    /// cannot be. Follows from the parameters.
    critical: u32,
    /// The values in the order of their arrival, a ring.
    values: Vec<f64>,
    /// Where the oldest value is, once the window is full.
    oldest: u32,
    /// The newest values, and the others, each in ascending order; empty until the window is full.
    newest: Vec<f64>,
    older: Vec<f64>,
}

impl Default for Kswin {
    /// α = 0.005 for the newest 30 values of 100, the seed 1.
    fn default() -> Self {
        Self::of(0.005, 100, 30)
    }
}

/// Puts a value into ascending ones. One of them leaves for it.
#[inline]
fn replace(ascending: &mut [f64], leaves: f64, comes: f64) {
    let from = ascending.partition_point(|x| x.total_cmp(&leaves).is_lt());
    let to = ascending.partition_point(|x| x.total_cmp(&comes).is_lt());
    if from < to {
        ascending.copy_within(from + 1..to, from);
        ascending[to - 1] = comes;
    } else if from < ascending.len() {
        ascending.copy_within(to..from, to + 1);
        ascending[to] = comes;
    }
}

/// How many of the first values are as asked.
#[inline]
fn until(ascending: &[f64], holds: impl Fn(f64) -> bool) -> usize {
    ascending.iter().take_while(|x| holds(**x)).count()
}

/// The probability that the distributions of two samples of `n` values each differ by at least `d` of them.
fn p_value(n: u32, d: u32) -> f64 {
    // 2 Σ (−1)^(k−1) C(2n, n − kd) / C(2n, n), with each quotient from the one before.
    let (mut quotient, mut p, mut at) = (1.0, 0.0, 0);
    let mut sign = 1.0;
    while at + d <= n && d > 0 {
        for i in at..at + d {
            quotient *= f64::from(n - i) / f64::from(n + i + 1);
        }
        at += d;
        p += sign * quotient;
        sign = -sign;
    }
    if d == 0 { 1.0 } else { (2.0 * p).clamp(0.0, 1.0) }
}

impl Kswin {
    /// A detector of this α, for the newest `recent` values of a window.
    ///
    /// # Errors
    /// [`ParameterError`] unless α lies in `(0, 1)`, there are at least two recent values, and the window has at least
    /// twice as many and at most 65,536.
    pub fn new(alpha: f64, window: u32, recent: u32) -> Result<Self, ParameterError> {
        Self::wrong(alpha, window, recent).map(|()| Self::of(alpha, window, recent))
    }

    /// The same detector, empty, under another seed.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        Self { draws: Draws::new(seed), ..Self::of(self.alpha, self.window, self.recent) }
    }

    fn of(alpha: f64, window: u32, recent: u32) -> Self {
        let (mut critical, mut above) = (1, recent + 1);
        while critical < above {
            let middle = (critical + above) / 2;
            if p_value(recent, middle) <= alpha { above = middle } else { critical = middle + 1 }
        }
        let (values, newest, older) = (Vec::new(), Vec::new(), Vec::new());
        Self { alpha, window, recent, draws: Draws::new(1), critical, values, oldest: 0, newest, older }
    }

    fn wrong(alpha: f64, window: u32, recent: u32) -> Result<(), ParameterError> {
        parameter(Self::NAME, alpha > 0.0 && alpha < 1.0, "alpha", "above 0 and below 1", alpha)?;
        parameter(Self::NAME, (2..=1 << 15).contains(&recent), "recent values", "2 to 2^15", recent)?;
        let room = (2 * recent..=1 << 16).contains(&window);
        parameter(Self::NAME, room, "window", "twice the recent values, to 2^16", window)
    }

    /// How many values there are since the last change, at most the window.
    pub fn width(&self) -> usize {
        self.values.len()
    }

    fn fill(&mut self) {
        let (older, newest) = self.values.split_at((self.window - self.recent) as usize);
        for (ascending, values) in [(&mut self.older, older), (&mut self.newest, newest)] {
            ascending.clear();
            ascending.extend_from_slice(values);
            ascending.sort_unstable_by(f64::total_cmp);
        }
    }

    /// Lets the oldest value leave, and the oldest of the newest become one of the others.
    #[inline]
    fn slide(&mut self, value: f64) {
        let at = self.oldest as usize;
        let ages = (at + (self.window - self.recent) as usize) % self.window as usize;
        let (leaves, ages) = (self.values[at], self.values[ages]);
        replace(&mut self.older, leaves, ages);
        replace(&mut self.newest, ages, value);
        self.values[at] = value;
        self.oldest = (self.oldest + 1) % self.window;
    }

    /// By how many values the distributions of the newest and of a sample of the others differ at most.
    #[inline]
    fn distance(&mut self) -> u32 {
        let (mut drawn, mut newer, mut most) = (0, 0, 0);
        let (mut last, mut bits) = (f64::NEG_INFINITY, 0);
        for (at, &value) in self.older.iter().enumerate() {
            // Each of the rest is drawn with the same probability: what is wanted of what is left.
            let (wanted, left) = (u64::from(self.recent - drawn), (self.older.len() - at) as u64);
            if wanted == 0 {
                break;
            }
            // Two numbers of 32 bits from one of 64.
            bits = if at % 2 == 0 { self.draws.bits() } else { bits >> 32 };
            if ((bits & u64::from(u32::MAX)) * left) >> 32 >= wanted {
                continue;
            }
            if value > last {
                // The difference runs from where it is at the last value to where it is before this one.
                newer += until(&self.newest[newer..], |x| x <= last);
                most = most.max(drawn.abs_diff(newer as u32));
                newer += until(&self.newest[newer..], |x| x < value);
                most = most.max(drawn.abs_diff(newer as u32));
                last = value;
            }
            drawn += 1;
        }
        newer += until(&self.newest[newer..], |x| x <= last);
        most.max(drawn.abs_diff(newer as u32))
    }

    fn check(&self) -> Result<(), DecodeError> {
        Self::wrong(self.alpha, self.window, self.recent).map_err(stored)?;
        let expected = Self::of(self.alpha, self.window, self.recent);
        DecodeError::unless(self.critical == expected.critical, "a critical distance", self.critical)?;
        let (window, recent) = (self.window as usize, self.recent as usize);
        DecodeError::unless(self.values.len() <= window, "values", self.values.len())?;
        let fine = |value: &f64| known(*value) && value.to_bits() != (-0.0_f64).to_bits();
        DecodeError::unless(self.values.iter().all(fine), "values", "beyond 1e100, or minus zero")?;
        let full = self.values.len() == window;
        DecodeError::unless(self.oldest < self.window && (full || self.oldest == 0), "an oldest value", self.oldest)?;
        let mut expected = Self { values: self.values.clone(), ..expected };
        if full {
            expected.values.rotate_left(self.oldest as usize);
            expected.fill();
        }
        let lengths = if full { (recent, window - recent) } else { (0, 0) };
        DecodeError::unless((self.newest.len(), self.older.len()) == lengths, "newest values", self.newest.len())?;
        let bits =
            |ours: &[f64], theirs: &[f64]| ours.iter().map(|x| x.to_bits()).eq(theirs.iter().map(|x| x.to_bits()));
        let same = bits(&self.newest, &expected.newest) && bits(&self.older, &expected.older);
        DecodeError::unless(same, "values in order", "other than those of the window")
    }
}

impl DriftDetector for Kswin {
    #[inline]
    fn update(&mut self, value: f64) -> Signal {
        if !known(value) {
            return Signal::Stable;
        }
        // Not minus zero: it equals zero and would be sorted before it.
        let value = value + 0.0;
        if self.values.len() == self.window as usize {
            self.slide(value);
        } else {
            if self.values.capacity() == 0 {
                self.values.reserve_exact(self.window as usize);
                self.newest.reserve_exact(self.recent as usize);
                self.older.reserve_exact((self.window - self.recent) as usize);
            }
            self.values.push(value);
            if self.values.len() < self.window as usize {
                return Signal::Stable;
            }
            self.fill();
        }
        if self.distance() < self.critical {
            return Signal::Stable;
        }
        self.values.rotate_left(self.oldest as usize);
        self.values.drain(..(self.window - self.recent) as usize);
        self.oldest = 0;
        self.newest.clear();
        self.older.clear();
        Signal::Drift
    }
}

impl Summary for Kswin {
    type Reading = Self;

    const NAME: &'static str = "Kswin";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let values = self.values.capacity() + self.newest.capacity() + self.older.capacity();
        size_of::<Self>() + values * size_of::<f64>()
    }
}

image!(Kswin, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;

    use super::super::laws;
    use super::*;

    #[test]
    fn holds_the_laws() {
        laws::hold(&Kswin::default());
        laws::hold(&Kswin::new(0.01, 60, 30).unwrap().seeded(7));
        assert!(Kswin::new(0.0, 100, 30).is_err() && Kswin::new(0.01, 59, 30).is_err());
        assert!(Kswin::new(0.01, 100, 1).is_err() && Kswin::new(0.01, 1 << 17, 30).is_err());
    }

    /// Against the p-values of all C(2n, n) orders of two samples.
    #[test]
    fn p_values_are_exact() {
        for n in 2..=8_u32 {
            let mut orders = vec![0_u32; n as usize + 1];
            for order in (0_u32..1 << (2 * n)).filter(|order| order.count_ones() == n) {
                let (mut ahead, mut most) = (0_i32, 0);
                for at in 0..2 * n {
                    ahead += if order >> at & 1 == 1 { 1 } else { -1 };
                    most = most.max(ahead.unsigned_abs());
                }
                orders[most as usize] += 1;
            }
            let all: u32 = orders.iter().sum();
            for d in 0..=n {
                let at_least: u32 = orders[d as usize..].iter().sum();
                let (p, exact) = (p_value(n, d), f64::from(at_least) / f64::from(all));
                assert!((p - exact).abs() < 1e-12, "{n} {d}: {p} {exact}");
            }
        }
        assert_eq!(Kswin::default().critical, 14);
    }

    #[test]
    fn the_window_stays_in_order_and_distances_are_those_of_the_definition() {
        let mut draws = Draws::new(4);
        // Nothing is ever told, so that the window slides; and all of the others are drawn, so that the distance is known.
        let mut kswin = Kswin { critical: 21, ..Kswin::of(0.5, 40, 20) };
        for i in 0..2_000 {
            kswin.update(if i < 1_000 { draws.below(7) as f64 } else { draws.unit() + f64::from(i % 50) / 50.0 });
            if kswin.width() == 40 {
                let mut stored = kswin.clone();
                stored.critical = Kswin::of(0.5, 40, 20).critical;
                stored.check().unwrap();
                let share = |of: &[f64], x: f64| of.iter().filter(|y| **y <= x).count() as i32;
                let apart = |x: f64| (share(&kswin.newest, x) - share(&kswin.older, x)).unsigned_abs();
                let expected = kswin.values.iter().map(|x| apart(*x)).max().unwrap();
                assert_eq!(kswin.clone().distance(), expected, "value {i}");
            }
        }
    }

    #[test]
    fn a_window_that_cannot_be_is_refused() {
        let mut kswin = Kswin::default();
        (0..150).for_each(|i| _ = kswin.update(f64::from(i * 7 % 10)));
        assert_eq!(kswin.width(), 100);
        for spoil in [
            |kswin: &mut Kswin| kswin.oldest = 100,
            |kswin: &mut Kswin| kswin.critical = 3,
            |kswin: &mut Kswin| kswin.values[3] = f64::NAN,
            |kswin: &mut Kswin| kswin.values.push(3.0),
            |kswin: &mut Kswin| kswin.values.truncate(50),
            |kswin: &mut Kswin| kswin.newest.reverse(),
            |kswin: &mut Kswin| kswin.older.truncate(3),
            |kswin: &mut Kswin| kswin.recent = 90,
        ] {
            let mut spoiled = kswin.clone();
            spoil(&mut spoiled);
            assert!(Kswin::from_bytes(&spoiled.to_bytes()).is_err(), "{spoiled:?}");
        }
    }
}
