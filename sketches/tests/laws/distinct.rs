use proptest::prelude::*;
use streamgauge_sketches::summary::Panes;
use streamgauge_sketches::{Codec, HyperLogLog, Merge, Summary, laws};

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
    fn a_reading_of_two_is_that_of_both_merged(ours in prop::collection::vec(any::<u64>(), 0..2_000), theirs in prop::collection::vec(any::<u64>(), 0..2_000)) {
        for precision in [4, 8, 11, 18] {
            let empty = HyperLogLog::with_precision(precision).unwrap();
            let (ours, theirs) = (absorbed(&empty, &ours), absorbed(&empty, &theirs));
            prop_assert_eq!(ours.read_merged(&theirs).unwrap(), merged(ours, &theirs).read());
        }
    }

    /// Between few items and many, and back: what a window holds changes its form on the way.
    #[test]
    fn windows_read_as_their_panes_merged(
        precision in 4..=9_u8, length in 1..9_i64, phase in 0..9_u64,
        panes in prop::collection::vec((0..3_000_u64, 0..5_u32), 1..60),
    ) {
        let (empty, most) = (HyperLogLog::with_precision(precision).unwrap(), (1 << precision) / 4);
        // Neighbours have many items in common; how many they have lies around the limit, far below it or above.
        let items = |(first, much): (u64, u32)| (first..first + (most * u64::from(much.pow(3)) / 40)).collect::<Vec<_>>();
        let panes: Vec<_> = panes.into_iter().map(|(at, much)| absorbed(&empty, &items((at % 7 * most / 8, much)))).collect();
        let mut window = Panes::<HyperLogLog>::new(length as u32, phase);
        for (number, pane) in (0..).zip(&panes) {
            window.push(number, pane.clone()).unwrap();
            window.evict(number - length + 1).unwrap();
            let first = (number - length + 1).max(0) as usize;
            let expected = panes[first..=number as usize].iter().fold(empty.clone(), merged);
            prop_assert_eq!(window.total().unwrap().unwrap().to_bytes(), expected.to_bytes());
            prop_assert_eq!(window.reading().unwrap().unwrap(), expected.read());
            if number % 3 == 0 {
                let stored = postcard::to_allocvec(&window).unwrap();
                window = postcard::from_bytes(&stored).unwrap();
                prop_assert_eq!(postcard::to_allocvec(&window).unwrap(), stored);
            }
        }
    }

    #[test]
    fn damaged_windows_do_no_harm(
        precision in 4..=7_u8, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), much in 0..200_u64,
    ) {
        let empty = HyperLogLog::with_precision(precision).unwrap();
        let mut window = Panes::<HyperLogLog>::new(5, 2);
        for pane in 0..7 {
            window.push(pane, absorbed(&empty, &(0..much * (1 + pane as u64 % 2)).collect::<Vec<_>>())).unwrap();
            window.evict(pane - 4).unwrap();
        }
        let mut stored = postcard::to_allocvec(&window).unwrap();
        for (at, value) in damage {
            let at = at.index(stored.len());
            stored[at] = value;
        }
        // Refused, or a window that slides on.
        if let Ok(mut window) = postcard::from_bytes::<Panes<HyperLogLog>>(&stored) {
            for pane in 7..20 {
                // Another precision may stand there now.
                let _ = window.push(pane, absorbed(&empty, &[pane as u64]));
                window.evict(pane - 4).unwrap();
                window.total().unwrap();
                window.reading().unwrap();
            }
        }
    }
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
    let (ours, theirs) = (sketch(12, 1), sketch(13, 1));
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
