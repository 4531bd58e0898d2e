use proptest::prelude::*;
use streamgauge_sketches::{Summary, TDigest, laws};

use crate::{absorbed, floats, merged, parts};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn t_digests_stay_close_in_any_order(parts in parts()) {
        let floats = floats(&parts);
        laws::hold(&TDigest::with_compression(50).unwrap(), &floats, |s| {
            let quantiles = s.read();
            // Ends are exact; what lies between depends a little on the order of merges.
            (!quantiles.is_empty()).then(|| (quantiles.at(0.0).value, quantiles.at(1.0).value))
        });
        let mut sorted: Vec<f64> = floats.iter().flatten().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let empty = TDigest::with_compression(50).unwrap();
        let whole = floats.iter().fold(empty.clone(), |sum, part| merged(sum, &absorbed(&empty, part)));
        let quantiles = whole.read();
        for i in 1..20 {
            let q = f64::from(i) / 20.0;
            let value = quantiles.at(q).value;
            if !sorted.is_empty() {
                let n = sorted.len() as f64;
                // Whole numbers, many of them equal: near one is that one.
                let below = sorted.partition_point(|&x| x < value - 0.1) as f64 / n;
                let until = sorted.partition_point(|&x| x <= value + 0.1) as f64 / n;
                let slack = 0.1 + 1.0 / n;
                prop_assert!(below - slack <= q && q <= until + slack, "q {q}: {value} has rank {below} to {until}");
            }
        }
    }
}

#[test]
fn different_parameters_are_refused() {
    let digest = |compression| absorbed(&TDigest::with_compression(compression).unwrap(), &[1.0, 2.0]);
    laws::refuses(&digest(50), &digest(60));
}
