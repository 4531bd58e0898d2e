use streamgauge_sketches::{Estimate, ExaLogLog, Hashed, Merge, Summary};

use crate::HOLD_OF_2000;

const TRIALS: u64 = 2_000;

/// Numbers that are as good as random hashes: the finalizer of SplitMix64 over a counter.
fn hash(counter: u64) -> u64 {
    let x = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The reading of a sketch of so many items, or of parts of them merged.
fn read(precision: u8, trial: u64, items: u64, parts: u64) -> Estimate {
    let first = trial << 32 | items << 8 << 32;
    let sketch = |part| {
        let mut sketch = ExaLogLog::with_precision(precision).unwrap();
        let hashes: Vec<u64> = (items * part / parts..items * (part + 1) / parts).map(|i| hash(first + i)).collect();
        sketch.absorb_hashes(&hashes);
        sketch
    };
    let mut merged = sketch(0);
    (1..parts).for_each(|part| merged.merge(&sketch(part)).unwrap());
    merged.read()
}

/// Intervals hold as often as they claim, are as narrow as the errors allow, and the errors are those of the theory.
fn check(precision: u8, items: u64, parts: u64) {
    let truth = items as f64;
    let (mut hold, mut width, mut square) = (0, 0.0, 0.0);
    for trial in 0..TRIALS {
        let read = read(precision, trial, items, parts);
        hold += usize::from(read.contains(truth));
        width += (read.upper - read.lower) / truth;
        square += (read.value / truth - 1.0).powi(2);
    }
    let (width, rmse) = (width / TRIALS as f64, (square / TRIALS as f64).sqrt());
    let theory = 0.344_437 / f64::from(1_u32 << precision).sqrt();
    let case = format!("p = {precision}, n = {items} in {parts}: {hold} hold, width {width}, RMSE {rmse}");
    assert!(hold >= HOLD_OF_2000, "{case}");
    // The RMSE of 2,000 trials has a standard error of 1.6 % of itself.
    assert!(rmse <= 1.06 * theory, "{case}");
    assert!(width <= 1.15 * 2.0 * 1.96 * rmse.min(theory), "{case}");
}

#[test]
fn small() {
    for items in [1, 100, 768, 769, 1_500] {
        for parts in [1, 16] {
            check(10, items, parts);
        }
    }
}

#[test]
fn medium() {
    for parts in [1, 16] {
        check(10, 10_000, parts);
    }
}

#[test]
fn large() {
    for parts in [1, 16] {
        check(10, 100_000, parts);
    }
}

#[test]
fn other_precisions() {
    for (precision, items) in [(4, 13), (4, 50), (4, 5_000), (6, 200), (6, 20_000), (14, 20_000)] {
        for parts in [1, 16] {
            check(precision, items, parts);
        }
    }
}

/// Tokens collide now and then: of 100,000 items about 25 do.
#[test]
fn tokens_that_collide() {
    let (mut hold, mut width) = (0, 0.0);
    const TRIALS: u64 = 100;
    for trial in 0..TRIALS {
        let read = read(18, trial, 100_000, 1);
        hold += usize::from(read.contains(100_000.0));
        width += read.upper - read.lower;
    }
    // Of 100 intervals at 95 %, 84 or fewer hold with a probability of 4 · 10⁻⁵.
    assert!(hold >= 85, "{hold}");
    let theory = 2.0 * 1.96 * 24.8_f64.sqrt();
    assert!(width / TRIALS as f64 <= 1.15 * theory, "{width}");
}

/// Far more items than could be absorbed: as many values as so many items would leave.
#[test]
fn beyond_counting() {
    // Each register sees a Poisson number of each value; drawn by whether a random number is below its probability.
    for exponent in [30, 45, 60] {
        let (items, mut square, mut hold) = ((exponent as f64).exp2(), 0.0, 0);
        const TRIALS: u64 = 200;
        for trial in 0..TRIALS {
            let mut sketch = ExaLogLog::with_precision(8).unwrap();
            let mut hashes = Vec::new();
            for register in 0..256_u64 {
                for level in 0..=54_u32 {
                    let probability = 1.0 / f64::from(level + 1).min(54.0).exp2() / 4.0 / 256.0;
                    for place in 0..4 {
                        let counter = (trial << 40 | register << 16 | u64::from(level) << 4 | place) + (exponent << 56);
                        let unit = (hash(counter) >> 11) as f64 / (1_u64 << 53) as f64;
                        if unit < -(-items * probability).exp_m1() {
                            let zeros = if level == 54 { 0 } else { 1 << (level + 2) };
                            hashes.push(register << 56 | zeros | place);
                        }
                    }
                }
            }
            sketch.absorb_hashes(&hashes);
            let read = sketch.read();
            square += (read.value / items - 1.0).powi(2);
            hold += usize::from(read.contains(items));
        }
        // The RMSE of 200 trials has a standard error of 5 % of itself; of 200 intervals, 178 or fewer hold once in 10⁴.
        let rmse = (square / TRIALS as f64).sqrt();
        assert!(rmse < 1.2 * 0.344_437 / 16.0 && hold >= 178, "2^{exponent}: {rmse}, {hold} hold");
    }
}
