//! The models over sparse rows, held to their definitions and to the laws.

use streamgauge_sketches::Codec;
use streamgauge_sketches::hash::hash_bytes;
use streamgauge_sketches::laws::{refuses, sliding};
use streamgauge_sketches::random::Draws;

use super::*;
use crate::laws;
use crate::naive_bayes::bernoulli::Bernoulli;
use crate::naive_bayes::complement::Complement;
use crate::naive_bayes::multinomial::Multinomial;
use crate::naive_bayes::{BernoulliNaiveBayes, ComplementNaiveBayes, MultinomialNaiveBayes};

/// Rows of some of 50 features, in any order, some twice.
fn rows(n: usize, seed: u64) -> Vec<(Vec<(u32, f64)>, usize)> {
    let mut draws = Draws::new(seed);
    let mut row = || {
        let class = draws.below(3);
        let mut feature = || (draws.below(20) + draws.below(10) * class) as u32;
        ((0..8).map(|i| (feature(), f64::from(i % 3 + 1))).collect(), class as usize)
    };
    (0..n).map(|_| row()).collect()
}

fn holds<M: Model>()
where
    SparseNaiveBayes<M>: Codec,
{
    let new = || SparseNaiveBayes::<M>::new(50, 3).unwrap();
    laws::classifies_sparse(&new(), &rows(300, 1));
    laws::merges(&new(), &[rows(200, 1), vec![], rows(1, 2), rows(70, 3), vec![]]);
    refuses(&new(), &new().with_smoothing(0.5).unwrap());
    refuses(&new(), &SparseNaiveBayes::new(51, 3).unwrap());
    refuses(&new(), &SparseNaiveBayes::new(50, 2).unwrap());
    let learned = |n, seed, weight| {
        let mut learner = new();
        rows(n, seed).iter().for_each(|(row, class)| learner.learn_weighted(row, *class, weight).unwrap());
        learner
    };
    // Counts of whole numbers: to the bit, in windows too.
    let panes: Vec<_> = (0..9).map(|seed| learned(10 * seed as usize, seed, 1.0)).collect();
    sliding(&new(), &panes, Codec::to_bytes);

    let (mut faded, mut weighted) = (learned(100, 5, 4.0), learned(100, 5, 2.0));
    faded.decay(0.5);
    assert_eq!(faded.to_bytes(), weighted.to_bytes(), "decay halves weights");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (row, class) in rows(100, 6) {
        faded.probabilities_one(&row, &mut ours).unwrap();
        weighted.probabilities_one(&row, &mut theirs).unwrap();
        assert_eq!(ours, theirs, "a faded learner goes on as one that weighed less");
        faded.learn_one(&row, class).unwrap();
        weighted.learn_one(&row, class).unwrap();
    }
    faded.decay(0.0);
    assert_eq!(faded.to_bytes(), new().to_bytes(), "nothing is left");
    assert_eq!(faded.predict_one(&rows(1, 1)[0].0), Ok(None));

    for (at, (row, class)) in rows(100, 3).into_iter().enumerate() {
        faded.learn_weighted(&row, class, [5e-324, f64::MAX, 1.0][at % 3]).unwrap();
        faded.learn_weighted(&[(1, 1e70), (1, 1e70)], class, f64::MAX).unwrap();
        faded.probabilities_one(&row, &mut ours).unwrap();
        assert!((ours.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{ours:?}");
    }

    let told = |wrong: Result<SparseNaiveBayes<M>, ParameterError>| wrong.unwrap_err().to_string();
    let features = format!("{}: features must be 1 to 2^24 by the number of classes, not 0", M::NAME);
    assert_eq!(told(SparseNaiveBayes::new(0, 2)), features);
    assert_eq!(told(SparseNaiveBayes::new(9, 0)), format!("{}: classes must be 1 to 2^20, not 0", M::NAME));
    told(SparseNaiveBayes::new(MOST, 2));
    told(new().with_smoothing(f64::NAN));

    let refused = |spoil: fn(&mut Counts)| {
        let mut bad = panes[3].clone();
        spoil(&mut bad.counts);
        SparseNaiveBayes::<M>::from_bytes(&bad.to_bytes()).unwrap_err();
    };
    refused(|counts| counts.classes.clear());
    refused(|counts| counts.classes.truncate(2));
    refused(|counts| counts.totals.clear());
    refused(|counts| counts.features.clear());
    refused(|counts| counts.features.truncate(100));
    refused(|counts| counts.features[7] = f64::NAN);
    refused(|counts| counts.features[7] = f64::INFINITY);
    refused(|counts| counts.classes[0] = -1.0);
    refused(|counts| counts.smoothing = 0.0);
}

#[test]
fn all_models_hold_the_laws() {
    holds::<Multinomial>();
    holds::<Bernoulli>();
    holds::<Complement>();
}

/// How often the rows of a class have each feature, or in how many of them it is.
fn counted(rows: &[(Vec<(u32, f64)>, usize)], of: impl Fn(usize) -> bool, once: bool) -> (f64, [f64; 50]) {
    let (mut n, mut features) = (0.0, [0.0; 50]);
    for (row, _) in rows.iter().filter(|(_, class)| of(*class)) {
        n += 1.0;
        let mut bag = [0.0; 50];
        row.iter().for_each(|(feature, count)| bag[*feature as usize] += count);
        features.iter_mut().zip(bag).for_each(|(sum, n)| *sum += if once { f64::from(n > 0.0) } else { n });
    }
    (n, features)
}

/// The shares of a learner are those of the joint logarithms.
fn agrees<M: Model>(rows: &[(Vec<(u32, f64)>, usize)], joint: impl Fn(&[f64; 50], usize) -> f64) {
    let mut learner = SparseNaiveBayes::<M>::new(50, 3).unwrap().with_smoothing(0.3).unwrap();
    learner.learn_batch(rows.iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
    let mut ours = Vec::new();
    for (row, _) in rows {
        let bag = counted(&[(row.clone(), 0)], |_| true, false).1;
        let mut theirs: Vec<f64> = (0..3).map(|class| joint(&bag, class)).collect();
        shares(&mut theirs);
        learner.probabilities_one(row, &mut ours).unwrap();
        assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-9), "{}: {ours:?} {theirs:?}", M::NAME);
    }
}

#[test]
fn shares_are_those_of_the_definitions() {
    let rows = rows(200, 4);
    let all = counted(&rows, |_| true, false).1;
    let seen = all.iter().filter(|weight| **weight > 0.0).count();
    assert!(seen < 50, "some features are never seen");
    let multiply = |bag: &[f64; 50], features: &[f64; 50]| {
        let total = features.iter().sum::<f64>() + seen as f64 * 0.3;
        bag.iter().zip(features).map(|(n, feature)| n * ((feature + 0.3) / total).ln()).sum::<f64>()
    };
    agrees::<Multinomial>(&rows, |bag, class| {
        let (n, features) = counted(&rows, |of| of == class, false);
        n.ln() + multiply(bag, &features)
    });
    agrees::<Complement>(&rows, |bag, class| {
        let (n, _) = counted(&rows, |of| of == class, false);
        n.ln() - multiply(bag, &counted(&rows, |of| of != class, false).1)
    });
    agrees::<Bernoulli>(&rows, |bag, class| {
        let (n, features) = counted(&rows, |of| of == class, true);
        let say = |(there, feature): (&f64, &f64)| {
            let p = (feature + 0.3) / (n + 0.6);
            if *there > 0.0 { p.ln() } else { (1.0 - p).ln() }
        };
        let known = bag.iter().zip(&features).zip(&all).filter(|(_, all)| **all > 0.0);
        n.ln() + known.map(|(both, _)| say(both)).sum::<f64>()
    });
}

#[test]
fn what_no_class_has_seen_says_nothing() {
    fn asked<M: Model>(features: usize, row: &[(u32, f64)]) -> Vec<f64> {
        let mut learner = SparseNaiveBayes::<M>::new(features, 2).unwrap();
        for _ in 0..10 {
            learner.learn_one(&[(0, 1.0), (1, 1.0)], 0).unwrap();
        }
        learner.learn_one(&[(1, 1.0), (2, 1.0)], 1).unwrap();
        let mut shares = Vec::new();
        learner.probabilities_one(row, &mut shares).unwrap();
        shares
    }
    fn holds<M: Model>() {
        let known = asked::<M>(3, &[(1, 1.0)]);
        assert_eq!(asked::<M>(1 << 20, &[(1, 1.0)]), known, "features that are never seen are as if not there");
        assert_eq!(asked::<M>(1 << 20, &[(1, 1.0), (99, 5.0)]), known, "and say nothing when they are");
    }
    holds::<Multinomial>();
    holds::<Bernoulli>();
    holds::<Complement>();
}

#[test]
fn names_are_those_of_the_models() {
    assert_eq!(MultinomialNaiveBayes::NAME, "MultinomialNaiveBayes");
    let bytes = BernoulliNaiveBayes::new(5, 2).unwrap().to_bytes();
    let told = ComplementNaiveBayes::from_bytes(&bytes).unwrap_err().to_string();
    assert!(told.contains("BernoulliNaiveBayes"), "{told}");
}

#[test]
fn stored_bytes_are_frozen() {
    fn hash<M: Model>() -> u64
    where
        SparseNaiveBayes<M>: Codec,
    {
        let mut learner = SparseNaiveBayes::<M>::new(50, 3).unwrap();
        learner.learn_batch(rows(50, 1).iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
        hash_bytes(&learner.to_bytes(), 0)
    }
    let hashes = [hash::<Multinomial>(), hash::<Bernoulli>(), hash::<Complement>()];
    let frozen = [5_056_570_456_469_807_304, 14_127_240_191_149_636_841, 1_772_658_688_529_200_166];
    assert_eq!(hashes, frozen, "the same on every machine and in every version");
}

#[test]
fn whatever_passes_the_check_can_be_used() {
    fn holds<M: Model>() {
        let mut good = SparseNaiveBayes::<M>::new(50, 3).unwrap();
        good.learn_batch(rows(20, 1).iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
        let bytes = postcard::to_allocvec(&good).unwrap();
        let (mut shares, mut passed) = (Vec::new(), 0);
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xf0, 0xff, bytes[at] ^ 0x40] {
                let mut bad = bytes.clone();
                bad[at] = value;
                let Ok(mut learner) = postcard::from_bytes::<SparseNaiveBayes<M>>(&bad) else { continue };
                if learner.counts.check().is_err() {
                    continue;
                }
                passed += 1;
                let row = [(7, 1.0), (3, 2.0), (7, 1.0)];
                for class in 0..learner.classes() {
                    learner.predict_and_learn(&row, class).unwrap();
                    learner.probabilities_one(&row, &mut shares).unwrap();
                    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "byte {at}, {value}: {shares:?}");
                }
                learner.merge(&learner.clone()).unwrap();
                learner.decay(0.5);
            }
        }
        assert!(passed > 1_000, "{passed} passed");
    }
    holds::<Multinomial>();
    holds::<Bernoulli>();
    holds::<Complement>();
}
