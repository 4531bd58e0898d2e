//! Gaussian naive Bayes, held to its definition and to the laws.

use streamgauge_sketches::Codec;
use streamgauge_sketches::hash::hash_bytes;
use streamgauge_sketches::laws::refuses;
use streamgauge_sketches::random::Draws;

use super::*;
use crate::{Attribute, laws};

fn schema() -> Schema {
    Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 3 }, Attribute::Numeric], 3).unwrap()
}

/// Rows of three overlapping classes; some values are missing, the third attribute is some way from 0.
fn rows(n: usize, seed: u64) -> Vec<(Vec<f64>, usize)> {
    let mut draws = Draws::new(seed);
    let mut row = || {
        let class = draws.below(3) as usize;
        let number = class as f64 + 2.0 * draws.unit();
        let category = if draws.below(3) == 0 { draws.below(3) as f64 } else { class as f64 };
        let category = if draws.below(9) == 0 { f64::NAN } else { category };
        (vec![number, category, 100.0 - number * draws.unit()], class)
    };
    (0..n).map(|_| row()).collect()
}

#[test]
fn holds_the_laws() {
    laws::classifies(&GaussianNaiveBayes::new(schema()), &rows(300, 1));
    laws::classifies(&GaussianNaiveBayes::new(Schema::numeric(0, 3).unwrap()), &[]);
}

#[test]
fn merges_exactly() {
    let empty = GaussianNaiveBayes::new(schema());
    let parts = [rows(200, 1), vec![], rows(1, 2), rows(70, 3), vec![]];
    laws::merges(&empty, &parts);
    let only_one_class = rows(100, 4).into_iter().filter(|(_, class)| *class == 1).collect();
    laws::merges(&empty, &[rows(50, 5), only_one_class]);
    refuses(&empty, &GaussianNaiveBayes::new(Schema::numeric(3, 3).unwrap()));
    refuses(&empty, &empty.clone().with_smoothing(0.5).unwrap());
    refuses(&empty, &empty.clone().with_least_variance(1e-3).unwrap());
}

#[test]
fn scores_are_those_of_the_definition() {
    let rows = rows(200, 7);
    let mut bayes = GaussianNaiveBayes::new(schema());
    bayes.learn_batch(rows.iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
    let asked = [1.7, 2.0, 98.5];
    let joint = (0..3).map(|class| {
        let ours: Vec<_> = rows.iter().filter(|(_, of)| *of == class).map(|(row, _)| row).collect();
        let normal = |at: usize| {
            let n = ours.len() as f64;
            let mean = ours.iter().map(|row| row[at]).sum::<f64>() / n;
            let variance = ours.iter().map(|row| (row[at] - mean).powi(2)).sum::<f64>() / n;
            (-(asked[at] - mean).powi(2) / (2.0 * variance)).exp() / (std::f64::consts::TAU * variance).sqrt()
        };
        let known = ours.iter().filter(|row| !row[1].is_nan()).count() as f64;
        let alike = ours.iter().filter(|row| row[1] == asked[1]).count() as f64;
        ours.len() as f64 * normal(0) * normal(2) * (alike + 1.0) / (known + 3.0)
    });
    let joint: Vec<f64> = joint.collect();
    let mut shares = Vec::new();
    bayes.probabilities_one(&asked, &mut shares).unwrap();
    for (share, ours) in shares.iter().zip(&joint) {
        assert!((share - ours / joint.iter().sum::<f64>()).abs() < 1e-9, "{shares:?}");
    }
}

#[test]
fn thousands_of_attributes_do_not_underflow() {
    let mut bayes = GaussianNaiveBayes::new(Schema::numeric(5_000, 2).unwrap());
    for i in 0..20 {
        bayes.learn_one(&vec![f64::from(i % 10); 5_000], 0).unwrap();
        bayes.learn_one(&vec![f64::from(i % 10) + 0.1; 5_000], 1).unwrap();
    }
    assert_eq!(bayes.predict_one(&vec![5.0; 5_000]), Ok(Some(1)));
    let mut shares = Vec::new();
    bayes.probabilities_one(&vec![100.0; 5_000], &mut shares).unwrap();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
}

#[test]
fn values_without_spread_and_classes_without_values_are_no_trap() {
    let mut bayes = GaussianNaiveBayes::new(Schema::numeric(2, 3).unwrap());
    let mut shares = Vec::new();
    for _ in 0..10 {
        bayes.learn_one(&[5.0, 1.0], 0).unwrap();
        bayes.learn_one(&[5.0, 2.0], 1).unwrap();
    }
    // The first attribute says nothing, whatever its value; the second says all.
    bayes.probabilities_one(&[7.0, f64::NAN], &mut shares).unwrap();
    assert_eq!(shares, [0.5, 0.5, 0.0]);
    assert_eq!(bayes.predict_one(&[7.0, 1.9]), Ok(Some(1)));
    // A class without a value of the second attribute is as likely there as all rows are.
    (0..10).for_each(|_| bayes.learn_one(&[5.0, f64::NAN], 2).unwrap());
    bayes.probabilities_one(&[5.0, 1.5], &mut shares).unwrap();
    assert!(shares[2] > 0.99, "{shares:?}");
    assert_eq!(bayes.predict_one(&[5.0, 1.0]), Ok(Some(0)));
}

#[test]
fn units_do_not_matter() {
    let rows = rows(300, 9);
    let predicted = |unit: f64| {
        let mut bayes = GaussianNaiveBayes::new(Schema::numeric(1, 3).unwrap());
        let step = |(row, class): &(Vec<f64>, usize)| bayes.predict_and_learn(&[row[0] * unit], *class).unwrap();
        rows.iter().map(step).collect::<Vec<_>>()
    };
    // Powers of two, so that rounding is the same.
    assert_eq!(predicted(2_f64.powi(-100)), predicted(1.0));
    assert_eq!(predicted(2_f64.powi(100)), predicted(1.0));
}

#[test]
fn weights_are_repetitions_and_decay_halves_them() {
    let (mut once, mut twice, mut faded) =
        (GaussianNaiveBayes::new(schema()), GaussianNaiveBayes::new(schema()), GaussianNaiveBayes::new(schema()));
    for (row, class) in rows(100, 3) {
        once.learn_weighted(&row, class, 2.0).unwrap();
        twice.learn_one(&row, class).unwrap();
        twice.learn_one(&row, class).unwrap();
        faded.learn_weighted(&row, class, 4.0).unwrap();
    }
    faded.decay(0.5);
    assert_eq!(faded.to_bytes(), once.to_bytes());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (row, _) in rows(100, 4) {
        once.probabilities_one(&row, &mut ours).unwrap();
        twice.probabilities_one(&row, &mut theirs).unwrap();
        assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-9), "{ours:?} {theirs:?}");
    }
    faded.decay(0.0);
    assert_eq!(faded.to_bytes(), GaussianNaiveBayes::new(schema()).to_bytes());
    assert_eq!(faded.predict_one(&rows(1, 1)[0].0), Ok(None));
}

#[test]
fn weights_of_any_size_poison_nothing() {
    let mut bayes = GaussianNaiveBayes::new(schema());
    let mut shares = Vec::new();
    for (at, (row, class)) in rows(100, 3).into_iter().enumerate() {
        bayes.learn_weighted(&row, class, [5e-324, f64::MAX, 1.0][at % 3]).unwrap();
        bayes.learn_weighted(&[-1e70, 9.0, 1e70], class, f64::MAX).unwrap();
        bayes.probabilities_one(&row, &mut shares).unwrap();
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
    }
    GaussianNaiveBayes::from_bytes(&bayes.to_bytes()).unwrap();
}

#[test]
fn parameters_have_bounds() {
    let told = |wrong: Result<_, ParameterError>| wrong.map(|_: GaussianNaiveBayes| ()).unwrap_err().to_string();
    let new = || GaussianNaiveBayes::new(schema());
    let smoothing = "GaussianNaiveBayes: smoothing must be 10⁻⁹ to 10⁹, not 0";
    assert_eq!(told(new().with_smoothing(0.0)), smoothing);
    let variance = "GaussianNaiveBayes: least variance must be 10⁻¹⁵ to 1, not NaN";
    assert_eq!(told(new().with_least_variance(f64::NAN)), variance);
}

#[test]
fn statistics_that_cannot_be_are_refused() {
    let mut good = GaussianNaiveBayes::new(schema());
    good.learn_batch(rows(20, 1).iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
    let refused = |spoil: fn(&mut Statistics)| {
        let mut bad = good.clone();
        spoil(&mut bad.statistics);
        GaussianNaiveBayes::from_bytes(&bad.to_bytes()).unwrap_err();
    };
    refused(|statistics| statistics.classes.truncate(2));
    refused(|statistics| statistics.classes.clear());
    refused(|statistics| statistics.numbers.truncate(3));
    refused(|statistics| statistics.numbers.clear());
    refused(|statistics| statistics.known.clear());
    refused(|statistics| statistics.categories.push(0.0));
    refused(|statistics| statistics.categories[0] = f64::NAN);
    refused(|statistics| statistics.classes[0] = -1.0);
    refused(|statistics| statistics.numbers[0].mean = f64::INFINITY);
    refused(|statistics| statistics.smoothing = 0.0);
    refused(|statistics| statistics.least_variance = f64::NAN);
    refused(|statistics| statistics.schema = Schema::numeric(3, 3).unwrap());
}

#[test]
fn stored_bytes_are_frozen() {
    let mut bayes = GaussianNaiveBayes::new(schema());
    bayes.learn_batch(rows(50, 1).iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
    assert_eq!(
        hash_bytes(&bayes.to_bytes(), 0),
        15_449_742_447_526_366_725,
        "the same on every machine and in every version"
    );
}

#[test]
fn whatever_passes_the_check_can_be_used() {
    let mut good = GaussianNaiveBayes::new(schema());
    good.learn_batch(rows(20, 1).iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
    let bytes = postcard::to_allocvec(&good).unwrap();
    let (mut shares, mut passed) = (Vec::new(), 0);
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xf0, 0xff, bytes[at] ^ 0x40] {
            let mut bad = bytes.clone();
            bad[at] = value;
            let Ok(mut bayes) = postcard::from_bytes::<GaussianNaiveBayes>(&bad) else { continue };
            if bayes.check().is_err() {
                continue;
            }
            passed += 1;
            let row: Vec<f64> = bayes.schema().attributes().iter().map(|_| 1.0).collect();
            for class in 0..bayes.classes() {
                bayes.predict_and_learn(&row, class).unwrap();
                bayes.probabilities_one(&row, &mut shares).unwrap();
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "byte {at}, {value}: {shares:?}");
            }
            bayes.merge(&bayes.clone()).unwrap();
            bayes.decay(0.5);
        }
    }
    assert!(passed > 1_000, "{passed} passed");
}
