//! The laws of the algebra, for every member: a module per family.

#![allow(clippy::unwrap_used, missing_docs)]

mod algebra;
mod distinct;
mod exact;
mod exaloglog;
mod frequency;
mod kll;
mod membership;
mod quantile;
mod sample;

use proptest::prelude::*;
use streamgauge_sketches::{Absorb, Merge};

/// Small and large parts, empty ones too; many items equal, some rare.
fn parts() -> impl Strategy<Value = Vec<Vec<u32>>> {
    let item = prop_oneof![3 => 0..20_u32, 1 => 0..5_000_u32];
    prop::collection::vec(prop::collection::vec(item, 0..200), 0..8)
}

fn floats(parts: &[Vec<u32>]) -> Vec<Vec<f64>> {
    parts.iter().map(|part| part.iter().map(|&x| f64::from(x)).collect()).collect()
}

fn absorbed<S: Absorb<Q>, Q>(empty: &S, items: &[Q]) -> S {
    let mut summary = empty.clone();
    items.iter().for_each(|item| summary.absorb(item));
    summary
}

fn merged<S: Merge>(mut ours: S, theirs: &S) -> S {
    ours.merge(theirs).unwrap();
    ours
}
