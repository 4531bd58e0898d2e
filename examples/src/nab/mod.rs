//! Anomaly scores for folders of series, and the score of the Numenta Anomaly Benchmark.

mod detect;
mod files;
mod series;
mod windows;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use streamgauge::ml::evaluate::nab::{Nab, NabError, PROFILES, Series as Scored};
use thiserror::Error;

pub use detect::Choice;
pub(crate) use series::millis;

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of the series.
    pub data: PathBuf,
    /// The folder of the scores.
    pub out: PathBuf,
    /// The file of the windows.
    pub windows: Option<PathBuf>,
    /// What detects.
    pub detector: Choice,
}

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {path}: {error}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line of a series is malformed.
    #[error("{path}, line {line}: {what}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A folder holds no series.
    #[error("there is no .csv file below {0}")]
    NoSeries(PathBuf),
    /// The scores would lie among the series, and be taken for such the next time.
    #[error("the folder of the scores, {out}, lies inside that of the series, {data}")]
    Inside {
        /// The folder of the scores.
        out: PathBuf,
        /// The folder of the series.
        data: PathBuf,
    },
    /// The file of the windows is malformed, or does not fit to a series.
    #[error("{path}: {what}")]
    Windows {
        /// The file of the windows.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl From<Failure> for crate::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Write { path, error } => {
                Self::Write(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
            }
            wrong => Self::Usage(wrong.to_string()),
        }
    }
}

/// The scores of the benchmark.
#[derive(Serialize)]
struct Report {
    detector: Choice,
    series: usize,
    windows: usize,
    records: usize,
    profiles: Vec<ProfileScore>,
}

#[derive(Serialize)]
struct ProfileScore {
    profile: &'static str,
    score: f64,
    threshold: f64,
}

/// Writes the scores of all series; gives the report as a line of JSON, if there are windows.
///
/// All input is read and checked before anything is written; each file of scores is written beside its place and
/// renamed, so that none is ever half there.
///
/// # Errors
/// [`Failure`] naming the file, and the line where there is one.
pub fn run(options: &Options) -> Result<Option<String>, Failure> {
    let paths = files::csv_below(&options.data)?;
    files::apart(&options.data, &options.out)?;
    let all = paths.iter().map(|path| series::read(&options.data, path)).collect::<Result<Vec<_>, _>>()?;
    let labels = options.windows.as_ref().map(|path| windows::read(path, &all)).transpose()?;
    let mut scores = Vec::with_capacity(all.len());
    for series in &all {
        let scored = options.detector.scores(&series.samples);
        files::write_scores(&options.out, series, &scored)?;
        scores.push(scored);
    }
    let (Some(labels), Some(path)) = (labels, &options.windows) else { return Ok(None) };
    let scored: Vec<Scored<'_>> =
        scores.iter().zip(&labels).map(|(scores, windows)| Scored { scores, windows }).collect();
    let wrong = |error: NabError| Failure::Windows { path: path.clone(), what: describe(error, &all) };
    let nab = Nab::new(&scored).map_err(wrong)?;
    let profiles = PROFILES.iter().map(|profile| {
        let best = nab.best(profile);
        ProfileScore { profile: profile.name, score: best.score, threshold: best.threshold }
    });
    let report = Report {
        detector: options.detector,
        series: all.len(),
        windows: labels.iter().map(Vec::len).sum(),
        records: scores.iter().map(Vec::len).sum(),
        profiles: profiles.collect(),
    };
    let line = serde_json::to_string(&report);
    line.map(Some).map_err(|error| Failure::Windows { path: path.clone(), what: error.to_string() })
}

/// The error with the name of the series in the place of its number.
fn describe(error: NabError, all: &[series::Series]) -> String {
    match error {
        NabError::Window { series, window } => {
            let name = all.get(series).map_or("", |series| &series.name);
            format!("window {} of {name} is empty, out of order or beyond the series", window + 1)
        }
        other => other.to_string(),
    }
}
