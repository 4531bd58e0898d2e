//! What all transformers of dense rows are held to beside the laws.

use std::fmt::Debug;

use streamgauge_sketches::{Merge, laws};

use super::Transformer;
use crate::schema::{Attribute, Schema};

/// Two numbers with a category between them.
pub(super) fn mixed() -> Schema {
    Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 3 }, Attribute::Numeric], 3).unwrap()
}

/// Rows of [`mixed`]; here and there a value is missing.
pub(super) fn rows(n: u32) -> Vec<Vec<f64>> {
    let row = |i: u32| vec![f64::from(i * 37 % 101), f64::from(i % 3), f64::from(i) * 1e-3 - 5.0];
    (0..n)
        .map(|i| {
            let mut row = row(i);
            if i % 10 == 4 {
                row[(i / 10 % 3) as usize] = f64::NAN;
            }
            row
        })
        .collect()
}

/// Values that cannot be: what was made of good rows before is made of them after, and all that comes out is finite or
/// missing.
pub(super) fn hostile<T: Transformer<From = [f64], To = [f64]>>(empty: &T) {
    let mut transformer = empty.clone();
    rows(60).iter().for_each(|row| transformer.learn_one(row).unwrap());
    let good = [1.0, 2.0, 3.0];
    let of = |transformer: &T, row: &[f64]| transformer.transform_one(row, &mut T::Room::default()).unwrap().to_vec();
    let before = of(&transformer, &good);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN] {
        for wrong in [[value, 1.0, 1.0], [1.0, value, 1.0], [value; 3]] {
            // What is there beside it is learned.
            let missing = wrong.map(|x| if x == value || x.is_nan() { f64::NAN } else { x });
            let mut learning = [transformer.clone(), transformer.clone()];
            learning[0].learn_one(&wrong).unwrap();
            learning[1].learn_one(&missing).unwrap();
            assert_eq!(of(&learning[0], &good), of(&learning[1], &good), "{value} is learned as missing");
            assert_eq!(
                format!("{:?}", of(&learning[0], &wrong)[0]),
                format!("{:?}", of(&learning[1], &missing)[0]),
                "{value} is transformed as missing"
            );
        }
        let mut learning = transformer.clone();
        learning.learn_one(&[value; 3]).unwrap();
        assert_eq!(of(&learning, &good), before, "{value} teaches nothing");
    }
    // One number alone, and the same one always, have no scale: nothing is infinite.
    for n in [1, 50] {
        let mut constant = empty.clone();
        (0..n).for_each(|_| constant.learn_one(&[1e-300, 1.0, 7.0]).unwrap());
        for row in [[1e-300, 1.0, 7.0], [1e100, 1.0, -1e100]] {
            assert!(of(&constant, &row).iter().all(|value| value.is_finite()), "{n} equal rows");
        }
    }
}

/// Merging parts is learning all rows, as far as `seen` tells; an empty one changes nothing.
pub(super) fn merges<T, R>(empty: &T, seen: impl Fn(&T) -> R)
where
    T: Transformer<From = [f64]> + Merge,
    R: PartialEq + Debug,
{
    let rows = rows(90);
    let learned = |rows: &[Vec<f64>]| {
        let mut transformer = empty.clone();
        rows.iter().for_each(|row| transformer.learn_one(row).unwrap());
        transformer
    };
    let parts = [learned(&rows[..50]), empty.clone(), learned(&rows[50..53]), learned(&rows[53..])];
    let fold = |parts: &mut dyn Iterator<Item = &T>| {
        let mut all = empty.clone();
        parts.for_each(|part| all.merge(part).unwrap());
        seen(&all)
    };
    assert_eq!(fold(&mut parts.iter()), seen(&learned(&rows)));
    assert_eq!(fold(&mut parts.iter().rev()), seen(&learned(&rows)));
    laws::sliding(empty, &parts, seen);
}
