//! What the benchmarks share.

use std::io::{self, Write};

use streamgauge_examples::weblog::Site;

/// Writes the first lines of a site's log.
///
/// # Errors
/// Those of the writer.
pub fn write_log(site: &Site, lines: u64, out: &mut impl Write) -> io::Result<()> {
    let (mut left, mut text) = (lines, String::new());
    for second in 0.. {
        text.clear();
        let written = site.second(second, &mut text) as u64;
        if written >= left {
            let whole = text.split_inclusive('\n').take(left as usize);
            return whole.map(str::as_bytes).try_for_each(|line| out.write_all(line));
        }
        out.write_all(text.as_bytes())?;
        left -= written;
    }
    Ok(())
}

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
