//! A series with its anomalies marked.

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::datum::fields;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;
use crate::time::Time;

const ANOMALIES: Kind = Kind::over_time("anomalies");

/// A reading of a series, and what a detector said of it.
///
/// It is strange if its score is at or above the threshold. Every strange reading is an alert, unless
/// [`alert`](Self::alert) says which are: the first of those that follow each other, say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    value: f64,
    score: Option<f64>,
    threshold: f64,
    alert: bool,
}

impl Scored {
    /// A reading, its score (none while the detector warms up), and the score from which on it is strange. A value that
    /// is not finite is missing: it is left out of the line, and a score of NaN is none.
    pub fn new(value: f64, score: Option<f64>, threshold: f64) -> Self {
        Self { value, score, threshold, alert: score.is_some_and(|score| score >= threshold) }
    }

    /// Whether it is an alert: marked larger, and listed beside the chart.
    pub fn alert(self, alert: bool) -> Self {
        Self { alert, ..self }
    }
}

impl From<Scored> for Point<Scored> {
    fn from(scored: Scored) -> Self {
        Self::of(scored)
    }
}

impl Point<Scored> {
    fn scored(&self, batch: Time) -> DataPoint {
        let Scored { value, score, threshold, alert } = self.value;
        let fields = fields! { "value": value, "score": score, "threshold": threshold, "alert": alert };
        DataPoint::fields(self.millis(batch), fields)
    }
}

impl Dashboard {
    /// A series as a line with its strange readings marked, its scores with their threshold below it, and the latest
    /// alerts beside it, from each row of a stream. Readings of the same time replace each other: give it one series.
    ///
    /// ```no_run
    /// use streamgauge_stream::StreamingContext;
    /// use streamgauge_stream::monitor::dashboard::Scored;
    ///
    /// let ctx = StreamingContext::builder("load").build();
    /// let load = ctx.stdin().flat_map(|line| line.parse::<f64>().ok());
    /// // A detector would say how strange a reading is: here the distance from 1.
    /// ctx.dashboard().anomalies("Load of web-1", &load, |load| Scored::new(*load, Some((load - 1.0).abs()), 3.0));
    /// ctx.run()?;
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn anomalies<T: Record, P: Into<Point<Scored>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(ANOMALIES, title, stream, move |row, time| value(row).into().scored(time))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(scored: Scored) -> Value {
        Point::at(Time::from_millis(7), scored).scored(Time::from_millis(0)).json()
    }

    #[test]
    fn strange_readings_are_alerts_unless_said_otherwise() {
        let told = |score| of(Scored::new(2.5, score, 0.8))["alert"].clone();
        assert_eq!((told(Some(0.8)), told(Some(0.79)), told(None)), (json!(true), json!(false), json!(false)));
        let scored = of(Scored::new(2.5, Some(0.9), 0.8).alert(false));
        assert_eq!(scored, json!({ "t": 7, "value": 2.5, "score": 0.9, "threshold": 0.8, "alert": false }));
    }

    #[test]
    fn what_is_not_finite_is_null() {
        let scored = of(Scored::new(f64::NAN, Some(f64::INFINITY), f64::NAN));
        assert_eq!(scored, json!({ "t": 7, "value": null, "score": null, "threshold": null, "alert": false }));
        assert_eq!(of(Scored::new(f64::NEG_INFINITY, Some(f64::NAN), 0.0))["alert"], false);
    }
}
