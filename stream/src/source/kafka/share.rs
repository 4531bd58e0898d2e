//! How many records of which partition a batch takes.

/// Splits a total between partitions by how far each is behind, as Spark's direct stream does: the total times the share
/// of the partition in all that is waiting, rounded, but no more than `most` and no less than one.
///
/// So the sum may be larger than the total by one record a partition. A total of none is no limit.
pub(super) fn split(total: Option<u64>, lags: &[u64], most: Option<u64>) -> Vec<u64> {
    let most = most.unwrap_or(u64::MAX).max(1);
    let Some(total) = total else { return vec![most; lags.len()] };
    let waiting: u128 = lags.iter().map(|lag| u128::from(*lag)).sum();
    let share = |lag: &u64| {
        let (product, waiting) = (u128::from(*lag) * u128::from(total), waiting.max(1));
        let (whole, rest) = (product / waiting, product % waiting);
        let rounded = whole + u128::from(rest >= waiting - rest);
        u64::try_from(rounded).unwrap_or(u64::MAX).clamp(1, most)
    };
    lags.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_total_is_split_by_lag() {
        assert_eq!(split(Some(100), &[10, 30, 60], None), [10, 30, 60]);
        assert_eq!(split(Some(100), &[1, 3, 6], None), [10, 30, 60]);
        assert_eq!(split(Some(100), &[500, 500], Some(20)), [20, 20]);
        assert_eq!(split(Some(10), &[1, 1, 1], None), [3, 3, 3]);
        assert_eq!(split(Some(11), &[1, 1, 1], None), [4, 4, 4], "rounded");
    }

    #[test]
    fn every_partition_has_at_least_one_and_nothing_overflows() {
        assert_eq!(split(Some(2), &[1_000_000, 1, 0], None), [2, 1, 1]);
        assert_eq!(split(Some(0), &[5, 5], None), [1, 1]);
        assert_eq!(split(Some(7), &[0, 0], None), [1, 1]);
        assert_eq!(split(Some(u64::MAX), &[u64::MAX, u64::MAX], None), [u64::MAX / 2 + 1, u64::MAX / 2 + 1]);
        assert_eq!(split(None, &[4, 0], Some(9)), [9, 9]);
        assert_eq!(split(None, &[4], Some(0)), [1]);
        assert_eq!(split(None, &[1, 2], None), [u64::MAX, u64::MAX]);
        assert!(split(Some(3), &[], None).is_empty());
    }
}
