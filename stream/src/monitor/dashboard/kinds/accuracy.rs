//! How good predictions are, over time.

use streamgauge_sketches::{Estimate, Family, Method};

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::text::cut;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;
use crate::time::Time;

const ACCURACY: Kind = Kind::over_time("accuracy");
/// Lines of a chart.
const MOST: usize = 8;

/// The accuracy of predictions, with other figures of the same scale if wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy(Vec<(String, Estimate)>);

impl Accuracy {
    /// The share of rows whose class was predicted, with its interval if that is known. Not a number before there are rows:
    /// the line has a gap there.
    pub fn of(accuracy: impl Into<Estimate>) -> Self {
        Self(vec![("accuracy".to_owned(), accuracy.into())])
    }

    /// Cohen's κ: how much better than chance. Nothing is known of how sure it is.
    pub fn kappa(self, kappa: f64) -> Self {
        self.with("κ", Estimate::unbounded(kappa, Method::new(Family::Custom, 0)))
    }

    /// Another figure: the accuracy of the last rows, or of what is to be surpassed. No more than eight in all.
    pub fn with(mut self, name: impl Into<String>, figure: impl Into<Estimate>) -> Self {
        if self.0.len() < MOST {
            self.0.push((name.into(), figure.into()));
        }
        self
    }
}

impl From<Accuracy> for Point<Accuracy> {
    fn from(accuracy: Accuracy) -> Self {
        Self::of(accuracy)
    }
}

impl Dashboard {
    /// The accuracy of predictions over time with its interval, from each row of a stream; beside it κ and other figures.
    ///
    /// ```no_run
    /// use streamgauge_stream::StreamingContext;
    /// use streamgauge_stream::monitor::dashboard::Accuracy;
    ///
    /// let ctx = StreamingContext::builder("right or wrong").build();
    /// let right = ctx.stdin().map(|line| f64::from(u8::from(line == "right"))).running();
    /// let share = right.summarize(|on| on.mean(|right| *right));
    /// ctx.dashboard().accuracy("Predictions", &share, |share| Accuracy::of(*share).with("coin", 0.5));
    /// ctx.run()?;
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn accuracy<T: Record, P: Into<Point<Accuracy>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(ACCURACY, title, stream, move |row, time| value(row).into().accuracy(time))
    }
}

impl Point<Accuracy> {
    fn accuracy(&self, batch: Time) -> DataPoint {
        DataPoint::series(self.millis(batch), self.value.0.iter().map(|(name, figure)| (cut(name).into(), *figure)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn figures_are_named_series() {
        let accuracy =
            Accuracy::of(Estimate::within(0.9, 0.8, 0.95, 0.95, Method::EXACT)).kappa(f64::NAN).with("coin", 0.5);
        let told = Point::of(accuracy).accuracy(Time::from_millis(3)).json();
        assert_eq!(told["t"], 3);
        let series = told["series"].as_array().unwrap();
        let names: Vec<_> = series.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["accuracy", "κ", "coin"]);
        assert_eq!((&series[0]["e"]["lower"], &series[0]["e"]["confidence"]), (&json!(0.8), &json!(0.95)));
        assert_eq!((&series[1]["e"]["value"], &series[1]["e"]["upper"]), (&Value::Null, &Value::Null));
        assert_eq!(series[2]["e"]["upper"], 0.5);
    }

    #[test]
    fn there_are_no_more_than_eight() {
        let many = (0..100).fold(Accuracy::of(1.0), |all, i| all.with(i.to_string().repeat(1_000), 0.0));
        let told = Point::of(many).accuracy(Time::from_millis(0)).json();
        let series = told["series"].as_array().unwrap();
        // 200 characters, and what says that there were more.
        assert_eq!((series.len(), series[7]["name"].as_str().unwrap().chars().count()), (8, 201));
    }
}
