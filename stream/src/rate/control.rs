//! The rate of a source while its job runs.

use std::fmt;
use std::time::Duration;

use super::{ProcessedBatch, RateEstimator};
use crate::source::{Limit, MaxRate};
use crate::time::Time;

/// What is added before a share is cut to whole records: a rate times a length of time is rarely exact.
const ROUNDING: f64 = 1e-9;

/// Says how many records each batch may take of a source.
#[derive(Default)]
pub(crate) struct RateControl {
    max: MaxRate,
    estimator: Option<Box<dyn RateEstimator>>,
    /// The rate that was computed last, perhaps by another run of the job.
    learned: Option<f64>,
    /// The batch of which it was asked last.
    asked: Option<Time>,
    all: Share,
    each_partition: Share,
}

impl fmt::Debug for RateControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateControl").field("max", &self.max).field("learned", &self.learned).finish_non_exhaustive()
    }
}

impl RateControl {
    /// No more than these rates.
    pub(crate) fn new(max: MaxRate) -> Self {
        Self { max, ..Self::default() }
    }

    /// The rates that were given.
    pub(crate) fn max(&self) -> MaxRate {
        self.max
    }

    /// And no more than this one says.
    pub(crate) fn estimate(&mut self, estimator: Box<dyn RateEstimator>) {
        self.estimator = Some(estimator);
    }

    /// The limit in records a second, of all partitions together, if there is one.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let estimated = self.estimator.as_ref().and_then(|estimator| self.learned.or(estimator.initial_rate()));
        let fixed = self.max.per_second.map(|rate| rate as f64);
        [fixed, estimated].into_iter().flatten().reduce(f64::min)
    }

    /// The limit of the batch of this time; none if the source has no record to give yet, for its rate is so low.
    ///
    /// A batch stands for the time since the one before, but for no more than an interval: what was not taken then is
    /// not made up for. A job that is to stop does not wait, so that its batches count as a whole interval each.
    pub(crate) fn limit(&mut self, limit: Limit, interval: Duration, is_stopping: bool) -> Option<Limit> {
        let elapsed = self.asked.filter(|_| !is_stopping).map_or(interval, |asked| limit.time.since(asked));
        let elapsed = elapsed.min(interval);
        self.asked = Some(limit.time);
        let records = self.all.records(self.per_second(), elapsed);
        let each = self.max.per_second_and_partition.map(|rate| rate as f64);
        let records_per_partition = self.each_partition.records(each, elapsed);
        let is_due = records != Some(0) && records_per_partition != Some(0);
        is_due.then_some(Limit { records, records_per_partition, ..limit })
    }

    /// Learns from a batch that is complete.
    pub(crate) fn learn(&mut self, batch: &ProcessedBatch) {
        let rate = self.estimator.as_mut().and_then(|estimator| estimator.compute(batch));
        self.learned = rate.filter(|rate| rate.is_finite() && *rate > 0.0).or(self.learned);
    }

    /// What is to be stored of it: the rate that was computed last.
    pub(crate) fn learned(&self) -> Option<f64> {
        self.learned
    }

    /// Goes on with what was stored. It is kept also if nothing is estimated at present.
    pub(crate) fn resume(&mut self, learned: Option<f64>) {
        self.learned = learned;
        if let (Some(estimator), Some(rate)) = (&mut self.estimator, learned) {
            estimator.resume(rate);
        }
    }
}

/// A rate as whole records, batch by batch: what is cut off goes to the next one.
#[derive(Default)]
struct Share(f64);

impl Share {
    fn records(&mut self, per_second: Option<f64>, elapsed: Duration) -> Option<u64> {
        let due = per_second? * elapsed.as_secs_f64() + self.0;
        let whole = (due + ROUNDING).floor();
        self.0 = (due - whole).max(0.0);
        // The conversion of a float saturates.
        Some(whole as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: i64) -> Limit {
        Limit::new(Time::from_millis(millis), false)
    }

    fn fixed(per_second: u64) -> RateControl {
        RateControl::new(MaxRate { per_second: Some(per_second), per_second_and_partition: None })
    }

    /// The records of batches at these times; 0 where the source is not asked.
    fn records(control: &mut RateControl, interval: Duration, times: impl IntoIterator<Item = i64>) -> Vec<u64> {
        let limit = |time| control.limit(at(time), interval, false).map_or(0, |limit| limit.most());
        times.into_iter().map(limit).collect()
    }

    #[test]
    fn a_rate_is_records_for_the_length_of_a_batch() {
        assert_eq!(records(&mut fixed(50), 2 * SECOND, [2_000, 4_000, 6_000]), [100, 100, 100]);
        assert_eq!(records(&mut fixed(100), Duration::from_millis(290), [290, 580]), [29, 29]);
    }

    #[test]
    fn parts_of_records_are_not_lost() {
        let tenths = records(&mut fixed(25), Duration::from_millis(100), (1..=8).map(|n| 100 * n));
        assert_eq!(tenths, [2, 3, 2, 3, 2, 3, 2, 3]);
        let rare = records(&mut fixed(1), Duration::from_millis(250), (1..=8).map(|n| 250 * n));
        assert_eq!(rare, [0, 0, 0, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn batches_that_follow_each_other_fast_have_shares_of_their_time() {
        // As soon as possible: three milliseconds apart, then a long pause, which is not made up for.
        assert_eq!(records(&mut fixed(1_000), SECOND, [5_000, 5_003, 5_010, 90_000]), [1_000, 3, 7, 1_000]);
    }

    #[test]
    fn a_job_that_stops_does_not_wait_for_its_rate() {
        let mut control = fixed(10);
        let stopping = |control: &mut RateControl, time| control.limit(at(time), SECOND, true).map(|it| it.most());
        assert_eq!(stopping(&mut control, 1), Some(10));
        assert_eq!(stopping(&mut control, 2), Some(10));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let limit = RateControl::default().limit(at(5), SECOND, false).unwrap();
        assert_eq!((limit.records, limit.records_per_partition, limit.most()), (None, None, u64::MAX));
    }

    #[test]
    fn partitions_have_a_rate_of_their_own() {
        let max = MaxRate { per_second: Some(100), per_second_and_partition: Some(30) };
        let limit = RateControl::new(max).limit(at(5), 2 * SECOND, false).unwrap();
        assert_eq!((limit.records, limit.records_per_partition), (Some(200), Some(60)));
        assert_eq!(limit.most(), 60, "input without partitions counts as one");
    }

    /// Says what it is told to say.
    struct Says(Vec<Option<f64>>);

    impl RateEstimator for Says {
        fn compute(&mut self, _: &ProcessedBatch) -> Option<f64> {
            self.0.pop().flatten()
        }

        fn initial_rate(&self) -> Option<f64> {
            Some(20.0)
        }

        fn resume(&mut self, rate: f64) {
            self.0 = vec![Some(rate + 1.0)];
        }
    }

    #[test]
    fn of_a_fixed_and_an_estimated_rate_the_lower_one_holds() {
        let mut control = fixed(50);
        control.estimate(Box::new(Says(vec![Some(f64::NAN), Some(0.0), Some(-1.0), None, Some(70.0), Some(30.0)])));
        let batch = ProcessedBatch {
            ended: Time::from_secs(1),
            records: 1,
            processing: SECOND,
            scheduling_delay: SECOND,
            interval: SECOND,
        };
        let mut rates = vec![control.per_second()];
        for _ in 0..6 {
            control.learn(&batch);
            rates.push(control.per_second());
        }
        // What is no rate leaves the one before: 70, of which 50 is left.
        assert_eq!(rates, [20.0, 30.0, 50.0, 50.0, 50.0, 50.0, 50.0].map(Some));
    }

    #[test]
    fn a_learned_rate_is_gone_on_with_and_kept_while_nothing_is_estimated() {
        let mut control = RateControl::default();
        control.resume(Some(500.0));
        assert_eq!((control.per_second(), control.learned()), (None, Some(500.0)));
        control.estimate(Box::new(Says(Vec::new())));
        control.resume(control.learned());
        assert_eq!(control.per_second(), Some(500.0));
    }
}
