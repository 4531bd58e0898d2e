//! Observed errors against promised bounds.

use streamgauge_sketches::Estimate;

use super::Kind;
use crate::dstream::{AuditRow, AuditedRow, DStream};
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::datum::fields;
use crate::monitor::dashboard::{Dashboard, Panel};
use crate::source::Record;

const AUDIT: Kind = Kind::over_time("audit");

impl Dashboard {
    /// The errors of an audited summary over time, inside and outside of what it promises: see [`DStream::audit`], which
    /// this calls with the title as its name. Where several estimates are of one time, the one that comes furthest
    /// towards its bound is drawn, in percent of the exact answer.
    ///
    /// ```no_run
    /// use streamgauge_sketches::{Audit, Spec};
    /// use streamgauge_stream::{StreamingContext, mins, secs};
    ///
    /// let ctx = StreamingContext::builder("lines").build();
    /// let different = ctx
    ///     .stdin()
    ///     .map(str::len)
    ///     .window(mins(5), secs(10))
    ///     .summarize(|on| on.distinct(|length| length).audited(Audit::windows(60)));
    /// ctx.dashboard().line("Different lengths", &different, |lengths| lengths.approximate);
    /// ctx.dashboard().audit("Different lengths, audited", &different, |lengths, exact| [(*lengths, exact.value)]);
    /// ctx.run()?;
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn audit<T, C>(
        &self,
        title: &str,
        stream: &DStream<T>,
        compare: impl Fn(&T::Approximate, &T::Exact) -> C + Send + Sync + 'static,
    ) -> Panel
    where
        T: Record + AuditedRow,
        C: IntoIterator<Item = (Estimate, f64)>,
    {
        self.panel_of_batches(AUDIT, title, &stream.audit(title, compare), |rows, _| {
            rows.chunk_by(|a, b| a.time == b.time).filter_map(point).collect()
        })
        .unit("error, % of exact")
    }
}

/// The point of a time: how many were compared and missed, and the one that comes furthest towards its bound, or where
/// none is promised the one that errs most.
fn point(rows: &[AuditRow]) -> Option<DataPoint> {
    let last = rows.last()?;
    let size = |row: &AuditRow| row.share_of_bound().unwrap_or_else(|| relative(row.error(), row).unwrap_or(0.0).abs());
    let furthest = rows.iter().max_by(|a, b| size(a).total_cmp(&size(b)))?;
    let Estimate { value, lower, upper, .. } = furthest.estimate;
    let promises = furthest.estimate.has_guarantee();
    // The estimate is too high by as much as the exact answer is below it.
    let bound = |error: f64| relative(error, furthest).filter(|_| promises);
    let fields = fields! {
        "e": furthest.estimate,
        "exact": furthest.exact,
        "error": relative(furthest.error(), furthest),
        "lower": bound(value - upper),
        "upper": bound(value - lower),
        "inside": furthest.inside,
        "compared": rows.len(),
        "missed": rows.iter().filter(|row| row.inside == Some(false)).count(),
        "comparisons": last.comparisons,
        "misses": last.misses,
        "promised": last.promised,
        "breach": last.breach.map(|time| time.millis()),
    };
    Some(DataPoint::fields(furthest.time.millis(), fields))
}

/// An error as a share of the exact answer, or of the estimate where that is 0.
fn relative(error: f64, row: &AuditRow) -> Option<f64> {
    let size = if row.exact == 0.0 { row.estimate.value.abs() } else { row.exact.abs() };
    Some(if error == 0.0 { 0.0 } else { error / size }).filter(|share| share.is_finite())
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Family, Method};

    use serde_json::{Value, json};

    use super::*;
    use crate::time::Time;

    fn row(value: f64, lower: f64, upper: f64, exact: f64) -> AuditRow {
        let confidence = if upper.is_finite() { 0.95 } else { 0.0 };
        let estimate = Estimate::within(value, lower, upper, confidence, Method::new(Family::Custom, 0));
        let inside = (confidence > 0.0).then(|| estimate.contains(exact));
        let time = Time::from_secs(7);
        AuditRow { time, estimate, exact, inside, comparisons: 3, misses: 1, promised: Some(0.95), breach: None }
    }

    #[test]
    fn the_one_that_comes_furthest_towards_its_bound_is_drawn() {
        let rows = [row(100.0, 90.0, 110.0, 101.0), row(9.0, 8.0, 12.0, 10.0), row(50.0, 40.0, 60.0, 65.0)];
        let point = point(&rows).unwrap().json();
        let number = |key: &str| point[key].as_f64().unwrap();
        assert_eq!((number("t"), number("exact"), number("compared"), number("missed")), (7_000.0, 65.0, 3.0, 1.0));
        let near = |key: &str, x: f64| assert!((number(key) - x).abs() < 1e-12, "{key}: {}", number(key));
        near("error", -15.0 / 65.0);
        near("lower", -10.0 / 65.0);
        near("upper", 10.0 / 65.0);
        assert_eq!(point["inside"], false);
    }

    #[test]
    fn what_promises_nothing_has_an_error_and_no_bounds_and_nothing_is_infinite() {
        let point = point(&[row(12.0, f64::NEG_INFINITY, f64::INFINITY, 10.0)]).unwrap().json();
        assert_eq!((&point["error"], &point["lower"], &point["inside"]), (&json!(0.2), &Value::Null, &Value::Null));
        let point = super::point(&[row(2.0, 0.0, 4.0, 0.0)]).unwrap().json();
        assert_eq!((&point["error"], &point["lower"], &point["upper"]), (&json!(1.0), &json!(-1.0), &json!(1.0)));
        let point = super::point(&[row(0.0, 0.0, 0.0, 0.0), row(5.0, 0.0, 10.0, f64::INFINITY)]).unwrap().json();
        assert_eq!((&point["error"], &point["exact"]), (&Value::Null, &Value::Null));
    }
}
