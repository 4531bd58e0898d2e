use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use streamgauge_sketches::{Absorb, Codec, ExactQuantiles, Kll, Merge, Panes, Summary, Weight, Weighted, laws};

use crate::{absorbed, floats, merged, parts};

fn small() -> Kll {
    Kll::with_k(8).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn kll(parts in parts()) {
        let floats = floats(&parts);
        // Equal in any order: how many, and the ends. What lies between is drawn by lot.
        laws::hold(&small(), &floats, |s| {
            let read = s.read();
            (s.count(), (!read.is_empty()).then(|| (read.min(), read.max())))
        });
        // While nothing is compacted, everything.
        let large = Kll::with_k(1_000).unwrap();
        laws::hold(&large, &floats, |s| [0.1, 0.5, 0.99].map(|q| s.read().at(q).value.to_bits()));
        laws::image_holds(&absorbed(&small(), &floats.concat()));
        let whole = floats.iter().fold(small(), |sum, part| merged(sum, &absorbed(&small(), part)));
        laws::image_holds(&whole);
        laws::storing(&whole);
    }

    /// What decodes can be read, merged and fed, whatever the bytes were.
    #[test]
    fn damaged_images_are_refused_or_harmless(
        parts in parts(),
        damage in prop::collection::vec((26..400_usize, any::<u8>()), 1..4),
    ) {
        let mut kll = absorbed(&small(), &floats(&parts).concat());
        kll.absorb_weighted(&7.0, Weight::new(3.5));
        let mut image = kll.to_bytes();
        let content = image.len() - 4;
        for (at, byte) in damage {
            image[26 + at % (content - 26)] = byte;
        }
        let checksum = crc32fast::hash(&image[..content]);
        image[content..].copy_from_slice(&checksum.to_le_bytes());
        if let Ok(mut kll) = Kll::from_bytes(&image) {
            prop_assert_eq!(kll.to_bytes(), image);
            let read = kll.read();
            prop_assert!((0..=10).map(|i| read.at(f64::from(i) / 10.0).value).is_sorted() || read.is_empty());
            let (rank, mean) = (read.rank(3.0), read.trimmed_mean(0.1, 0.9));
            prop_assert!(read.is_empty() || (!rank.value.is_nan() && mean.contains(mean.value)), "{rank}, {mean}");
            prop_assert_eq!(read.pmf(&[1.0, 2.0]).len(), 3);
            for _ in 0..100 {
                kll.merge(&kll.clone()).unwrap();
                (0..20).for_each(|i| kll.absorb(&f64::from(i)));
            }
            prop_assert!(kll.read().at(0.5).value.is_finite());
            prop_assert!(Kll::from_bytes(&kll.to_bytes()).is_ok());
        }
    }
}

/// A window that is stored and restored at every slide goes on as one that is not, and reads as its total.
#[test]
fn windows_go_on_as_they_were() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    for phase in 0..7 {
        let mut window = Panes::<Kll>::new(7, phase);
        let mut restored = window.clone();
        for pane in 0..40_i64 {
            let mut values = Kll::with_k(20).unwrap();
            for _ in 0..random.random_range(0..90) {
                let x = f64::from(random.random_range(-20..20_i8));
                values.absorb_weighted(&(x / 2.0), Weight::new(f64::from(1 + u8::from(pane % 4 == 0))));
            }
            for window in [&mut window, &mut restored] {
                window.push(pane, values.clone()).unwrap();
                window.evict(pane - 6).unwrap();
            }
            let stored = postcard::to_allocvec(&restored).unwrap();
            restored = postcard::from_bytes(&stored).unwrap();
            assert_eq!(postcard::to_allocvec(&restored).unwrap(), stored);
            let totals = [&window, &restored].map(|window| window.total().unwrap().unwrap());
            assert_eq!(totals[0].to_bytes(), totals[1].to_bytes());
            laws::image_holds(&totals[0]);
            let (ours, theirs) = (window.reading().unwrap().unwrap(), restored.reading().unwrap().unwrap());
            assert_eq!(ours.count(), totals[0].count() as f64);
            for q in [0.0, 0.01, 0.3, 0.5, 0.9, 1.0] {
                let (ours, theirs) = (ours.at(q), theirs.at(q));
                assert!(ours.value == theirs.value || ours.value.is_nan(), "{ours}, {theirs}");
                assert!(ours.lower == theirs.lower && ours.upper == theirs.upper || ours.value.is_nan());
            }
        }
    }
    let kll = |k| absorbed(&Kll::with_k(k).unwrap(), &[1.0, 2.0]);
    let mut window = Panes::<Kll>::new(3, 0);
    window.push(0, kll(50)).unwrap();
    assert!(window.push(1, kll(60)).is_err());
}

/// Parts that began with the same seed err as independent ones: the errors of their sum are as wide as it says.
#[test]
fn errors_of_merged_parts_are_normal_and_as_wide_as_stated() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut fifths = [0_u32; 5];
    for _ in 0..500 {
        let (mut whole, mut below, n) = (Kll::with_k(20).unwrap(), 0, 16 * 451);
        for _ in 0..16 {
            let mut part = Kll::with_k(20).unwrap();
            for _ in 0..n / 16 {
                // Thousands of ties: the parts have much the same items.
                let x = f64::from(random.random_range(0..40_u8));
                below += u32::from(x < 20.0);
                part.absorb(&x);
            }
            whole.merge(&part).unwrap();
        }
        let rank = whole.read().rank(19.5);
        let deviation = (rank.upper - rank.lower) / 2.0 / 2.1;
        let error = (rank.value - f64::from(below) / f64::from(n)) / deviation;
        // The fifths of the normal distribution.
        fifths[[-0.8416, -0.2533, 0.2533, 0.8416].partition_point(|&edge| edge < error)] += 1;
    }
    let chi_square: f64 = fifths.iter().map(|&n| (f64::from(n) - 100.0).powi(2) / 100.0).sum();
    // 4 degrees of freedom: above 23.5 once in 10⁴ seeds.
    assert!(chi_square < 23.5, "{fifths:?}");
}

#[test]
fn weights_count_as_items() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    let (mut weighted, mut all) = (Kll::default(), ExactQuantiles::default());
    for weight in [1.0, 2.0, 3.0, 700.0] {
        for _ in 0..5_000 {
            let x = random.random::<f64>() * weight;
            weighted.absorb_weighted(&x, Weight::new(weight));
            (0..weight as u32).for_each(|_| all.absorb(&x));
        }
    }
    assert_eq!(weighted.count(), 5_000 * 706);
    let (weighted, all) = (weighted.read(), all.read());
    for q in [0.001, 0.1, 0.5, 0.9, 0.999] {
        let x = all.at(q).value;
        assert!((weighted.rank(x).value - q).abs() < 0.0065, "{q}");
        assert!(weighted.at(q).contains(x), "{q}");
    }
    // Fractions are rounded, half of the time up.
    let mut halves = Kll::default();
    (0..10_000).for_each(|i| halves.absorb_weighted(&f64::from(i), Weight::new(1.5)));
    assert!((halves.count() as f64 - 15_000.0).abs() < 200.0, "{}", halves.count());
    assert!(halves.read().rank(4_999.0).contains(0.5));
}

#[test]
fn readings_are_defined_everywhere() {
    let mut kll = Kll::with_k(8).unwrap();
    for read in [kll.read(), ExactQuantiles::default().read()] {
        assert!(read.is_empty() && read.count() == 0.0 && read.min().is_nan() && read.max().is_nan());
        assert!(read.at(0.5).value.is_nan() && read.rank(1.0).value.is_nan());
        assert!(read.pmf(&[1.0]).iter().all(|share| share.value.is_nan()));
        assert!(read.trimmed_mean(0.0, 1.0).value.is_nan());
    }
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 0.0].iter().for_each(|x| kll.absorb(x));
    (0..1_000).for_each(|i| kll.absorb(&f64::from(i)));
    assert_eq!((kll.ignored(), kll.count()), (3, 1_004));
    let mut exact = ExactQuantiles::default();
    exact.absorb_all(&[1.0, 1.0, 2.0]);
    for read in [kll.read(), exact.read()] {
        assert_eq!((read.at(-1.0).value, read.at(7.0).value), (read.min(), read.max()));
        assert!(read.at(f64::NAN).value.is_nan() && read.rank(f64::NAN).value.is_nan());
        assert_eq!((read.rank(f64::NEG_INFINITY).value, read.rank(f64::INFINITY).value), (0.0, 1.0));
        assert_eq!(read.pmf(&[]).iter().map(|share| share.value).collect::<Vec<_>>(), [1.0]);
        assert_eq!(read.pmf(&[5.0, 1.0])[1].value, 0.0);
        let shares = read.pmf(&[1.0, f64::NAN]);
        assert!(!shares[0].value.is_nan() && shares[1].value.is_nan() && shares[2].value.is_nan());
        for (low, high) in [(0.5, 0.5), (0.9, 0.1), (f64::NAN, 1.0), (0.0, f64::NAN)] {
            assert!(read.trimmed_mean(low, high).value.is_nan());
        }
        let steps: Vec<_> = (0..=1_000).map(|i| read.at(f64::from(i) / 1_000.0)).collect();
        assert!(steps.is_sorted_by(|a, b| a.value <= b.value && a.lower <= b.lower && a.upper <= b.upper));
    }
    let shares: f64 = kll.read().pmf(&[10.0, 100.0, 500.0]).iter().map(|share| share.value).sum();
    assert!((shares - 1.0).abs() < 1e-12);
}

#[test]
fn parameters_are_checked() {
    let error = Kll::with_k(7).unwrap_err();
    assert_eq!(error.to_string(), "Kll: k must be 8 to 65,535, not 7");
    for error in [f64::NAN, 0.0, -1.0, 1e-5, 1.0, f64::INFINITY] {
        assert!(Kll::with_error(error).is_err(), "{error}");
    }
    for error in [2e-5, 0.0001, 0.01, 0.5] {
        assert!(Kll::with_error(error).unwrap().rank_error() <= error, "{error}");
    }
    let kll = |k| absorbed(&Kll::with_k(k).unwrap(), &[1.0, 2.0]);
    laws::refuses(&kll(50), &kll(60));
}
