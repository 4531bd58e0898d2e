//! How a job ends when it does not end well.

use std::io;

use streamgauge::prelude::Error as JobError;
use streamgauge::stream::Malformed;
use thiserror::Error;

/// A failure of a job.
#[derive(Debug, Error)]
pub enum Failure {
    /// What was asked for cannot be done: nothing has run.
    #[error("{0}")]
    Usage(String),
    /// A line was malformed, and the job is strict.
    #[error("{0}")]
    Strict(Malformed),
    /// The reader of the output has gone.
    #[error("the output was closed")]
    Closed,
    /// The output cannot be written.
    #[error("cannot write to the output: {0}")]
    Write(io::Error),
    /// The job failed while it ran.
    #[error("{0}")]
    Run(JobError),
    /// An approximate answer did not keep what it promises.
    #[error("a contract broke: {0}")]
    Broken(String),
}

impl Failure {
    /// What the program gives back to its caller: 2 for what could be told before or a malformed line, 1 for a failure on
    /// the way, 3 for a broken contract; that nobody reads on is no failure.
    pub fn status(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Write(_) | Self::Run(_) => 1,
            Self::Usage(_) | Self::Strict(_) => 2,
            Self::Broken(_) => 3,
        }
    }
}

/// The text of the error when the reader of the output has gone.
const CLOSED: &str = "the output was closed";

/// What went wrong with the output, in the words that [`Failure`] knows again.
pub(crate) fn told(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe => CLOSED.to_owned(),
        _ => format!("cannot write to the output: {error}"),
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Write(error) }
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Malformed(line) => Self::Strict(line),
            JobError::Output { cause, .. } if cause == CLOSED => Self::Closed,
            error => Self::Run(error),
        }
    }
}
