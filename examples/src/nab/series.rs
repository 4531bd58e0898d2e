//! Series as they are read.

use std::fs;
use std::path::{Path, PathBuf};

use streamgauge::ml::anomaly::Sample;

use super::Failure;
use crate::weblog::time;

/// A series and where it came from.
pub(super) struct Series {
    /// The path below the folder of the data, with `/` between its parts.
    pub(super) name: String,
    /// The timestamps and values as they were written.
    pub(super) lines: Vec<String>,
    pub(super) samples: Vec<Sample>,
}

/// Reads a series.
pub(super) fn read(root: &Path, path: &PathBuf) -> Result<Series, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::Read { path: path.clone(), error })?;
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parse(&text)
        .map(|(lines, samples)| Series { name: parts.join("/"), lines, samples })
        .map_err(|(line, what)| Failure::Line { path: path.clone(), line, what })
}

/// The lines and samples, or the number of a line and what is wrong with it.
pub(super) fn parse(text: &str) -> Result<(Vec<String>, Vec<Sample>), (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut all = (1..).zip(text.lines().map(str::trim_end));
    match all.next() {
        Some((_, "timestamp,value")) => {}
        Some((line, other)) => return Err((line, format!("the header is {other:?}, not \"timestamp,value\""))),
        None => return Err((1, "the file is empty; it begins with \"timestamp,value\"".to_owned())),
    }
    let (mut lines, mut samples) = (Vec::new(), Vec::new());
    for (number, line) in all {
        if line.is_empty() {
            continue;
        }
        let Some((timestamp, value)) = line.split_once(',') else {
            return Err((number, format!("{line:?} is no timestamp and value")));
        };
        let Some(time) = millis(timestamp) else {
            return Err((number, format!("{timestamp:?} is no timestamp such as 2014-02-14 14:30:00")));
        };
        let Ok(value) = value.trim().parse() else { return Err((number, format!("{value:?} is no number"))) };
        samples.push(Sample { time, value });
        lines.push(line.to_owned());
    }
    Ok((lines, samples))
}

/// Milliseconds since 1970 of `2014-02-14 14:30:00`, also with a `T` in the middle and with a fraction.
pub(crate) fn millis(timestamp: &str) -> Option<i64> {
    let (whole, fraction) = timestamp.trim().split_once('.').unwrap_or((timestamp.trim(), "0"));
    let bytes: &[u8; 19] = whole.as_bytes().try_into().ok()?;
    let marks = [bytes[4], bytes[7], bytes[10], bytes[13], bytes[16]];
    if !matches!(&marks, b"-- ::" | b"--T::") {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
    };
    let seconds =
        time::seconds(number(0, 4)?, number(5, 7)?, number(8, 10)?, number(11, 13)?, number(14, 16)?, number(17, 19)?)?;
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    Some(seconds * 1_000 + digits.fold(0, |sum, b| sum * 10 + i64::from(b - b'0')))
}
