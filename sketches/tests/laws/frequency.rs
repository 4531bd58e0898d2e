use proptest::prelude::*;
use streamgauge_sketches::{Absorb, Codec, CountMin, ExactTop, HeavyHitters, laws};

use crate::{absorbed, merged, parts};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn count_min(parts in parts()) {
        let empty = CountMin::new(3, 64).unwrap();
        laws::hold(&empty, &parts, Codec::to_bytes);
        laws::image_holds(&absorbed(&empty, &parts.concat()));
    }

    #[test]
    fn heavy_hitters(parts in parts()) {
        let mut exact = ExactTop::<u32>::new(5);
        parts.iter().flatten().for_each(|item| exact.absorb(item));
        // What it holds of every item is an interval with the truth in it: that is what must be equal.
        laws::hold(&HeavyHitters::<u32>::with_counters(5, 16).unwrap(), &parts, |s| s.total());
        let whole = parts.iter().fold(HeavyHitters::with_counters(5, 16).unwrap(), |sum, part| {
            merged(sum, &absorbed(&HeavyHitters::with_counters(5, 16).unwrap(), part))
        });
        for item in parts.iter().flatten() {
            prop_assert!(whole.estimate(item).contains(exact.count(item) as f64));
        }
    }
}

#[test]
fn different_parameters_are_refused() {
    let sketch = |depth, width, seed| absorbed(&CountMin::new(depth, width).unwrap().seeded(seed), &[1_u32, 2, 3]);
    laws::refuses(&sketch(3, 64, 1), &sketch(4, 64, 1));
    laws::refuses(&sketch(3, 64, 1), &sketch(3, 128, 1));
    laws::refuses(&sketch(3, 64, 1), &sketch(3, 64, 2));
    let top = |k, counters| absorbed(&HeavyHitters::with_counters(k, counters).unwrap(), &[1_u32, 2, 3]);
    laws::refuses(&top(5, 64), &top(6, 64));
    laws::refuses(&top(5, 64), &top(5, 128));
}
