use proptest::prelude::*;
use streamgauge_sketches::summary::Undo;
use streamgauge_sketches::{
    Absorb, Bloom, ClassicBloom, Codec, DecodeError, ExactDistinct, Hashed, Membership, Merge, PortableHash,
    ScalableBloom, Summary, laws,
};

use crate::{absorbed, merged, parts};

/// Of small numbers, which are found.
fn found(filter: &impl Membership) -> Vec<bool> {
    filter.contains_all(&(0..6_000_u32).collect::<Vec<_>>())
}

/// One by one and in bulk the answers are the same, and there is no false "no".
#[track_caller]
fn asking_holds<S: Membership + Absorb<u32>>(empty: &S, parts: &[Vec<u32>]) {
    let all = parts.concat();
    let filter = absorbed(empty, &all);
    assert!(filter.contains_all(&all).into_iter().all(|found| found), "what was absorbed is found");
    let asked: Vec<u32> = (0..1_000).collect();
    let one_by_one: Vec<bool> = asked.iter().map(|item| filter.contains(item)).collect();
    assert_eq!(filter.contains_all(&asked), one_by_one, "asking in bulk equals asking one by one");
    let exact: ExactDistinct<u32> = absorbed(&ExactDistinct::default(), &all);
    assert!(asked.iter().all(|item| !exact.contains(item) || filter.contains(item)));
    assert_eq!(filter.items().is_exact() && filter.items().value == 0.0, all.is_empty());
    assert!((0.0..=1.0).contains(&filter.fill()) && (0.0..=1.0).contains(&filter.false_positive_rate()));
}

/// Merging and taking it back leaves what was there.
#[track_caller]
fn undoing_holds<S: Undo + Codec + Absorb<u32>>(empty: &S, parts: &[Vec<u32>]) {
    let mut filter = empty.clone();
    let mut history = Vec::new();
    for part in parts {
        let before = filter.to_bytes();
        let mut plain = filter.clone();
        let part = absorbed(empty, part);
        history.push((before, filter.merge_logged(&part).unwrap()));
        plain.merge(&part).unwrap();
        assert_eq!(filter.to_bytes(), plain.to_bytes(), "a logged merge is a merge");
    }
    while let Some((before, overwritten)) = history.pop() {
        assert!(S::overwritten_bytes(&overwritten) < 4 * filter.memory_bytes());
        filter.undo(overwritten);
        assert_eq!(filter.to_bytes(), before, "what was taken back is as if it had not been");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn bloom(parts in parts()) {
        for blocks in [1, 3, 100] {
            let empty = Bloom::with_blocks(blocks).unwrap();
            laws::hold(&empty, &parts, Codec::to_bytes);
            laws::image_holds(&absorbed(&empty, &parts.concat()));
            asking_holds(&empty, &parts);
            undoing_holds(&empty, &parts);
        }
    }

    #[test]
    fn classic_bloom(parts in parts()) {
        for (bits, probes) in [(1, 1), (1_000, 7), (20_000, 32)] {
            let empty = ClassicBloom::new(bits, probes).unwrap();
            laws::hold(&empty, &parts, Codec::to_bytes);
            laws::image_holds(&absorbed(&empty, &parts.concat()));
            asking_holds(&empty, &parts);
            undoing_holds(&empty, &parts);
        }
    }

    /// What is equal is what it finds; which others it finds depends on how the stages lie, so there are few enough.
    #[test]
    fn scalable_bloom(parts in parts()) {
        let empty = ScalableBloom::for_items(20, 1e-9).unwrap();
        laws::hold(&empty, &parts, found);
        laws::image_holds(&absorbed(&empty, &parts.concat()));
        asking_holds(&empty, &parts);
        undoing_holds(&empty, &parts);
        let mut bulk = empty.clone();
        bulk.absorb_all(&parts.concat());
        prop_assert_eq!(bulk.to_bytes(), absorbed(&empty, &parts.concat()).to_bytes());
        // The rate of what is merged from so many is at most so many times the rate that was wished.
        let loose = ScalableBloom::for_items(20, 0.1).unwrap();
        let states: Vec<_> = parts.iter().map(|part| absorbed(&loose, part)).collect();
        let whole = states.iter().fold(loose, merged);
        let rate = whole.false_positive_rate();
        prop_assert!(rate <= 0.1 * parts.len() as f64, "{rate} of {}", parts.len());
        prop_assert!(whole.items().upper >= absorbed(&ExactDistinct::default(), &parts.concat()).read().value * 0.9);
        // Merging what is there already changes nothing.
        prop_assert_eq!(merged(whole.clone(), &whole).stages(), whole.stages());
    }
}

#[test]
fn different_parameters_are_refused() {
    let bloom = |blocks, seed| absorbed(&Bloom::with_blocks(blocks).unwrap().seeded(seed), &[1_u32, 2, 3]);
    laws::refuses(&bloom(5, 1), &bloom(6, 1));
    laws::refuses(&bloom(5, 1), &bloom(5, 2));
    assert!(bloom(5, 1).intersection(&bloom(6, 1)).is_err());
    let classic = |bits, k, seed| absorbed(&ClassicBloom::new(bits, k).unwrap().seeded(seed), &[1_u32, 2, 3]);
    laws::refuses(&classic(128, 3, 1), &classic(192, 3, 1));
    laws::refuses(&classic(128, 3, 1), &classic(128, 4, 1));
    laws::refuses(&classic(128, 3, 1), &classic(128, 3, 2));
    let scalable = |n, rate, seed| absorbed(&ScalableBloom::for_items(n, rate).unwrap().seeded(seed), &[1_u32, 2, 3]);
    laws::refuses(&scalable(10, 0.1, 1), &scalable(11, 0.1, 1));
    laws::refuses(&scalable(10, 0.1, 1), &scalable(10, 0.2, 1));
    laws::refuses(&scalable(10, 0.1, 1), &scalable(10, 0.1, 2));
}

#[test]
fn impossible_parameters_are_named() {
    let error = Bloom::for_items(1_000, 1.0).unwrap_err().to_string();
    assert_eq!(error, "Bloom: false-positive rate must be 1e-9 or more and below 1, not 1");
    let error = Bloom::for_items(u64::MAX, 0.01).unwrap_err().to_string();
    assert!(error.starts_with("Bloom: items must be 1 or more, and few enough for 2^36 bits"), "{error}");
    for rate in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-10] {
        assert!(Bloom::for_items(10, rate).is_err() && ClassicBloom::for_items(10, rate).is_err());
        assert!(ScalableBloom::for_items(10, rate).is_err());
    }
    for items in [0, 1 << 40, u64::MAX] {
        assert!(Bloom::for_items(items, 0.01).is_err() && ClassicBloom::for_items(items, 0.01).is_err());
        assert!(ScalableBloom::for_items(items, 0.01).is_err());
    }
    assert_eq!(Bloom::with_blocks(0).unwrap_err().parameter, "blocks");
    assert_eq!(Bloom::with_blocks((1 << 28) + 1).unwrap_err().parameter, "blocks");
    assert_eq!(ClassicBloom::new(0, 7).unwrap_err().parameter, "bits");
    assert_eq!(ClassicBloom::new((1 << 36) + 1, 7).unwrap_err().parameter, "bits");
    assert_eq!(ClassicBloom::new(64, 0).unwrap_err().parameter, "probes");
    assert_eq!(ClassicBloom::new(64, 33).unwrap_err().parameter, "probes");
}

/// An image whose checksum is right and whose content was chosen by someone.
fn forged(image: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut forged = image[..image.len() - 4].to_vec();
    forged[26 + at..26 + at + bytes.len()].copy_from_slice(bytes);
    let mut crc = u32::MAX;
    for &byte in &forged {
        crc ^= u32::from(byte);
        (0..8).for_each(|_| crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()));
    }
    [&forged[..], &(!crc).to_le_bytes()].concat()
}

#[test]
fn forged_images_are_refused_or_harmless() {
    let bloom = absorbed(&Bloom::with_blocks(3).unwrap(), &[1_u32, 2]).to_bytes();
    assert_eq!(forged(&bloom, 0, &[3, 0, 0, 0]), bloom);
    for blocks in [0, 2, 4, u32::MAX] {
        assert!(Bloom::from_bytes(&forged(&bloom, 0, &blocks.to_le_bytes())).is_err(), "{blocks} blocks");
    }
    let classic = absorbed(&ClassicBloom::new(128, 3).unwrap(), &[1_u32, 2]).to_bytes();
    assert!(ClassicBloom::from_bytes(&forged(&classic, 0, &[0])).is_err());
    assert!(ClassicBloom::from_bytes(&forged(&classic, 0, &[33])).is_err());
    for bits in [0, 64, 100, 192, 1 << 36, u64::MAX] {
        assert!(ClassicBloom::from_bytes(&forged(&classic, 1, &bits.to_le_bytes())).is_err(), "{bits} bits");
    }
    let items: Vec<u32> = (0..100).collect();
    let scalable = absorbed(&ScalableBloom::for_items(10, 0.1).unwrap(), &items).to_bytes();
    let decode = |at, bytes: &[u8]| ScalableBloom::from_bytes(&forged(&scalable, at, bytes));
    assert!(decode(0, &0_u64.to_le_bytes()).is_err() && decode(0, &u64::MAX.to_le_bytes()).is_err());
    assert!(decode(8, &f64::NAN.to_le_bytes()).is_err() && decode(8, &0.5_f64.to_le_bytes()).is_err());
    assert!(decode(16, &[2]).is_err() && decode(17, &u32::MAX.to_le_bytes()).is_err());
    assert!(decode(21, &[1]).is_err() && decode(22, &0_u64.to_le_bytes()).is_err());
    // No image of a filter says that its first stage has taken 2⁶⁴ − 1 items: but it does no harm.
    let mut odd = decode(22, &u64::MAX.to_le_bytes()).unwrap();
    odd.absorb_all(&items);
    odd.merge(&odd.clone()).unwrap();
    assert!(odd.contains_all(&items).into_iter().all(|found| found) && odd.items().value > 0.0);
    assert!(matches!(Bloom::from_bytes(&scalable), Err(DecodeError::Family { .. })));
}

#[test]
fn damaged_logs_do_no_harm() {
    let items: Vec<u32> = (0..200).collect();
    let small = absorbed(&ScalableBloom::for_items(10, 0.1).unwrap(), &items[..5]);
    let large = absorbed(&ScalableBloom::for_items(10, 0.1).unwrap(), &items);
    let overwritten = small.clone().merge_logged(&large).unwrap();
    let other = large.clone().merge_logged(&absorbed(&small, &items[150..])).unwrap();
    for mut state in [small.clone(), large.clone()] {
        state.undo(overwritten.clone());
        state.undo(other.clone());
        state.absorb_all(&items);
        assert!(state.contains_all(&items).into_iter().all(|found| found));
    }
    let overwritten = absorbed(&Bloom::with_blocks(50).unwrap(), &items)
        .merge_logged(&absorbed(&Bloom::with_blocks(50).unwrap(), &[1_000_u32]))
        .unwrap();
    let mut tiny = Bloom::with_blocks(1).unwrap();
    tiny.undo(overwritten);
    assert_eq!(tiny.blocks(), 1);
}

/// All bits set: no upper bound, every item is found.
#[test]
fn full_filters_read_without_panic() {
    let mut bloom = Bloom::with_blocks(1).unwrap();
    let mut classic = ClassicBloom::new(64, 4).unwrap();
    let hashes: Vec<u64> = (0..10_000_u64).map(|i| i.portable_hash(3)).collect();
    bloom.absorb_hashes(&hashes);
    classic.absorb_hashes(&hashes);
    for (items, rate) in
        [(bloom.items(), bloom.false_positive_rate()), (classic.items(), classic.false_positive_rate())]
    {
        assert!(items.lower > 40.0 && items.lower <= items.value && items.upper == f64::INFINITY, "{items}");
        assert_eq!(rate, 1.0);
    }
    let common = bloom.intersection(&bloom).unwrap();
    assert!(common.lower <= common.value && common.value <= common.upper, "{common}");
}
