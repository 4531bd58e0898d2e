use std::fmt::Debug;

use proptest::prelude::*;
use streamgauge_sketches::exact::FloatSum;
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{
    Absorb, Codec, CompactString, Count, Covariance, Decay, ExactDistinct, ExactQuantiles, ExactTop, Max, Mean, Merge,
    Min, Moments, Sliding, Sum, Summary, Weight, Weighted, laws,
};

use crate::{absorbed, floats, merged, parts};

/// Numbers that are equal but for rounding: within 10⁻⁹ of the larger of the value and one.
#[derive(Debug)]
struct Near(Vec<f64>);

impl PartialEq for Near {
    fn eq(&self, other: &Self) -> bool {
        let near =
            |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(1.0);
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(near)
    }
}

fn moments(s: &Moments) -> Near {
    let interval = s.mean_interval();
    let numbers = [s.count(), s.mean(), s.variance(), s.skewness(), s.kurtosis(), interval.lower, interval.upper];
    // Of equal values, rounding decides between no deviation and next to none.
    let shapeless = s.population_variance() < 1e-12;
    Near(if shapeless { numbers[..3].to_vec() } else { numbers.to_vec() })
}

fn mean(s: &Mean) -> Near {
    let mean = s.read();
    Near(vec![mean.value, (mean.upper - mean.lower).powi(2), mean.confidence])
}

/// Every third item of weight one, the others of several weights.
fn weighted<Q>(parts: Vec<Vec<Q>>) -> Vec<Vec<(Q, Weight)>> {
    let weight = |i: usize| Weight::new([1.0, 2.5, 8.0][i % 3]);
    parts.into_iter().map(|part| part.into_iter().enumerate().map(|(i, x)| (x, weight(i))).collect()).collect()
}

fn covariance(s: &Covariance) -> Near {
    let numbers = [s.count(), s.mean_x(), s.mean_y(), s.variance_x(), s.variance_y(), s.covariance()];
    let shapeless = s.variance_x() < 1e-12 || s.variance_y() < 1e-12;
    Near(if shapeless { numbers.to_vec() } else { [&numbers[..], &[s.slope(), s.correlation()]].concat() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn counts_and_sums(parts in parts()) {
        laws::hold(&Count::default(), &parts, Codec::to_bytes);
        laws::hold(&Sum::default(), &parts, Codec::to_bytes);
        // Whole numbers this small have exact floating sums.
        laws::hold(&FloatSum::default(), &floats(&parts), Codec::to_bytes);
        laws::image_holds(&absorbed(&Count::default(), &parts.concat()));
        laws::image_holds(&absorbed(&Sum::default(), &parts.concat()));
        laws::image_holds(&absorbed(&FloatSum::default(), &floats(&parts).concat()));
    }

    #[test]
    fn extremes(parts in parts()) {
        let texts: Vec<Vec<String>> = parts.iter().map(|part| part.iter().map(u32::to_string).collect()).collect();
        let odd = |x: &f64| if *x == 3.0 { f64::NAN } else { 8.0 - x };
        let odd: Vec<Vec<f64>> = floats(&parts).iter().map(|part| part.iter().map(odd).collect()).collect();
        laws::hold(&Min::<u32>::default(), &parts, Codec::to_bytes);
        laws::hold(&Max::<f64>::default(), &odd, Codec::to_bytes);
        laws::hold(&Max::<String>::default(), &texts, Codec::to_bytes);
        laws::image_holds(&absorbed(&Min::<f64>::default(), &odd.concat()));
        laws::image_holds(&absorbed(&Max::<String>::default(), &texts.concat()));
        let highest = odd.iter().flatten().copied().filter(|x| !x.is_nan()).max_by(f64::total_cmp);
        prop_assert_eq!(absorbed(&Max::<f64>::default(), &odd.concat()).read(), highest);
    }

    #[test]
    fn moments_and_covariances(parts in parts(), far in -1e6..1e6_f64) {
        let floats: Vec<Vec<f64>> = floats(&parts).iter().map(|part| part.iter().map(|x| far + x).collect()).collect();
        laws::hold(&Moments::default(), &floats, moments);
        laws::image_holds(&absorbed(&Moments::default(), &floats.concat()));
        let pairs: Vec<Vec<(f64, f64)>> =
            floats.iter().map(|part| part.iter().map(|&x| (x, (x * 0.7) % 50.0 - x)).collect()).collect();
        laws::hold(&Covariance::default(), &pairs, covariance);
        laws::image_holds(&absorbed(&Covariance::default(), &pairs.concat()));
    }

    #[test]
    fn means(parts in parts()) {
        laws::hold(&Mean::default(), &parts, mean);
        laws::image_holds(&absorbed(&Mean::default(), &parts.concat()));
        laws::weighing(&Mean::default(), &weighted(parts.clone()), mean);
        let mut twice = merged(absorbed(&Mean::default(), &parts.concat()), &absorbed(&Mean::default(), &parts.concat()));
        twice.decay(0.5);
        prop_assert_eq!(mean(&twice), mean(&absorbed(&Mean::default(), &parts.concat())));
    }

    #[test]
    fn weighted_counts_and_sums(parts in parts()) {
        let parts = weighted(parts);
        laws::weighing(&Count::default(), &parts, Codec::to_bytes);
        laws::weighing(&Sum::default(), &parts, Codec::to_bytes);
        laws::weighing(&(Count::default(), Mean::default()), &parts, |s| (s.0, mean(&s.1)));
        let floats = parts.iter().map(|part| part.iter().map(|(x, weight)| (f64::from(*x), *weight)).collect());
        laws::weighing(&FloatSum::default(), &floats.collect::<Vec<Vec<(f64, Weight)>>>(), |s| {
            let sum = s.read();
            Near(vec![sum.value, (sum.upper - sum.lower).powi(2)])
        });
    }

    #[test]
    fn yardsticks(parts in parts()) {
        laws::hold::<_, u32, _>(&ExactDistinct::<u32>::default(), &parts, Codec::to_bytes);
        laws::hold::<_, u32, _>(&ExactTop::<u32>::new(5), &parts, Codec::to_bytes);
        laws::hold(&ExactQuantiles::default(), &floats(&parts), Codec::to_bytes);
        laws::image_holds::<ExactDistinct<u32>>(&absorbed(&ExactDistinct::default(), &parts.concat()));
        laws::image_holds::<ExactTop<u32>>(&absorbed(&ExactTop::new(5), &parts.concat()));
        laws::image_holds(&absorbed(&ExactQuantiles::default(), &floats(&parts).concat()));
    }

    /// A weight of w is w items; after a decay of one half, two items weigh as one.
    #[test]
    fn weights_are_frequencies(parts in parts(), weight in 1..5_u32) {
        let floats = floats(&parts).concat();
        let (mut weighted, mut repeated) = (Moments::default(), Moments::default());
        let (mut weighted_pairs, mut repeated_pairs) = (Covariance::default(), Covariance::default());
        for &x in &floats {
            let pair = (x, (x * 0.7) % 50.0);
            weighted.absorb_weighted(&x, Weight::new(f64::from(weight)));
            weighted_pairs.absorb_weighted(&pair, Weight::new(f64::from(weight)));
            (0..weight).for_each(|_| repeated.absorb(&x));
            (0..weight).for_each(|_| repeated_pairs.absorb(&pair));
        }
        let upto_kurtosis = |s: &Moments| Near(moments(s).0.into_iter().take(5).collect());
        prop_assert_eq!(upto_kurtosis(&weighted), upto_kurtosis(&repeated));
        prop_assert_eq!(covariance(&weighted_pairs), covariance(&repeated_pairs));

        let mut twice = merged(absorbed(&Moments::default(), &floats), &absorbed(&Moments::default(), &floats));
        twice.decay(0.5);
        prop_assert_eq!(upto_kurtosis(&twice), upto_kurtosis(&absorbed(&Moments::default(), &floats)));
    }
}

#[test]
fn different_parameters_are_refused() {
    laws::refuses(&ExactTop::<u32>::new(5), &ExactTop::new(6));
}

#[test]
fn the_spread_of_numbers_far_from_zero_is_kept() {
    // 10⁹ and a deviation of 1: the sum of squares, 10²⁴, has no digit left for a variance of 10⁶ · 1.
    let noise: Vec<f64> = (0..1_000_000_u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64).collect();
    let noise: Vec<f64> = noise.iter().map(|x| (x / (1_u64 << 24) as f64 - 0.5) * 12.0_f64.sqrt()).collect();
    let far: Vec<f64> = noise.iter().map(|x| 1e9 + x).collect();
    // What the values are once they have been rounded to doubles, seen from nearby.
    let near: Vec<f64> = far.iter().map(|x| x - 1e9).collect();
    let truth = absorbed(&Moments::default(), &near);
    let single = absorbed(&Moments::default(), &far);
    let mut bulk = Moments::default();
    bulk.absorb_all(&far);
    let mut sixteen = Moments::default();
    far.chunks(62_500).for_each(|part| sixteen.merge(&absorbed(&Moments::default(), part)).unwrap());
    for (name, s) in [("single", single), ("bulk", bulk), ("merged", sixteen)] {
        let error = (s.variance() / truth.variance() - 1.0).abs();
        assert!(error < 1e-8, "{name}: variance off by {error:e} of itself");
        assert!((s.kurtosis() - truth.kurtosis()).abs() < 1e-6, "{name}: {s:?}");
    }
}

#[test]
fn odd_numbers_are_left_out() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e71];
    let mut moments = Moments::default();
    moments.absorb_all(&odd);
    odd.iter().for_each(|x| moments.absorb(x));
    moments.absorb_all(&[1.0, 3.0]);
    assert_eq!((moments.ignored(), moments.count(), moments.mean(), moments.variance()), (10, 2.0, 2.0, 2.0));
    moments.absorb_all(&[1e70, -1e70]);
    assert!(moments.kurtosis().is_finite() && Moments::from_bytes(&moments.to_bytes()).unwrap() == moments);

    let mut pairs = Covariance::default();
    pairs.absorb_all(&odd.map(|x| (x, 1.0)));
    pairs.absorb(&(1.0, f64::NAN));
    assert_eq!((pairs.ignored(), pairs.count()), (6, 0.0));
    assert!(pairs.mean_x().is_nan() && pairs.covariance().is_nan() && pairs.correlation().is_nan());

    let mut quantiles = ExactQuantiles::default();
    quantiles.absorb_all(&odd);
    assert_eq!(quantiles.read().at(0.5).value, -1e71);

    let mut lowest = Min::default();
    lowest.absorb_all(&[f64::NAN, 0.0, -0.0, f64::NAN]);
    assert_eq!(lowest.read().map(f64::to_bits), Some((-0.0_f64).to_bits()));

    let mut empty = Moments::default();
    empty.absorb(&1.0);
    empty.decay(0.0);
    assert_eq!(empty, Moments::default());
    assert!(!empty.mean_interval().has_guarantee());
}

#[test]
fn sums_lose_no_digits() {
    let mut sum = FloatSum::default();
    sum.absorb_all(&[1e100, 1.0, -1e100]);
    assert_eq!(sum.read().value, 1.0);
    let mut tenths = FloatSum::default();
    tenths.absorb_all(&[0.1; 1_000_000]);
    assert_eq!(tenths.read().value, 100_000.0);
    sum.absorb_all(&[f64::INFINITY, 1.0]);
    assert_eq!(sum.read().value, f64::INFINITY);
    sum.absorb(&f64::NEG_INFINITY);
    assert!(sum.read().value.is_nan());
    laws::image_holds(&sum);

    let mut extremes = Sum::default();
    extremes.absorb_all(&[u64::MAX; 1_000]);
    extremes.absorb_all(&[i64::MIN; 2_000]);
    assert_eq!(extremes.get(), -1_000);
}

#[test]
fn texts_and_bytes_are_compared_as_they_stand() {
    let mut first: Min<CompactString> = Min::default();
    first.absorb_all(["b", "a", "c"]);
    let mut last: Max<Box<[u8]>> = Max::default();
    last.absorb_all([&b"b"[..], b"bb", b"a"]);
    assert_eq!((first.read().as_deref(), last.read().as_deref()), (Some("a"), Some(&b"bb"[..])));
}

#[test]
fn impossible_values_are_refused_where_they_are_restored() {
    fn refused<S: Summary + Debug>(stored: &impl serde::Serialize) {
        let bytes = postcard::to_allocvec(stored).unwrap();
        postcard::from_bytes::<S>(&bytes).unwrap_err();
    }
    refused::<ExactQuantiles>(&vec![1.0, f64::NAN]);
    refused::<FloatSum>(&(1.0, 0.0, -1.0));
    refused::<Max<f64>>(&Some(f64::NAN));
    refused::<ExactDistinct<u32>>(&vec![(7_u32, ()), (7, ())]);
    refused::<ExactTop<u32>>(&(5_u32, vec![(7_u32, 1_u64), (7, 1)]));
    refused::<Moments>(&([1.0, 1.0, f64::NAN, 0.0, 0.0, 0.0], 0_u64));
    refused::<Moments>(&([0.0, 0.0, 0.0, 1.0, 0.0, 0.0], 0_u64));
    refused::<Covariance>(&([2.0, 0.0, 0.0, -1.0, 1.0, 0.0], 0_u64));
}

#[test]
fn a_window_of_no_panes_is_refused_where_it_is_restored() {
    type Window = TwoStacks<Max<u32>>;
    let window = Window::new(3, 1);
    let mut bytes = postcard::to_allocvec(&window).unwrap();
    assert_eq!(bytes[0], 3);
    bytes[0] = 0;
    postcard::from_bytes::<Window>(&bytes).unwrap_err();
}
