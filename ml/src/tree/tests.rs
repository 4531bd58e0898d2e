//! What all trees are held to.

use streamgauge_sketches::Codec;

use super::*;
use crate::{Attribute, Classifier, Schema, laws};

/// Rows of two numbers and two nominal attributes in three classes, that a tree has to split to tell apart.
fn rows(count: u32) -> Vec<(Vec<f64>, usize)> {
    let row = |i: u32| {
        let hash = i.wrapping_mul(2_654_435_761) >> 8;
        let (x, y) = (f64::from(hash % 997), f64::from(hash / 997 % 89) * 1e-3);
        let (kind, noise) = (hash / 7 % 4, hash / 31 % 3);
        let class = if kind == 2 { 2 } else { usize::from(x > 400.0) };
        let x = if i % 41 == 3 { f64::NAN } else { x };
        (vec![x, y, f64::from(kind), f64::from(noise)], class)
    };
    (0..count).map(row).collect()
}

fn schema() -> Schema {
    let nominal = |categories| Attribute::Nominal { categories };
    Schema::new([Attribute::Numeric, Attribute::Numeric, nominal(4), nominal(3)], 3).unwrap()
}

fn growths() -> Vec<Growth> {
    let mut all = Vec::new();
    for leaves in [Leaves::Majority, Leaves::NaiveBayes, Leaves::Adaptive] {
        for observer in [Observer::Gaussian, Observer::Exhaustive] {
            for criterion in [Criterion::InformationGain, Criterion::Gini] {
                all.push(Growth::new().leaves(leaves).observer(observer).criterion(criterion).grace(50).unwrap());
            }
        }
    }
    let quick = || Growth::new().grace(50).unwrap();
    all.extend([
        quick().binary(true),
        quick().prune(false),
        quick().subspace(2).unwrap().seed(9),
        quick().memory(8 << 10),
        quick().memory(4 << 10).observer(Observer::Exhaustive),
    ]);
    all
}

#[test]
fn hoeffding_trees_hold_the_laws() {
    for growth in growths() {
        laws::classifies(&HoeffdingTree::with_growth(schema(), growth).unwrap(), &rows(900));
    }
}

#[test]
fn extremely_fast_trees_hold_the_laws() {
    for growth in growths() {
        laws::classifies(&ExtremelyFastTree::with_growth(schema(), growth, 150).unwrap(), &rows(900));
    }
}

#[test]
fn trees_learn_the_concept() {
    let rows = rows(20_000);
    for growth in growths().into_iter().filter(|growth| growth.memory.is_none() && growth.subspace.is_none()) {
        let mut trees = (
            HoeffdingTree::with_growth(schema(), growth.clone()).unwrap(),
            ExtremelyFastTree::with_growth(schema(), growth.clone(), 500).unwrap(),
        );
        let mut right = [0, 0];
        for (row, class) in &rows {
            right[0] += usize::from(trees.0.predict_and_learn(row, *class).unwrap() == Some(*class));
            right[1] += usize::from(trees.1.predict_and_learn(row, *class).unwrap() == Some(*class));
        }
        assert!(right[0] > 17_500 && right[1] > 18_800, "{right:?} {growth:?}");
        assert!(trees.0.leaves() > 2 && trees.1.leaves() > 2, "{growth:?}");
    }
}

#[test]
fn a_tree_splits_also_in_batches_below_its_grace() {
    let rows = rows(2_000);
    let mut tree = HoeffdingTree::new(schema());
    for batch in rows.chunks(50) {
        let restored = HoeffdingTree::from_bytes(&tree.to_bytes()).unwrap();
        tree = restored;
        tree.learn_batch(batch.iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
    }
    assert!(tree.leaves() > 1, "grace counters survive batches and storage");
}
