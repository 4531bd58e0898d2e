//! How fast a clusterer forgets, and what it counts time in.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;

/// How fast the past fades, and what closes a mini-batch.
///
/// A half-life of zero keeps only the last mini-batch that had points for a centre; an infinite one forgets nothing.
///
/// ```
/// use streamgauge_ml::cluster::Forgetting;
/// assert_eq!(Forgetting::per_batch(0.5)?, Forgetting::Batches { half_life: 1.0 });
/// assert_eq!(Forgetting::per_batch(1.0)?, Forgetting::Batches { half_life: f64::INFINITY });
/// assert!(Forgetting::per_batch(1.5).is_err());
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Forgetting {
    /// In batches of the stream, also of empty ones: a stream without points forgets. A mini-batch is closed by
    /// [`Summary::end_batch`](streamgauge_sketches::Summary::end_batch), so what is learned depends on how the stream is
    /// cut into batches.
    Batches {
        /// After so many batches the past weighs half.
        half_life: f64,
    },
    /// In points: a stream without points forgets nothing. A mini-batch is closed by its last point, so how the stream is
    /// cut into batches makes no difference.
    Points {
        /// After so many points the past weighs half.
        half_life: f64,
        /// The points of a mini-batch, at least 1.
        batch: u64,
    },
    /// In event time, in milliseconds: the clock is the newest time that was seen. A mini-batch is closed by the first
    /// point of a later step, so how the stream is cut into batches makes no difference.
    Time {
        /// After so long the past weighs half.
        half_life: Duration,
        /// The time that a mini-batch takes, at least 1 ms. Steps begin at multiples of it.
        step: Duration,
    },
}

impl Forgetting {
    /// Nothing is forgotten; centres move every `batch` points.
    pub const fn never(batch: u64) -> Self {
        Self::Points { half_life: f64::INFINITY, batch }
    }

    /// By the factor that the past is multiplied with at the end of each batch: Spark's decay factor.
    ///
    /// # Errors
    /// [`ParameterError`] unless the factor lies in 0 to 1.
    pub fn per_batch(factor: f64) -> Result<Self, ParameterError> {
        Ok(Self::Batches { half_life: half_life_of("decay factor per batch", factor)? })
    }

    /// By the factor that the past is multiplied with for each point, in mini-batches of so many points.
    ///
    /// # Errors
    /// [`ParameterError`] unless the factor lies in 0 to 1, or if mini-batches have no points.
    pub fn per_point(factor: f64, batch: u64) -> Result<Self, ParameterError> {
        Self::Points { half_life: half_life_of("decay factor per point", factor)?, batch }.checked()
    }

    pub(crate) fn checked(self) -> Result<Self, ParameterError> {
        let wrong = |parameter, allowed, value: String| {
            Err(ParameterError { summary: "StreamingKMeans", parameter, allowed, value })
        };
        match self {
            Self::Batches { half_life } | Self::Points { half_life, .. } if half_life.is_nan() || half_life < 0.0 => {
                wrong("half-life", "at least 0", half_life.to_string())
            }
            Self::Points { batch: 0, .. } => wrong("points of a mini-batch", "at least 1", "0".to_owned()),
            Self::Time { step, .. } if step.as_millis() == 0 || i64::try_from(step.as_millis()).is_err() => {
                wrong("step", "1 to 2^63 − 1 ms", format!("{step:?}"))
            }
            _ => Ok(self),
        }
    }
}

fn half_life_of(parameter: &'static str, factor: f64) -> Result<f64, ParameterError> {
    if factor == 1.0 {
        return Ok(f64::INFINITY);
    }
    if (0.0..1.0).contains(&factor) {
        return Ok(-1.0 / factor.log2());
    }
    Err(ParameterError { summary: "StreamingKMeans", parameter, allowed: "0 to 1", value: factor.to_string() })
}

/// What the past weighs after so long.
pub(crate) fn discount(elapsed: f64, half_life: f64) -> f64 {
    if elapsed > 0.0 { (-elapsed / half_life).exp2() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_a_half_life() {
        for factor in [0.0, 1e-300, 0.1, 0.5, 0.9, 0.999_999, 1.0] {
            let Ok(Forgetting::Batches { half_life }) = Forgetting::per_batch(factor) else { panic!("{factor}") };
            assert!((discount(1.0, half_life) - factor).abs() <= 1e-13 * factor, "{factor}: {half_life}");
        }
        assert_eq!(discount(3.0, 0.0), 0.0);
        assert_eq!(discount(f64::MAX, f64::INFINITY), 1.0);
        assert_eq!(discount(0.0, 0.0), 1.0);
        assert_eq!(discount(2.0, 1.0), 0.25);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let told = |forgetting: Forgetting| forgetting.checked().unwrap_err().to_string();
        let ms = Duration::from_millis;
        for half_life in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert!(told(Forgetting::Batches { half_life }).contains("half-life must be at least 0, not"));
            assert!(told(Forgetting::Points { half_life, batch: 1 }).contains("half-life must be at least 0, not"));
        }
        assert!(told(Forgetting::never(0)).contains("points of a mini-batch must be at least 1, not 0"));
        let no_time = Forgetting::Time { half_life: ms(1), step: Duration::from_nanos(999_999) };
        assert!(told(no_time).contains("step must be 1 to 2^63 − 1 ms, not 999.999µs"), "{}", told(no_time));
        assert!(Forgetting::Time { half_life: ms(0), step: Duration::MAX }.checked().is_err());
        assert!(Forgetting::Time { half_life: Duration::MAX, step: ms(1) }.checked().is_ok());
        for factor in [-0.1, 1.1, f64::NAN] {
            assert!(Forgetting::per_batch(factor).is_err() && Forgetting::per_point(factor, 10).is_err());
        }
        assert!(Forgetting::per_point(0.5, 0).is_err());
    }
}
