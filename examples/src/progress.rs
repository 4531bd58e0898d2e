//! How far a job has come, live on a terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use streamgauge::prelude::*;

/// How much a new rate weighs against the one before.
const NEW: f64 = 0.2;

/// One block on the standard error that says how fast a job is, how far behind, and what it has given. Silent where the
/// standard error is no terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// Rows that the job has given, counted by who writes them.
    rows: Arc<AtomicU64>,
    seen: std::sync::Mutex<Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    begun: Option<Time>,
    last: Option<Time>,
    records: u64,
    late: u64,
    malformed: u64,
    /// Records a second, smoothed.
    rate: Option<f64>,
    delay: Duration,
    queued: u64,
}

impl Progress {
    /// A block that waits for the first batch; the rows are those of whoever shares the counter.
    pub fn new(rows: Arc<AtomicU64>) -> Self {
        let bar = ProgressBar::new_spinner();
        // A template that is wrong would show as plain text.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            bar.set_style(style);
        }
        Self { bar, rows, seen: std::sync::Mutex::default() }
    }
}

impl Seen {
    fn add(&mut self, batch: &BatchInfo) {
        let at = batch.ended.unwrap_or(batch.time);
        self.begun.get_or_insert(batch.started.unwrap_or(at));
        // Batches that follow each other within a millisecond are taken as that far apart.
        let since =
            self.last.or(self.begun).map_or(Duration::ZERO, |last| at.since(last)).max(Duration::from_millis(1));
        self.last = Some(at);
        let now = batch.records as f64 / since.as_secs_f64();
        self.rate = Some(self.rate.map_or(now, |rate| rate + NEW * (now - rate)));
        self.records += batch.records;
        self.late += batch.late;
        self.malformed += batch.malformed;
        self.delay = batch.total_delay();
        self.queued = batch.queued;
    }

    fn tell(&self, rows: u64) -> String {
        let rate = self.rate.unwrap_or_default() as u64;
        format!(
            "{} records, {}/s\n  delay {:.3} s, {} batches queued\n  {} rows given, {} late, {} malformed",
            HumanCount(self.records),
            HumanCount(rate),
            self.delay.as_secs_f64(),
            self.queued,
            HumanCount(rows),
            HumanCount(self.late),
            HumanCount(self.malformed),
        )
    }
}

impl Listener for Progress {
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let told = {
            let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            seen.add(batch);
            seen.tell(self.rows.load(Ordering::Relaxed))
        };
        self.bar.set_message(told);
        self.bar.tick();
    }

    fn on_stopped(&self, _: Result<&Report, &Error>) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_batches_and_all_is_counted() {
        let batch = |at: i64, records| BatchInfo {
            started: Some(Time::from_millis(at - 500)),
            ended: Some(Time::from_millis(at)),
            records,
            late: 2,
            malformed: 1,
            processing: Duration::from_millis(500),
            ..BatchInfo::default()
        };
        let mut seen = Seen::default();
        seen.add(&batch(1_000, 600));
        assert_eq!(seen.rate, Some(1_200.0));
        seen.add(&batch(2_000, 2_200));
        assert_eq!(seen.rate, Some(1_400.0));
        let told = seen.tell(7);
        assert!(told.starts_with("2,800 records, 1,400/s\n  delay 0.500 s, 0 batches queued"), "{told}");
        assert!(told.ends_with("7 rows given, 4 late, 2 malformed"), "{told}");
    }

    #[test]
    fn batches_at_the_same_moment_give_a_rate_that_is_finite() {
        let mut seen = Seen::default();
        seen.add(&BatchInfo { records: 10, ..BatchInfo::default() });
        seen.add(&BatchInfo { records: 10, ..BatchInfo::default() });
        assert!(seen.rate.unwrap().is_finite());
    }
}
