use proptest::prelude::*;
use streamgauge_sketches::summary::{Panes, Undo};
use streamgauge_sketches::{Absorb, Codec, HyperLogLog, Merge, Summary, laws};

use crate::{absorbed, merged, parts};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn hyperloglog(parts in parts()) {
        // Registers soon and late, and lists, tables and registers in one window.
        for precision in [4, 6, 10, 12] {
            let empty = HyperLogLog::with_precision(precision).unwrap();
            laws::hold(&empty, &parts, Codec::to_bytes);
            laws::image_holds(&absorbed(&empty, &parts.concat()));
        }
    }

    #[test]
    fn merges_are_undone(first in prop::collection::vec(any::<u64>(), 0..2_000), then in prop::collection::vec(any::<u64>(), 0..2_000)) {
        for precision in [4, 8, 11, 18] {
            let empty = HyperLogLog::with_precision(precision).unwrap();
            let (mut ours, theirs) = (absorbed(&empty, &first), absorbed(&empty, &then));
            let (before, both) = (ours.to_bytes(), merged(ours.clone(), &theirs));
            prop_assert_eq!(ours.read_merged(&theirs).unwrap(), both.read());
            let overwritten = ours.merge_logged(&theirs).unwrap();
            prop_assert_eq!(ours.to_bytes(), both.to_bytes());
            // At most what is new, which is at most a byte of the register and three of its place.
            prop_assert!(HyperLogLog::overwritten_bytes(&overwritten) <= 64 + 4 * (first.len().max(then.len())));
            ours.undo(overwritten);
            prop_assert_eq!(ours.to_bytes(), before);
        }
    }

    #[test]
    fn foreign_logs_do_no_harm(items in prop::collection::vec(any::<u64>(), 0..2_000), bits in prop::collection::vec(any::<u32>(), 0..500), form in 0..3_u8) {
        // A log as a damaged checkpoint may hold it: a form, and any numbers.
        let mut stored = vec![form];
        stored.extend(postcard_bytes(&bits));
        for precision in [4, 12, 18] {
            let mut sketch = absorbed(&HyperLogLog::with_precision(precision).unwrap(), &items);
            sketch.undo(postcard::from_bytes(&stored).unwrap());
            laws::image_holds(&sketch);
            sketch.absorb_all(&items);
            sketch.read();
        }
    }
}

fn postcard_bytes(bits: &[u32]) -> Vec<u8> {
    postcard::to_allocvec(bits).unwrap()
}

#[test]
fn windows_of_all_forms_are_exact() {
    // Panes of a list, a table and of registers, in turn.
    let empty = HyperLogLog::default();
    let panes: Vec<HyperLogLog> = (0..12_u64)
        .map(|pane| {
            let n = [3, 100, 400, 3_000][pane as usize % 4];
            absorbed(&empty, &(pane * 50..pane * 50 + n).collect::<Vec<_>>())
        })
        .collect();
    laws::sliding(&empty, &panes, Codec::to_bytes);
}

#[test]
fn windows_of_many_panes_cost_what_merges_overwrite() {
    let mut window = Panes::<HyperLogLog>::new(60, 0);
    for pane in 0..200_u64 {
        let items: Vec<u64> = (pane * 20_000..(pane + 1) * 20_000).collect();
        window.push(pane as i64, absorbed(&HyperLogLog::default(), &items)).unwrap();
        window.evict(pane as i64 - 59).unwrap();
    }
    window.evict(181).unwrap();
    let panes = 60 * (4_096 + size_of::<HyperLogLog>());
    assert!(window.memory_bytes() < panes, "{} of {panes} bytes", window.memory_bytes());
}

#[test]
fn different_parameters_are_refused() {
    let sketch = |precision, seed| {
        let empty = HyperLogLog::with_precision(precision).unwrap().seeded(seed);
        absorbed(&empty, &[1_u32, 2, 3])
    };
    laws::refuses(&sketch(12, 1), &sketch(13, 1));
    laws::refuses(&sketch(12, 1), &sketch(12, 2));
    let (mut ours, theirs) = (sketch(12, 1), sketch(13, 1));
    assert_eq!(ours.merge_logged(&theirs).unwrap_err(), ours.compatible(&theirs).unwrap_err());
    assert_eq!(ours.intersection(&theirs).unwrap_err(), ours.compatible(&theirs).unwrap_err());
    assert_eq!(ours.read_merged(&theirs).unwrap_err(), ours.compatible(&theirs).unwrap_err());
}

#[test]
fn parameters_are_checked() {
    for precision in [0, 3, 19, 255] {
        let error = HyperLogLog::with_precision(precision).unwrap_err();
        assert_eq!(error.to_string(), format!("HyperLogLog: precision must be 4 to 18, not {precision}"));
    }
    for error in [0.0, -1.0, 0.002, f64::NAN] {
        HyperLogLog::with_error(error).unwrap_err();
    }
    assert_eq!(HyperLogLog::with_error(f64::INFINITY).unwrap().precision(), 4);
}

/// Registers that no stream leaves behind are read, merged and compared without a panic.
#[test]
fn impossible_registers_are_harmless() {
    for precision in [4_u8, 12] {
        let most = 64 - precision + 1;
        let image = |registers: Vec<u8>| {
            let mut image = HyperLogLog::with_precision(precision).unwrap().to_bytes();
            image.truncate(image.len() - 4 - 4 - 1);
            image.push(1);
            image.extend(registers);
            let length = image.len() as u64 - 26;
            image[18..26].copy_from_slice(&length.to_le_bytes());
            let checksum = crc32fast::hash(&image);
            image.extend(checksum.to_le_bytes());
            HyperLogLog::from_bytes(&image)
        };
        let m = 1 << precision;
        image(vec![most + 1; m]).unwrap_err();
        image(vec![255; m]).unwrap_err();
        let odd = [vec![most; m], vec![0; m], vec![1; m], (0..m).map(|i| i as u8 % (most + 1)).collect()];
        let odd = odd.map(|registers| image(registers).unwrap());
        for ours in &odd {
            for theirs in &odd {
                ours.read_merged(theirs).unwrap();
                for share in [ours.intersection(theirs), ours.difference(theirs), ours.jaccard(theirs)] {
                    let share = share.unwrap();
                    assert!(share.lower <= share.value && share.value <= share.upper, "{share:?}");
                }
            }
        }
    }
}
