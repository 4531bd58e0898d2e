//! What can go wrong with a job.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use streamgauge_sketches::Mismatch;
use thiserror::Error;

use crate::source::SourceError;
use crate::time::Time;

/// A failure of a job, naming what failed.
#[derive(Clone, Debug, Error)]
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
    /// The description of the job was changed while it ran: what was added would never run.
    #[error("the job was changed after its start: {}", Problems(.0))]
    Changed(Vec<String>),
    /// Code given to an operator panicked, in every attempt at the partition.
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
    /// What makes the job survive its process cannot be written or read.
    #[error("{place}: {file}: {cause}")]
    Storage {
        /// The folder, or whatever the storage says that it is.
        place: String,
        /// The file in it.
        file: String,
        /// What is wrong.
        cause: String,
    },
    /// The clock is far behind the last batch of a job that goes on: it was set back.
    #[error(
        "the clock is {behind:?} behind the last batch of the job, that of {last}; set it right, or begin anew in another place"
    )]
    Clock {
        /// The last batch.
        last: Time,
        /// How far the clock is behind it.
        behind: Duration,
    },
    /// There is no job to wait for.
    #[error("the job was not started")]
    NotStarted,
    /// The job has ended, so that there is no such batch.
    #[error("the job has ended before the batch of {0}")]
    Ended(Time),
    /// The job waits for itself: an operator, an output or a listener of it called what waits for its end.
    #[error("the job waits for itself: {0} was called by its own code; stop() tells it to stop and does not wait")]
    WaitsForItself(&'static str),
    /// A stopped job has not worked off in time what its sources had taken in. State and positions are those after its
    /// last batch, and can be gone on from.
    #[error("the job was stopped, and after {waited:?} there are records left in {}", .sources.join(", "))]
    StopTimeout {
        /// The time that was allowed.
        waited: Duration,
        /// The sources that hold records.
        sources: Vec<String>,
    },
    /// The engine itself panicked.
    #[error("the job ended: the engine {0}")]
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
