//! The categories of an attribute as counts for each class.

use streamgauge_sketches::DecodeError;

use super::test::adds_up;

/// How many rows a block of statistics has: one for each category, and the weight of all.
pub(crate) fn rows(categories: usize) -> usize {
    categories + 1
}

/// Learns a category of a class.
#[inline]
pub(crate) fn learn(block: &mut [f64], classes: usize, class: usize, category: usize, weight: f64) {
    block[class] += weight;
    block[(1 + category) * classes + class] += weight;
}

/// The weight of a category, by class.
#[inline]
pub(crate) fn of(block: &[f64], classes: usize, category: usize) -> &[f64] {
    &block[(1 + category) * classes..][..classes]
}

/// The weight of all categories, by class.
#[inline]
pub(crate) fn weights(block: &[f64], classes: usize) -> &[f64] {
    &block[..classes]
}

/// Multiplies by the probability of a category in the classes from `from` on: one is added to every count.
#[inline]
pub(crate) fn multiply_likelihood(block: &[f64], classes: usize, from: usize, value: (usize, f64), by: &mut [f64]) {
    let (category, categories) = value;
    let counts = &block[(1 + category) * classes + from..][..by.len()];
    let totals = &block[from..][..by.len()];
    for ((by, count), total) in by.iter_mut().zip(counts).zip(totals) {
        *by *= ((count + 1.0) / (total + categories)).max(1e-18);
    }
}

/// Begins a block with what a parent knows, as if each class had had so many rows.
pub(crate) fn inherit(block: &mut [f64], parent: &[f64], classes: usize, rows: impl Fn(usize) -> f64) {
    for class in 0..classes {
        let total = parent[class];
        let share = if total > 0.0 { rows(class).min(total) / total } else { 0.0 };
        for at in (class..block.len()).step_by(classes) {
            block[at] = parent[at] * share;
        }
    }
}

/// Checks a block that was stored.
pub(crate) fn check(block: &[f64]) -> Result<(), DecodeError> {
    let wrong = block.iter().find(|count| !adds_up(**count));
    DecodeError::unless(wrong.is_none(), "the weight of a category", wrong.copied().unwrap_or_default())
}
