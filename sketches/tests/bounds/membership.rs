use streamgauge_sketches::{
    Bloom, ClassicBloom, Estimate, Hashed, Membership, Merge, PortableHash, ScalableBloom, Summary,
};

use crate::HOLD_OF_2000;

const TRIALS: u64 = 2_000;

/// Hashes of different items, different in every trial.
fn hashes(trial: u64, items: std::ops::Range<u64>) -> Vec<u64> {
    items.map(|i| i.portable_hash(trial)).collect()
}

/// Holds the intervals of 2,000 trials to what they claim: the truth is inside, and they are not much wider than the
/// values scatter. Their ends are whole items, which may add one.
#[track_caller]
fn intervals_hold(what: &str, truth: f64, estimate: impl Fn(u64) -> Estimate) {
    let (mut inside, mut width, mut sum, mut squares) = (0, 0.0, 0.0, 0.0);
    for trial in 0..TRIALS {
        let estimate = estimate(trial);
        assert!(estimate.lower <= estimate.value && estimate.value <= estimate.upper, "{what}: {estimate}");
        inside += usize::from(estimate.contains(truth));
        width += estimate.upper - estimate.lower;
        sum += estimate.value - truth;
        squares += (estimate.value - truth).powi(2);
    }
    let n = TRIALS as f64;
    let (width, bias) = (width / n, sum / n);
    let deviation = (squares / n - bias * bias).sqrt();
    println!("{what}, {truth} items: {inside} hold, width {width:.2}, scatter {deviation:.3}, bias {bias:.3}");
    assert!(inside >= HOLD_OF_2000, "{what}, {truth} items: {inside} of 2,000 hold");
    let theory = 2.0 * 1.96 * deviation;
    assert!(width <= 1.15 * theory + 1.0, "{what}, {truth} items: width {width}, in theory {theory}");
}

fn filled<S: Summary + Hashed>(empty: &S, hashes: &[u64]) -> S {
    let mut filter = empty.clone();
    filter.absorb_hashes(hashes);
    filter
}

/// Sixteen filters of which neighbours share half their items.
fn merged<S: Merge + Hashed>(empty: &S, hashes: &[u64]) -> S {
    let part = hashes.len().div_ceil(16);
    let mut whole = empty.clone();
    for i in 0..16 {
        let from = (i * part).saturating_sub(part / 2).min(hashes.len());
        let part = filled(empty, &hashes[from..((i + 1) * part).min(hashes.len())]);
        whole.merge(&part).unwrap();
    }
    whole
}

#[test]
fn numbers_of_items() {
    // Made for 1,500 items: with few, with as many, and with four times as many.
    let bloom = Bloom::for_items(1_500, 0.01).unwrap();
    let classic = ClassicBloom::for_items(1_500, 0.01).unwrap();
    for items in [3, 40, 300, 1_500, 6_000] {
        intervals_hold("Bloom", items as f64, |trial| filled(&bloom, &hashes(trial, 0..items)).items());
        intervals_hold("ClassicBloom", items as f64, |trial| filled(&classic, &hashes(trial, 0..items)).items());
    }
    for items in [40, 1_500] {
        intervals_hold("Bloom of 16", items as f64, |trial| merged(&bloom, &hashes(trial, 0..items)).items());
        intervals_hold("ClassicBloom of 16", items as f64, |trial| merged(&classic, &hashes(trial, 0..items)).items());
    }
}

#[test]
fn numbers_of_items_in_a_filter_that_grows() {
    for (rate, items) in [(0.01, 40), (0.3, 100), (0.01, 1_500), (0.3, 1_500)] {
        let scalable = ScalableBloom::for_items(100, rate).unwrap();
        let what = format!("ScalableBloom at {rate}");
        intervals_hold(&what, items as f64, |trial| filled(&scalable, &hashes(trial, 0..items)).items());
    }
    // Merged, an item may be in several stages: the interval is wide, but still an interval.
    let scalable = ScalableBloom::for_items(100, 0.01).unwrap();
    let inside = (0..TRIALS).filter(|&trial| merged(&scalable, &hashes(trial, 0..800)).items().contains(800.0)).count();
    assert!(inside >= HOLD_OF_2000, "ScalableBloom of 16: {inside} of 2,000 hold");
}

#[test]
fn numbers_of_common_items() {
    let bloom = Bloom::for_items(1_000, 0.01).unwrap();
    let classic = ClassicBloom::for_items(1_000, 0.01).unwrap();
    for common in [0, 20, 400] {
        let (mut inside, mut classic_inside) = (0, 0);
        for trial in 0..TRIALS {
            let (ours, theirs) = (hashes(trial, 0..800), hashes(trial, 800 - common..1_200));
            let estimate = filled(&bloom, &ours).intersection(&filled(&bloom, &theirs)).unwrap();
            inside += usize::from(estimate.contains(common as f64));
            let estimate = filled(&classic, &ours).intersection(&filled(&classic, &theirs)).unwrap();
            classic_inside += usize::from(estimate.contains(common as f64));
        }
        assert!(inside >= HOLD_OF_2000 && classic_inside >= HOLD_OF_2000, "{common}: {inside}, {classic_inside}");
    }
}

/// The share of absent items that are found.
fn measured(filter: &impl Membership, absent: &[u64]) -> f64 {
    let mut found = Vec::new();
    filter.contains_hashes(absent, &mut found);
    found.iter().filter(|found| **found).count() as f64 / absent.len() as f64
}

/// Of hashes of items, and of hashes that are not random at all.
#[test]
fn false_positives_are_as_rare_as_wished_and_as_read() {
    const ITEMS: u64 = 30_000;
    const ASKED: u64 = 300_000;
    type Kind = (&'static str, fn(u64) -> u64);
    let kinds: [Kind; 9] = [
        ("hashes", |i| i.portable_hash(5)),
        ("hashes of one high byte", |i| i.portable_hash(5) >> 8 | 7 << 56),
        ("hashes of one low byte", |i| i.portable_hash(5) & !0xff),
        ("consecutive", |i| i),
        ("downwards", u64::wrapping_neg),
        ("multiples of 1,000", |i| i * 1_000),
        ("multiples of 2¹⁶", |i| i << 16),
        ("multiples of 2⁴⁰", |i| i << 40),
        ("reversed", u64::reverse_bits),
    ];
    for (kind, hash) in kinds {
        let items: Vec<u64> = (0..ITEMS).map(hash).collect();
        let absent: Vec<u64> = (ITEMS..ITEMS + ASKED).map(hash).collect();
        for rate in [0.1, 0.01, 0.001] {
            // Four standard deviations of what is counted.
            let noise = 4.0 * (rate / ASKED as f64).sqrt();
            let bloom = filled(&Bloom::for_items(ITEMS, rate).unwrap(), &items);
            let classic = filled(&ClassicBloom::for_items(ITEMS, rate).unwrap(), &items);
            for (name, found, read) in [
                ("Bloom", measured(&bloom, &absent), bloom.false_positive_rate()),
                ("ClassicBloom", measured(&classic, &absent), classic.false_positive_rate()),
            ] {
                println!("{name}, {kind}, {rate}: {found:.5}, read {read:.5}");
                assert!(found <= 1.05 * rate + noise, "{name}, {kind}, {rate}: found {found}");
                assert!((found - read).abs() <= 0.02 * rate + noise, "{name}, {kind}: found {found}, read {read}");
            }
            for first in [ITEMS, ITEMS / 10, ITEMS / 100] {
                let scalable = filled(&ScalableBloom::for_items(first, rate).unwrap(), &items);
                let (found, read) = (measured(&scalable, &absent), scalable.false_positive_rate());
                println!("ScalableBloom of {first}, {kind}, {rate}: {found:.5}, read {read:.5}");
                assert!(
                    read <= rate && found <= rate + noise,
                    "of {first}, {kind}, {rate}: found {found}, read {read}"
                );
                assert!((found - read).abs() <= 0.02 * rate + noise, "of {first}, {kind}: found {found}, read {read}");
            }
        }
    }
}
