use proptest::prelude::*;
use streamgauge_sketches::{Codec, HyperLogLog, laws};

use crate::{absorbed, parts};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn hyperloglog(parts in parts()) {
        for precision in [4, 6, 10] {
            let empty = HyperLogLog::with_precision(precision).unwrap();
            laws::hold(&empty, &parts, Codec::to_bytes);
            laws::image_holds(&absorbed(&empty, &parts.concat()));
        }
    }
}

#[test]
fn different_parameters_are_refused() {
    let sketch = |precision, seed| {
        let empty = HyperLogLog::with_precision(precision).unwrap().seeded(seed);
        absorbed(&empty, &[1_u32, 2, 3])
    };
    laws::refuses(&sketch(12, 1), &sketch(13, 1));
    laws::refuses(&sketch(12, 1), &sketch(12, 2));
}
