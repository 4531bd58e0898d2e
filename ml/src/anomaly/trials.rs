//! What every scorer of rows is put through.

use streamgauge_sketches::Merge;
use streamgauge_sketches::random::Draws;

use super::{Calibrated, Scorer};
use crate::error::RowError;
use crate::laws;

/// Rows of three attributes of different units, one of which has few values.
pub(super) fn rows(n: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut draws = Draws::new(seed);
    let row = |draws: &mut Draws| vec![draws.unit() + draws.unit(), 1e3 * draws.unit().ln(), draws.below(3) as f64];
    (0..n).map(|_| row(&mut draws)).collect()
}

fn hostile() -> Vec<Vec<f64>> {
    let values =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 5e-324, 1e100, -1e-300, 4_294_967_296.5];
    let place = |(i, value): (usize, &f64)| {
        let mut row = rows(1, 9).remove(0);
        row[i % 3] = *value;
        [row, vec![*value; 3]]
    };
    (0..20).flat_map(|_| values.iter().enumerate().flat_map(place)).collect()
}

/// Holds a scorer of three attributes to the laws of detectors and to those of rows.
pub(super) fn holds_the_laws<S: Scorer<Item = [f64]>>(scorer: &S) {
    let (items, hostile) = (rows(300, 1), hostile());
    let slices = |rows: &[Vec<f64>]| rows.iter().map(Vec::as_slice).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let (items, hostile) = (slices(&items), slices(&hostile));
    laws::detects(
        &Calibrated::new(scorer.clone()),
        &items.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        &hostile.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    );
    let mut learned = scorer.clone();
    items.iter().for_each(|row| learned.learn_one(row).unwrap());
    learned.check().unwrap();
    refuses_other_widths(&learned);
    says_nothing_of_missing_rows(&learned);
    passes_over_missing_values(&learned, &items);
    survives_damage(&learned, &items);
}

fn stored<S: Scorer>(scorer: &S) -> Vec<u8> {
    postcard::to_allocvec(scorer).unwrap()
}

fn refuses_other_widths<S: Scorer<Item = [f64]>>(learned: &S) {
    let mut refusing = learned.clone();
    for wrong in [&[][..], &[1.0, 2.0], &[1.0, 2.0, 3.0, 4.0]] {
        let width = RowError::Width { expected: 3, found: wrong.len() };
        assert_eq!(refusing.raw_one(wrong), Err(width));
        assert_eq!(refusing.learn_one(wrong), Err(width));
        assert_eq!(refusing.raw_and_learn(wrong), Err(width));
    }
    assert!(stored(&refusing) == stored(learned), "what is refused changes nothing");
}

fn says_nothing_of_missing_rows<S: Scorer<Item = [f64]>>(learned: &S) {
    let missing = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut passing = learned.clone();
    assert_eq!(passing.raw_and_learn(&missing), Ok(None));
    assert_eq!(passing.raw_one(&missing), Ok(None));
    assert!(stored(&passing) == stored(learned), "a row without any value is passed over");
}

/// Rows of which one value is missing are scored, and infinite counts as missing; what is strange in the others is still seen.
fn passes_over_missing_values<S: Scorer<Item = [f64]>>(learned: &S, items: &[Vec<f64>]) {
    for row in &items[..50] {
        let [nan, infinite, minus] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|missing| {
            let raw = learned.raw_one(&[row[0], missing, row[2]]).unwrap();
            raw.expect("a row with some values is scored")
        });
        assert!(nan.is_finite() && nan == infinite && nan == minus);
    }
    let usual = learned.raw_one(&[1.0, f64::NAN, 1.0]).unwrap();
    let strange = learned.raw_one(&[50.0, f64::NAN, 1.0]).unwrap();
    assert!(strange > usual, "{strange:?} {usual:?}");
}

/// Bytes that anyone may have written: refused, or a scorer that goes on without a panic.
fn survives_damage<S: Scorer<Item = [f64]>>(learned: &S, items: &[Vec<f64>]) {
    let (bytes, mut draws, mut survived) = (stored(learned), Draws::new(3), 0);
    for _ in 0..3_000 {
        let mut damaged = bytes.clone();
        for _ in 0..=draws.below(3) {
            let at = draws.below(damaged.len() as u64) as usize;
            damaged[at] = draws.bits() as u8;
        }
        let Ok(mut scorer) = postcard::from_bytes::<S>(&damaged) else { continue };
        if scorer.check().is_ok() {
            survived += 1;
            for row in &items[..70] {
                scorer.raw_and_learn(row).ok();
            }
        }
    }
    assert!(survived > 0, "most damage is to numbers that can be");
}

/// Holds a scorer to scoring the same whether it has learned all rows, or parts that were merged, in either order, or
/// was merged with an empty one.
pub(super) fn merges<S: Scorer<Item = [f64]> + Merge>(empty: &S, tolerance: f64) {
    let rows = rows(2_000, 5);
    let learned = |rows: &[Vec<f64>]| {
        let mut scorer = empty.clone();
        rows.iter().for_each(|row| scorer.learn_one(row).unwrap());
        scorer
    };
    let whole = learned(&rows);
    let parts: Vec<S> = rows.chunks(300).map(learned).collect();
    let merged = |parts: &mut dyn Iterator<Item = &S>| {
        parts.fold(empty.clone(), |mut all, part| {
            all.merge(part).unwrap();
            all
        })
    };
    let (forward, backward) = (merged(&mut parts.iter()), merged(&mut parts.iter().rev()));
    let mut and_nothing = whole.clone();
    and_nothing.merge(empty).unwrap();
    for row in rows.iter().step_by(17).chain(&[vec![5.0, 1.0, 1.0], vec![1.0, f64::NAN, 7.0]]) {
        let raw = |scorer: &S| scorer.raw_one(row).unwrap().unwrap();
        let expected = raw(&whole);
        for found in [raw(&forward), raw(&backward), raw(&and_nothing)] {
            assert!((found - expected).abs() <= tolerance * (1.0 + expected.abs()), "{row:?}: {found}, not {expected}");
        }
    }
}
