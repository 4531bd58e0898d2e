//! The dashboard: a map of the clusters, and how near points are to them.

use streamgauge::ml::cluster::StreamingKMeans;
use streamgauge::ml::{Clusterer, Learning};
use streamgauge::prelude::*;
use streamgauge::sketches::ParameterError;
use streamgauge::stream::Model;
use streamgauge::stream::monitor::dashboard::{Axes, Clusters};

use super::{Point as Labelled, Score};

/// The points of a batch that the map shows.
const SAMPLE: usize = 300;

pub(super) fn panels(
    dashboard: &Dashboard,
    points: &DStream<Labelled>,
    model: &Model<Learning<StreamingKMeans>>,
    scores: &DStream<Option<Score>>,
    plane: [usize; 2],
) -> Result<(), ParameterError> {
    let [x, y] = plane;
    // A sample of the batch with the clusters that it finds.
    let reservoir = Reservoir::<Labelled>::new(SAMPLE)?;
    let sample = points.summarize(|on| on.of(reservoir));
    let map = model.predict_on(&sample, move |model, sample| {
        let centres = model.clusters().into_iter().map(|it| (it.centre[x], it.centre[y], it.weight));
        let points = sample.items().iter().map(|Labelled { at, .. }| {
            let cluster = model.predict_one(at).ok().flatten();
            (at[x], at[y], cluster)
        });
        Drawn { centres: centres.collect(), points: points.collect() }
    });
    let axes = Axes::equal(format!("axis {x}"), format!("axis {y}"));
    dashboard.clusters("Clusters", &map, axes, |Drawn { centres, points }| {
        Clusters::new(centres.iter().copied()).points(points.iter().copied())
    });
    let squares = scores.flat_map(|score| score).summarize(|on| on.mean(|score: &Score| score.square));
    dashboard.line("Squared distance to the centre", &squares, |mean| *mean);
    Ok(())
}

/// What the map shows.
#[derive(Clone)]
struct Drawn {
    centres: Vec<(f64, f64, f64)>,
    points: Vec<(f64, f64, Option<usize>)>,
}
