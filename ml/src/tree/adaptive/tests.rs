//! What an adaptive tree is held to.

use streamgauge_sketches::Codec;
use streamgauge_sketches::random::Draws;

use super::*;
use crate::tree::nodes::Kept;
use crate::tree::tests::{growths, rows, schema, survives_damage};
use crate::{Classifier, laws};

/// Learns rows in which the class is whether two numbers are high, or the other way round; the share of right ones.
fn learn(tree: &mut HoeffdingAdaptiveTree, draws: &mut Draws, rows: u32, turned: bool) -> f64 {
    let mut right = 0;
    for _ in 0..rows {
        let row = [draws.unit(), draws.unit(), draws.unit()];
        let class = usize::from((row[0] > 0.3 && row[1] > 0.6) != turned);
        right += u32::from(tree.predict_and_learn(&row, class).unwrap() == Some(class));
    }
    f64::from(right) / f64::from(rows)
}

fn tree() -> HoeffdingAdaptiveTree {
    HoeffdingAdaptiveTree::new(Schema::numeric(3, 2).unwrap())
}

#[test]
fn holds_the_laws() {
    for growth in growths().into_iter().chain([Growth::adaptive().grace(20).unwrap()]) {
        laws::classifies(&HoeffdingAdaptiveTree::with_growth(schema(), growth).unwrap(), &rows(900));
    }
}

#[test]
fn holds_the_laws_where_rows_change() {
    let turned = |(at, (row, class)): (usize, (Vec<f64>, usize))| (row, if at < 2_000 { class } else { 2 - class });
    let rows: Vec<_> = rows(4_000).into_iter().enumerate().map(turned).collect();
    let empty = HoeffdingAdaptiveTree::with_growth(schema(), Growth::adaptive().grace(20).unwrap()).unwrap();
    let (mut tree, mut most) = (empty.clone(), 0);
    for (row, class) in &rows {
        tree.learn_one(row, *class).unwrap();
        most = most.max(tree.alternates());
    }
    assert!(most > 2, "trees grow beside nodes: {most}");
    laws::classifies(&empty, &rows);
}

#[test]
fn a_tree_that_has_become_wrong_is_replaced() {
    let (mut tree, mut draws) = (tree(), Draws::new(1));
    learn(&mut tree, &mut draws, 10_000, false);
    assert!(learn(&mut tree, &mut draws, 2_000, false) > 0.97);
    let first = tree.path(&[0.0, 0.0, 0.0]).unwrap();
    assert!(!first.is_empty());
    // A tree that only grows is wrong for as many rows again.
    learn(&mut tree, &mut draws, 2_000, true);
    let right = learn(&mut tree, &mut draws, 2_000, true);
    assert!(right > 0.95, "{right}");
    learn(&mut tree, &mut draws, 10_000, true);
    assert!(tree.nodes() < 100, "{} nodes", tree.nodes());
}

#[test]
fn a_split_that_proves_wrong_is_taken_back() {
    // What naive Bayes knows all about, and no split does.
    let growth = Growth::adaptive().grace(20).unwrap().tie(0.5).unwrap();
    let mut tree = HoeffdingAdaptiveTree::with_growth(Schema::numeric(3, 2).unwrap(), growth).unwrap();
    let (mut draws, mut splits, mut taken_back, mut before) = (Draws::new(2), 0, 0, 1);
    for _ in 0..50_000 {
        let row = [draws.unit(), draws.unit(), draws.unit()];
        tree.learn_one(&row, usize::from(row.iter().sum::<f64>() > 1.5)).unwrap();
        let nodes = tree.nodes();
        splits += usize::from(nodes > before);
        // The end of a trial drops a former leaf, or the two that took its place.
        taken_back += usize::from(nodes + 2 <= before);
        before = nodes;
    }
    // A leaf that takes a split back waits, each time longer.
    assert!(taken_back > 5, "{taken_back} of {splits} splits");
}

#[test]
fn rows_that_miss_a_value_are_learned() {
    let (mut tree, mut draws) = (tree(), Draws::new(3));
    learn(&mut tree, &mut draws, 5_000, false);
    let weight = |tree: &HoeffdingAdaptiveTree| {
        let leaves = tree.nodes.iter().filter(|node| node.split.is_none());
        leaves.map(|node| node.leaf.weight()).sum::<f64>()
    };
    let before = weight(&tree);
    (0..10).for_each(|_| tree.learn_one(&[f64::NAN; 3], 0).unwrap());
    assert!((weight(&tree) - before - 10.0).abs() < 1e-6 || weight(&tree) > before + 10.0);
}

#[test]
fn trees_are_no_deeper_than_a_row_can_walk() {
    // Each split takes one value off: a chain. Then the other way round, so that new chains grow beside the old ones.
    let growth = Growth::adaptive().grace(5).unwrap().delta(0.5).unwrap().tie(0.9).unwrap().prune(false).binary(true);
    let schema = Schema::new([crate::Attribute::Nominal { categories: 200 }], 2).unwrap();
    let mut tree = HoeffdingAdaptiveTree::with_growth(schema, growth).unwrap();
    let (mut draws, mut deepest) = (Draws::new(5), 0);
    for at in 0..120_000 {
        let category = draws.below(200);
        tree.learn_one(&[category as f64], ((category + at / 9_000) % 2) as usize).unwrap();
        deepest = deepest.max(tree.depth());
        if at % 10_000 == 9_999 {
            tree.check().unwrap();
        }
    }
    assert!((40..=DEEPEST).contains(&deepest), "{deepest}");
}

#[test]
fn damaged_trees_are_refused_or_harmless() {
    let growth = Growth::adaptive().grace(30).unwrap().tie(0.3).unwrap();
    survives_damage(HoeffdingAdaptiveTree::with_growth(schema(), growth.clone()).unwrap());
    survives_damage(HoeffdingAdaptiveTree::with_growth(schema(), growth.memory(24 << 10)).unwrap());
}

#[test]
fn nodes_that_cannot_be_are_refused() {
    let (mut tree, mut draws) = (tree(), Draws::new(4));
    for round in 0..40 {
        learn(&mut tree, &mut draws, 500, round % 8 > 4);
        let trial = tree.nodes.iter().position(|node| node.kept.rival.is_some_and(|rival| rival.former));
        let Some(at) = trial else { continue };
        let rival = tree.nodes.get(at as u32).kept.rival.unwrap();
        let spoil = |spoil: fn(&mut Rival)| {
            let mut spoiled = tree.clone();
            spoil(spoiled.nodes.get_mut(at as u32).kept.rival.as_mut().unwrap());
            HoeffdingAdaptiveTree::from_bytes(&spoiled.to_bytes())
        };
        assert!(spoil(|rival| rival.root = 0).is_err(), "a rival that is above the node");
        assert!(spoil(|rival| rival.root = 1 << 30).is_err(), "a rival that is not there");
        assert!(spoil(|rival| rival.lead = f64::NAN).is_err(), "a lead that is no number");
        let mut lost = tree.clone();
        lost.nodes.get_mut(at as u32).kept.rival = None;
        assert!(HoeffdingAdaptiveTree::from_bytes(&lost.to_bytes()).is_err(), "a leaf that nothing leads to");
        let mut twice = tree.clone();
        twice.nodes.get_mut(rival.root).kept.rival = Some(rival);
        assert!(HoeffdingAdaptiveTree::from_bytes(&twice.to_bytes()).is_err(), "a leaf that is its own rival");
        assert!(twice.nodes.get(rival.root).kept.beside().is_some());
        return;
    }
    panic!("no split was on trial");
}
