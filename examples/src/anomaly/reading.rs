//! Readings: a value of a series at a time.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use streamgauge::ml::anomaly::Sample;
use thiserror::Error;

use crate::nab::millis;
use crate::simulation::Written;

/// A value of a series at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The series.
    pub series: CompactString,
    /// When it was taken, and the value; a NaN if that is missing.
    pub sample: Sample,
    /// The number of the anomaly that it is a part of, if that is known.
    pub anomaly: Option<u64>,
}

/// A line that is no reading.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadReading {
    /// There is nothing after a comma.
    #[error("a reading is written as timestamp,value")]
    Columns,
    /// The first column is no time.
    #[error("{0:?} is no timestamp such as 2026-02-14 09:30:00")]
    Timestamp(String),
    /// The second column is no number.
    #[error("{0:?} is no number")]
    Value(String),
}

impl Reading {
    /// The reading that a line of `timestamp,value` holds; none in the header and in an empty line. A value that is empty is missing.
    ///
    /// ```
    /// use streamgauge_examples::anomaly::Reading;
    ///
    /// assert_eq!(Reading::parse("cpu", "timestamp,value"), Ok(None));
    /// let reading = Reading::parse("cpu", "2026-02-14 09:30:00,0.25")?.expect("there is one");
    /// assert_eq!((reading.sample.time, reading.sample.value), (1_771_061_400_000, 0.25));
    /// assert_eq!(reading.time(), "2026-02-14 09:30:00");
    /// # Ok::<(), streamgauge_examples::anomaly::BadReading>(())
    /// ```
    ///
    /// # Errors
    /// [`BadReading`] that says what is wrong with the line.
    pub fn parse(series: &str, line: &str) -> Result<Option<Self>, BadReading> {
        let line = line.trim_start_matches('\u{feff}').trim_end();
        if line.is_empty() {
            return Ok(None);
        }
        let (time, value) = line.split_once(',').ok_or(BadReading::Columns)?;
        let (time, value) = (time.trim(), value.trim());
        if time == "timestamp" {
            return Ok(None);
        }
        let time = millis(time).ok_or_else(|| BadReading::Timestamp(time.to_owned()))?;
        let value = match value {
            "" => f64::NAN,
            value => value.parse().map_err(|_| BadReading::Value(value.to_owned()))?,
        };
        Ok(Some(Self { series: series.into(), sample: Sample { time, value }, anomaly: None }))
    }

    /// The time as files write it.
    pub fn time(&self) -> String {
        Written(self.sample.time).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["1970-01-01 00:00:00", "2014-02-14 14:30:00", "2024-02-29 23:59:59", "1969-12-31 23:59:59"] {
            let reading = Reading::parse("x", &format!("{text},1")).unwrap().unwrap();
            assert_eq!(reading.time(), text);
        }
    }

    #[test]
    fn lines_that_are_no_readings_say_why() {
        let parse = |line| Reading::parse("x", line);
        assert_eq!((parse("\r"), parse("\u{feff}timestamp,value")), (Ok(None), Ok(None)));
        assert_eq!(parse("12"), Err(BadReading::Columns));
        assert_eq!(parse("noon,1"), Err(BadReading::Timestamp("noon".to_owned())));
        assert_eq!(parse("2014-02-14 14:30:00,much"), Err(BadReading::Value("much".to_owned())));
        assert!(parse("2014-02-14 14:30:00,").unwrap().unwrap().sample.value.is_nan());
        assert_eq!(parse("2014-02-14 14:30:00, 1e3\r").unwrap().unwrap().sample.value, 1_000.0);
    }
}
