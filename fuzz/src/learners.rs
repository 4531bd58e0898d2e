//! The learners, each with how it is taught and asked.

use std::hint::black_box;

use streamgauge_ml::{Attribute, Classifier, MajorityClass, Schema};

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
