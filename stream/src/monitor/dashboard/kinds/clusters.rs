//! A map of clusters in two dimensions.

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::datum::{Datum, fields};
use crate::monitor::dashboard::text::cut;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;
use crate::time::Time;

/// As many updates as the trails of the centres are long.
const CLUSTERS: Kind = Kind { history: 60, ..Kind::over_time("clusters") };
/// Centres that are drawn: the heaviest.
const MOST_CENTRES: usize = 64;
/// Points that are drawn.
const MOST_POINTS: usize = 400;

/// The centres of clusters, and a sample of points, in the two dimensions of a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clusters {
    centres: Vec<(f64, f64, f64)>,
    points: Vec<(f64, f64, Option<usize>)>,
}

impl Clusters {
    /// Centres as x, y and weight. A cluster is known by its place among them, so that it leaves a trail. Of more than 64
    /// the heaviest are drawn.
    pub fn new(centres: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        Self { centres: centres.into_iter().collect(), points: Vec::new() }
    }

    /// Points as x, y and their cluster, which is none for one that belongs to no cluster. Of more than 400, as many are
    /// drawn, evenly among them.
    pub fn points(self, points: impl IntoIterator<Item = (f64, f64, Option<usize>)>) -> Self {
        Self { points: points.into_iter().collect(), ..self }
    }
}

impl From<Clusters> for Point<Clusters> {
    fn from(clusters: Clusters) -> Self {
        Self::of(clusters)
    }
}

/// The axes of a map: their names, with their units if they have some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes {
    x: String,
    y: String,
    equal: bool,
}

impl Axes {
    /// Each axis fitted to what there is along it.
    pub fn fitted(x: impl Into<String>, y: impl Into<String>) -> Self {
        Self { x: x.into(), y: y.into(), equal: false }
    }

    /// A unit is as long along both axes, so that distances can be compared.
    pub fn equal(x: impl Into<String>, y: impl Into<String>) -> Self {
        Self { equal: true, ..Self::fitted(x, y) }
    }
}

impl Dashboard {
    /// A map of clusters, from each row of a stream: their centres with their weights and the way they came, and a sample
    /// of points. Of more than two dimensions the function chooses two.
    ///
    /// ```no_run
    /// use streamgauge_stream::StreamingContext;
    /// use streamgauge_stream::monitor::dashboard::{Axes, Clusters};
    ///
    /// let ctx = StreamingContext::builder("two groups").build();
    /// let means = ctx.stdin().flat_map(|line| line.parse::<f64>().ok()).summarize(|on| on.mean(|x| *x));
    /// ctx.dashboard().clusters("Groups", &means, Axes::equal("length (cm)", "width (cm)"), |mean| {
    ///     Clusters::new([(mean.value, 2.0, 120.0), (9.0, 4.0, 80.0)]).points([(1.2, 2.5, Some(0)), (5.0, 3.0, None)])
    /// });
    /// ctx.run()?;
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn clusters<T: Record, P: Into<Point<Clusters>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        axes: Axes,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        let axes = fields! { "x": cut(&axes.x), "y": cut(&axes.y), "equal": axes.equal };
        self.panel(CLUSTERS, title, stream, move |row, time| value(row).into().map_of(&axes, time))
    }
}

impl Point<Clusters> {
    fn map_of(&self, axes: &Datum, batch: Time) -> DataPoint {
        let Clusters { centres, points } = &self.value;
        let mut heaviest: Vec<_> = centres.iter().enumerate().map(|(id, &(x, y, weight))| (id, x, y, weight)).collect();
        if heaviest.len() > MOST_CENTRES {
            heaviest.sort_by(|a, b| b.3.total_cmp(&a.3));
            heaviest.truncate(MOST_CENTRES);
            heaviest.sort_by_key(|centre| centre.0);
        }
        let drawn = points.len().min(MOST_POINTS);
        let centre = |(id, x, y, weight): (usize, f64, f64, f64)| {
            Datum::List(vec![id.into(), x.into(), y.into(), weight.into()])
        };
        let sampled = (0..drawn).map(|i| points[i * points.len() / drawn]);
        let sample = sampled.map(|(x, y, cluster)| Datum::List(vec![x.into(), y.into(), cluster.into()]));
        let fields = fields! {
            "axes": axes,
            "all": centres.len(),
            "weight": centres.iter().map(|centre| centre.2).filter(|weight| weight.is_finite()).fold(0.0, |sum, weight| sum + weight),
            "centres": heaviest.into_iter().map(centre).collect::<Datum>(),
            "sample": sample.collect::<Datum>(),
        };
        DataPoint::fields(self.millis(batch), fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(clusters: Clusters) -> Value {
        Point::of(clusters).map_of(&Datum::Nothing, Time::from_millis(9)).json()
    }

    #[test]
    fn centres_keep_their_numbers_and_what_is_not_finite_is_null() {
        let map = of(Clusters::new([(1.0, 2.0, 10.0), (f64::NAN, 0.5, f64::INFINITY)])
            .points([(1.5, 2.5, Some(0)), (f64::NEG_INFINITY, 0.0, None)]));
        let expected = json!({
            "t": 9, "axes": null, "all": 2, "weight": 10.0,
            "centres": [[0, 1.0, 2.0, 10.0], [1, null, 0.5, null]],
            "sample": [[1.5, 2.5, 0], [null, 0.0, null]],
        });
        assert_eq!(map, expected);
    }

    #[test]
    fn there_is_no_more_than_can_be_drawn() {
        let centres = (0..1_000).map(|i| (0.0, 0.0, f64::from(i % 500)));
        let map = of(Clusters::new(centres).points((0..5_000).map(|i| (f64::from(i), 0.0, None))));
        let centres = map["centres"].as_array().unwrap();
        let ids: Vec<_> = centres.iter().map(|centre| centre[0].as_u64().unwrap()).collect();
        assert_eq!(ids, (468..500).chain(968..1_000).collect::<Vec<_>>());
        assert_eq!((&map["all"], &map["weight"]), (&json!(1_000), &json!(2.0 * 499.0 * 250.0)));
        let sample = map["sample"].as_array().unwrap();
        assert_eq!(sample.len(), MOST_POINTS);
        assert_eq!((&sample[0][0], &sample[399][0]), (&json!(0.0), &json!(4_987.0)));
        assert_eq!(of(Clusters::default())["sample"], json!([]));
    }
}
