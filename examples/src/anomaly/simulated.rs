//! Metrics of made-up hosts, with anomalies put in.

use compact_str::format_compact;
use streamgauge::ml::anomaly::Sample;
use streamgauge::sketches::random::Draws;

use super::Reading;
use crate::simulation::{BEGIN, draws, normal};

/// The time between two readings of a series, in milliseconds.
const TICK: i64 = 60_000;
/// The readings of a day.
const DAY: u64 = 1_440;
/// There is at most one anomaly in so many readings of a series, and none in the first ones.
const BLOCK: u64 = 720;
const QUIET_BLOCKS: u64 = 2;
/// In how many of a hundred blocks there is one.
const PERCENT: u64 = 40;

/// What is measured of a host: its name, its usual level, how far it swings in a day, its noise.
const METRICS: [(&str, f64, f64, f64); 3] =
    [("cpu", 45.0, 15.0, 2.5), ("memory", 60.0, 4.0, 0.8), ("latency", 120.0, 30.0, 9.0)];

/// Metrics of made-up hosts: every reading follows from the seed and its number.
///
/// ```
/// use streamgauge_examples::anomaly::Simulated;
///
/// let hosts = Simulated::new(7, 4);
/// assert_eq!(hosts.reading(5), hosts.reading(5));
/// assert_eq!(hosts.series().count(), 12);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Simulated {
    seed: u64,
    hosts: u64,
}

/// What is wrong in a block.
#[derive(Clone, Copy, Debug)]
struct Anomaly {
    kind: Kind,
    /// The first reading of the block that is a part of it, and how many are.
    first: u64,
    length: u64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Spike,
    Outage,
    Shift,
    Unrest,
}

impl Simulated {
    /// The metrics of so many hosts, at least one.
    pub fn new(seed: u64, hosts: u64) -> Self {
        Self { seed, hosts: hosts.max(1) }
    }

    /// The names of the series.
    pub fn series(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.hosts).flat_map(|host| METRICS.iter().map(move |(metric, ..)| format!("host-{host}/{metric}")))
    }

    /// The reading of this number: all series in turn, minute by minute.
    pub fn reading(&self, number: u64) -> Reading {
        let all = self.hosts * METRICS.len() as u64;
        let (series, tick) = (number % all, number / all);
        let (host, metric) = (series / METRICS.len() as u64, (series % METRICS.len() as u64) as usize);
        let (name, level, swing, noise) = METRICS[metric];
        let mut of_series = self.draws(series, u64::MAX);
        let (level, phase) = (level * (0.7 + 0.6 * of_series.unit()), of_series.unit());
        let normal = normal(&mut self.draws(series, tick));
        let of_day = (tick % DAY) as f64 / DAY as f64;
        let usual = level + swing * (std::f64::consts::TAU * (of_day + phase)).sin();
        let block = tick / BLOCK;
        let anomaly =
            self.anomaly(series, block).filter(|it| (it.first..it.first + it.length).contains(&(tick % BLOCK)));
        let value = match anomaly.map(|it| it.kind) {
            None => usual + noise * normal,
            Some(Kind::Spike) => usual + noise * (12.0 + normal),
            Some(Kind::Outage) => noise * 0.1 * normal,
            Some(Kind::Shift) => usual + noise * (8.0 + normal),
            Some(Kind::Unrest) => usual + noise * 6.0 * normal,
        };
        Reading {
            series: format_compact!("host-{host}/{name}"),
            sample: Sample { time: BEGIN + tick as i64 * TICK, value: value.max(0.0) },
            anomaly: anomaly.map(|_| block),
        }
    }

    fn anomaly(&self, series: u64, block: u64) -> Option<Anomaly> {
        let mut draws = self.draws(series, u64::MAX - 1 - block);
        if block < QUIET_BLOCKS || draws.below(100) >= PERCENT {
            return None;
        }
        let (kind, length) = match draws.below(4) {
            0 => (Kind::Spike, 2),
            1 => (Kind::Outage, 6),
            2 => (Kind::Shift, 90),
            _ => (Kind::Unrest, 25),
        };
        Some(Anomaly { kind, first: draws.below(BLOCK - length), length })
    }

    /// Random numbers of their own for a series and a tick.
    fn draws(&self, series: u64, tick: u64) -> Draws {
        draws(self.seed, &[series, tick])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anomalies_stand_out_and_are_rare() {
        let hosts = Simulated::new(1, 2);
        let readings: Vec<_> = (0..6 * 20 * BLOCK).map(|n| hosts.reading(n)).collect();
        assert!(readings.iter().all(|reading| reading.sample.value.is_finite()));
        let first = readings.iter().position(|reading| reading.anomaly.is_some()).unwrap();
        assert!(first as u64 >= 6 * QUIET_BLOCKS * BLOCK);
        let strange = readings.iter().filter(|reading| reading.anomaly.is_some()).count();
        assert!((400..2_600).contains(&strange), "{strange} of {}", readings.len());
        let mut anomalies: Vec<_> = readings.iter().filter_map(|r| Some((r.series.clone(), r.anomaly?))).collect();
        anomalies.sort();
        anomalies.dedup();
        // 108 blocks with two in five: 43 ± 5.
        assert!((23..64).contains(&anomalies.len()), "{}", anomalies.len());
    }
}
