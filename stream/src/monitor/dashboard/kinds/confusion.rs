//! Which class was taken for which.

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::datum::fields;
use crate::monitor::dashboard::text::cut;
use crate::monitor::dashboard::{Dashboard, Panel};
use crate::source::Record;
use crate::time::Time;

const CONFUSION: Kind = Kind::latest("confusion");
/// Classes that have a row and a column of their own.
const MOST_CLASSES: usize = 12;

impl Dashboard {
    /// The confusion matrix of the named classes, from each row of a stream: how often each class was predicted for each.
    ///
    /// `count` tells of a row how often the first class was taken for the second, or for none: of a `Confusion` of the
    /// crate for learning it is `|confusion, actual, predicted| confusion.count(actual, predicted)`. It is asked for all
    /// pairs of classes. The twelve most frequent classes are drawn; the others are one, "other".
    ///
    /// ```no_run
    /// use streamgauge_stream::StreamingContext;
    ///
    /// let ctx = StreamingContext::builder("spam").build();
    /// // A line is an actual and a predicted class: "0 1".
    /// let pairs = ctx.stdin().map(|line| (line.starts_with('1'), line.ends_with('1')));
    /// let counts = pairs.running().summarize(|on| {
    ///     (on.sum(|p| u64::from(*p == (false, false))), on.sum(|p| u64::from(*p == (false, true))),
    ///      on.sum(|p| u64::from(*p == (true, false))), on.sum(|p| u64::from(*p == (true, true))))
    /// });
    /// ctx.dashboard().confusion("Spam", &counts, &["ham", "spam"], |(a, b, c, d), actual, predicted| {
    ///     predicted.map_or(0.0, |predicted| [[a, b], [c, d]][actual][predicted].value)
    /// });
    /// ctx.run()?;
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn confusion<T: Record>(
        &self,
        title: &str,
        stream: &DStream<T>,
        classes: &[impl AsRef<str>],
        count: impl Fn(&T, usize, Option<usize>) -> f64 + Send + 'static,
    ) -> Panel {
        let names: Vec<String> = classes.iter().map(|name| cut(name.as_ref())).collect();
        self.panel(CONFUSION, title, stream, move |row, time| {
            matrix(&names, time, |actual, predicted| count(row, actual, predicted))
        })
    }
}

/// The matrix as the page reads it: the classes that are drawn, how many others there are in the last row and column, the
/// counts by actual and predicted class, those of each actual class for which nothing was predicted, and how many of all
/// were right.
fn matrix(names: &[String], batch: Time, count: impl Fn(usize, Option<usize>) -> f64) -> DataPoint {
    let count = |actual, predicted| Some(count(actual, predicted)).filter(|n| n.is_finite() && *n > 0.0).unwrap_or(0.0);
    let classes = names.len();
    let counts: Vec<f64> = (0..classes)
        .flat_map(|actual| (0..classes).map(move |p| (actual, p)))
        .map(|(a, p)| count(a, Some(p)))
        .collect();
    let missed: Vec<f64> = (0..classes).map(|actual| count(actual, None)).collect();
    let drawn = most_frequent(classes, &counts, &missed);
    let others = classes - drawn.len();
    let places = drawn.len() + usize::from(others > 0);
    let mut place = vec![drawn.len(); classes];
    drawn.iter().enumerate().for_each(|(at, &class)| place[class] = at);

    let mut cells = vec![vec![0.0; places]; places];
    let mut none = vec![0.0; places];
    for actual in 0..classes {
        none[place[actual]] += missed[actual];
        for predicted in 0..classes {
            cells[place[actual]][place[predicted]] += counts[actual * classes + predicted];
        }
    }
    let fields = fields! {
        "classes": drawn.iter().map(|&class| names[class].as_str()).collect::<Vec<_>>(),
        "others": others,
        "counts": cells,
        "none": none,
        "right": (0..classes).map(|class| counts[class * classes + class]).sum::<f64>(),
        "total": counts.iter().chain(&missed).sum::<f64>(),
    };
    DataPoint::fields(batch.millis(), fields)
}

/// The classes that occur or are predicted most often, in their order; where they tie, the first.
fn most_frequent(classes: usize, counts: &[f64], missed: &[f64]) -> Vec<usize> {
    let mut met = missed.to_vec();
    for actual in 0..classes {
        for predicted in 0..classes {
            met[actual] += counts[actual * classes + predicted];
            met[predicted] += counts[actual * classes + predicted];
        }
    }
    let mut order: Vec<usize> = (0..classes).collect();
    order.sort_by(|&a, &b| met[b].total_cmp(&met[a]));
    order.truncate(MOST_CLASSES);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_stand_by_actual_and_predicted_class() {
        let names = ["ham".to_owned(), "spam".to_owned()];
        let told = matrix(&names, Time::from_millis(4), |actual, predicted| match predicted {
            Some(predicted) => [[90.0, 2.0], [3.0, 5.0]][actual][predicted],
            None => [0.0, 7.0][actual],
        })
        .json();
        let expected = json!({
            "t": 4, "classes": ["ham", "spam"], "others": 0, "counts": [[90.0, 2.0], [3.0, 5.0]], "none": [0.0, 7.0],
            "right": 95.0, "total": 107.0,
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn rare_classes_are_one() {
        let names: Vec<String> = (0..20).map(|class| format!("class {class}")).collect();
        // Even classes are frequent; all are taken for class 19 once.
        let told = matrix(&names, Time::from_millis(0), |actual, predicted| match predicted {
            Some(predicted) if predicted == actual => {
                if actual % 2 == 0 {
                    100.0
                } else {
                    3.0
                }
            }
            Some(19) => 1.0,
            _ => 0.0,
        })
        .json();
        let classes: Vec<_> = told["classes"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let expected = [0, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 19].map(|class| format!("class {class}"));
        assert_eq!(classes, expected);
        assert_eq!(told["others"], 8);
        let cells = told["counts"].as_array().unwrap();
        assert_eq!(cells.len(), 13);
        // The others are right 3 times each, and taken for class 19 once.
        assert_eq!((&cells[12][12], &cells[12][11], &cells[12][0]), (&json!(24.0), &json!(8.0), &json!(0.0)));
        assert_eq!((&told["right"], &told["total"]), (&json!(1_030.0), &json!(1_049.0)));
    }

    #[test]
    fn counts_that_cannot_be_are_none() {
        let names = ["a".to_owned()];
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            let told = matrix(&names, Time::from_millis(0), |_, _| wrong).json();
            assert_eq!((&told["counts"], &told["total"]), (&json!([[0.0]]), &json!(0.0)));
        }
        let nothing = matrix(&[], Time::from_millis(0), |_, _| 1.0).json();
        assert_eq!((&nothing["counts"], &nothing["others"]), (&json!([]), &json!(0)));
    }
}
