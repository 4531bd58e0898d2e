//! Learning allocates nothing per row: measured with an allocator that counts.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use allocation_counter::measure;
use streamgauge_ml::cluster::StreamingKMeans;
use streamgauge_ml::drift::{Adwin, Ddm, DriftDetector, HddmA, Kswin, PageHinkley};
use streamgauge_ml::evaluate::{Delayed, Prequential};
use streamgauge_ml::naive_bayes::{
    BernoulliNaiveBayes, ComplementNaiveBayes, GaussianNaiveBayes, MultinomialNaiveBayes,
};
use streamgauge_ml::preprocess::{BagOfWords, Imputer, MinMaxScaler, OneHot, StandardScaler, Transformer};
use streamgauge_ml::{Attribute, Classifier, Clusterer, Schema};
use streamgauge_sketches::random::Draws;

/// How often a learner allocates while it predicts and learns `rows`, after it has learned them once.
fn allocations<L: Classifier, R: AsRef<L::Row>>(mut learner: L, rows: &[(R, usize)]) -> u64 {
    let mut pass = || {
        for (row, class) in rows {
            learner.predict_and_learn(row.as_ref(), *class).unwrap();
            learner.learn_weighted(row.as_ref(), *class, 0.5).unwrap();
        }
    };
    pass();
    measure(&mut pass).count_total
}

#[test]
fn the_counter_counts() {
    let counted = measure(|| {
        black_box(Vec::<u8>::with_capacity(black_box(9)));
    });
    assert_eq!(counted.count_total, 1);
}

fn dense() -> (Schema, Vec<(Vec<f64>, usize)>) {
    let schema = Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 3 }], 3).unwrap();
    let mut draws = Draws::new(1);
    let mut row = || (vec![draws.unit(), draws.below(4) as f64], draws.below(3) as usize);
    let rows = (0..2_000).map(|_| row()).collect();
    (schema, rows)
}

fn texts() -> Vec<(String, usize)> {
    let mut draws = Draws::new(2);
    let mut text = || (0..12).map(|_| format!("Word{}, ", draws.below(draws.clone().below(900) + 1))).collect();
    (0..2_000).map(|i| (text(), i % 2)).collect()
}

#[test]
fn gaussian_naive_bayes_allocates_nothing() {
    let (schema, rows) = dense();
    assert_eq!(allocations(GaussianNaiveBayes::new(schema), &rows), 0);
}

#[test]
fn bags_of_words_and_naive_bayes_over_counts_allocate_nothing() {
    let (words, rows) = (BagOfWords::new(), texts());
    let multinomial = MultinomialNaiveBayes::new(words.buckets(), 2).unwrap();
    assert_eq!(allocations(words.then(multinomial), &rows), 0);
    let complement = ComplementNaiveBayes::new(words.buckets(), 2).unwrap();
    assert_eq!(allocations(words.with_pairs().then(complement), &rows), 0);
}

#[test]
fn bernoulli_naive_bayes_allocates_only_where_a_class_doubles_its_weight() {
    let (words, rows) = (BagOfWords::new(), texts());
    let bernoulli = BernoulliNaiveBayes::new(words.buckets(), 2).unwrap();
    // In the second pass both classes double: the few frequent features of each are listed anew.
    let counted = allocations(words.then(bernoulli), &rows);
    assert!(counted <= 16, "{counted} allocations for 4,000 rows");
}

#[test]
fn pipelines_allocate_nothing() {
    let (schema, rows) = dense();
    let one_hot = OneHot::new(&schema);
    let learner = GaussianNaiveBayes::new(one_hot.schema(3).unwrap());
    let scaled = Imputer::new(&schema).then(StandardScaler::new(&schema)).then(MinMaxScaler::new(&schema));
    assert_eq!(allocations(scaled.then(one_hot).then(learner), &rows), 0);
}

#[test]
fn clusters_and_drift_detectors_allocate_nothing() {
    let (_, rows) = dense();
    let mut clusters = StreamingKMeans::new(3, 2).unwrap();
    let mut detectors = (Adwin::default(), PageHinkley::default(), Ddm::default(), HddmA::default(), Kswin::default());
    let mut pass = || {
        for (point, class) in &rows {
            clusters.learn_one(point).unwrap();
            black_box(clusters.predict_one(point).unwrap());
            let wrong = f64::from(u8::from(*class == 0));
            let (adwin, page_hinkley, ddm, hddm, kswin) = &mut detectors;
            black_box((adwin.update(wrong), page_hinkley.update(wrong), ddm.update(wrong), hddm.update(wrong)));
            black_box(kswin.update(point[0]));
        }
    };
    // Until the clusters have begun and the windows are full.
    (0..3).for_each(|_| pass());
    assert_eq!(measure(&mut pass).count_total, 0);
}

#[test]
fn evaluation_allocates_nothing() {
    let (schema, rows) = dense();
    let evaluation = || Prequential::new(GaussianNaiveBayes::new(schema.clone())).unwrap();
    for evaluation in [evaluation(), evaluation().sliding(500).unwrap(), evaluation().fading(0.99).unwrap()] {
        assert_eq!(allocations(evaluation, &rows), 0);
    }
    let mut late = Delayed::new(evaluation(), 100);
    let mut pass = || rows.iter().for_each(|(row, class)| assert!(late.step(row, *class).is_ok()));
    pass();
    assert_eq!(measure(&mut pass).count_total, 0);
}
