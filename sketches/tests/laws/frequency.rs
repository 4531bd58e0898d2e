use proptest::prelude::*;
use streamgauge_sketches::summary::{Panes, Subtract};
use streamgauge_sketches::{
    Absorb, Codec, ConservativeCountMin, CountMin, Decay, ExactTop, Hashed, HeavyHitters, Merge, Summary, Weight,
    Weighted, laws,
};

use crate::{absorbed, merged, parts};

fn counted(parts: &[Vec<u32>]) -> ExactTop<u32> {
    absorbed(&ExactTop::new(usize::MAX), &parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn count_min(parts in parts(), depth in 1..9_usize) {
        let empty = CountMin::new(depth, 64).unwrap();
        laws::hold(&empty, &parts, Codec::to_bytes);
        laws::image_holds(&absorbed(&empty, &parts.concat()));
        if let [head, tail] = &parts[..parts.len().min(2)] {
            let (head, tail) = (absorbed(&empty, head), absorbed(&empty, tail));
            let mut rest = merged(head.clone(), &tail);
            rest.subtract(&head);
            prop_assert_eq!(rest.to_bytes(), tail.to_bytes());
            let products = [head.inner_product(&tail).unwrap(), tail.inner_product(&head).unwrap()];
            prop_assert_eq!(products[0], products[1]);
        }
    }

    /// Small enough that almost every counter is shared.
    #[test]
    fn conservative_count_min(parts in parts(), depth in 1..9_usize) {
        let empty = ConservativeCountMin::new(depth, 64).unwrap();
        // What it holds depends on the order of the items: merging does not equal absorbing everything to the bit.
        laws::hold(&empty, &parts, |s| s.total());
        laws::bulk(&empty, &parts, Codec::to_bytes);
        laws::image_holds(&absorbed(&empty, &parts.concat()));

        let plain = absorbed(&CountMin::new(depth, 64).unwrap(), &parts.concat());
        let states: Vec<_> = parts.iter().map(|part| absorbed(&empty, part)).collect();
        let whole = absorbed(&empty, &parts.concat());
        let forward = states.iter().fold(empty.clone(), merged);
        let backward = states.iter().rev().fold(empty.clone(), merged);
        prop_assert_eq!(forward.to_bytes(), backward.to_bytes(), "the order of merges does not matter");
        // Merged in the middle of a part, and absorbing on.
        let mut mixed = empty.clone();
        for (i, part) in parts.iter().enumerate() {
            if i % 2 == 0 {
                mixed.merge(&states[i]).unwrap();
            } else {
                mixed.absorb_all(part);
            }
        }
        let mut window = Panes::new(parts.len().max(1) as u32, 1);
        for (i, state) in states.iter().enumerate() {
            window.push(i as i64, state.clone()).unwrap();
        }
        let slid = window.total().unwrap().unwrap_or_else(|| empty.clone());
        let exact = counted(&parts);
        for item in parts.iter().flatten() {
            let truth = exact.count(item) as f64;
            for sketch in [&whole, &forward, &mixed, &slid] {
                let estimate = sketch.estimate(item);
                prop_assert!(truth <= estimate.value && estimate.upper == estimate.value, "{truth}, {estimate}");
                prop_assert!(estimate.value <= plain.estimate(item).value, "closer than the plain one");
            }
        }
    }

    /// Weights and decay leave estimates that are never too low, in the units of the counters.
    #[test]
    fn weighted_and_faded_counts_are_never_too_low(items in prop::collection::vec((0..50_u32, 1.0..9.0_f64), 1..300)) {
        let (mut plain, mut conservative) = (CountMin::new(2, 16).unwrap(), ConservativeCountMin::new(2, 16).unwrap());
        let mut top = HeavyHitters::<u32>::with_counters(2, 8).unwrap();
        let mut truth = [0.0; 50];
        for (i, (item, weight)) in items.iter().enumerate() {
            let weight = Weight::new(*weight);
            plain.absorb_weighted(item, weight);
            conservative.absorb_weighted(item, weight);
            top.absorb_weighted(item, weight);
            truth[*item as usize] += weight.get();
            if i % 100 == 99 {
                plain.decay(0.7);
                conservative.decay(0.7);
                top.decay(0.7);
                truth.iter_mut().for_each(|t| *t *= 0.7);
            }
        }
        for (item, truth) in (0..50_u32).zip(truth) {
            // Floats of this size are exact to much less than the counters' unit.
            let (truth, plain, conservative) = (truth - 1e-9, plain.estimate(&item), conservative.estimate(&item));
            // What is certain; the lower ends hold with the confidence of the sketch: an item that was never seen may share
            // all counters of one that was.
            prop_assert!(truth <= conservative.value && conservative.value <= plain.value);
            prop_assert!(conservative.lower <= conservative.value && truth <= conservative.upper);
            prop_assert!(plain.lower <= plain.value && plain.value <= plain.upper);
            prop_assert!(top.estimate(&item).upper >= truth && top.estimate(&item).lower <= truth + 2e-9);
        }
    }

    /// The heaviest weight outlives its pane in a window that subtracts: of what it bounds, the values are seen.
    #[test]
    fn weighted_counts(parts in parts(), weights in prop::collection::vec(1.0..9.0_f64, 1..5)) {
        let weight = |i: usize| Weight::new(weights[i % weights.len()]);
        let weighted = |part: &Vec<u32>| part.iter().enumerate().map(|(i, &item)| (item, weight(i))).collect();
        let parts: Vec<Vec<(u32, Weight)>> = parts.iter().map(weighted).collect();
        laws::weighing(&CountMin::new(3, 64).unwrap(), &parts, |s| {
            (s.total(), [0, 7, 19].map(|item: u32| s.estimate(&item).value))
        });
        laws::weighing(&HeavyHitters::<u32>::with_counters(5, 16).unwrap(), &parts, |s| s.total());
    }

    #[test]
    fn heavy_hitters(parts in parts()) {
        let empty = HeavyHitters::<u32>::with_counters(5, 16).unwrap();
        // What it holds of every item is an interval with the truth in it: that is what must be equal.
        laws::hold(&empty, &parts, |s| s.total());
        laws::bulk(&empty, &parts, Codec::to_bytes);
        laws::image_holds(&absorbed(&empty, &parts.concat()));
        let exact = counted(&parts);
        let whole = parts.iter().fold(empty.clone(), |sum, part| merged(sum, &absorbed(&empty, part)));
        for item in parts.iter().flatten() {
            prop_assert!(whole.estimate(item).contains(exact.count(item) as f64));
        }
        for (item, count) in whole.read() {
            prop_assert!(count.contains(exact.count(&item) as f64) && count.confidence == 1.0);
        }
    }

    /// Whatever a valid checksum lets through can be read, asked, absorbed into, merged, faded and stored.
    #[test]
    fn forged_images_do_no_harm(parts in parts(), forged in prop::collection::vec((26..2_000_usize, any::<u8>()), 1..40)) {
        let items = parts.concat();
        fn forge(mut image: Vec<u8>, forged: &[(usize, u8)]) -> Vec<u8> {
            let content = image.len() - 4;
            for &(at, byte) in forged {
                if at < content {
                    image[at] = byte;
                }
            }
            let checksum = crc32fast::hash(&image[..content]);
            image[content..].copy_from_slice(&checksum.to_le_bytes());
            image
        }
        let plain = absorbed(&CountMin::new(2, 64).unwrap(), &items);
        // The last may hit the parameters, the rest the counters.
        for forged in [&forged[..], &forged[1..]] {
            if let Ok(mut sketch) = CountMin::from_bytes(&forge(plain.to_bytes(), forged)) {
                sketch.absorb_all(&items);
                sketch.merge(&sketch.clone()).unwrap();
                sketch.decay(0.9);
                let product = sketch.inner_product(&sketch).unwrap();
                prop_assert!(product.lower <= product.value && product.value <= product.upper);
                prop_assert!(sketch.estimate(&1_u32).lower <= sketch.estimate(&1_u32).upper);
                laws::storing(&sketch);
            }
            let conservative = absorbed(&ConservativeCountMin::new(2, 64).unwrap(), &items);
            if let Ok(mut sketch) = ConservativeCountMin::from_bytes(&forge(conservative.to_bytes(), forged)) {
                sketch.absorb_all(&items);
                sketch.merge(&sketch.clone()).unwrap();
                sketch.decay(0.9);
                prop_assert!(sketch.estimate(&1_u32).lower <= sketch.estimate(&1_u32).upper);
                laws::storing(&sketch);
            }
            let top = absorbed(&HeavyHitters::<u32>::with_counters(5, 16).unwrap(), &items);
            if let Ok(mut sketch) = HeavyHitters::<u32>::from_bytes(&forge(top.to_bytes(), forged)) {
                sketch.absorb_all(&items);
                sketch.merge(&sketch.clone()).unwrap();
                sketch.decay(0.9);
                prop_assert!(sketch.read().iter().all(|(_, count)| count.lower <= count.upper));
                laws::storing(&sketch);
            }
        }
    }
}

#[test]
fn absorbing_in_bulk_is_the_same_at_every_depth() {
    let hashes: Vec<u64> = (0..5_000_u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    for depth in 1..=16 {
        let (mut single, mut bulk) = (CountMin::new(depth, 32).unwrap(), CountMin::new(depth, 32).unwrap());
        hashes.iter().for_each(|hash| single.absorb_hash(*hash));
        bulk.absorb_hashes(&hashes);
        assert_eq!(single, bulk);
        let empty = ConservativeCountMin::new(depth, 32).unwrap();
        let (mut single, mut bulk) = (empty.clone(), empty);
        hashes.iter().for_each(|hash| single.absorb_hash(*hash));
        bulk.absorb_hashes(&hashes);
        assert_eq!(single, bulk);
        assert_eq!(bulk.estimate_hash(hashes[7]).confidence, 1.0 - (-(depth as f64)).exp());
    }
}

#[test]
fn parameters_are_named() {
    let error = |error, confidence| CountMin::with_error(error, confidence).unwrap_err().to_string();
    assert_eq!(error(0.0, 0.9), "CountMin: error must be 1.02e-8 to 1, not 0");
    assert_eq!(error(f64::NAN, 0.9), "CountMin: error must be 1.02e-8 to 1, not NaN");
    assert_eq!(error(0.01, 1.0), "CountMin: confidence must be above 0, at most 1 - e^-16, not 1");
    assert_eq!(error(0.01, -0.5), "CountMin: confidence must be above 0, at most 1 - e^-16, not -0.5");
    assert_eq!(
        ConservativeCountMin::new(17, 64).unwrap_err().to_string(),
        "ConservativeCountMin: depth must be 1 to 16, not 17"
    );
    assert_eq!(CountMin::new(4, 1).unwrap_err().to_string(), "CountMin: width must be 2 to 2^28, not 1");
    let sketch = ConservativeCountMin::with_error(0.001, 0.98).unwrap();
    assert_eq!((sketch.depth(), sketch.width(), sketch.memory_bytes() / 1024), (4, 4_096, 128));
}

#[test]
fn different_parameters_are_refused() {
    let sketch = |depth, width, seed| absorbed(&CountMin::new(depth, width).unwrap().seeded(seed), &[1_u32, 2, 3]);
    laws::refuses(&sketch(3, 64, 1), &sketch(4, 64, 1));
    laws::refuses(&sketch(3, 64, 1), &sketch(3, 128, 1));
    laws::refuses(&sketch(3, 64, 1), &sketch(3, 64, 2));
    assert!(sketch(3, 64, 1).inner_product(&sketch(3, 64, 2)).is_err());
    let sketch =
        |depth, width, seed| absorbed(&ConservativeCountMin::new(depth, width).unwrap().seeded(seed), &[1_u32, 2, 3]);
    laws::refuses(&sketch(3, 64, 1), &sketch(4, 64, 1));
    laws::refuses(&sketch(3, 64, 1), &sketch(3, 128, 1));
    laws::refuses(&sketch(3, 64, 1), &sketch(3, 64, 2));
    let top = |k, counters| absorbed(&HeavyHitters::with_counters(k, counters).unwrap(), &[1_u32, 2, 3]);
    laws::refuses(&top(5, 64), &top(6, 64));
    laws::refuses(&top(5, 64), &top(5, 128));
}

#[test]
fn a_damaged_checkpoint_is_an_error() {
    let stored =
        postcard::to_allocvec(&absorbed(&HeavyHitters::<u32>::with_counters(5, 16).unwrap(), &[1, 2, 2])).unwrap();
    assert!(postcard::from_bytes::<HeavyHitters<u32>>(&stored).is_ok());
    // k of 0; fewer counters than keys; the same key twice.
    for (at, byte) in [(0, 0), (1, 1), (stored.len() - 4, 1)] {
        let mut damaged = stored.clone();
        damaged[at] = byte;
        let restored = postcard::from_bytes::<HeavyHitters<u32>>(&damaged);
        assert!(restored.is_err(), "byte {at} of {stored:?} as {byte}: {restored:?}");
    }
    let stored = postcard::to_allocvec(&absorbed(&ConservativeCountMin::new(2, 4).unwrap(), &[1_u32])).unwrap();
    for (at, byte) in [(0, 0), (0, 17), (0, 1), (1, 0), (1, 29), (1, 3)] {
        let mut damaged = stored.clone();
        damaged[at] = byte;
        assert!(postcard::from_bytes::<ConservativeCountMin>(&damaged).is_err(), "byte {at} as {byte}");
        assert!(postcard::from_bytes::<CountMin>(&damaged).is_err(), "byte {at} as {byte}");
    }
}
