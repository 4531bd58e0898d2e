//! What all trees are held to.

use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{Codec, Summary};

use super::*;
use crate::{Attribute, Classifier, Schema, laws};

/// Rows of two numbers and two nominal attributes in three classes, that a tree has to split to tell apart.
pub(super) fn rows(count: u32) -> Vec<(Vec<f64>, usize)> {
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

pub(super) fn schema() -> Schema {
    let nominal = |categories| Attribute::Nominal { categories };
    Schema::new([Attribute::Numeric, Attribute::Numeric, nominal(4), nominal(3)], 3).unwrap()
}

pub(super) fn growths() -> Vec<Growth> {
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
    for growth in growths().into_iter().filter(|growth| growth.memory > 1 << 20 && growth.subspace.is_none()) {
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

/// The class is whether one of two numbers is high; which of them, changes.
fn changing(tree: &mut ExtremelyFastTree, by: usize, seed: u32) {
    for i in 0..60_000_u32 {
        let hash = i.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 8;
        let row = [f64::from(hash % 997), f64::from(hash / 997 % 991)];
        tree.learn_one(&row, usize::from(row[by] > 500.0)).unwrap();
    }
}

#[test]
fn a_better_split_takes_the_place_of_another() {
    let mut tree = ExtremelyFastTree::new(Schema::numeric(2, 2).unwrap());
    changing(&mut tree, 0, 0);
    assert_eq!(tree.path(&[0.0, 0.0]).unwrap()[0].0.attribute(), 0);
    for round in 1..4 {
        changing(&mut tree, 1, round * 60_000);
    }
    assert_eq!(tree.path(&[0.0, 0.0]).unwrap()[0].0.attribute(), 1, "three times as many rows speak for the other");
    let restored = ExtremelyFastTree::from_bytes(&tree.to_bytes()).unwrap();
    assert_eq!(restored, tree);
}

#[test]
fn parameters_that_cannot_be_are_refused() {
    let told = |refused: Result<Growth, streamgauge_sketches::ParameterError>| refused.unwrap_err().to_string();
    assert_eq!(told(Growth::new().grace(0)), "Growth: grace must be at least 1, not 0");
    assert_eq!(told(Growth::new().delta(1.0)), "Growth: delta must be above 0 and below 1, not 1");
    assert_eq!(told(Growth::new().tie(f64::NAN)), "Growth: tie must be 0 to 1, not NaN");
    assert_eq!(told(Growth::new().subspace(0)), "Growth: subspace must be at least 1, not 0");
    let again = ExtremelyFastTree::with_growth(schema(), Growth::new(), 0).unwrap_err().to_string();
    assert_eq!(again, "ExtremelyFastTree: again must be at least 1, not 0");
}

#[test]
fn many_attributes_do_not_underflow() {
    // 400 numbers and 400 categories that all say a little: their product is far below the least number.
    let nominal = std::iter::repeat_n(Attribute::Nominal { categories: 50 }, 400);
    let schema = Schema::new(std::iter::repeat_n(Attribute::Numeric, 400).chain(nominal), 20).unwrap();
    let mut tree = HoeffdingTree::with_growth(schema, Growth::new().leaves(Leaves::NaiveBayes)).unwrap();
    let (mut right, mut draws) = (0, Draws::new(1));
    for i in 0..400_u32 {
        let class = i % 20;
        let mut value = |below: u64, shift: u32| f64::from(draws.below(below) as u32 + shift);
        let row: Vec<f64> = (0..800).map(|at| if at < 400 { value(40, 5 * class) } else { value(31, class) }).collect();
        let predicted = tree.predict_and_learn(&row, class as usize).unwrap();
        right += usize::from(i >= 200 && predicted == Some(class as usize));
    }
    assert!(right > 190, "{right} of the last 200");
}

#[test]
fn a_class_that_comes_late_is_learned() {
    let mut tree = HoeffdingTree::new(schema());
    let late = rows(4_000).into_iter().filter(|(_, class)| *class != 2);
    late.for_each(|(row, class)| tree.learn_one(&row, class).unwrap());
    let row = [10.0, 0.01, 2.0, 0.0];
    assert_ne!(tree.predict_one(&row).unwrap(), Some(2));
    (0..2_000).for_each(|_| tree.learn_one(&row, 2).unwrap());
    assert_eq!(tree.predict_one(&row).unwrap(), Some(2));
}

/// Every byte of a stored tree changed: what is not refused can be asked and taught, and tells shares that are numbers.
pub(super) fn survives_damage<L: Classifier<Row = [f64]> + Codec>(mut tree: L) {
    let rows = rows(400);
    rows.iter().for_each(|(row, class)| tree.learn_one(row, *class).unwrap());
    let good = postcard::to_allocvec(&tree).unwrap();
    let (mut shares, mut refused) = (Vec::new(), 0);
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= [1, 0x80, 0x7f, 0xff][at % 4];
        // The envelope of an image would find the damage: here is none around it.
        let damaged = postcard::from_bytes::<L>(&bytes).ok();
        let Some(mut damaged) = damaged.and_then(|damaged| L::from_bytes(&damaged.to_bytes()).ok()) else {
            refused += 1;
            continue;
        };
        for (row, class) in &rows[..3] {
            let Ok(()) = damaged.probabilities_one(row, &mut shares) else { break };
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "byte {at}: {shares:?}");
            let _refused = damaged.predict_and_learn(row, *class);
        }
        let _refused = damaged.predict_and_learn(&[f64::NAN; 4], 0);
    }
    assert!(refused > good.len() / 16, "{refused} of {}", good.len());
}

#[test]
fn damaged_trees_are_refused_or_harmless() {
    for growth in [
        Growth::new().grace(50).unwrap().delta(0.01).unwrap().tie(0.3).unwrap(),
        Growth::new().grace(50).unwrap().observer(Observer::Exhaustive).subspace(2).unwrap().memory(32 << 10),
    ] {
        survives_damage(HoeffdingTree::with_growth(schema(), growth.clone()).unwrap());
        survives_damage(ExtremelyFastTree::with_growth(schema(), growth, 150).unwrap());
    }
}

#[test]
fn thousands_of_categories_do_not_fill_the_memory() {
    let schema = Schema::new([Attribute::Nominal { categories: 5_000 }, Attribute::Numeric], 10).unwrap();
    let mut tree = HoeffdingTree::with_growth(schema, Growth::new().memory(4 << 20)).unwrap();
    let mut draws = Draws::new(1);
    for _ in 0..30_000 {
        // Of 300 that come, each tells the class: a split by them makes 5,000 leaves.
        let category = draws.below(300);
        let class = (category % 10) as usize;
        tree.learn_one(&[category as f64, draws.unit()], class).unwrap();
        assert!(tree.memory_bytes() <= 4 << 20);
    }
    assert!(tree.leaves() > 1_000 && tree.active() < 20, "{} leaves, {} active", tree.leaves(), tree.active());
    assert_eq!(tree.predict_one(&[234.0, 0.5]).unwrap(), Some(4));
}
