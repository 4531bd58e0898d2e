//! A kit to test jobs with: no sleeping, no clock of the machine, no threads in the test.
//!
//! A [`TestJob`] is a job on a manual clock. Its sources are *scripts*: what each batch brings is written down. Its
//! sinks are captured. [`tick`](TestJob::tick) lets one batch interval pass and waits for the batch; errors of the job
//! come back from there.
//!
//! ```
//! use streamgauge_stream::testing::TestJob;
//! use streamgauge_stream::{DStream, secs};
//!
//! /// The job under test: a function from streams to streams.
//! fn busy(requests: &DStream<&'static str>) -> DStream<(String, u64)> {
//!     requests
//!         .key_by(|page| *page)
//!         .window(secs(2), secs(1))
//!         .summarize(|on| on.count())
//!         .map(|(page, n)| (page.to_string(), n.count()))
//!         .filter(|(_, n)| *n > 1)
//! }
//!
//! let mut job = TestJob::new();
//! let requests = job.source([vec!["/a", "/b"], vec!["/a"], vec![]]);
//! let busy = job.capture(&busy(&requests));
//!
//! job.tick()?;
//! assert!(busy.last().is_empty());
//! job.tick()?;
//! assert_eq!(busy.last(), [("/a".to_owned(), 2)]);
//! job.run()?; // what is left of the script
//! assert!(busy.last().is_empty());
//! # Ok::<(), streamgauge_stream::Error>(())
//! ```

mod captured;
mod job;
mod script;
mod simulated;
mod storage;

pub use captured::{Captured, Recorder};
pub use job::TestJob;
pub use script::{Script, ScriptSource};
pub use simulated::SimulatedClock;
pub use storage::{Breakdown, FaultyDisk};

use std::fmt::Debug;

/// Runs something with 1, 2 and 8 threads, and gives what it gave: the results of a job do not depend on them.
///
/// # Panics
/// If the results differ, with both.
///
/// ```
/// use streamgauge_stream::testing::{TestJob, same_for_any_threads};
/// let rows = same_for_any_threads(|threads| {
///     let mut job = TestJob::with(|settings| settings.threads(threads));
///     let numbers = job.source([(0..1_000).collect::<Vec<u64>>()]);
///     let counts = job.capture(&numbers.map(|n| n % 7).key_by(|n| n).summarize(|on| on.count()));
///     job.run().map(|_| counts.rows().len()).map_err(|error| error.to_string())
/// });
/// assert_eq!(rows, Ok(7));
/// ```
#[track_caller]
pub fn same_for_any_threads<R: Debug + PartialEq>(run: impl Fn(usize) -> R) -> R {
    let one = run(1);
    for threads in [2, 8] {
        assert_eq!(one, run(threads), "the results with 1 and with {threads} threads differ");
    }
    one
}
