//! The score of the Numenta Anomaly Benchmark.

use thiserror::Error;

/// What a missed window and a false alarm cost, in windows caught at their left edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Its name in reports.
    pub name: &'static str,
    /// The cost of a window without a detection.
    pub miss: f64,
    /// The cost of a detection far from any window.
    pub false_alarm: f64,
}

/// The three profiles: standard, few false alarms (reward low FP), few misses (reward low FN).
pub const PROFILES: [Profile; 3] = [
    Profile { name: "standard", miss: 1.0, false_alarm: 0.11 },
    Profile { name: "reward_low_FP", miss: 1.0, false_alarm: 0.22 },
    Profile { name: "reward_low_FN", miss: 2.0, false_alarm: 0.11 },
];

/// The scores that a detector gave to the records of one series, and where its anomalies are.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// A score for each record; 0 where the detector gave none.
    pub scores: &'a [f64],
    /// The first and the last record of each window, in order and apart from each other.
    pub windows: &'a [(usize, usize)],
}

/// What is wrong with the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NabError {
    /// A window that ends before it begins or beyond the series, or begins before the one before it ends.
    #[error("window {window} of series {series} is empty, out of order or beyond the series")]
    Window {
        /// The number of the series, from 0.
        series: usize,
        /// The number of the window, from 0.
        window: usize,
    },
    /// A score that is a NaN.
    #[error("record {record} of series {series} has a score that is no number")]
    Score {
        /// The number of the series, from 0.
        series: usize,
        /// The number of the record, from 0.
        record: usize,
    },
    /// Without windows there is nothing to detect, and no score.
    #[error("the series have no windows")]
    NoWindows,
}

/// The score at the best single threshold: of a profile, over all series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// 0 for no detection at all, 100 for every window caught at its left edge and no false alarm.
    pub score: f64,
    /// A score from here on is a detection; infinite if it is best to detect nothing.
    pub threshold: f64,
}

/// The first records of a series, which do not count.
pub fn probation(records: usize) -> usize {
    // 15 %, at most 750; in integers, so that it is exact.
    (records * 3 / 20).min(750)
}

/// Series whose records are weighed: they can be asked for the score at any threshold.
///
/// Lavin, Ahmad, *Evaluating Real-time Anomaly Detection Algorithms – the Numenta Anomaly Benchmark*, 2015. Takes
/// O(n log n) for n records once, and O(n) for each question.
///
/// ```
/// use streamgauge_ml::evaluate::nab::{Nab, PROFILES, Series};
/// let mut scores = vec![0.1; 100];
/// scores[60] = 0.9; // the left edge of the window
/// scores[30] = 0.8; // a false alarm
/// let nab = Nab::new(&[Series { scores: &scores, windows: &[(60, 69)] }])?;
/// assert_eq!(nab.best(&PROFILES[0]).score, 100.0);
/// assert!((nab.at(&PROFILES[0], 0.8) - (100.0 - 5.5)).abs() < 1e-9);
/// # Ok::<(), streamgauge_ml::evaluate::nab::NabError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Nab {
    /// By score, the highest first.
    records: Vec<Record>,
    windows: usize,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    score: f64,
    /// The window that it lies in, numbered over all series.
    window: Option<usize>,
    /// What a detection is worth here: at most 1 in a window, down to −1 outside.
    worth: f64,
}

/// 1 far to the left of the right edge of a window, 0 at it, −1 far to the right.
fn sigmoid(x: f64) -> f64 {
    2.0 / (1.0 + (5.0 * x).exp()) - 1.0
}

impl Nab {
    /// Weighs the records of all series.
    ///
    /// # Errors
    /// [`NabError`] naming the series and what is wrong with it.
    pub fn new(series: &[Series<'_>]) -> Result<Self, NabError> {
        let (mut records, mut windows) = (Vec::new(), 0);
        for (number, series) in series.iter().enumerate() {
            let mut free = 0;
            for (window, &(left, right)) in series.windows.iter().enumerate() {
                if left > right || right >= series.scores.len() || left < free {
                    return Err(NabError::Window { series: number, window });
                }
                free = right + 1;
            }
            if let Some(record) = series.scores.iter().position(|score| score.is_nan()) {
                return Err(NabError::Score { series: number, record });
            }
            records.extend((probation(series.scores.len())..series.scores.len()).map(|i| weigh(series, i, windows)));
            windows += series.windows.len();
        }
        if windows == 0 {
            return Err(NabError::NoWindows);
        }
        records.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(Self { records, windows })
    }

    /// The score at the best threshold; of several the highest.
    pub fn best(&self, profile: &Profile) -> Best {
        let mut best = Best { score: 0.0, threshold: f64::INFINITY };
        self.sweep(profile, |threshold, score| {
            if score > best.score {
                best = Best { score, threshold };
            }
        });
        best
    }

    /// The score if a record is a detection from this score on.
    pub fn at(&self, profile: &Profile, threshold: f64) -> f64 {
        let mut at = 0.0;
        self.sweep(profile, |score_of_record, score| {
            if score_of_record >= threshold {
                at = score;
            }
        });
        at
    }

    /// Lowers the threshold from record to record, and tells each threshold with the score at it.
    fn sweep(&self, profile: &Profile, mut tell: impl FnMut(f64, f64)) {
        let mut caught: Vec<Option<f64>> = vec![None; self.windows];
        // What is gained over detecting nothing.
        let mut gained = 0.0;
        let most = self.windows as f64 * (1.0 + profile.miss);
        for alike in self.records.chunk_by(|a, b| a.score == b.score) {
            for record in alike {
                match record.window {
                    Some(window) => {
                        let worth = caught[window].map_or(record.worth, |best| best.max(record.worth));
                        gained += worth - caught[window].unwrap_or(-profile.miss);
                        caught[window] = Some(worth);
                    }
                    None => gained += profile.false_alarm * record.worth,
                }
            }
            tell(alike[0].score, 100.0 * gained / most);
        }
    }
}

/// What a detection at record `i` is worth; the windows of the series before have the numbers below `first`.
fn weigh(series: &Series<'_>, i: usize, first: usize) -> Record {
    let score = series.scores[i];
    let after = series.windows.partition_point(|&(left, _)| left <= i);
    let Some(&(left, right)) = after.checked_sub(1).and_then(|last| series.windows.get(last)) else {
        return Record { score, window: None, worth: -1.0 };
    };
    if i <= right {
        let x = -((right - i + 1) as f64) / (right - left + 1) as f64;
        return Record { score, window: Some(first + after - 1), worth: sigmoid(x) / sigmoid(-1.0) };
    }
    let x = (i - right) as f64 / (right - left) as f64;
    Record { score, window: None, worth: if x > 3.0 { -1.0 } else { sigmoid(x) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: Profile = PROFILES[0];

    fn at(scores: &[f64], windows: &[(usize, usize)], profile: &Profile, threshold: f64) -> f64 {
        Nab::new(&[Series { scores, windows }]).unwrap().at(profile, threshold)
    }

    fn with(detections: &[usize]) -> Vec<f64> {
        let mut scores = vec![0.0; 200];
        detections.iter().for_each(|&i| scores[i] = 1.0);
        scores
    }

    #[test]
    fn nothing_detected_is_0_and_all_at_the_left_edge_is_100() {
        let windows = [(50, 59), (120, 139)];
        for profile in &PROFILES {
            assert_eq!(at(&with(&[]), &windows, profile, 0.5), 0.0);
            assert!((at(&with(&[50, 120]), &windows, profile, 0.5) - 100.0).abs() < 1e-9);
            // Further detections in a window are free.
            assert!((at(&with(&[50, 51, 59, 120, 139]), &windows, profile, 0.5) - 100.0).abs() < 1e-9);
        }
    }

    #[test]
    fn detections_are_worth_what_the_definition_says() {
        let windows = [(50, 59), (120, 139)];
        // The last record of a window of ten: x = -1/10.
        let late = (2.0 / (1.0 + (-0.5_f64).exp()) - 1.0) / (2.0 / (1.0 + (-5.0_f64).exp()) - 1.0);
        assert!((at(&with(&[59]), &windows, &STANDARD, 0.5) - 100.0 * (1.0 + late) / 4.0).abs() < 1e-9);
        assert!((at(&with(&[59]), &windows, &PROFILES[2], 0.5) - 100.0 * (2.0 + late) / 6.0).abs() < 1e-9);
        // Before the first window, in the probation, and behind a window of ten: x = 3/9, 27/9 and 28/9.
        let beyond = |x: f64| 2.0 / (1.0 + (5.0 * x).exp()) - 1.0;
        for (record, worth) in [(40, -1.0), (29, 0.0), (62, beyond(3.0 / 9.0)), (86, beyond(3.0)), (87, -1.0)] {
            for profile in &PROFILES[..2] {
                let found = at(&with(&[record]), &windows, profile, 0.5);
                let expected = 100.0 * profile.false_alarm * worth / 4.0;
                assert!((found - expected).abs() < 1e-9, "{record}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn the_best_threshold_is_one_for_all_series() {
        let (mut early, mut late) = (with(&[]), with(&[]));
        (early[50], early[150]) = (0.9, 0.8);
        (late[100], late[180]) = (0.7, 0.6);
        let windows = [&[(50, 59)][..], &[(100, 109)]];
        let series = [Series { scores: &early, windows: windows[0] }, Series { scores: &late, windows: windows[1] }];
        let best = Nab::new(&series).unwrap().best(&STANDARD);
        assert_eq!(best.threshold, 0.7);
        assert!((best.score - 100.0 * (4.0 - 0.11) / 4.0).abs() < 1e-9);
        let nothing = with(&[]);
        let best = Nab::new(&[Series { scores: &nothing, windows: windows[0] }]).unwrap().best(&STANDARD);
        assert!(best.score >= 0.0, "detecting nothing is always possible");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let scores = with(&[]);
        for (windows, window) in [(&[(9, 8)][..], 0), (&[(0, 200)], 0), (&[(5, 9), (9, 12)], 1)] {
            let error = Nab::new(&[Series { scores: &scores, windows }]).unwrap_err();
            assert_eq!(error, NabError::Window { series: 0, window });
        }
        let mut nan = scores.clone();
        nan[7] = f64::NAN;
        let error = Nab::new(&[Series { scores: &nan, windows: &[(50, 59)] }]).unwrap_err();
        assert_eq!(error, NabError::Score { series: 0, record: 7 });
        assert_eq!(Nab::new(&[Series { scores: &scores, windows: &[] }]).unwrap_err(), NabError::NoWindows);
        assert_eq!((probation(100), probation(1_243), probation(22_695)), (15, 186, 750));
    }
}
