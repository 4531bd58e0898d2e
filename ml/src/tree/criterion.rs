//! What makes a split a good one.

use serde::{Deserialize, Serialize};

/// The least share of the weight that at least two branches of a split must have.
const LEAST_SHARE: f64 = 0.01;

/// What makes a split a good one: by how much purer the classes are in its branches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Criterion {
    /// The entropy of the classes in bits, less that in the branches.
    #[default]
    InformationGain,
    /// The probability that two rows have different classes, less that in the branches.
    Gini,
}

/// The weights of classes in one place, added one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Purity {
    total: f64,
    sum: f64,
}

impl Purity {
    #[inline]
    pub(crate) fn add(&mut self, criterion: Criterion, weight: f64) {
        if weight > 0.0 {
            self.total += weight;
            self.sum += match criterion {
                Criterion::InformationGain => weight * weight.ln(),
                Criterion::Gini => weight * weight,
            };
        }
    }

    #[inline]
    pub(crate) fn of(criterion: Criterion, weights: &[f64]) -> Self {
        let mut purity = Self::default();
        weights.iter().for_each(|&weight| purity.add(criterion, weight));
        purity
    }

    /// The impurity times the weight.
    #[inline]
    fn impure(&self, criterion: Criterion) -> f64 {
        if self.total <= 0.0 {
            return 0.0;
        }
        match criterion {
            Criterion::InformationGain => {
                ((self.total * self.total.ln() - self.sum) * std::f64::consts::LOG2_E).max(0.0)
            }
            Criterion::Gini => (self.total - self.sum / self.total).max(0.0),
        }
    }

    /// The impurity of a row.
    pub(crate) fn impurity(&self, criterion: Criterion) -> f64 {
        if self.total > 0.0 { self.impure(criterion) / self.total } else { 0.0 }
    }
}

impl Criterion {
    /// The range of merits among so many classes.
    pub(crate) fn range(self, classes: usize) -> f64 {
        match self {
            Self::InformationGain => (classes.max(2) as f64).log2(),
            Self::Gini => 1.0,
        }
    }

    /// The merit of branches: the impurity of a row `before`, less that after, less what chance alone would gain by so many
    /// branches. None unless at least two branches have more than a hundredth of the weight.
    #[inline]
    pub(crate) fn merit(self, before: Before, branches: impl Iterator<Item = Purity> + Clone) -> Option<f64> {
        let total: f64 = branches.clone().map(|branch| branch.total).sum();
        let large = branches.clone().filter(|branch| branch.total > LEAST_SHARE * total).count();
        if large < 2 {
            return None;
        }
        let filled = branches.clone().filter(|branch| branch.total > 0.0).count();
        let after = branches.map(|branch| branch.impure(self)).sum::<f64>() / total;
        let chance = (filled - 1) as f64 / total
            * match self {
                // Miller (1955): what entropies of so many cells are too low by.
                Self::InformationGain => (before.classes - 1.0) / 2.0 * std::f64::consts::LOG2_E,
                Self::Gini => before.impurity,
            };
        let merit = before.impurity - after - chance;
        merit.is_finite().then_some(merit)
    }
}

/// The classes of a leaf before a split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    impurity: f64,
    /// How many classes there are rows of.
    classes: f64,
}

impl Before {
    pub(crate) fn of(criterion: Criterion, weights: &[f64]) -> Self {
        let classes = weights.iter().filter(|weight| **weight > 0.0).count().max(1) as f64;
        Self { impurity: Purity::of(criterion, weights).impurity(criterion), classes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merits_of_known_splits() {
        // By chance alone a second branch of 16 rows of two classes gains about 1 / (2 ln 2) / 16 bits.
        let chance = [std::f64::consts::LOG2_E / 32.0, 0.5 / 16.0];
        for (criterion, all, chance) in
            [(Criterion::InformationGain, 1.0, chance[0]), (Criterion::Gini, 0.5, chance[1])]
        {
            let of = |weights: &[f64]| Purity::of(criterion, weights);
            let before = Before::of(criterion, &[8.0, 8.0]);
            let merit = |branches: &[Purity]| criterion.merit(before, branches.iter().copied());
            assert!((merit(&[of(&[8.0, 0.0]), of(&[0.0, 8.0])]).unwrap() - (all - chance)).abs() < 1e-12);
            assert!((merit(&[of(&[4.0, 4.0]), of(&[4.0, 4.0])]).unwrap() + chance).abs() < 1e-12);
            assert_eq!(merit(&[of(&[8.0, 8.0]), of(&[0.0, 0.1])]), None, "a branch with almost nothing is none");
        }
        assert_eq!(Criterion::InformationGain.range(8), 3.0);
        // The tie rule: when the bound falls below a twentieth of the range, for any number of classes.
        for classes in [2, 10] {
            let schema = crate::Schema::numeric(1, classes).unwrap();
            let plan = crate::tree::growth::Plan::new(schema, crate::tree::Growth::new());
            assert!(plan.bound(3_223.0) > plan.tie() && plan.bound(3_224.0) < plan.tie());
        }
    }
}
