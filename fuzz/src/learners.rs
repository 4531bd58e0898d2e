//! The learners, each with how it is taught and asked.

use std::hint::black_box;

use streamgauge_ml::cluster::StreamingKMeans;
use streamgauge_ml::{Attribute, Classifier, Clusterer, MajorityClass, Schema};

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
    streamingkmeans: clusters(), learn_point, locate;
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
