//! Audits: approximate readings compared with exact ones.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use streamgauge_sketches::audit::{Audited, Coverage};
use streamgauge_sketches::{Estimate, OwnedKey};

use super::wide::{Compute, Wide};
use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, Input, each_partition};
use crate::error::Error;
use crate::graph::Stateful;
use crate::monitor::AuditInfo;
use crate::source::Record;
use crate::time::Time;
use crate::window::Window;

/// A row that holds an audited reading: the reading itself, with its key, of a window of event time, or all of that.
pub trait AuditedRow {
    /// The approximate reading.
    type Approximate;
    /// The exact one.
    type Exact;

    /// Both of them.
    fn audited(&self) -> &Audited<Self::Approximate, Self::Exact>;

    /// Its window of event time, if it is of one: when that begins and ends.
    fn window(&self) -> Option<(Time, Time)> {
        None
    }
}

impl<A, E> AuditedRow for Audited<A, E> {
    type Approximate = A;
    type Exact = E;

    fn audited(&self) -> &Self {
        self
    }
}

impl<K: OwnedKey, R: AuditedRow> AuditedRow for (K, R) {
    type Approximate = R::Approximate;
    type Exact = R::Exact;

    fn audited(&self) -> &Audited<R::Approximate, R::Exact> {
        self.1.audited()
    }

    fn window(&self) -> Option<(Time, Time)> {
        self.1.window()
    }
}

impl<R: AuditedRow> AuditedRow for Window<R> {
    type Approximate = R::Approximate;
    type Exact = R::Exact;

    fn audited(&self) -> &Audited<R::Approximate, R::Exact> {
        self.value.audited()
    }

    fn window(&self) -> Option<(Time, Time)> {
        Some((self.start, self.end))
    }
}

/// An estimate compared with the exact answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AuditRow {
    /// The end of the window of event time, or the time of the batch.
    pub time: Time,
    /// The estimate with its interval.
    pub estimate: Estimate,
    /// The exact answer.
    pub exact: f64,
    /// Whether the exact answer lies in the interval; none if nothing is promised.
    pub inside: Option<bool>,
    /// How many comparisons with an interval there were up to this one, and
    pub comparisons: u64,
    /// how many of their exact answers lay outside.
    pub misses: u64,
    /// The mean confidence of these comparisons; none before the first one.
    pub promised: Option<f64>,
    /// The time of the last batch in which the promise was found broken.
    pub breach: Option<Time>,
}

impl AuditRow {
    /// By how much the estimate is too high; negative if it is too low.
    pub fn error(&self) -> f64 {
        self.estimate.value - self.exact
    }

    /// How far the exact answer is from the estimate, as a share of how far it is to the bound on that side: at most 1
    /// if it lies inside, infinite if it misses an exact estimate. None if nothing is promised.
    pub fn share_of_bound(&self) -> Option<f64> {
        self.estimate.has_guarantee().then(|| share_of_bound(&self.estimate, self.exact))
    }
}

fn share_of_bound(estimate: &Estimate, exact: f64) -> f64 {
    let Estimate { value, lower, upper, .. } = *estimate;
    let (distance, bound) =
        if exact >= value { (exact - value, upper - value) } else { (value - exact, value - lower) };
    if distance == 0.0 { 0.0 } else { distance / bound.max(0.0) }
}

/// A comparison as a partition finds it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Found {
    /// When its window begins and ends.
    start: i64,
    end: i64,
    estimate: Estimate,
    exact: f64,
    /// Whether it is the first of its reading: others that are read of the same state err with it.
    is_first: bool,
}

/// What an audit knows of all batches.
#[derive(Debug, Serialize, Deserialize)]
struct Findings {
    coverage: Coverage,
    /// The end of the last window that was held against the promise.
    held_until: i64,
    breach: Option<Time>,
}

impl Findings {
    /// Counts the comparisons of a batch, in their order.
    fn take(&mut self, audit: &str, time: Time, mut found: Vec<Found>) -> (Vec<AuditRow>, AuditInfo) {
        let mut info = AuditInfo { name: audit.to_owned(), time, ..AuditInfo::default() };
        let mut rows = Vec::with_capacity(found.len());
        let mut furthest = 1.0;
        // Stable: what is of one window stays in order.
        found.sort_by_key(|found| found.end);
        for window in found.chunk_by(|a, b| a.end == b.end) {
            // Windows that overlap have records in common, and err together: of these only one is held against it.
            let is_apart = window.iter().all(|found| found.start >= self.held_until);
            for Found { estimate, exact, is_first, .. } in window {
                let inside = self.coverage.count(estimate, *exact);
                info.compared += u64::from(inside.is_some());
                if inside == Some(false) {
                    info.missed += 1;
                    let share = share_of_bound(estimate, *exact);
                    if share >= furthest {
                        (furthest, info.furthest) = (share, Some((*estimate, *exact)));
                    }
                }
                // What is certain holds each time.
                if ((is_apart && *is_first) || estimate.confidence >= 1.0) && self.coverage.test(estimate, *exact) {
                    (info.breached, self.breach) = (true, Some(time));
                }
                rows.push(self.row(window[0].end, estimate, *exact, inside));
            }
            if is_apart {
                self.held_until = window[0].end;
            }
        }
        (info.comparisons, info.misses) = (self.coverage.comparisons(), self.coverage.misses());
        info.promised = self.coverage.promised();
        (rows, info)
    }

    fn row(&self, end: i64, estimate: &Estimate, exact: f64, inside: Option<bool>) -> AuditRow {
        AuditRow {
            time: Time::from_millis(end),
            estimate: *estimate,
            exact,
            inside,
            comparisons: self.coverage.comparisons(),
            misses: self.coverage.misses(),
            promised: self.coverage.promised(),
            breach: self.breach,
        }
    }
}

struct Operator<T, F> {
    audit: String,
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    compare: F,
    findings: Arc<Mutex<Findings>>,
}

impl<T, F, C> Compute<AuditRow> for Operator<T, F>
where
    T: Record + AuditedRow,
    F: Fn(&T::Approximate, &T::Exact) -> C + Send + Sync,
    C: IntoIterator<Item = (Estimate, f64)>,
{
    fn input(&self) -> Input {
        self.input
    }

    fn compute(&self, run: &BatchRun) -> Result<Option<Vec<AuditRow>>, Error> {
        let Some(partitions) = self.parent.prepare(run)? else {
            return Ok(None);
        };
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            let mut found = Vec::new();
            self.parent.run(run, partition, &mut |rows| {
                for row in rows.drain(..) {
                    self.compare_row(&row, run.time, &mut found);
                }
            })?;
            Ok(vec![found])
        })?;
        let found: Vec<Found> = run.gather(&self.name, 1, local)?.into_iter().flatten().flatten().collect();
        if found.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, info) = findings.take(&self.audit, run.time, found);
        run.report_audit(info);
        Ok(Some(rows))
    }
}

impl<T, F, C> Operator<T, F>
where
    T: Record + AuditedRow,
    F: Fn(&T::Approximate, &T::Exact) -> C,
    C: IntoIterator<Item = (Estimate, f64)>,
{
    fn compare_row(&self, row: &T, batch: Time, found: &mut Vec<Found>) {
        let audited = row.audited();
        let Some(exact) = &audited.exact else {
            return;
        };
        let batch = batch.millis();
        let (start, end) = match (row.window(), audited.length_ms) {
            (Some((start, end)), _) => (start.millis(), end.millis()),
            (None, Some(length)) => (batch.saturating_sub(length), batch),
            // From the beginning on: any two overlap.
            (None, None) => (i64::MIN, batch),
        };
        let compared = (self.compare)(&audited.approximate, exact).into_iter();
        // Of no values there are no quantiles.
        let compared = compared.filter(|(estimate, exact)| !estimate.value.is_nan() && !exact.is_nan()).enumerate();
        found.extend(compared.map(|(i, (estimate, exact))| Found { start, end, estimate, exact, is_first: i == 0 }));
    }
}

impl<T: Record + AuditedRow> DStream<T> {
    /// Compares the readings of a summary that was [`audited`](streamgauge_sketches::Spec::audited) with the exact ones:
    /// a row for each comparison. `compare` gives estimates, each with its exact answer: one for a count, several for
    /// some quantiles or the most frequent keys.
    ///
    /// A promise is *broken* when more exact answers lie outside of their intervals than chance explains, at whatever
    /// time one looks: with a probability of one in a million at most if it is kept, and at once where an interval is
    /// certain ([`Coverage`] says how). Of windows that overlap only one is held against it, of several estimates of one
    /// reading the first, of what has no window the first reading, and what promises nothing never. Then the listeners hear
    /// [`AuditBreached`](crate::Event::AuditBreached); that is also a warning of the job and a metric. Each batch with
    /// comparisons tells of them in its [`audits`](crate::BatchInfo::audits).
    ///
    /// Comparisons are made in every batch, whether anyone reads the rows or not. What was counted is kept in
    /// checkpoints, under the name. The memory is that of the exact summaries of what is audited.
    ///
    /// ```
    /// use streamgauge_sketches::{Audit, Spec};
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger, secs};
    ///
    /// let ctx = StreamingContext::builder("visitors").trigger(Trigger::Available).build();
    /// let (queue, visits) = Queue::<(i64, u64)>::new();
    /// let visitors = ctx
    ///     .source(visits)
    ///     .event_time(|(at, _)| *at, secs(1))
    ///     .tumbling(secs(10))
    ///     .summarize(|on| on.distinct(|(_, user)| user).audited(Audit::windows(2)));
    /// let audit = visitors.audit("Visitors", |hll, exact| [(*hll, exact.value)]).collect_to_memory();
    /// queue.push((0..60_000).map(|i| (i, i as u64 / 2)).collect());
    /// queue.close();
    /// ctx.run()?;
    /// assert!((2..=4).contains(&audit.rows().len())); // of six windows
    /// assert!(audit.rows().iter().all(|row| row.exact == 5_000.0 && row.error().abs() < 500.0 && row.breach.is_none()));
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn audit<C>(
        &self,
        name: impl Into<String>,
        compare: impl Fn(&T::Approximate, &T::Exact) -> C + Send + Sync + 'static,
    ) -> DStream<AuditRow>
    where
        C: IntoIterator<Item = (Estimate, f64)>,
    {
        let (audit, graph) = (name.into(), self.graph.clone());
        let name = graph.name(Some(format!("audit of {audit}")), "audit");
        let findings = Findings { coverage: Coverage::default(), held_until: i64::MIN, breach: None };
        let findings = Arc::new(Mutex::new(findings));
        graph.add_state(&name, Stateful::of("audit".to_owned(), &findings));
        let parent = self.read_by_one_more();
        let input = graph.derived_input(parent.inputs());
        let operator = graph.named_operator(&name, "audit", [parent.operator()]);
        let rows = DStream::new(graph, operator, Wide::new(Operator { audit, name, parent, input, compare, findings }));
        // So it runs also if nobody reads the rows.
        rows.output(rows.graph.name(None, "audit"), false, |_, _| ());
        rows
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Family, Method};

    use super::*;

    fn found(start: i64, end: i64, exact: f64) -> Found {
        let estimate = Estimate::within(10.0, 8.0, 14.0, 0.95, Method::new(Family::Custom, 0));
        Found { start, end, estimate, exact, is_first: true }
    }

    fn findings() -> Findings {
        Findings { coverage: Coverage::default(), held_until: i64::MIN, breach: None }
    }

    #[test]
    fn of_windows_that_overlap_one_is_held_against_the_promise() {
        let breaches = |slide: i64, batches: i64| {
            let mut findings = findings();
            let breached =
                |n: &i64| findings.take("a", Time::default(), vec![found(n * slide, n * slide + 60, 20.0)]).1.breached;
            (0..batches).find(breached)
        };
        let apart = breaches(60, 100).unwrap();
        assert_eq!(breaches(10, 1_000), Some(apart * 6));
        assert_eq!(breaches(0, 1_000), None, "a window that is revised again and again");
    }

    #[test]
    fn what_overlaps_is_counted_and_the_furthest_is_told() {
        let all =
            vec![found(0, 60, 10.0), found(0, 60, 17.0), found(10, 70, 7.0), found(10, 70, 15.0), found(10, 70, 9.0)];
        let mut findings = findings();
        let (rows, info) = findings.take("a", Time::from_secs(9), all);
        let inside: Vec<_> = rows.iter().map(|row| row.inside).collect();
        assert_eq!(inside, [Some(true), Some(false), Some(false), Some(false), Some(true)]);
        assert_eq!((info.compared, info.missed, info.comparisons, info.misses), (5, 3, 5, 3));
        assert_eq!(info.furthest.map(|(_, exact)| exact), Some(17.0));
        assert_eq!(info.promised, Some(0.95));
        let shares: Vec<_> = rows.iter().filter_map(AuditRow::share_of_bound).collect();
        assert_eq!(shares, [0.0, 1.75, 1.5, 1.25, 0.5]);
        assert_eq!(rows[1].error(), -7.0);
        let words = info.to_string();
        assert!(
            words.starts_with("audit of a: 3 of 5 exact answers lie outside, where 95 % are promised inside"),
            "{words}"
        );
    }
}
