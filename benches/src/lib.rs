//! What the benchmarks share.

pub mod distinct;
pub mod input;
pub mod race;
pub mod report;

/// The middle one of some numbers, or the mean of the two in the middle; NaN of none.
pub fn median(numbers: &[f64]) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.get(middle) {
        None => f64::NAN,
        Some(upper) if numbers.len() % 2 == 1 => *upper,
        Some(upper) => (numbers[middle - 1] + upper) / 2.0,
    }
}
