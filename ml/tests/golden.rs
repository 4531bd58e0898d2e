//! Images as they were once written: one of each learner and version, in `golden/`.
//!
//! What was written then is read now, is asked, goes on learning, and has the same image. A changed image needs a new
//! version, which reads the old ones; their files stay. `STREAMGAUGE_WRITE_GOLDEN=1 cargo test --test golden` writes the
//! files that are missing, and no others. What would be written now is not compared: logarithms differ between machines.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;

use streamgauge_ml::anomaly::{
    Calibrated, Cusum, Ewma, GaussianTails, HalfSpaceTrees, IsolationForest, KMeansDistance, Loda, Mahalanobis,
    Novelty, RobustTails, RobustZ, Sample, SeriesDetector,
};
use streamgauge_ml::cluster::StreamingKMeans;
use streamgauge_ml::drift::{Adwin, Ddm, DriftDetector, Eddm, HddmA, HddmW, Kswin, PageHinkley};
use streamgauge_ml::evaluate::{Confusion, Ranking};
use streamgauge_ml::naive_bayes::{
    BernoulliNaiveBayes, ComplementNaiveBayes, GaussianNaiveBayes, MultinomialNaiveBayes,
};
use streamgauge_ml::preprocess::{Imputer, MinMaxScaler, RobustScaler, StandardScaler, Transformer};
use streamgauge_ml::tree::{AdaptiveRandomForest, ExtremelyFastTree, Growth, HoeffdingAdaptiveTree, HoeffdingTree};
use streamgauge_ml::{Attribute, Classifier, Clusterer, Detector, MajorityClass, Schema};
use streamgauge_sketches::{Absorb, Codec, Summary};

/// `name: a fresh learner, how it learns the n-th item;`
macro_rules! golden {
    ($($name:ident: $empty:expr, $learn:expr;)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), $empty, $learn);
        }
    )*};
}

golden! {
    majority_class: MajorityClass::new(schema()), learn;
    gaussian_naive_bayes: GaussianNaiveBayes::new(schema()), learn;
    multinomial_naive_bayes: MultinomialNaiveBayes::new(32, 3).unwrap(), learn_words;
    bernoulli_naive_bayes: BernoulliNaiveBayes::new(32, 3).unwrap(), learn_words;
    complement_naive_bayes: ComplementNaiveBayes::new(32, 3).unwrap(), learn_words;
    hoeffding_tree: HoeffdingTree::new(schema()), learn;
    extremely_fast_tree: ExtremelyFastTree::new(schema()), learn;
    hoeffding_adaptive_tree: HoeffdingAdaptiveTree::new(schema()), learn;
    adaptive_random_forest: AdaptiveRandomForest::with_growth(schema(), Growth::forest(), 2).unwrap(), learn;
    streaming_k_means: StreamingKMeans::new(3, 3).unwrap(), |it, n| it.learn_one(&row(n)).unwrap();
    gaussian_tails: Calibrated::new(GaussianTails::new(3).unwrap()), |it, n| it.learn_one(&row(n)).unwrap();
    robust_tails: Calibrated::new(RobustTails::new(3).unwrap()), |it, n| it.learn_one(&row(n)).unwrap();
    mahalanobis: Calibrated::new(Mahalanobis::new(3).unwrap()), |it, n| it.learn_one(&row(n)).unwrap();
    loda: Calibrated::new(Loda::new(3).unwrap()), |it, n| it.learn_one(&row(n)).unwrap();
    half_space_trees: Calibrated::new(HalfSpaceTrees::new(3).unwrap()), |it, n| it.learn_one(&row(n)).unwrap();
    isolation_forest: Calibrated::new(IsolationForest::new(3).unwrap().trees(3).unwrap().window(256).unwrap()), |it, n| it.learn_one(&row(n)).unwrap();
    k_means_distance: Calibrated::new(KMeansDistance::new(StreamingKMeans::new(2, 3).unwrap())),
        |it, n| it.learn_one(&row(n)).unwrap();
    robust_z: Calibrated::new(RobustZ::new()), |it, n| it.learn_one(&row(n)[0]).unwrap();
    ewma: Calibrated::new(Ewma::new(20.0).unwrap()), |it, n| it.learn_one(&row(n)[0]).unwrap();
    cusum: Calibrated::new(Cusum::new(20.0).unwrap()), |it, n| it.learn_one(&row(n)[0]).unwrap();
    novelty: Calibrated::new(Novelty::new()), |it, n| it.learn_one(&row(n)[0]).unwrap();
    series_detector: SeriesDetector::new(),
        |it, n| it.learn_one(&Sample { time: n as i64 * 300_000, value: row(n)[0] }).unwrap();
    adwin: Adwin::default(), update;
    page_hinkley: PageHinkley::default(), update;
    ddm: Ddm::default(), update;
    eddm: Eddm::default(), update;
    hddm_a: HddmA::default(), update;
    hddm_w: HddmW::default(), update;
    kswin: Kswin::default(), update;
    standard_scaler: StandardScaler::new(&schema()), |it, n| it.learn_one(&row(n)).unwrap();
    min_max_scaler: MinMaxScaler::new(&schema()), |it, n| it.learn_one(&row(n)).unwrap();
    robust_scaler: RobustScaler::new(&schema()), |it, n| it.learn_one(&row(n)).unwrap();
    imputer: Imputer::new(&schema()), |it, n| it.learn_one(&row(n)).unwrap();
    confusion: Confusion::new(3).unwrap(), |it, n| it.absorb(&(n as usize % 3, Some(n as usize % 2)));
    ranking: Ranking::default(), |it, n| it.absorb(&(row(n)[0], n % 5 == 0));
}

fn schema() -> Schema {
    Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 4 }, Attribute::Numeric], 3).unwrap()
}

fn row(n: u64) -> [f64; 3] {
    [(n * 37 % 101) as f64 / 8.0, (n % 4) as f64, if n % 50 == 7 { f64::NAN } else { (n * n % 67) as f64 }]
}

fn class(n: u64) -> usize {
    usize::from(n * 37 % 101 > 40) + usize::from(n % 4 == 1)
}

fn learn<L: Classifier<Row = [f64]>>(learner: &mut L, n: u64) {
    learner.learn_one(&row(n), class(n)).unwrap();
}

fn learn_words<L: Classifier<Row = [(u32, f64)]>>(learner: &mut L, n: u64) {
    learner.learn_one(&[((n * 7 % 32) as u32, 1.0), ((n % 5) as u32, 2.0)], class(n)).unwrap();
}

fn update<L: DriftDetector>(detector: &mut L, n: u64) {
    detector.update(f64::from(u8::from(n * 31 % 100 < if n > 700 { 60 } else { 20 })));
}

#[track_caller]
fn check<L: Summary + Codec>(name: &str, mut learner: L, learn: impl Fn(&mut L, u64)) {
    const ITEMS: u64 = 1_000;
    (0..ITEMS).for_each(|n| learn(&mut learner, n));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}-v{}.bin", L::VERSION));
    if std::env::var_os("STREAMGAUGE_WRITE_GOLDEN").is_some() && !file.exists() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, learner.to_bytes()).unwrap();
    }
    for version in 1..=L::VERSION {
        let file = file.with_file_name(format!("{name}-v{version}.bin"));
        let image = fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut read = L::from_bytes(&image).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        if version == L::VERSION {
            assert!(read.to_bytes() == image, "{} decodes to what has the same image", file.display());
        }
        assert_eq!(read.memory_bytes() > 0, learner.memory_bytes() > 0);
        (0..100).for_each(|n| learn(&mut read, n));
    }
}
