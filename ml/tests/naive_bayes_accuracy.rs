//! Naive Bayes on fixed streams, held against what MOA reaches on them: test, then train, all with the defaults.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use streamgauge_ml::evaluate::Prequential;
use streamgauge_ml::naive_bayes::{
    BernoulliNaiveBayes, ComplementNaiveBayes, GaussianNaiveBayes, MultinomialNaiveBayes,
};
use streamgauge_ml::preprocess::{BagOfWords, Transformer};
use streamgauge_ml::{Classifier, Dataset};

/// The percentage of rows whose class Gaussian naive Bayes predicts.
fn accuracy(rows: &Dataset) -> f64 {
    let mut evaluation = Prequential::new(GaussianNaiveBayes::new(rows.schema().clone())).unwrap();
    for (row, class) in rows.iter() {
        evaluation.step(row, class).unwrap();
    }
    100.0 * evaluation.outcomes().accuracy().value
}

#[test]
fn gaussian_naive_bayes_is_as_good_as_moa_on_streams() {
    const MOA: [(&str, f64); 9] = [
        ("sea_abrupt", 83.77),
        ("agrawal_f1", 88.09),
        ("agrawal_abrupt", 65.87),
        ("random_tree", 73.39),
        ("rbf", 52.30),
        ("rbf_drift", 36.79),
        ("hyperplane", 85.83),
        ("led_noise10", 73.95),
        ("waveform", 80.52),
    ];
    for (name, moa) in MOA {
        let Some(rows) = support::stream(name) else { return };
        let ours = accuracy(&rows);
        println!("{name}: {ours:.2} %, MOA {moa} %");
        assert!(ours >= moa - 0.05, "{name}: {ours} %, MOA {moa} %");
    }
}

#[test]
fn gaussian_naive_bayes_is_as_good_as_moa_on_prices_of_electricity() {
    let Some(rows) = support::elec() else { return };
    let ours = accuracy(&rows);
    println!("elec: {ours:.2} %, MOA 73.63 %");
    assert!(ours >= 73.63 - 0.05, "{ours} %");
}

/// Accuracy and kappa, in per cent, on short messages of which some are spam.
fn spam(learner: impl Classifier<Row = str>) -> Option<(f64, f64)> {
    let text = fs::read_to_string(support::data("SMSSpamCollection")?).unwrap();
    let mut evaluation = Prequential::new(learner).unwrap();
    for line in text.lines().skip(1) {
        let (label, text) = line.split_once('\t').unwrap();
        evaluation.step(text, usize::from(label == "spam")).unwrap();
    }
    let outcomes = evaluation.outcomes();
    assert_eq!(outcomes.rows(), 5_574);
    Some((100.0 * outcomes.accuracy().value, 100.0 * outcomes.kappa()))
}

#[test]
fn naive_bayes_over_words_tells_spam() {
    let words = BagOfWords::new().with_same_digits();
    let multinomial = MultinomialNaiveBayes::new(words.buckets(), 2).unwrap().with_smoothing(0.1).unwrap();
    let complement = ComplementNaiveBayes::new(words.buckets(), 2).unwrap().with_smoothing(0.1).unwrap();
    let bernoulli = BernoulliNaiveBayes::new(words.buckets(), 2).unwrap().with_smoothing(0.1).unwrap();
    // MOA reaches 97.44 % and 88.67 % with a multinomial one; river's are at 97.60 % and 89.85 % (multinomial), 95.40 %
    // and 82.18 % (complement), 94.72 % and 72.52 % (Bernoulli).
    let reached = [
        ("multinomial", spam(words.then(multinomial)), 97.6, 90.0),
        ("complement", spam(words.then(complement)), 97.6, 90.0),
        ("bernoulli", spam(words.then(bernoulli)), 98.0, 92.0),
    ];
    for (name, reached, accuracy, kappa) in reached {
        let Some((ours, ours_kappa)) = reached else { return };
        println!("{name}: accuracy {ours:.2} %, kappa {ours_kappa:.2} %");
        assert!(ours >= accuracy && ours_kappa >= kappa, "{name}: {ours} %, kappa {ours_kappa} %");
    }
}
