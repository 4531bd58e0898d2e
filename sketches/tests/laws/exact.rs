use proptest::prelude::*;
use streamgauge_sketches::exact::FloatSum;
use streamgauge_sketches::{Codec, Count, ExactDistinct, ExactQuantiles, ExactTop, Sum, Summary, laws};

use crate::{absorbed, floats, parts};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn counts_and_sums(parts in parts()) {
        laws::hold(&Count::default(), &parts, Codec::to_bytes);
        laws::hold(&Sum::default(), &parts, Codec::to_bytes);
        // Whole numbers this small have exact floating sums.
        laws::hold(&FloatSum::default(), &floats(&parts), |s| s.read().value);
        laws::image_holds(&absorbed(&Count::default(), &parts.concat()));
        laws::image_holds(&absorbed(&Sum::default(), &parts.concat()));
    }

    #[test]
    fn yardsticks(parts in parts()) {
        laws::hold::<_, u32, _>(&ExactDistinct::<u32>::default(), &parts, |s| s.read().value);
        laws::hold::<_, u32, _>(&ExactTop::<u32>::new(5), &parts, |s| s.read());
        laws::hold(&ExactQuantiles::default(), &floats(&parts), |s| {
            let quantiles = s.read();
            (!quantiles.is_empty()).then(|| [0.0, 0.1, 0.5, 0.99, 1.0].map(|q| quantiles.at(q).value))
        });
    }
}

#[test]
fn different_parameters_are_refused() {
    laws::refuses(&ExactTop::<u32>::new(5), &ExactTop::new(6));
}
