//! The page of what is learned: strange readings, groups of requests, and how well the path of a request is guessed.

use std::error::Error;

use streamgauge::ml::anomaly::{Sample, SeriesDetector};
use streamgauge::ml::cluster::StreamingKMeans;
use streamgauge::ml::evaluate::{Confusion, Prequential};
use streamgauge::ml::naive_bayes::GaussianNaiveBayes;
use streamgauge::prelude::*;

use super::requests::{Request, Requests};

const PAGE: &str = "Learning";
/// Readings of the load a second.
const READINGS: u64 = 10;
/// The score from which on a reading is strange.
const STRANGE: f64 = 0.6;
/// Groups that are looked for.
const GROUPS: usize = 6;
/// The requests of a batch that the map shows.
const SHOWN: usize = 200;

pub(super) fn panels(
    ctx: &StreamingContext,
    requests: &DStream<Request>,
    made_up: Requests,
) -> Result<(), Box<dyn Error>> {
    let page = ctx.dashboard();
    load(ctx, &page, made_up);
    groups(&page, requests)?;
    guesses(&page, requests, made_up)
}

/// What is strange in the load of a host.
fn load(ctx: &StreamingContext, page: &Dashboard, made_up: Requests) {
    let readings = ctx.source(Rate::per_second(READINGS)).map(move |(number, at)| (at, made_up.load(number)));
    let scored = readings.train_with(SeriesDetector::new(), |detector, (at, value)| {
        let score = detector.score_and_learn(&Sample { time: at.millis(), value }).ok().flatten();
        (at, value, score)
    });
    page.anomalies("Load of host-00", &scored, |(at, load, score)| Point::at(*at, Scored::new(*load, *score, STRANGE)))
        .unit("%")
        .page(PAGE);
}

/// Where a request lies on the map: the logarithms of its size and its time.
fn place(request: &Request) -> [f64; 2] {
    [(1.0 + request.bytes).log10(), request.millis.log10()]
}

/// What the map shows.
#[derive(Clone)]
struct Map {
    centres: Vec<(f64, f64, f64)>,
    points: Vec<(f64, f64, Option<usize>)>,
}

/// Requests that are alike.
fn groups(page: &Dashboard, requests: &DStream<Request>) -> Result<(), Box<dyn Error>> {
    let places = requests.map(|request| place(&request));
    let (means, sample) = (StreamingKMeans::new(GROUPS, 2)?, Reservoir::<[f64; 2]>::new(SHOWN)?);
    // Places that are no numbers belong to no group; they are shown all the same, as what they are.
    let known = places.filter(|at| at.iter().all(|x| x.is_finite()));
    let model = known.train_on(|on| on.cluster(means, |at: &[f64; 2]| &at[..]));
    let map = model.predict_on(&places.summarize(|on| on.of(sample)), |model, sample| Map {
        centres: model.clusters().into_iter().map(|it| (it.centre[0], it.centre[1], it.weight)).collect(),
        points: sample.items().iter().map(|at| (at[0], at[1], model.predict_one(at).ok().flatten())).collect(),
    });
    let axes = Axes::fitted("log₁₀ bytes", "log₁₀ ms");
    page.clusters("Requests that are alike", &map, axes, |Map { centres, points }| {
        Clusters::new(centres.iter().copied()).points(points.iter().copied())
    })
    .page(PAGE);
    Ok(())
}

/// Which path is asked for, guessed from the size and the time of the answer before it is looked at.
fn guesses(page: &Dashboard, requests: &DStream<Request>, made_up: Requests) -> Result<(), Box<dyn Error>> {
    let paths = made_up.paths();
    let evaluation = Prequential::new(GaussianNaiveBayes::new(Schema::numeric(2, paths.len())?))?;
    let names = paths.clone();
    // An empty answer says nothing of its path.
    let steps = requests.filter(|request| request.bytes != 0.0).train_with(evaluation, move |evaluation, request| {
        let path = names.iter().position(|path| *path == request.path);
        path.is_some_and(|path| evaluation.step(&place(&request), path).is_ok())
    });
    let so_far = steps.model().each_batch(|evaluation| evaluation.outcomes().confusion());
    page.accuracy("Guesses of the path", &so_far, |it| {
        Accuracy::of(it.accuracy()).kappa(it.kappa()).with("always the most frequent", most_frequent(it))
    })
    .page(PAGE);
    page.confusion("Which path for which", &so_far, &paths, |it, actual, predicted| it.count(actual, predicted))
        .page(PAGE);
    Ok(())
}

/// The share of the most frequent class: what who always guesses it is right in. NaN before there are rows.
fn most_frequent(confusion: &Confusion) -> f64 {
    let most = (0..confusion.classes()).map(|class| confusion.actual(class)).fold(0.0, f64::max);
    most / confusion.total()
}
