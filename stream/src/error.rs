//! What can go wrong with a job.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;

use streamgauge_sketches::Mismatch;
use thiserror::Error;

use crate::source::SourceError;
use crate::time::Time;

/// A failure of a job, naming what failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The graph cannot run: everything that is wrong with it, each with what to write instead.
    #[error("the job cannot start: {}", Problems(.0))]
    Graph(Vec<String>),
    /// A source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A line could not be parsed, and the stream is strict.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Code given to an operator panicked.
    #[error("{operator}, partition {partition} of batch {time}: {cause}")]
    Operator {
        /// The name of the operator.
        operator: String,
        /// The partition, counted from 0.
        partition: usize,
        /// The batch.
        time: Time,
        /// The message of the panic.
        cause: String,
    },
    /// Two summaries do not fit together: stored state of other parameters, as a rule.
    #[error("{operator}: {mismatch}")]
    Mismatch {
        /// The name of the operator.
        operator: String,
        /// What does not fit.
        mismatch: Mismatch,
    },
    /// The exchange with the other processes failed.
    #[error("{operator}: the exchange failed: {cause}")]
    Exchange {
        /// The name of the operator.
        operator: String,
        /// What went wrong.
        cause: String,
    },
    /// An output failed.
    #[error("{output} of batch {time}: {cause}")]
    Output {
        /// The name of the output.
        output: String,
        /// The batch.
        time: Time,
        /// What it said.
        cause: String,
    },
    /// The dashboard cannot listen.
    #[error("the dashboard cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: String,
    },
    /// The stored state of an operator cannot be read.
    #[error("the state of {operator} cannot be restored: {cause}")]
    State {
        /// The name of the operator.
        operator: String,
        /// Why not.
        cause: String,
    },
    /// There is no job to wait for.
    #[error("the job was not started")]
    NotStarted,
    /// The job has failed before; the error itself went to whoever asked first.
    #[error("{0}")]
    Ended(String),
    /// A source or a listener panicked.
    #[error("the job ended: a source or a listener {0}")]
    Panicked(String),
    /// The system refused a thread.
    #[error("cannot start a thread: {0}")]
    Thread(String),
}

/// A record of a text that could not be parsed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{input}:{line}: {cause}")]
pub struct Malformed {
    /// The file, or `stdin`.
    pub input: String,
    /// The line, counted from 1; 0 if its file could not be read again.
    pub line: u64,
    /// What is wrong with it.
    pub cause: String,
    /// The record itself: the line, or the lines of a CSV record.
    pub text: String,
}

/// One problem on the line, or a list below it.
struct Problems<'a>(&'a [String]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [only] => f.write_str(only),
            all => all.iter().try_for_each(|problem| write!(f, "\n- {problem}")),
        }
    }
}

/// The message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("(no message)"))
}
