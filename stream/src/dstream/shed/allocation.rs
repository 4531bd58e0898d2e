//! How many of each stratum are kept.

/// How a block of records is thinned, by the sizes of its strata.
///
/// Each stratum has the same share of the kept records as far as it has so many, but none is thinned to less than half
/// of the fraction: a small stratum is kept whole, all large ones are kept as often as that share allows. The share is such that
/// of all records `fraction` is kept, as is to be expected of independent coins.
///
/// In effect half of what is kept is dealt out in proportion to the sizes of strata, and
/// half evenly ("congressional" samples: Acharya, Gibbons, Poosala, *Congressional Samples for Approximate Answering of
/// Group-By Queries*, 2000). So of k strata in a block of n records those with at most fraction · n / 2 k are kept whole,
/// and no weight is above 2 / fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Allocation {
    /// What is kept of each stratum, if it has so many.
    share: f64,
    /// The least that is kept of any stratum: half of the fraction.
    least: f64,
}

impl Allocation {
    /// The allocation for strata of these sizes.
    pub(super) fn of(sizes: impl Iterator<Item = u32>, fraction: f64) -> Self {
        let least = fraction / 2.0;
        // Strata of one size are alike, and of different sizes there cannot be many: 45 have a thousand records.
        let mut alike: Vec<(u32, u32)> = Vec::new();
        for size in sizes {
            match alike.binary_search_by_key(&size, |(size, _)| *size) {
                Ok(at) => alike[at].1 += 1,
                Err(at) => alike.insert(at, (size, 1)),
            }
        }
        // The number kept, as a function of the share, is flat or rises by one for each stratum between `least` of its
        // records and all.
        let mut bends = Vec::with_capacity(2 * alike.len());
        let (mut kept, mut total) = (0.0, 0.0);
        for &(size, strata) in &alike {
            let (size, strata) = (f64::from(size), f64::from(strata));
            bends.extend([(least * size, strata), (size, -strata)]);
            kept += least * size * strata;
            total += size * strata;
        }
        bends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (wanted, mut share, mut slope) = (fraction * total, 0.0, 0.0);
        for (at, change) in bends {
            let until = kept + slope * (at - share);
            if slope > 0.0 && until >= wanted {
                share += (wanted - kept).max(0.0) / slope;
                return Self { share, least };
            }
            (kept, share, slope) = (until, at, slope + change);
        }
        Self { share, least }
    }

    /// The fraction that is kept of a stratum of this size.
    pub(super) fn fraction(&self, size: u32) -> f64 {
        (self.share / f64::from(size)).clamp(self.least, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sizes: &[u32], fraction: f64) -> (f64, Vec<f64>) {
        let allocation = Allocation::of(sizes.iter().copied(), fraction);
        let kept: Vec<_> = sizes.iter().map(|&size| f64::from(size) * allocation.fraction(size)).collect();
        (kept.iter().sum(), kept)
    }

    #[test]
    fn the_fraction_is_kept_whatever_the_strata() {
        let many: Vec<u32> = (1..=44).collect();
        let ones = [1; 1_024];
        for sizes in [&[1_024][..], &[1_000, 24], &[800, 200, 20, 3, 1], &[512, 512], &many, &ones, &[7]] {
            for fraction in [0.01, 0.1, 0.25, 0.5, 0.9, 0.999] {
                let total = sizes.iter().sum::<u32>();
                let (kept, of_each) = kept(sizes, fraction);
                let wanted = fraction * f64::from(total);
                assert!((kept - wanted).abs() < 1e-3 * wanted, "{fraction} of {sizes:?}: {kept}");
                let strata = of_each.iter().zip(sizes);
                assert!(strata.clone().all(|(kept, size)| *kept >= 0.4999 * fraction * f64::from(*size)));
                // Rare strata are whole.
                let rare = wanted / 2.0 / sizes.len() as f64;
                let mut rare = strata.filter(|(_, size)| f64::from(**size) <= rare);
                assert!(rare.all(|(kept, size)| *kept == f64::from(*size)), "{fraction} of {sizes:?}: {of_each:?}");
            }
        }
    }

    #[test]
    fn small_strata_are_whole_and_large_ones_share_the_rest() {
        let (_, of_each) = kept(&[900, 100, 20, 4], 0.25);
        // A share of 116 would do for all but the first, which gets what the others leave.
        assert_eq!(&of_each[1..], [100.0, 20.0, 4.0]);
        assert!((of_each[0] - (256.0 - 124.0)).abs() < 0.1, "{of_each:?}");
        // Half of the fraction is the least.
        let (_, of_each) = kept(&[924, 60, 40], 0.1);
        assert!((of_each[0] - 46.2).abs() < 0.01 && (of_each[1] - 28.1).abs() < 0.01, "{of_each:?}");
        assert!((of_each[2] - 28.1).abs() < 0.01, "{of_each:?}");
    }
}
