//! How a total sample size is shared among strata.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec::{Reader, Writer};
use crate::error::DecodeError;

/// How many items a stratified sample has of each stratum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Allocation {
    /// So many of every stratum: for comparing strata with each other.
    PerStratum(u32),
    /// So many in all, shared in proportion to the number of items: never worse than a uniform sample, and every item
    /// is as likely.
    Proportional(u32),
    /// So many in all, shared in proportion to the number of items times the standard deviation of the measured value
    /// (Neyman): the least error of the sum of that value, and of what varies as it does.
    Neyman(u32),
}

impl Allocation {
    /// The number of items: of a stratum, or in all.
    pub fn items(self) -> u32 {
        match self {
            Self::PerStratum(items) | Self::Proportional(items) | Self::Neyman(items) => items,
        }
    }

    pub(super) fn encode(self, out: &mut Writer) {
        out.u8(match self {
            Self::PerStratum(_) => 0,
            Self::Proportional(_) => 1,
            Self::Neyman(_) => 2,
        });
        out.u32(self.items());
    }

    pub(super) fn decode(content: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, items) = (content.u8("allocation")?, content.u32("items")?);
        match kind {
            0 => Ok(Self::PerStratum(items)),
            1 => Ok(Self::Proportional(items)),
            2 => Ok(Self::Neyman(items)),
            _ => Err(DecodeError::Value { field: "allocation", value: kind.to_string() }),
        }
    }

    /// The sizes of the samples of strata.
    pub(super) fn shared(self, strata: &[Share]) -> Vec<usize> {
        match self {
            Self::PerStratum(items) => strata.iter().map(|s| s.held.min(items as usize)).collect(),
            Self::Proportional(total) => share(total as usize, strata, |s| s.population),
            Self::Neyman(total) => {
                let most = strata.iter().map(|s| s.deviation).fold(0.0, f64::max);
                // A stratum whose values are all alike gets what the others leave over.
                let floor = if most > 0.0 { most * 1e-9 } else { 1.0 };
                share(total as usize, strata, |s| s.population * (s.deviation + floor))
            }
        }
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerStratum(items) => write!(f, "{items} per stratum"),
            Self::Proportional(items) => write!(f, "{items} in proportion"),
            Self::Neyman(items) => write!(f, "{items} after Neyman"),
        }
    }
}

/// What the share of a stratum depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// How many of its items are held: it cannot get more.
    pub(super) held: usize,
    pub(super) population: f64,
    pub(super) deviation: f64,
}

/// Shares a total in proportion to weights: each stratum gets two items, which tell its variance, or more, and none more
/// than it has.
fn share(total: usize, strata: &[Share], weight: impl Fn(&Share) -> f64) -> Vec<usize> {
    let all: usize = strata.iter().map(|s| s.held).sum();
    if all <= total {
        return strata.iter().map(|s| s.held).collect();
    }
    let part = |s: &Share, factor: f64| (factor * weight(s)).max(2.0).min(s.held as f64);
    // The factor between weight and items at which all is shared: sought, since the limits make it no mere quotient.
    let full = strata.iter().map(|s| s.held as f64 / weight(s)).fold(0.0, f64::max);
    let (mut low, mut high) = (0.0, full);
    for _ in 0..128 {
        let middle = (low + high) / 2.0;
        if strata.iter().map(|s| part(s, middle)).sum::<f64>() > total as f64 {
            high = middle;
        } else {
            low = middle;
        }
    }
    let parts: Vec<f64> = strata.iter().map(|s| part(s, low)).collect();
    let mut sizes: Vec<usize> = parts.iter().map(|part| *part as usize).collect();
    // What rounding down left over goes to the largest fractions.
    let left = total.saturating_sub(sizes.iter().sum());
    let mut order: Vec<usize> = (0..sizes.len()).filter(|&i| sizes[i] < strata[i].held).collect();
    order.sort_by(|&a, &b| parts[b].fract().total_cmp(&parts[a].fract()));
    order.into_iter().take(left).for_each(|i| sizes[i] += 1);
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strata(of: &[(usize, f64, f64)]) -> Vec<Share> {
        of.iter().map(|&(held, population, deviation)| Share { held, population, deviation }).collect()
    }

    #[test]
    fn totals_are_shared() {
        let three = strata(&[(1_000, 80_000.0, 1.0), (1_000, 15_000.0, 8.0), (1_000, 5_000.0, 0.0)]);
        assert_eq!(Allocation::Proportional(100).shared(&three), [80, 15, 5]);
        assert_eq!(Allocation::Neyman(100).shared(&three), [39, 59, 2]);
        assert_eq!(Allocation::PerStratum(7).shared(&three), [7, 7, 7]);
        assert_eq!(Allocation::Neyman(3_000).shared(&three), [1_000; 3]);
        assert_eq!(Allocation::Neyman(2_500).shared(&three), [1_000, 1_000, 500]);
    }

    #[test]
    fn no_stratum_gets_more_than_it_has_or_less_than_two() {
        let uneven = strata(&[(1, 1.0, 0.0), (3, 3.0, 100.0), (50, 1e6, 1.0), (50, 1e19, 1e100)]);
        assert_eq!(Allocation::Neyman(50).shared(&uneven), [1, 2, 2, 45]);
        assert_eq!(Allocation::Proportional(2).shared(&uneven), [1, 2, 2, 2]);
        assert!(Allocation::Neyman(10).shared(&[]).is_empty());
        let alike = strata(&[(100, 300.0, 0.0), (100, 100.0, 0.0)]);
        assert_eq!(Allocation::Neyman(40).shared(&alike), [30, 10]);
    }
}
