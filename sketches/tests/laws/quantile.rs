use proptest::prelude::*;
use streamgauge_sketches::{
    Absorb, Codec, Decay, DecodeError, ExactQuantiles, Merge, ScaleFunction, Summary, TDigest, Weight, Weighted, laws,
};

use crate::{absorbed, floats, merged, parts};

const SCALES: [ScaleFunction; 2] = [ScaleFunction::K1, ScaleFunction::K2];

fn quantiles(digest: &TDigest) -> Vec<f64> {
    let read = digest.read();
    (0..=200).map(|i| read.at(f64::from(i) / 200.0).value).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn t_digests_stay_close_in_any_order(parts in parts()) {
        let floats = floats(&parts);
        for scale in SCALES {
            let empty = TDigest::with_scale(50, scale).unwrap();
            laws::hold(&empty, &floats, |s| {
                let quantiles = s.read();
                // Ends are exact; what lies between depends a little on the order of merges.
                (!quantiles.is_empty()).then(|| (quantiles.at(0.0).value, quantiles.at(1.0).value))
            });
            laws::bulk(&empty, &floats, Codec::to_bytes);
            let mut sorted: Vec<f64> = floats.iter().flatten().copied().collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let whole = floats.iter().fold(empty.clone(), |sum, part| merged(sum, &absorbed(&empty, part)));
            laws::image_holds(&whole);
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
    fn a_t_digest_of_few_values_is_exact(parts in prop::collection::vec(prop::collection::vec(0..50_u32, 0..400), 0..6)) {
        let floats = floats(&parts);
        let empty = TDigest::with_compression(50).unwrap();
        laws::hold(&empty, &floats, Codec::to_bytes);
        let whole = floats.iter().fold(empty.clone(), |sum, part| merged(sum, &absorbed(&empty, part)));
        let exact = absorbed(&ExactQuantiles::default(), &floats.concat());
        for i in 0..=100 {
            let q = f64::from(i) / 100.0;
            let (found, exact) = (whole.read().at(q).value, exact.read().at(q).value);
            prop_assert!(found == exact || found.is_nan() && exact.is_nan(), "q {q}: {found}, not {exact}");
        }
    }

    #[test]
    fn quantiles_ascend_whatever_the_values(
        bits in prop::collection::vec(any::<u64>(), 1..400),
        near in prop::collection::vec(-1_000..1_000_i32, 0..400),
        decays in prop::collection::vec(0.0..1.5_f64, 0..3),
    ) {
        for scale in SCALES {
            let mut digest = TDigest::with_scale(10, scale).unwrap();
            bits.iter().for_each(|&bits| digest.absorb(&f64::from_bits(bits)));
            digest.absorb_all(&near.iter().map(|&x| f64::from(x) / 7.0).collect::<Vec<_>>());
            near.iter().for_each(|&x| digest.absorb_weighted(&f64::from(x), Weight::new(f64::from(x) / 3.0)));
            for &decay in &decays {
                digest.decay(decay);
                digest.absorb_all(&near.iter().map(|&x| f64::from(x) * 1e300).collect::<Vec<_>>());
            }
            prop_assume!(!digest.read().is_empty());
            let values = quantiles(&digest);
            prop_assert!(values.is_sorted() && values.iter().all(|x| x.is_finite()), "{values:?}");
            laws::storing(&digest);
            laws::image_holds(&digest);
        }
    }

    /// Whatever a valid checksum covers: it is refused, or it is a digest with which all can be done.
    #[test]
    fn images_of_anything_are_safe(
        compression in prop_oneof![Just(10_u16), any::<u16>()],
        scale in 0..4_u8,
        whole in 0..3_u8,
        ends in prop_oneof![Just((f64::MIN, f64::MAX)), any::<(f64, f64)>(), Just((-1.0, 1.0))],
        centroids in prop::collection::vec((any::<f64>(), prop_oneof![Just(1.0), Just(-2.0), any::<f64>()]), 0..12),
        ascending in any::<bool>(),
    ) {
        let mut centroids = centroids;
        if ascending {
            centroids.iter_mut().for_each(|(mean, _)| *mean = mean.clamp(ends.0.min(ends.1), ends.1.max(ends.0)));
            centroids.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        let mut content = Vec::new();
        content.extend(compression.to_le_bytes());
        content.push(scale);
        content.extend(ends.0.to_le_bytes());
        content.extend(ends.1.to_le_bytes());
        content.extend(3_u64.to_le_bytes());
        content.push(whole);
        content.extend((centroids.len() as u32).to_le_bytes());
        for (mean, weight) in centroids {
            content.extend(mean.to_le_bytes());
            if whole == 1 {
                content.push(weight as u8 & 127);
            } else {
                content.extend(weight.to_le_bytes());
            }
        }
        let mut image = TDigest::default().to_bytes()[..18].to_vec();
        image.extend((content.len() as u64).to_le_bytes());
        image.extend(content);
        image.extend(crc32fast::hash(&image).to_le_bytes());
        if let Ok(mut digest) = TDigest::from_bytes(&image) {
            prop_assert_eq!(digest.to_bytes(), image);
            let other = digest.clone();
            for _ in 0..5 {
                digest.merge(&other).unwrap();
                digest.absorb_all(&[0.5; 100]);
                digest.absorb_weighted(&-0.5, Weight::MAX);
                prop_assert!(quantiles(&digest).is_sorted());
            }
            digest.decay(0.5);
            laws::image_holds(&digest);
        }
    }
}

#[test]
fn weights_stay_finite_however_often_a_digest_doubles() {
    let mut digest = absorbed(&TDigest::with_compression(10).unwrap(), &[1.0, 2.0, f64::MAX, f64::MIN]);
    (0..300).for_each(|i| digest.absorb(&f64::from(i)));
    for _ in 0..1_200 {
        let same = digest.clone();
        digest.merge(&same).unwrap();
    }
    let values = quantiles(&digest);
    assert!(values.is_sorted() && values.iter().all(|x| x.is_finite()), "{values:?}");
    laws::image_holds(&digest);
}

#[test]
fn damaged_t_digests_are_refused() {
    // A stored digest whose centroids do not ascend, whose ends are wrong, which is fuller than it may be.
    let stored = |means: &[f64], (min, max): (f64, f64), buffered: usize| {
        let centroids: Vec<(f64, f64)> = means.iter().map(|&mean| (mean, 1.0)).collect();
        let nothing: Vec<(f64, f64)> = Vec::new();
        let parts = (10_u16, ScaleFunction::K2, min, max, 0_u64, centroids, vec![0.0; buffered], nothing);
        postcard::from_bytes::<TDigest>(&postcard::to_allocvec(&parts).unwrap())
    };
    assert!(stored(&[1.0, 2.0], (1.0, 2.0), 79).is_ok());
    assert!(stored(&[2.0, 1.0], (1.0, 2.0), 0).is_err());
    assert!(stored(&[1.0, 2.0], (1.5, 2.0), 0).is_err());
    assert!(stored(&[1.0, f64::NAN], (1.0, 2.0), 0).is_err());
    assert!(stored(&[], (1.0, 2.0), 0).is_err());
    assert!(stored(&[1.0; 11], (1.0, 2.0), 0).is_err());
    assert!(stored(&[1.0, 2.0], (1.0, 2.0), 80).is_err());
    let error = TDigest::with_compression(9).unwrap_err();
    assert_eq!(error.to_string(), "TDigest: compression must be 10 to 10,000, not 9");
    assert!(matches!(TDigest::from_bytes(&[]), Err(DecodeError::Truncated { .. })));
}

#[test]
fn weights_may_lie_very_far_apart() {
    // A stored digest holds a weight beside which all others vanish.
    let heavy = |mean: f64| {
        let (centroids, nothing): (Vec<(f64, f64)>, Vec<(f64, f64)>) = (vec![(mean, 2.0_f64.powi(90))], Vec::new());
        let parts = (10_u16, ScaleFunction::K2, mean, mean, 0_u64, centroids, Vec::<f64>::new(), nothing);
        postcard::from_bytes::<TDigest>(&postcard::to_allocvec(&parts).unwrap()).unwrap()
    };
    for mean in [-1.0, 100.5, 1_000.0] {
        let mut digest = heavy(mean);
        digest.absorb_all(&(0..200).map(f64::from).collect::<Vec<_>>());
        let quantiles = digest.read();
        assert_eq!((quantiles.min(), quantiles.max()), (mean.min(0.0), mean.max(199.0)));
    }
}

#[test]
fn the_least_of_all_floats_ascend_too() {
    let mut digest = TDigest::with_compression(10).unwrap();
    digest.absorb_all(&(1..200_u64).map(|n| f64::from_bits(n * 16)).collect::<Vec<_>>());
    let quantiles = digest.read();
    let values: Vec<_> = (0..=100).map(|i| quantiles.at(f64::from(i) / 100.0).value).collect();
    assert!(values.is_sorted());
    assert!((values[0]..=values[100]).contains(&quantiles.trimmed_mean(0.1, 0.9).value));
}

#[test]
fn different_parameters_are_refused() {
    let digest = |compression, scale| absorbed(&TDigest::with_scale(compression, scale).unwrap(), &[1.0, 2.0]);
    laws::refuses(&digest(50, ScaleFunction::K2), &digest(60, ScaleFunction::K2));
    laws::refuses(&digest(50, ScaleFunction::K1), &digest(50, ScaleFunction::K2));
}
