//! The controller that Spark Streaming has.

use super::{ProcessedBatch, RateEstimator};
use crate::time::Time;

/// A PID controller with the formula and the parameters of Spark Streaming's `PIDRateEstimator`.
///
/// With the rate `r` at which a batch was processed (its records by its processing time), `error = latest - r`, and
/// `backlog = scheduling delay × r / batch interval`, the new rate is
///
/// ```text
/// latest - proportional × error - integral × backlog - derived × (error - last error) / seconds between them
/// ```
///
/// and no less than the minimum. The first batch only sets `latest`. Batches without records, without processing time,
/// or that ended no later than the one before are passed over.
///
/// Two things are different. Times are not cut to milliseconds, so that a job of very short batches learns too. And the
/// [initial rate](Self::initial_rate) is the minimum unless set: a job with a backlog begins slowly, instead of with all
/// of it.
///
/// ```
/// use streamgauge_stream::{PidRateEstimator, StreamingContext};
///
/// let ctx = StreamingContext::builder("steady").backpressure(PidRateEstimator::new).build();
/// let calmer = || PidRateEstimator::new().proportional(0.5).min_rate(1_000.0);
/// let ctx = StreamingContext::builder("steady").backpressure(calmer).build();
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PidRateEstimator {
    proportional: f64,
    integral: f64,
    derived: f64,
    min_rate: f64,
    initial_rate: Option<f64>,
    latest: Option<Latest>,
}

/// What is known of the batches before.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Latest {
    /// When the last one ended; none if that was in another run.
    time: Option<Time>,
    rate: f64,
    error: f64,
}

impl Default for PidRateEstimator {
    fn default() -> Self {
        Self::new()
    }
}

impl PidRateEstimator {
    /// A controller with the parameters 1.0 (proportional), 0.2 (integral), 0.0 (derived), at least 100 records a second.
    pub const fn new() -> Self {
        Self { proportional: 1.0, integral: 0.2, derived: 0.0, min_rate: 100.0, initial_rate: None, latest: None }
    }

    /// The weight of the difference between the latest rate and the one that the last batch has shown; 1.0 unless set.
    pub const fn proportional(mut self, weight: f64) -> Self {
        self.proportional = weight;
        self
    }

    /// The weight of what has piled up: how strongly a scheduling delay lowers the rate; 0.2 unless set.
    pub const fn integral(mut self, weight: f64) -> Self {
        self.integral = weight;
        self
    }

    /// The weight of how fast the difference changes; 0.0 unless set.
    pub const fn derived(mut self, weight: f64) -> Self {
        self.derived = weight;
        self
    }

    /// The least rate, in records a second; 100 unless set.
    pub const fn min_rate(mut self, per_second: f64) -> Self {
        self.min_rate = per_second;
        self
    }

    /// The rate of the first batches, in records a second, until one was computed; the least rate unless set.
    pub const fn initial_rate(mut self, per_second: f64) -> Self {
        self.initial_rate = Some(per_second);
        self
    }
}

impl RateEstimator for PidRateEstimator {
    fn compute(&mut self, batch: &ProcessedBatch) -> Option<f64> {
        let processing = batch.processing.as_secs_f64();
        let is_later = self.latest.and_then(|latest| latest.time).is_none_or(|time| batch.ended > time);
        if !is_later || batch.records == 0 || processing == 0.0 {
            return None;
        }
        let rate = batch.records as f64 / processing;
        let Some(Latest { time, rate: latest, error: last_error }) = self.latest else {
            self.latest = Some(Latest { time: Some(batch.ended), rate, error: 0.0 });
            return None;
        };
        let error = latest - rate;
        let backlog = batch.scheduling_delay.as_secs_f64() * rate / batch.interval.as_secs_f64();
        // Of another run it is not known how long ago its last error was.
        let change = time.map_or(0.0, |time| (error - last_error) / batch.ended.since(time).as_secs_f64());
        let new = latest - self.proportional * error - self.integral * backlog - self.derived * change;
        let new = new.max(self.min_rate);
        self.latest = Some(Latest { time: Some(batch.ended), rate: new, error });
        Some(new)
    }

    fn initial_rate(&self) -> Option<f64> {
        Some(self.initial_rate.unwrap_or(self.min_rate))
    }

    fn resume(&mut self, rate: f64) {
        self.latest = Some(Latest { time: None, rate, error: 0.0 });
    }

    fn problem(&self) -> Option<String> {
        let weights = [("proportional", self.proportional), ("integral", self.integral), ("derived", self.derived)];
        let wrong = weights.into_iter().find(|(_, weight)| !weight.is_finite() || *weight < 0.0);
        let rates = [("min_rate", self.min_rate), ("initial_rate", self.initial_rate.unwrap_or(1.0))];
        let wrong_rate = rates.into_iter().find(|(_, rate)| !rate.is_finite() || *rate <= 0.0);
        wrong
            .map(|(name, weight)| format!("{name} is {weight}; write 0 or more"))
            .or_else(|| wrong_rate.map(|(name, rate)| format!("{name} is {rate}; write more than 0 records a second")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A batch that ended at this second, with an interval of two seconds.
    fn batch(ended: i64, records: u64, processing_ms: u64, delay_ms: u64) -> ProcessedBatch {
        ProcessedBatch {
            ended: Time::from_secs(ended),
            records,
            processing: Duration::from_millis(processing_ms),
            scheduling_delay: Duration::from_millis(delay_ms),
            interval: Duration::from_secs(2),
        }
    }

    #[test]
    fn the_first_batch_sets_the_rate_and_says_none() {
        let mut pid = PidRateEstimator::new();
        assert_eq!(pid.compute(&batch(10, 3_000, 1_500, 400)), None);
        // 2,000 a second, whatever the delay was: another such batch changes nothing.
        assert_eq!(pid.compute(&batch(12, 3_000, 1_500, 0)), Some(2_000.0));
    }

    #[test]
    fn the_formula_by_hand() {
        let mut pid = PidRateEstimator::new().proportional(0.5).integral(0.3).derived(0.2).min_rate(10.0);
        assert_eq!(pid.compute(&batch(10, 1_000, 1_000, 0)), None);
        // r = 800/1 s; error = 1000 - 800 = 200; backlog = 0.5 s × 800 / 2 s = 200; change = 200 / 4 s = 50.
        // 1000 - 0.5×200 - 0.3×200 - 0.2×50 = 830.
        assert_eq!(pid.compute(&batch(14, 800, 1_000, 500)), Some(830.0));
        // r = 600/0.5 s = 1200; error = 830 - 1200 = -370; backlog = 1 s × 1200 / 2 s = 600;
        // change = (-370 - 200) / 2 s = -285. 830 + 185 - 180 + 57 = 892.
        let rate = pid.compute(&batch(16, 600, 500, 1_000)).unwrap();
        assert!((rate - 892.0).abs() < 1e-9, "{rate}");
    }

    #[test]
    fn the_defaults_are_those_of_spark() {
        let mut pid = PidRateEstimator::new();
        assert_eq!(pid, PidRateEstimator::default().proportional(1.0).integral(0.2).derived(0.0).min_rate(100.0));
        assert_eq!(RateEstimator::initial_rate(&pid), Some(100.0));
        assert_eq!(RateEstimator::initial_rate(&PidRateEstimator::new().initial_rate(7.0)), Some(7.0));
        pid.compute(&batch(2, 4_000, 1_000, 0));
        // r = 5000; 4000 - (4000 - 5000) - 0.2 × (1 × 5000 / 2) = 4500.
        assert_eq!(pid.compute(&batch(4, 5_000, 1_000, 1_000)), Some(4_500.0));
    }

    #[test]
    fn without_records_or_time_or_progress_nothing_is_learnt() {
        let mut pid = PidRateEstimator::new();
        let idle = [batch(10, 0, 1_000, 0), batch(10, 1_000, 0, 0)];
        assert_eq!(idle.map(|batch| pid.compute(&batch)), [None, None]);
        assert_eq!(pid, PidRateEstimator::new(), "not even the first batch");
        pid.compute(&batch(10, 1_000, 1_000, 0));
        pid.compute(&batch(12, 1_000, 1_000, 0));
        let known = pid.clone();
        let skipped = [batch(14, 0, 1_000, 0), batch(14, 1_000, 0, 0), batch(12, 500, 1_000, 0), batch(11, 1, 1, 0)];
        for batch in skipped {
            assert_eq!(pid.compute(&batch), None);
            assert_eq!(pid, known);
        }
        assert_eq!(pid.compute(&batch(14, 500, 1_000, 0)), Some(500.0));
    }

    #[test]
    fn the_rate_is_never_below_the_minimum() {
        let mut pid = PidRateEstimator::new();
        pid.compute(&batch(10, 1_000, 1_000, 0));
        assert_eq!(pid.compute(&batch(12, 50, 1_000, 0)), Some(100.0));
        // And what is below does not pile up: from 100 on, not from 50.
        assert_eq!(pid.compute(&batch(14, 150, 1_000, 0)), Some(150.0));
        assert_eq!(pid.compute(&batch(16, 1_000, 1_000, 60_000)), Some(100.0), "150 + 850 - 0.2 × 30,000");
    }

    #[test]
    fn it_goes_on_with_the_rate_of_another_run() {
        let mut pid = PidRateEstimator::new().derived(1.0);
        pid.resume(700.0);
        // 700 - (700 - 600); of how the error changed nothing is known.
        assert_eq!(pid.compute(&batch(10, 600, 1_000, 0)), Some(600.0));
    }

    #[test]
    fn parameters_that_mean_nothing_are_told() {
        assert_eq!(PidRateEstimator::new().problem(), None);
        let wrong = PidRateEstimator::new().integral(-0.1);
        assert_eq!(wrong.problem().unwrap(), "integral is -0.1; write 0 or more");
        let wrong = PidRateEstimator::new().min_rate(0.0);
        assert_eq!(wrong.problem().unwrap(), "min_rate is 0; write more than 0 records a second");
        assert!(PidRateEstimator::new().initial_rate(f64::NAN).problem().is_some());
        assert!(PidRateEstimator::new().proportional(f64::INFINITY).problem().is_some());
    }
}
