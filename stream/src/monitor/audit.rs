//! What an audit has found in a batch.

use std::fmt;

use streamgauge_sketches::Estimate;

use crate::time::Time;

/// What an [audit](crate::DStream::audit) has found in a batch, and so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditInfo {
    /// The name of the audit: on the dashboard, the title of its panel.
    pub name: String,
    /// The time of the batch.
    pub time: Time,
    /// The comparisons of the batch with an interval.
    pub compared: u64,
    /// Those of them whose exact answer lies outside.
    pub missed: u64,
    /// The comparisons with an interval so far, also before a restart.
    pub comparisons: u64,
    /// Those of them whose exact answer lies outside.
    pub misses: u64,
    /// The share of the exact answers that should lie inside: the mean confidence so far. None before the first one.
    pub promised: Option<f64>,
    /// Of the batch, the estimate that missed its exact answer by most half-widths of its interval, and that answer.
    pub furthest: Option<(Estimate, f64)>,
    /// Whether the promise was found broken in this batch.
    pub breached: bool,
}

/// In words, as the warning says it.
impl fmt::Display for AuditInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, comparisons, misses, promised, furthest, .. } = self;
        write!(f, "audit of {name}: {misses} of {comparisons} exact answers lie outside")?;
        if let Some(promised) = promised {
            write!(f, ", where {} % are promised inside", percent(*promised))?;
        }
        write!(f, ": more than chance explains")?;
        if let Some((estimate, exact)) = furthest {
            write!(f, "; {estimate} by {}, exactly {exact}", estimate.method)?;
        }
        Ok(())
    }
}

/// A share in percent, with one digit if it needs one.
fn percent(share: f64) -> f64 {
    (share * 1_000.0).round() / 10.0
}
