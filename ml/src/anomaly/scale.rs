//! The scales of attributes.

use std::fmt;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError};

use super::rows::{LARGEST, allow, known, push};

/// Rows that scales are measured on.
const FIRST: usize = 64;

/// What brings an attribute to the middle and to a deviation of one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    centre: f64,
    per_deviation: f64,
}

impl Scale {
    /// The mean and the deviation of values; where they do not differ half their size, or one.
    fn measure(values: impl Iterator<Item = f64> + Clone) -> Self {
        let values = values.filter_map(known);
        let count = values.clone().count().max(1) as f64;
        // Rounded it may be beyond all values.
        let centre = (values.clone().sum::<f64>() / count).clamp(-LARGEST, LARGEST);
        let deviation = (values.map(|value| (value - centre) * (value - centre)).sum::<f64>() / count).sqrt();
        let deviation = [deviation, centre.abs() / 2.0].into_iter().find(|deviation| *deviation > 1e-100);
        Self { centre, per_deviation: (1.0 / deviation.unwrap_or(1.0)).max(1.0 / LARGEST) }
    }

    /// The scale of each attribute of a block of rows.
    pub(super) fn measured(rows: &[f64], width: usize) -> Vec<Self> {
        (0..width).map(|i| Self::measure(rows.iter().skip(i).step_by(width).copied())).collect()
    }

    /// Scales that a user gives: mean and deviation of each attribute.
    pub(super) fn given(
        summary: &'static str,
        scales: impl IntoIterator<Item = (f64, f64)>,
        width: usize,
    ) -> Result<Vec<Self>, ParameterError> {
        let allowed = "a mean within ±10^100 and a deviation of 10^-100 to 10^100 for each attribute";
        let mut given = Vec::with_capacity(width);
        for (centre, deviation) in scales {
            let scale = Self { centre, per_deviation: 1.0 / deviation };
            allow(summary, "scales", allowed, scale.is_right(), format!("{centre} and {deviation}"))?;
            given.push(scale);
        }
        allow(summary, "scales", allowed, given.len() == width, format!("{} of them", given.len()))?;
        Ok(given)
    }

    /// Keeps a row to measure scales on; whether there are enough of them now.
    pub(super) fn keep_first(first: &mut Vec<f64>, row: &[f64]) -> bool {
        let most = FIRST * row.len();
        push(first, row, most);
        first.len() >= most
    }

    /// A value in deviations from the centre; none if it is missing.
    #[inline]
    pub(super) fn of(self, value: f64) -> Option<f64> {
        known(value).and_then(|value| known((value - self.centre) * self.per_deviation))
    }

    fn is_right(self) -> bool {
        known(self.centre) == Some(self.centre) && (1.0 / LARGEST..=LARGEST).contains(&self.per_deviation)
    }

    /// Scales that were stored, or the first rows they will be measured on.
    pub(super) fn check(scales: &[Self], first: &[f64], width: usize) -> Result<(), DecodeError> {
        let measured = scales.is_empty() || scales.len() == width;
        DecodeError::unless(measured && scales.iter().all(|scale| scale.is_right()), "scales", scales.len())?;
        let most = if scales.is_empty() { FIRST * width } else { 1 };
        let whole = first.len() < most && first.len().is_multiple_of(width);
        DecodeError::unless(whole, "numbers", first.len())
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ± {}", self.centre, 1.0 / self.per_deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_scales_are_right_whatever_the_values() {
        for count in 1..=FIRST {
            for other in [f64::MAX, -f64::MAX, 0.0, 5e-324] {
                let rows: Vec<f64> = (0..count).map(|i| if i % 2 == 0 { f64::MAX } else { other }).collect();
                Scale::check(&Scale::measured(&rows, 1), &[], 1).unwrap();
            }
        }
    }
}
