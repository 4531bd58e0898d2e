//! What a job did, told at its end.

use std::io::{self, Write};

use indicatif::HumanCount;
use serde::Serialize;
use streamgauge::prelude::Report;

use crate::Failure;

/// One line for all jobs: records, batches, what was late or malformed, how long it took and how fast it was.
///
/// ```
/// use std::time::Duration;
/// use streamgauge::prelude::Report;
/// use streamgauge_examples::ended;
///
/// let report = Report { records: 12_000, batches: 4, late: 3, elapsed: Duration::from_millis(2_500), ..Report::default() };
/// assert_eq!(ended(&report), "12,000 records in 4 batches, 3 late, 0 malformed; 2.5 s, 4,800 records/s");
/// ```
pub fn ended(report: &Report) -> String {
    let Report { records, batches, late, malformed, elapsed, .. } = *report;
    let seconds = elapsed.as_secs_f64();
    let rate = if seconds > 0.0 { (records as f64 / seconds) as u64 } else { 0 };
    let [records, batches, late, malformed, rate] = [records, batches, late, malformed, rate].map(HumanCount);
    format!(
        "{records} records in {batches} batches, {late} late, {malformed} malformed; {seconds:.1} s, {rate} records/s"
    )
}

/// Prints what was measured on the standard output, as one line of JSON.
///
/// # Errors
/// [`Failure::Write`] if that cannot be done, [`Failure::Closed`] if nobody reads it.
pub fn print_json(measured: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(measured).map_err(io::Error::from)?;
    Ok(writeln!(io::stdout(), "{line}")?)
}
