//! The learners, each with how it is taught and asked.

use std::hint::black_box;

use streamgauge_ml::anomaly::{
    Calibrated, Calibration, Cusum, Ensemble, Ewma, GaussianTails, HalfSpaceTrees, IsolationForest, KMeansDistance,
    Loda, Mahalanobis, Novelty, RobustTails, RobustZ, Sample, SeriesDetector, Shingled,
};
use streamgauge_ml::cluster::StreamingKMeans;
use streamgauge_ml::drift::{Adwin, Ddm, DriftDetector, Eddm, HddmA, HddmW, Kswin, PageHinkley};
use streamgauge_ml::evaluate::{Confusion, Deviation, LogLoss, Outcomes, Purity, Ranking, RecentRanking, Silhouette};
use streamgauge_ml::naive_bayes::{
    BernoulliNaiveBayes, ComplementNaiveBayes, GaussianNaiveBayes, MultinomialNaiveBayes,
};
use streamgauge_ml::preprocess::{
    BagOfWords, Fill, Imputer, MinMaxScaler, OneHot, RobustScaler, StandardScaler, Transformer,
};
use streamgauge_ml::tree::{AdaptiveRandomForest, ExtremelyFastTree, HoeffdingAdaptiveTree, HoeffdingTree};
use streamgauge_ml::{Attribute, Classifier, Clusterer, Detector, MajorityClass, Schema};
use streamgauge_sketches::{Absorb, Summary};

use crate::{Member, float, forms};

/// `name: a fresh learner, how it is taught, what it is asked;`
macro_rules! learners {
    ($($name:ident: $empty:expr, $teach:expr, $ask:expr;)*) => {
        pub(crate) const LEARNERS: &[Member] = &[$(Member {
            name: stringify!($name),
            attack: |input| {
                // Never called: it says of which type the others are.
                let typed = if false { Some($empty) } else { None };
                forms::attack_learner(input, taught(&typed, $teach), $ask);
            },
            seeds: || forms::learner_seeds(&$empty, $teach),
        }),*];
    };
}

fn taught<L>(_: &Option<L>, teach: fn(&mut L, u64)) -> fn(&mut L, u64) {
    teach
}

learners! {
    majorityclass: MajorityClass::new(schema()), learn, classify;
    gaussiannaivebayes: GaussianNaiveBayes::new(schema()), learn, classify;
    multinomialnaivebayes: MultinomialNaiveBayes::new(64, 3).expect("64 features are allowed"), learn_sparse, classify_sparse;
    bernoullinaivebayes: BernoulliNaiveBayes::new(64, 3).expect("64 features are allowed"), learn_sparse, classify_sparse;
    complementnaivebayes: ComplementNaiveBayes::new(64, 3).expect("64 features are allowed"), learn_sparse, classify_sparse;
    hoeffdingtree: HoeffdingTree::new(schema()), learn_much, classify;
    extremelyfasttree: ExtremelyFastTree::new(schema()), learn_much, classify;
    hoeffdingadaptivetree: HoeffdingAdaptiveTree::new(schema()), learn_much, classify;
    adaptiverandomforest: AdaptiveRandomForest::new(schema()), learn_much, classify;
    streamingkmeans: clusters(), learn_point, locate;
    gaussiantails: Calibrated::new(three(GaussianTails::new)), detect_row, score_row;
    robusttails: Calibrated::new(three(RobustTails::new)), detect_row, score_row;
    mahalanobis: Calibrated::new(three(Mahalanobis::new)), detect_row, score_row;
    loda: Calibrated::new(three(Loda::new)), detect_row, score_row;
    halfspacetrees: Calibrated::new(three(HalfSpaceTrees::new)), detect_row, score_row;
    isolationforest: Calibrated::new(three(IsolationForest::new)), detect_row, score_row;
    kmeansdistance: Calibrated::new(KMeansDistance::new(clusters())), detect_row, score_row;
    rowensemble: Ensemble::new((Calibrated::new(three(GaussianTails::new)), Calibrated::new(three(Mahalanobis::new)))),
        detect_row, score_row;
    shingled: Calibrated::new(Shingled::new(three(Mahalanobis::new), 3).expect("rows of three")), detect_value, score_value;
    robustz: Calibrated::new(RobustZ::new()), detect_value, score_value;
    ewma: Calibrated::new(Ewma::new(20.0).expect("20 is allowed")), detect_value, score_value;
    cusum: Calibrated::new(Cusum::new(20.0).expect("20 is allowed")), detect_value, score_value;
    novelty: Calibrated::new(Novelty::new()), detect_value, score_value;
    seriesdetector: SeriesDetector::new(), detect_sample, score_sample;
    calibration: Calibrated::new(Ewma::new(5.0).expect("5 is allowed")).with_calibration(Calibration::new()),
        detect_value, score_value;
    adwin: Adwin::default(), update, black_box_of;
    pagehinkley: PageHinkley::default(), update, black_box_of;
    ddm: Ddm::default(), update, black_box_of;
    eddm: Eddm::default(), update, black_box_of;
    hddma: HddmA::default(), update, black_box_of;
    hddmw: HddmW::default(), update, black_box_of;
    kswin: Kswin::default(), update, black_box_of;
    bagofwords: BagOfWords::new(), |_, _| {}, |bag| transform(bag, "To be, or not 2 be");
    standardscaler: StandardScaler::new(&schema()), prepare, prepared;
    minmaxscaler: MinMaxScaler::new(&schema()), prepare, prepared;
    robustscaler: RobustScaler::new(&schema()), prepare, prepared;
    onehot: OneHot::new(&schema()), prepare, prepared;
    imputer: Imputer::new(&schema()).fill(0, Fill::Median).expect("there is an attribute 0"), prepare, prepared;
    confusion: Confusion::new(3).expect("3 is allowed"),
        |it, n| it.absorb(&((n % 3) as usize, (n % 4 > 0).then_some((n % 5) as usize))), black_box_of;
    outcomes: Outcomes::sliding(3, 10).expect("10 rows are allowed"),
        |it, n| black_box(it.add((n % 3) as usize, Some((n % 2) as usize)).is_ok()).then_some(()).unwrap_or(()), black_box_of;
    logloss: LogLoss::default(), |it, n| it.absorb(&float(n)), black_box_of;
    deviation: Deviation::default(), |it, n| it.absorb(&(float(n), float(n / 3))), black_box_of;
    ranking: Ranking::default(), |it, n| it.absorb(&(float(n), n % 2 == 0)), black_box_of;
    recentranking: RecentRanking::new(20).expect("20 is allowed"), |it, n| it.absorb(&(float(n), n % 2 == 0)), black_box_of;
    purity: Purity::new(3, 3).expect("3 is allowed"), |it, n| it.absorb(&((n % 3) as usize, (n % 4) as usize)), black_box_of;
    silhouette: Silhouette::default(), |it, n| it.absorb(&(float(n), float(n / 3))), black_box_of;
    kmeansbatch: given_centres().gather().expect("there are centres"), learn_point, locate;
}

/// Two numbers and a category, three classes.
fn schema() -> Schema {
    let attributes = [Attribute::Numeric, Attribute::Nominal { categories: 4 }, Attribute::Numeric];
    Schema::new(attributes, 3).expect("three classes are allowed")
}

fn row(n: u64) -> [f64; 3] {
    [float(n), (n % 5) as f64, float(n / 7)]
}

fn learn<L: Classifier<Row = [f64]>>(learner: &mut L, n: u64) {
    // What was decoded may have another schema: an error then.
    black_box(learner.learn_one(&row(n), (n % 3) as usize).is_ok());
    black_box(learner.predict_and_learn(&row(n + 1), (n % 2) as usize).is_ok());
}

fn classify<L: Classifier<Row = [f64]>>(learner: &L) {
    let mut shares = Vec::new();
    for n in 0..8 {
        black_box(learner.predict_one(&row(n)).is_ok());
        if learner.probabilities_one(&row(n), &mut shares).is_ok() {
            assert_eq!(shares.len(), learner.classes());
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
        }
    }
}

/// Three clusters of points of three coordinates that start soon.
fn clusters() -> StreamingKMeans {
    let clusters = StreamingKMeans::new(3, 3).expect("three clusters are allowed");
    clusters.start_after(30).expect("that is more than clusters")
}

fn given_centres() -> StreamingKMeans {
    StreamingKMeans::with_centres(&[row(200), row(300)], 1.0).expect("two centres are allowed")
}

fn learn_point<L: Clusterer<Point = [f64]>>(learner: &mut L, n: u64) {
    black_box(learner.learn_one(&row(n)).is_ok());
}

fn locate<L: Clusterer<Point = [f64]>>(learner: &L) {
    for n in 0..8 {
        black_box(learner.predict_one(&row(n)).is_ok());
    }
}

fn three<S, E: std::fmt::Debug>(new: fn(usize) -> Result<S, E>) -> S {
    new(3).expect("three attributes are allowed")
}

/// As many rows as make a tree grow now and then.
fn learn_much<L: Classifier<Row = [f64]>>(learner: &mut L, n: u64) {
    for i in 0..8 {
        let (x, class) = ((n * 8 + i) % 100, (n + i) % 3);
        black_box(learner.learn_one(&[x as f64 / 7.0, class as f64, (x * class) as f64], class as usize).is_ok());
    }
    learn(learner, n);
}

fn words(n: u64) -> [(u32, f64); 3] {
    [((n % 64) as u32, 1.0), ((n * 7 % 70) as u32, float(n)), (3, (n % 4) as f64)]
}

fn learn_sparse<L: Classifier<Row = [(u32, f64)]>>(learner: &mut L, n: u64) {
    black_box(learner.learn_one(&words(n), (n % 3) as usize).is_ok());
    black_box(learner.predict_and_learn(&words(n + 1), (n % 2) as usize).is_ok());
}

fn classify_sparse<L: Classifier<Row = [(u32, f64)]>>(learner: &L) {
    let mut shares = Vec::new();
    for n in 0..8 {
        black_box(learner.predict_one(&words(n)).is_ok());
        if learner.probabilities_one(&words(n), &mut shares).is_ok() {
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
        }
    }
}

fn is_score(score: Result<Option<f64>, streamgauge_ml::RowError>) {
    if let Ok(Some(score)) = score {
        assert!((0.0..=1.0).contains(&score), "{score}");
    }
}

fn detect_row<L: Detector<Item = [f64]>>(detector: &mut L, n: u64) {
    is_score(detector.score_and_learn(&row(n)));
    black_box(detector.learn_one(&[n as f64, (n % 7) as f64, 0.5]).is_ok());
}

fn score_row<L: Detector<Item = [f64]>>(detector: &L) {
    (0..8).for_each(|n| is_score(detector.score_one(&row(n))));
}

fn detect_value<L: Detector<Item = f64>>(detector: &mut L, n: u64) {
    is_score(detector.score_and_learn(&float(n)));
    black_box(detector.learn_one(&(n as f64)).is_ok());
}

fn score_value<L: Detector<Item = f64>>(detector: &L) {
    (0..8).for_each(|n| is_score(detector.score_one(&float(n))));
}

fn sample(n: u64) -> Sample {
    Sample { time: (n as i64 - 5) * 300_000, value: float(n) }
}

fn detect_sample<L: Detector<Item = Sample>>(detector: &mut L, n: u64) {
    is_score(detector.score_and_learn(&sample(n)));
}

fn score_sample<L: Detector<Item = Sample>>(detector: &L) {
    (0..8).for_each(|n| is_score(detector.score_one(&sample(n))));
    is_score(detector.score_one(&Sample { time: i64::MIN, value: 1.0 }));
    is_score(detector.score_one(&Sample { time: i64::MAX, value: 1.0 }));
}

fn update<L: DriftDetector>(detector: &mut L, n: u64) {
    black_box(detector.update((n % 2) as f64));
    black_box(detector.update(float(n)));
}

fn black_box_of<L: Summary>(learner: &L) {
    black_box(learner.read());
}

fn transform<L: Transformer>(transformer: &L, row: &L::From) {
    let mut room = L::Room::default();
    black_box(transformer.transform_one(row, &mut room).is_ok());
}

fn prepare<L: Transformer<From = [f64]>>(transformer: &mut L, n: u64) {
    black_box(transformer.learn_one(&row(n)).is_ok());
    transform(transformer, &row(n + 1));
}

fn prepared<L: Transformer<From = [f64]>>(transformer: &L) {
    (0..8).for_each(|n| transform(transformer, &row(n)));
}
