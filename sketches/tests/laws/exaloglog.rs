use proptest::prelude::*;
use streamgauge_sketches::summary::Undo;
use streamgauge_sketches::{Absorb, Codec, ExaLogLog, Hashed, Merge, Panes, Summary, laws};

use crate::{absorbed, parts};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn exaloglog(parts in parts()) {
        for precision in [4, 6, 10] {
            let empty = ExaLogLog::with_precision(precision).unwrap();
            laws::hold(&empty, &parts, Codec::to_bytes);
            laws::image_holds(&absorbed(&empty, &parts.concat()));
        }
    }

    /// Of hashes chosen at will, with many zeros or ones too.
    #[test]
    fn any_hashes(hashes in prop::collection::vec((any::<u64>(), 0..64_u32, any::<bool>()), 0..400), cut in 0..400_usize) {
        let hashes: Vec<u64> = hashes.iter().map(|&(hash, zeros, ones)| match ones {
            true => !(!hash << zeros),
            false => hash << zeros | hash >> 60,
        }).collect();
        for precision in [4, 8, 18] {
            let of = |hashes: &[u64]| {
                let mut sketch = ExaLogLog::with_precision(precision).unwrap();
                hashes.iter().for_each(|&hash| sketch.absorb_hash(hash));
                sketch
            };
            let whole = of(&hashes);
            let (a, b) = hashes.split_at(cut.min(hashes.len()));
            let (mut merged, other) = (of(a), of(b));
            let before = merged.to_bytes();
            let overwritten = merged.merge_logged(&other).unwrap();
            prop_assert_eq!(merged.to_bytes(), whole.to_bytes());
            merged.undo(overwritten);
            prop_assert_eq!(merged.to_bytes(), before);
            let mut bulk = ExaLogLog::with_precision(precision).unwrap();
            bulk.absorb_hashes(a);
            bulk.absorb_hashes(b);
            prop_assert_eq!(bulk.to_bytes(), whole.to_bytes());
            prop_assert!(whole.read().value.is_finite());
        }
    }

    /// Images with arbitrary content and a right checksum are refused, or give a sketch that works.
    #[test]
    fn images_from_strangers(
        precision in 3..20_u8,
        form in 0..3_u8,
        words in prop::collection::vec(prop_oneof![any::<u32>(), 0..1_000_u32, Just(0)], 0..40),
    ) {
        let mut content = vec![precision, form];
        if form == 0 {
            content.extend((words.len() as u32).to_le_bytes());
        }
        content.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let mut image = ExaLogLog::default().to_bytes()[..18].to_vec();
        image.extend((content.len() as u64).to_le_bytes());
        image.extend(content);
        image.extend(crc32(&image).to_le_bytes());
        if let Ok(sketch) = ExaLogLog::from_bytes(&image) {
            prop_assert_eq!(sketch.to_bytes(), image);
            works(sketch);
        }
    }
}

/// Reads, merges, absorbs and slides.
fn works(sketch: ExaLogLog) {
    let read = sketch.read();
    assert!(read.value.is_finite() && read.lower <= read.value && read.value <= read.upper, "{read}");
    let other = absorbed(&ExaLogLog::with_precision(sketch.precision()).unwrap().seeded(sketch.seed()), &[1_u32, 2, 3]);
    let (mut one, mut two) = (sketch.clone(), other.clone());
    one.merge(&other).unwrap();
    two.merge(&sketch).unwrap();
    assert_eq!(one.to_bytes(), two.to_bytes());
    one.absorb_all(&[7_u32; 200]);
    laws::storing(&one);
}

fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    }) ^ u32::MAX
}

#[test]
fn registers_that_cannot_be_are_refused() {
    let sketch = absorbed(&ExaLogLog::with_precision(4).unwrap(), &(0..10_000_u32).collect::<Vec<_>>());
    let image = sketch.to_bytes();
    for (register, possible) in [
        (0_u32, true),
        (1, false),
        (1 << 24, false),
        (1 << 24 | 1 << 23, true),
        (1 << 24 | 3 << 22, false),
        (24 << 24 | 1, true),
        (24 << 24, false),
        (25 << 24, true),
        (236 << 24, true),
        (237 << 24, false),
        (u32::MAX, false),
    ] {
        let mut changed = image.clone();
        changed[28..32].copy_from_slice(&register.to_le_bytes());
        let end = changed.len() - 4;
        let checksum = crc32(&changed[..end]);
        changed[end..].copy_from_slice(&checksum.to_le_bytes());
        match ExaLogLog::from_bytes(&changed) {
            Ok(sketch) if possible => works(sketch),
            Err(error) if !possible => assert!(error.to_string().contains("register 0x"), "{error}"),
            other => panic!("{register:#x}: {other:?}"),
        }
    }
    // All hashes were seen: the estimate is large, and a number.
    let mut full = image[..28].to_vec();
    full.extend((236_u32 << 24 | 0x00ff_ffff).to_le_bytes().repeat(16));
    full.extend(crc32(&full).to_le_bytes());
    works(ExaLogLog::from_bytes(&full).unwrap());
}

#[test]
fn stored_parts_are_checked() {
    let stored = |sketch: &ExaLogLog| postcard::to_allocvec(sketch).unwrap();
    let sparse = stored(&absorbed(&ExaLogLog::with_precision(8).unwrap(), &[1_u32, 2, 3]));
    let dense = stored(&absorbed(&ExaLogLog::with_precision(8).unwrap(), &(0..9_000_u32).collect::<Vec<_>>()));
    let mut refused = 0;
    for stored in [sparse, dense] {
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut damaged = stored.clone();
                damaged[at] ^= 1 << bit;
                match postcard::from_bytes::<ExaLogLog>(&damaged) {
                    Ok(sketch) if at % 16 == 0 => works(sketch),
                    Ok(_) => (),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

/// A log that belongs to another state gives a wrong state, but one that works.
#[test]
fn undoing_what_another_state_overwrote() {
    let sketch = |precision, items: std::ops::Range<u32>| {
        absorbed(&ExaLogLog::with_precision(precision).unwrap(), &items.collect::<Vec<_>>())
    };
    let sizes = [0..0, 0..10, 5..60, 0..150, 100..220, 0..3_000, 2_500..2_600, 3_000..20_000];
    let mut logs = Vec::new();
    for (ours, theirs) in sizes.iter().flat_map(|ours| sizes.iter().map(move |theirs| (ours, theirs))) {
        for precision in [4, 8] {
            let mut merged = sketch(precision, ours.clone());
            logs.push(merged.merge_logged(&sketch(precision, theirs.clone())).unwrap());
            assert!(ExaLogLog::overwritten_bytes(&logs[logs.len() - 1]) <= merged.memory_bytes() + 4 * 512);
            let bytes = merged.to_bytes();
            merged.undo(logs[logs.len() - 1].clone());
            assert_eq!(merged.to_bytes(), sketch(precision, ours.clone()).to_bytes(), "{ours:?} and {theirs:?}");
            merged.merge(&sketch(precision, theirs.clone())).unwrap();
            assert_eq!(merged.to_bytes(), bytes);
        }
    }
    for log in &logs {
        for precision in [4, 8, 12] {
            for items in [0..0, 0..5, 0..100, 0..500] {
                let mut other = sketch(precision, items);
                other.undo(log.clone());
                works(other);
            }
        }
    }
}

/// Sliding costs what the merges overwrote: less than a sketch for every pane.
#[test]
fn a_window_is_smaller_than_its_panes() {
    let mut window = Panes::<ExaLogLog>::new(60, 0);
    let (mut least, mut panes) = (usize::MAX, 0);
    for pane in 0..120_i64 {
        let items: Vec<u64> = (0..2_000).map(|i| pane as u64 * 200 + i).collect();
        let summary = absorbed(&ExaLogLog::default(), &items);
        panes = 60 * summary.memory_bytes();
        window.push(pane, summary).unwrap();
        window.evict(pane - 59).unwrap();
        if pane >= 60 {
            least = least.min(window.memory_bytes());
        }
    }
    // Just after a flip.
    assert!(least < panes / 3, "{least} of {panes}");
    let read = window.reading().unwrap().unwrap();
    assert!(read.contains(59.0 * 200.0 + 2_000.0), "{read}");
    assert!(window.memory_bytes() < 2 * panes);
}

#[test]
fn different_parameters_are_refused() {
    let sketch = |precision, seed| {
        let empty = ExaLogLog::with_precision(precision).unwrap().seeded(seed);
        absorbed(&empty, &[1_u32, 2, 3])
    };
    laws::refuses(&sketch(10, 1), &sketch(11, 1));
    laws::refuses(&sketch(10, 1), &sketch(10, 2));
    let error = sketch(10, 1).merge_logged(&sketch(11, 1)).unwrap_err();
    assert_eq!(error.to_string(), "cannot merge ExaLogLog of precision 11 into one of precision 10");
}

#[test]
fn parameters_are_checked_by_name() {
    let error = ExaLogLog::with_precision(19).unwrap_err();
    assert_eq!(error.to_string(), "ExaLogLog: precision must be 4 to 18, not 19");
    for (error, precision) in [(0.5, 4), (0.0861, 5), (0.0862, 4), (0.01, 11), (0.000_673, 18)] {
        assert_eq!(ExaLogLog::with_error(error).unwrap().precision(), precision, "{error}");
    }
    for error in [0.0, -1.0, 0.000_672, f64::NAN] {
        assert!(ExaLogLog::with_error(error).is_err());
    }
}
